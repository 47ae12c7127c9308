"""Choosing a few candidates that stand for many: weighted facility location.

Each candidate that is chosen covers those that look like it; what is wanted is the set that covers most, where a
candidate counts by its weight. Greedy choice is within 63 % of the best (Nemhauser, Wolsey & Fisher, Mathematical
Programming 1978); with a model's doubt as the weight it is a batch of active learning (Wei, Iyer & Bilmes, ICML 2015).

Legend: C candidates, D features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from krolik.sampling.thumbnails import distances


@dataclass(frozen=True, eq=False)
class Likeness:
    """How alike candidates are, (C, C) from 0 to 1, and a unit of distance: the median of all distances is 0 alike."""

    between: np.ndarray
    unit: float

    @classmethod
    def of(cls, features: np.ndarray) -> Likeness:
        """features: (C, D)."""
        apart = np.array([distances(features, one) for one in features]).reshape(len(features), len(features))
        unit = max(1e-6, float(np.median(apart))) if len(features) else 1.0
        return cls(np.clip(1 - apart / unit, 0, 1), unit)

    def to(self, features: np.ndarray, others: np.ndarray) -> np.ndarray:
        """(C,): how alike each of `features` is to the most similar of `others`, 0 if there are none."""
        best = np.zeros(len(features))
        for one in others:
            best = np.maximum(best, np.clip(1 - distances(features, one) / self.unit, 0, 1))
        return best


def cover(
    likeness: np.ndarray, weights: np.ndarray, covered: np.ndarray, near: np.ndarray, count: int
) -> list[tuple[int, int]]:
    """Positions of the chosen, the most useful first, each with the number of candidates that it stands for.

    weights: (C,) how much each counts. covered: (C,) 0..1, how well each is covered already. near: (C, C) bool, pairs
    of which only one shall be chosen while there are others. A candidate stands for those that no other chosen one,
    and nothing before, covers better.
    """
    chosen: list[int] = []
    stands_for = np.full(len(weights), -1)
    blocked, before = np.ones(len(weights)), covered
    while len(chosen) < min(count, len(weights)):
        gain = blocked * (weights[:, None] * np.clip(likeness - before[:, None], 0, None)).sum(axis=0)
        gain[chosen] = -1
        best = int(gain.argmax())
        chosen.append(best)
        stands_for[likeness[best] > before] = best
        blocked = np.where(near[best], 0.1, blocked)
        before = np.maximum(before, likeness[best])
    return [(one, int((stands_for == one).sum())) for one in chosen]
