"""What labelled animals look like: how far apart their keypoints are, and on which side left and right lie.

Distances between keypoints say whether a pose is plausible wherever the animal is and whichever way it looks; one that
is missing leaves the others as they are. Legend: K keypoints, P pairs of them, T triples (left, right, middle).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from krolik.skeleton import Skeleton

LEAST_LABELS = 5  # of both keypoints of a pair, before anything is said of their distance
PRIOR_SD, PRIOR_COUNT = 0.25, 5  # of the logarithm of a distance, and how many labels that weighs
LEAST_PX = 1.0  # points nearer than this are at one place
SAME_SIDE = 0.95  # the part of the labels in which left and right must lie alike for it to be a rule
LEAST_SIDED = 10
CLEAR = 0.1  # of a squared body length: a triangle this large has a side


@dataclass(frozen=True, eq=False)
class Shape:
    """pairs: (P, 2) int positions; mean, sd: (P,) of the log distance in pixels; body_px: a typical animal's length.

    triples: (T, 3) int; sides: (T,) the sign of the triangle left, right, middle in the labels.
    """

    pairs: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    body_px: float
    triples: np.ndarray
    sides: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray, skeleton: Skeleton, assumed_px: float = LEAST_PX) -> Shape:
        """points: (M, K, 2) of all labelled animals, NaN where there are none; if none shows two, `assumed_px` long."""
        every = np.array(list(combinations(range(len(skeleton)), 2)), int).reshape(-1, 2)
        logs = _log_distances(points, every)
        counts = np.isfinite(logs).sum(axis=0)
        keep = counts >= LEAST_LABELS
        logs, counts = logs[:, keep], counts[keep]
        mean = np.nanmean(logs, axis=0) if keep.any() else np.zeros(0)
        squares = np.nansum((logs - mean) ** 2, axis=0)
        sd = np.sqrt((squares + PRIOR_COUNT * PRIOR_SD**2) / (counts + PRIOR_COUNT))
        extents = [np.ptp(p[np.isfinite(p).all(axis=1)], axis=0).max() for p in points if np.isfinite(p).any()]
        body = max(float(np.median(extents)), LEAST_PX) if max(extents, default=0) > 0 else assumed_px
        return cls(every[keep], mean, sd, body, *_sided(points, skeleton, body))

    def strangeness(self, points: np.ndarray) -> np.ndarray:
        """(..., P): how many standard deviations each distance of the poses (..., K, 2) is off; NaN without a point."""
        return np.abs(_log_distances(points, self.pairs) - self.mean) / self.sd

    def wrong_sides(self, points: np.ndarray) -> np.ndarray:
        """(..., T) bool: left and right clearly lie the other way round than in the labels."""
        area = _area(points, self.triples) / self.body_px**2
        return (np.abs(np.nan_to_num(area)) > CLEAR / 4) & (np.sign(area) == -self.sides)


def _log_distances(points: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    apart = np.linalg.norm(points[..., pairs[:, 0], :] - points[..., pairs[:, 1], :], axis=-1)
    return np.log(np.maximum(apart, LEAST_PX))


def _area(points: np.ndarray, triples: np.ndarray) -> np.ndarray:
    """(..., T): twice the signed area of the triangles."""
    left, right, middle = (points[..., triples[:, i], :] for i in range(3))
    first, second = left - middle, right - middle
    return first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]


def _sided(points: np.ndarray, skeleton: Skeleton, body: float) -> tuple[np.ndarray, np.ndarray]:
    """Triples whose sign is the same in nearly all labels: so it is seen from above, hardly ever from the side."""
    position = skeleton.position
    pairs = [(position[a], position[b]) for a, b in skeleton.pairs]
    paired = {k for pair in pairs for k in pair}
    triples = np.array([(a, b, m) for a, b in pairs for m in range(len(skeleton)) if m not in paired], int)
    triples = triples.reshape(-1, 3)
    area = _area(points, triples) / body**2
    clear = np.abs(np.nan_to_num(area)) > CLEAR / 4
    counts = clear.sum(axis=0)
    positive = ((area > 0) & clear).sum(axis=0) / np.maximum(counts, 1)
    keep = (counts >= LEAST_SIDED) & (np.maximum(positive, 1 - positive) >= SAME_SIDE)
    return triples[keep], np.where(positive[keep] > 0.5, 1.0, -1.0)
