"""What training sees: samples of frames with points, and which of them train and which validate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from krolik.poses import FrameKey, LabeledFrame, State
from krolik.scales import Scales
from krolik.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Sample:
    """One labelled frame. points: (N, K, 2) float32 in frame pixels, NaN where there are none; states: (N, K) int8.

    framing: (N, K, 2), where the whole animal is, for boxes only (see `training/framing.py`); None: as the labels say.
    """

    key: FrameKey
    frame_size: tuple[int, int]  # (width, height)
    points: np.ndarray
    states: np.ndarray
    framing: np.ndarray | None = None

    @classmethod
    def of(cls, frame: LabeledFrame, frame_size: tuple[int, int], keypoints: int) -> Sample:
        animals = len(frame.instances)
        points = np.array([i.points for i in frame.instances], np.float32).reshape(animals, keypoints, 2)
        states = np.array([i.states for i in frame.instances], np.int8).reshape(animals, keypoints)
        return cls(frame.key, frame_size, points, states)

    def box(self, animal: int) -> np.ndarray | None:
        """(left, top, right, bottom) of the animal, or None where it has no located point."""
        if not (self.states[animal] >= State.OCCLUDED).any():
            return None
        points = self.points[animal][self.states[animal] >= State.OCCLUDED]
        if self.framing is not None:
            whole = self.framing[animal]
            points = whole[np.isfinite(whole).all(axis=1)]
        return np.concatenate([points.min(axis=0), points.max(axis=0)]) if len(points) else None

    def extent(self, animal: int) -> float | None:
        """The longer side of the animal's box, if it has one."""
        box = self.box(animal)
        return None if box is None else float(max(box[2:] - box[:2]))

    def weights(self, scales: Scales) -> np.ndarray:
        """(N,): what a pixel counts at each animal (see `Scales.weight`)."""
        extents = [self.extent(animal) for animal in range(len(self.points))]
        return np.array([1.0 if e is None else scales.weight(e, self.frame_size) for e in extents])


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Samples that train, samples that validate, and how to get their pixels ((H, W, 3) uint8 RGB).

    Test frames are not here at all: what training never receives it cannot learn from.
    """

    skeleton: Skeleton
    train: Sequence[Sample]
    validation: Sequence[Sample]
    load: Callable[[FrameKey], np.ndarray]
