"""Who an animal is by its looks: its colours at its keypoints and along its bones, and how large it is.

Labels name animals; what tells those names apart is learnt from the labelled frames (multinomial logistic regression,
Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 4.4, with a ridge penalty), once with colours and
sizes, and once with each of them alone. What names frames best that it has not seen is taken, if it is right often.

Legend: K keypoints, E edges, D features, C names, A labelled animals.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from krolik.skeleton import Skeleton
from krolik.views import View

SIDE, SPAN, BLUR = 64, 40, 5  # pixels: of the view that colours are taken from, of a usual animal in it, of a patch
RIDGE = 10.0
FOLDS = 5
SURE = 0.2  # points with a lower score are not looked at


@dataclass(frozen=True)
class Appearance:
    """What tells animals apart. mean, spread: (D,) of features; weights: (C, D); bias: (C,); span_px: a usual extent.

    right: the share of animals in labelled frames that models of other frames named right. frames: how many those were.
    """

    names: tuple[str, ...]
    span_px: float
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    bias: tuple[float, ...]
    right: float
    frames: int

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> Self:
        """Raises KeyError, TypeError, ValueError for anything else."""
        found = cls(
            tuple(map(str, value["names"])), float(value["span_px"]), tuple(map(float, value["mean"])),
            tuple(map(float, value["spread"])), tuple(tuple(map(float, row)) for row in value["weights"]),
            tuple(map(float, value["bias"])), float(value["right"]), int(value["frames"]),
        )  # fmt: skip
        shapes = {len(found.mean), len(found.spread), *map(len, found.weights)}
        if len(shapes) != 1 or len(found.names) != len(found.bias) or len(found.names) != len(found.weights):
            raise ValueError("the looks of animals do not fit together")
        return found

    def fits(self, skeleton: Skeleton, animals: int) -> bool:
        """Whether it speaks of animals with these keypoints, and of no more than there are."""
        places = len(skeleton) + len(skeleton.edge_positions)
        return len(self.mean) == 3 * places + len(skeleton.edge_positions) + 1 and len(self.names) <= animals

    def says(self, features: np.ndarray) -> np.ndarray:
        """(..., D) features → (..., C): what speaks for each name, in nats; 0 on average, or if nothing is known."""
        z = np.nan_to_num((features - np.array(self.mean)) / np.array(self.spread))
        scores = z @ np.array(self.weights).T + np.array(self.bias)
        scores = scores - scores.mean(axis=-1, keepdims=True)
        return np.where(np.isfinite(features).any(axis=-1, keepdims=True), scores, 0.0)


def features(see: Callable[[View], np.ndarray], points: np.ndarray, skeleton: Skeleton, span_px: float) -> np.ndarray:
    """(D,) of an animal with points (K, 2) in frame pixels, NaN where there are none. see: the frame through a view.

    Colours (0 to 1) at keypoints and in the middle of bones, of patches an eighth of a usual animal wide; then the
    logarithms of the lengths of bones and of the longer side of the box around the animal, in usual extents.
    """
    import cv2

    ends = np.array(skeleton.edge_positions, int).reshape(-1, 2)
    first, second = points[ends[:, 0]], points[ends[:, 1]]
    places = np.concatenate([points, (first + second) / 2])
    colours = np.full((len(places), 3), np.nan)
    known = np.isfinite(points).all(axis=-1)
    if not known.any():
        return np.full(colours.size + len(ends) + 1, np.nan)
    low, high = points[known].min(axis=0), points[known].max(axis=0)
    view = View.crop(tuple(((low + high) / 2).tolist()), (SIDE, SIDE), SPAN / span_px)
    picture = cv2.blur(see(view), (BLUR, BLUR))
    seen = np.isfinite(places).all(axis=-1)
    cells = np.clip(np.round(view.apply(places[seen])), 0, SIDE - 1).astype(int)
    colours[seen] = picture[cells[:, 1], cells[:, 0]] / 255.0
    lengths = np.append(np.linalg.norm(first - second, axis=-1), (high - low).max())
    lengths = np.where(lengths > 0, lengths, np.nan)  # a single point has no extent
    return np.concatenate([colours.ravel(), np.log(lengths / span_px)])


def learn(seen: np.ndarray, names: Sequence[str], frames: np.ndarray, skeleton: Skeleton, span_px: float) -> Appearance:
    """From features (A, D) of labelled animals, their names and the frames (A,) that they are in, in order of time."""
    called = tuple(sorted(set(names)))
    own = np.array([called.index(name) for name in names])
    colours = 3 * (len(skeleton) + len(skeleton.edge_positions))
    parts = {"all": np.ones(seen.shape[1], bool), "colours": np.arange(seen.shape[1]) < colours}
    parts["sizes"] = ~parts["colours"]
    right = {part: _right(np.where(used, seen, np.nan), own, frames, len(called)) for part, used in parts.items()}
    best = max(parts, key=lambda part: right[part])
    mean, spread, weights, bias = _fit(np.where(parts[best], seen, np.nan), own, len(called))
    return Appearance(
        called, float(span_px), tuple(mean.tolist()), tuple(spread.tolist()), tuple(map(tuple, weights.tolist())),
        tuple(bias.tolist()), right[best], len(np.unique(frames)),
    )  # fmt: skip


def _right(seen: np.ndarray, own: np.ndarray, frames: np.ndarray, count: int) -> float:
    """The share of animals named right, each stretch of frames by what the other stretches teach."""
    from scipy.optimize import linear_sum_assignment

    every = np.unique(frames)
    right = 0
    for part in np.array_split(every, min(FOLDS, len(every))):
        out = np.isin(frames, part)
        mean, spread, weights, bias = _fit(seen[~out], own[~out], count)
        scores = np.nan_to_num((seen - mean) / spread) @ weights.T + bias
        for frame in part:
            rows = np.flatnonzero(frames == frame)
            at, named = linear_sum_assignment(-scores[rows])  # a name is that of one animal
            right += int((own[rows[at]] == named).sum())
    return right / len(own)


def _fit(seen: np.ndarray, own: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The mean and spread of the features, (D,) each, and the weights (C, D) and bias (C,) of the names."""
    from scipy.optimize import minimize

    known = np.isfinite(seen)
    n = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, seen, 0.0).sum(axis=0) / n
    spread = np.sqrt((np.where(known, seen - mean, 0.0) ** 2).sum(axis=0) / n) + 1e-3
    z = np.nan_to_num((seen - mean) / spread)
    truth = np.eye(count)[own]

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[:-count].reshape(count, -1), flat[-count:]
        scores = z @ weights.T + bias
        scores -= scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores).sum(axis=1))
        wrong = np.exp(scores - total[:, None]) - truth
        value = (total - (scores * truth).sum(axis=1)).sum() + RIDGE * (weights**2).sum() / 2
        return float(value), np.concatenate([(wrong.T @ z + RIDGE * weights).ravel(), wrong.sum(axis=0)])

    found = minimize(cost, np.zeros(count * (z.shape[1] + 1)), jac=True, method="L-BFGS-B").x
    return mean, spread, found[:-count].reshape(count, -1), found[-count:]
