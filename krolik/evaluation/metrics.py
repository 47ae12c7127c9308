"""Errors in pixels and fractions of points found, per keypoint and over all.

Legend: M animals in all frames together, N labelled and P predicted animals of one frame, K keypoints.
`mean error` is the mean Euclidean distance (what DeepLabCut prints as "RMSE"); `RMSE` is the root of the mean square.
PCK (percentage of correct keypoints; Yang and Ramanan, TPAMI 2013) counts points that were missed as wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from krolik.errors import InvalidSetting
from krolik.poses import State


@dataclass(frozen=True)
class Criteria:
    """What counts: as seen (a score of at least `score`), and as right (within `pixels`, within `body` lengths)."""

    score: float = 0.2
    pixels: tuple[float, ...] = (2, 5, 10, 20)
    body: tuple[float, ...] = (0.05, 0.1, 0.2)

    def __post_init__(self):
        """Raises InvalidSetting."""
        if not 0 <= self.score <= 1:
            raise InvalidSetting(f"{self.score} is not a score between 0 and 1", "--threshold")
        for option, values in (("--pck", self.pixels), ("--pck-body", self.body)):
            if not values or min(values) <= 0:
                raise InvalidSetting("distances must be greater than 0", option)


@dataclass(frozen=True)
class KeypointMetrics:
    """n: labels with coordinates. Errors are over those that have a predicted point; NaN when there are none.

    missed: labelled, but no point predicted with at least the threshold's score; invented: a point predicted with it
    where the label says absent (`n_absent` labels do).
    """

    name: str
    n: int
    n_absent: int
    mean_error_px: float
    median_error_px: float
    rmse_px: float
    p95_error_px: float
    pck_px: dict[str, float]
    pck_body: dict[str, float]
    missed: int
    invented: int


@dataclass(frozen=True)
class Metrics:
    """`overall` pools all keypoints. body_length_px: median over animals of the longest distance between two labels.

    It is NaN, as are shares within body lengths, where no animal has two labels.
    """

    overall: KeypointMetrics
    keypoints: tuple[KeypointMetrics, ...]
    animals: int
    body_length_px: float
    threshold: float

    def to_json(self) -> dict:
        """Plain values; NaN becomes None."""
        return without_nan(asdict(self))


def without_nan(value) -> Any:
    if isinstance(value, dict):
        return {k: without_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_nan(v) for v in value]
    return None if isinstance(value, float) and np.isnan(value) else value


def match(points: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Which predicted animal belongs to which labelled one: (N,) int, -1 for none; least total distance.

    points: (N, K, 2), NaN where not labelled; predicted: (P, K, 3) x, y, score.
    """
    if len(points) == len(predicted) == 1:
        return np.zeros(1, int)
    if not len(points) or not len(predicted):
        return np.full(len(points), -1)
    from scipy.optimize import linear_sum_assignment

    distance = np.linalg.norm(points[:, None] - predicted[None, :, :, :2], axis=-1)  # (N, P, K)
    counted = np.isfinite(distance)
    cost = np.where(counted, distance, 0).sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1)
    cost[counted.sum(axis=-1) == 0] = 1e6
    rows, columns = linear_sum_assignment(cost)
    out = np.full(len(points), -1)
    out[rows] = np.where(cost[rows, columns] < 1e6, columns, -1)
    return out


def matched(points: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """The predicted animal (K, 3) that belongs to each labelled one, NaN where there is none: (N, K, 3)."""
    return taken(predicted, match(points, predicted))


def taken(predicted: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Predicted animals (P, K, 3) in the order of the labelled ones, chosen: (N,), NaN for -1: (N, K, 3)."""
    found = np.full((len(chosen), *predicted.shape[1:]), np.nan)
    found[chosen >= 0] = predicted[chosen[chosen >= 0]]
    return found


def measure(
    points: np.ndarray, states: np.ndarray, predicted: np.ndarray, names: Sequence[str], criteria: Criteria
) -> Metrics:
    """points (M, K, 2), states (M, K) of State, predicted (M, K, 3) x, y, score (NaN where nothing is predicted)."""
    located = states >= State.OCCLUDED
    errors = np.where(located, np.linalg.norm(points - predicted[..., :2], axis=-1), np.nan)
    shown = np.isfinite(predicted[..., :2]).all(axis=-1) & (np.nan_to_num(predicted[..., 2]) >= criteria.score)
    body = _body_length(points, located)
    within = {"px": {f"{p:g}": p for p in criteria.pixels}, "body": {f"{b:g}": b * body for b in criteria.body}}
    each = [
        _summary(name, errors[:, k], located[:, k], shown[:, k], states[:, k] == State.ABSENT, within)
        for k, name in enumerate(names)
    ]
    overall = _summary("all", errors.ravel(), located.ravel(), shown.ravel(), (states == State.ABSENT).ravel(), within)
    return Metrics(overall, tuple(each), len(points), body, criteria.score)


def _summary(
    name: str,
    errors: np.ndarray,
    located: np.ndarray,
    shown: np.ndarray,
    absent: np.ndarray,
    within: dict[str, dict[str, float]],
) -> KeypointMetrics:
    n = int(located.sum())
    found = errors[np.isfinite(errors)]
    some = len(found) > 0

    def shares(distances: dict[str, float]) -> dict[str, float]:
        return {
            name: float((found <= d).sum() / n) if n and np.isfinite(d) else float("nan")
            for name, d in distances.items()
        }

    return KeypointMetrics(
        name=name,
        n=n,
        n_absent=int(absent.sum()),
        mean_error_px=float(found.mean()) if some else float("nan"),
        median_error_px=float(np.median(found)) if some else float("nan"),
        rmse_px=float(np.sqrt((found**2).mean())) if some else float("nan"),
        p95_error_px=float(np.percentile(found, 95)) if some else float("nan"),
        pck_px=shares(within["px"]),
        pck_body=shares(within["body"]),
        missed=int((located & ~shown).sum()),
        invented=int((absent & shown).sum()),
    )


def _body_length(points: np.ndarray, located: np.ndarray) -> float:
    where = np.where(located[..., None], points, np.nan)
    between = np.linalg.norm(where[:, :, None] - where[:, None], axis=-1)  # (M, K, K)
    longest = np.where(np.isfinite(between), between, 0).max(axis=(1, 2)) if len(points) else np.zeros(0)
    longest = longest[longest > 0]
    return float(np.median(longest)) if len(longest) else float("nan")
