"""What training sees: samples of frames with points, and which of them train and which validate."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from krolik.poses import FrameKey, LabeledFrame, State
from krolik.skeleton import Skeleton
from krolik.views import View, halved

CACHE_BYTES = 2 << 30  # decoded frames kept in memory; beyond it they are decoded again when needed


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


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Samples that train, samples that validate, and how to get their pixels ((H, W, 3) uint8 RGB).

    Test frames are not here at all: what training never receives it cannot learn from.
    """

    skeleton: Skeleton
    train: Sequence[Sample]
    validation: Sequence[Sample]
    load: Callable[[FrameKey], np.ndarray]


class ImageCache:
    """The frames that training sees, as its views need them: the most recently used are kept, up to a number of bytes.

    Views that shrink a frame see it halved, and only so is it kept: a hundred frames of a large video, as far as
    their thumbnails need them, take little memory and no time.
    """

    def __init__(self, load: Callable[[FrameKey], np.ndarray], limit: int = CACHE_BYTES):
        self._load, self._limit, self._bytes = load, limit, 0
        self._images: OrderedDict[tuple[FrameKey, int], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()  # several threads may prepare batches

    def __reduce__(self):  # another process begins with an empty one
        return ImageCache, (self._load, self._limit)

    def warp(self, key: FrameKey, view: View, border: int = 0) -> np.ndarray:
        """What the view sees of a frame: (h, w, 3) uint8."""
        return view.warp(self(key, view.halvings), border, view.halvings)

    def __call__(self, key: FrameKey, halvings: int = 0) -> np.ndarray:
        """A frame, its sides halved so many times: (H, W, 3) uint8."""
        place = key, halvings
        with self._lock:
            if place in self._images:
                self._images.move_to_end(place)
                return self._images[place]
            larger = max((n for n in range(halvings) if (key, n) in self._images), default=None)
            image = None if larger is None else self._images[key, larger]
        image = halved(self._load(key) if image is None else image, halvings - (larger or 0))
        with self._lock:
            if place not in self._images:  # another thread may have been faster
                self._images[place] = image
                self._bytes += image.nbytes
            while self._bytes > self._limit and len(self._images) > 1:
                self._bytes -= self._images.popitem(last=False)[1].nbytes
        return image
