"""Confidence as a probability: that the point lies within a stated distance of where a person would put it.

Platt scaling (Platt, 1999, with his targets that keep a small sample from certainty): a logistic curve over the raw
score, fitted on frames that the model was not trained on. Its quality is the expected calibration error (Naeini et al.,
AAAI 2015): the mean difference between what is claimed and what comes true, over bins of equal width.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

EDGE = 1e-4  # scores are kept this far from 0 and 1
BINS = 10
PRIOR = 0.05  # how strongly the curve is held at "the score is a probability already", per squared unit
FEWEST = 8  # below this many points a curve would be a guess


@dataclass(frozen=True)
class Calibration:
    """probability = sigmoid(gain * logit(score) + shift) of lying within `within_px`; fitted on `n` points."""

    gain: float
    shift: float
    within_px: float
    n: int

    def __call__(self, score: np.ndarray) -> np.ndarray:
        """Raw scores 0..1 of any shape → probabilities, float32. A score of 0 stays 0: there is no point."""
        probability = 1 / (1 + np.exp(-(self.gain * _logit(score) + self.shift)))
        return np.where(score > 0, probability, 0).astype(np.float32)

    def to_json(self) -> dict:
        return asdict(self)


def _logit(score: np.ndarray) -> np.ndarray:
    clipped = np.clip(np.nan_to_num(score), EDGE, 1 - EDGE)
    return np.log(clipped / (1 - clipped))


def fit(score: np.ndarray, right: np.ndarray, within_px: float) -> Calibration | None:
    """score (n,) raw, right (n,) bool: within the distance. None for too few points."""
    from scipy.optimize import minimize

    if len(score) < FEWEST:
        return None
    x, hits = _logit(score), int(right.sum())
    misses = len(right) - hits
    wanted = np.where(right, (hits + 1) / (hits + 2), 1 / (misses + 2))

    def cost(parameters: np.ndarray) -> float:
        gain, shift = parameters
        z = gain * x + shift
        likelihood = np.logaddexp(0, z) - wanted * z
        return float(likelihood.sum() + PRIOR * ((gain - 1) ** 2 + shift**2))

    found = minimize(cost, np.array([1.0, 0.0]), bounds=[(0.05, 10.0), (-20.0, 20.0)])
    return Calibration(float(found.x[0]), float(found.x[1]), float(within_px), len(score))


@dataclass(frozen=True)
class Reliability:
    """What was claimed and what came true, bin by bin: (BINS,) each, NaN in empty bins; `error` is the ECE."""

    claimed: tuple[float, ...]
    true: tuple[float, ...]
    counts: tuple[int, ...]
    error: float
    n: int
    within_px: float

    @property
    def by_chance(self) -> float:
        """The error that is to be expected if every claim were exactly right: few points lie off it by chance."""
        filled = [(c, min(max(p, EDGE), 1 - EDGE)) for c, p in zip(self.counts, self.claimed) if c]
        return sum(_mean_deviation(c, p) for c, p in filled) / self.n if self.n else float("nan")

    def to_json(self) -> dict:
        """Plain values; NaN becomes None."""
        plain = {name: [None if np.isnan(v) else v for v in getattr(self, name)] for name in ("claimed", "true")}
        errors = {
            name: None if np.isnan(v) else v for name, v in (("error", self.error), ("by_chance", self.by_chance))
        }
        return {**asdict(self), **plain, **errors}

    @classmethod
    def from_json(cls, value: dict) -> Reliability:
        """The inverse of `to_json`."""

        def numbers(name: str) -> tuple[float, ...]:
            return tuple(float("nan") if v is None else v for v in value[name])

        error = float("nan") if value["error"] is None else value["error"]
        return cls(numbers("claimed"), numbers("true"), tuple(value["counts"]), error, value["n"], value["within_px"])


def _mean_deviation(n: int, p: float) -> float:
    """How far the number of hits of `n` tries lies from n·p on average (de Moivre's formula for the binomial)."""
    k = math.floor(n * p) + 1
    chosen = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return 2 * k * (1 - p) * math.exp(chosen + k * math.log(p) + (n - k) * math.log1p(-p))


def reliability(probability: np.ndarray, right: np.ndarray, within_px: float) -> Reliability:
    """probability (n,), right (n,) bool."""
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore", divide="ignore"):
        claimed = np.bincount(bins, probability, BINS) / counts
        true = np.bincount(bins, right.astype(float), BINS) / counts
    total = max(1, len(probability))
    error = float(np.nansum(np.abs(claimed - true) * counts) / total) if len(probability) else float("nan")
    return Reliability(
        tuple(map(float, claimed)), tuple(map(float, true)), tuple(map(int, counts)), error, len(probability),
        float(within_px),
    )  # fmt: skip
