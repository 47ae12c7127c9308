"""What a crop shows of an animal, and how sure that is.

Legend: K keypoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from krolik.views import View

SURE = 0.2  # a point of at least this score says where the animal is
HELD = 0.34  # an animal is held while this part of its keypoints is sure
DOUBTFUL = 0.5  # a single animal whose surer half has a lower mean score may be a mistake: other places are looked at


@dataclass(frozen=True, eq=False)
class Look:
    """What a crop showed: a pose (K, 3) in frame pixels with raw scores, and the crop's scale."""

    pose: np.ndarray
    scale: float

    @cached_property
    def centre(self) -> np.ndarray | None:
        return centre_of(self.pose)

    @cached_property
    def extent(self) -> float:
        return extent_of(self.pose)

    @cached_property
    def certainty(self) -> float:
        return float(self.pose[:, 2].sum())

    @cached_property
    def certain(self) -> bool:
        """Whether this is a single animal, without a doubt."""
        return self.held and not doubtful(self.pose)

    @cached_property
    def held(self) -> bool:
        return bool((self.pose[:, 2] >= SURE).mean() >= HELD)

    @property
    def sure(self) -> np.ndarray:
        """(S, 3): the points that are sure."""
        return self.pose[self.pose[:, 2] >= SURE]

    def apart(self, other: Look) -> float:
        """How far the two poses are from each other: the mean over the keypoints, in frame pixels."""
        return float(np.linalg.norm(self.pose[:, :2] - other.pose[:, :2], axis=1).mean())

    def own(self, others: Iterable[Look], near: float) -> float:
        """The mean score over the keypoints, if those that lie on another animal (so near) count nothing."""
        sure = self.sure
        for other in others:
            apart = np.linalg.norm(sure[:, None, :2] - other.sure[None, :, :2], axis=2)
            sure = sure[~(apart < near).any(axis=1)]
        return float(sure[:, 2].sum()) / len(self.pose)


def surest(looks: Sequence[Look]) -> Look:
    return max(looks, key=lambda look: look.certainty)


def doubtful(pose: np.ndarray) -> bool:
    """Whether what a single animal's crop shows may be something else; half of its keypoints may well be hidden."""
    return bool(np.sort(pose[:, 2])[len(pose) // 2 :].mean() < DOUBTFUL)


def in_frame(pose: np.ndarray, view: View) -> np.ndarray:
    """A pose (K, 3) in view pixels as one in frame pixels."""
    out = pose.copy()
    out[:, :2] = view.inverse(pose[:, :2].astype(float))
    return out


def centre_of(pose: np.ndarray) -> np.ndarray | None:
    """The middle of the box around the sure points."""
    sure = pose[pose[:, 2] >= SURE, :2]
    return (sure.min(axis=0) + sure.max(axis=0)) / 2 if len(sure) else None


def extent_of(pose: np.ndarray) -> float:
    """The longer side of the box around the sure points."""
    sure = pose[pose[:, 2] >= SURE, :2]
    return float(np.ptp(sure, axis=0).max()) if len(sure) else 0.0
