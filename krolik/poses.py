"""Where keypoints are: labels that a person made, predictions that a model made.

Legend: F frames, N animals, K keypoints. Coordinates: pixels of the full frame, the centre of the top-left pixel is
(0, 0), x right, y down.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from krolik.errors import InvalidLabels
from krolik.skeleton import Skeleton


class State(IntEnum):
    """What a label says of a keypoint."""

    UNKNOWN = 0  # nobody looked; never trained as background
    ABSENT = 1  # looked for and not there; no coordinates
    OCCLUDED = 2  # hidden, yet its place is given
    VISIBLE = 3


LOCATED = (State.OCCLUDED, State.VISIBLE)
BLOCK = 256  # frames of predictions that are made and kept together; blocks begin at multiples of it


class FrameKey(NamedTuple):
    """A frame's identity: the video (by its id in the project or its name) and the 0-based index in it."""

    video: str
    index: int


@dataclass(frozen=True, eq=False)
class Instance:
    """One animal in one frame. points: (K, 2) float64, NaN where there are none; states: (K,) int8 of State.

    box: left, top, right, bottom in pixels, where somebody drew a box around the animal (imported labels may have one).
    Raises InvalidLabels when shapes disagree, or coordinates are missing, infinite or superfluous for a state.
    """

    points: np.ndarray
    states: np.ndarray
    track: str | None = None
    box: tuple[float, float, float, float] | None = None

    def __post_init__(self):
        points = np.array(self.points, np.float64).reshape(-1, 2)
        states = np.array(self.states, np.int8).reshape(-1)
        if len(points) != len(states):
            raise InvalidLabels(f"{len(points)} points with {len(states)} states")
        located = np.isin(states, LOCATED)
        if not np.isfinite(points[located]).all():
            raise InvalidLabels(f"keypoint {int(np.flatnonzero(located & ~np.isfinite(points).all(1))[0])} has a state "
                                "that needs coordinates but has none")  # fmt: skip
        points[~located] = np.nan
        if self.box is not None and not np.isfinite(self.box).all():
            raise InvalidLabels(f"the box {self.box} is not made of four numbers")
        for array in (points, states):
            array.flags.writeable = False
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "states", states)

    @classmethod
    def of(cls, points: np.ndarray, track: str | None = None, missing: State = State.UNKNOWN) -> Instance:
        """An animal whose finite points are visible and whose other points are `missing`."""
        points = np.asarray(points, np.float64)
        states = np.where(np.isfinite(points).all(axis=-1), State.VISIBLE, missing)
        return cls(points, states, track)

    @property
    def located(self) -> np.ndarray:
        """(K,) bool: has coordinates."""
        return np.isin(self.states, LOCATED)

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Instance)
            and (self.track, self.box) == (other.track, other.box)
            and np.array_equal(self.states, other.states)
            and np.array_equal(self.points, other.points, equal_nan=True)
        )


@dataclass(frozen=True)
class LabeledFrame:
    """What a person said of one frame. No instances means "no animal here"."""

    key: FrameKey
    instances: tuple[Instance, ...]
    name: str = ""  # file name of an image, or the frame number as text


@dataclass(frozen=True)
class Labels:
    """Labelled frames of one skeleton, in order of video and frame name; one entry per frame."""

    skeleton: Skeleton
    frames: tuple[LabeledFrame, ...] = field(default=())

    def __post_init__(self):
        keys = [f.key for f in self.frames]
        if len(set(keys)) != len(keys):
            doubled = next(k for k in keys if keys.count(k) > 1)
            raise InvalidLabels("the frame is labelled twice", f"{doubled.video}, frame {doubled.index}")
        for frame in self.frames:
            for instance in frame.instances:
                if len(instance.states) != len(self.skeleton):
                    raise InvalidLabels(
                        f"{len(instance.states)} points for a skeleton of {len(self.skeleton)} keypoints",
                        f"{frame.key.video}, frame {frame.key.index}",
                    )

    def __iter__(self) -> Iterator[LabeledFrame]:
        return iter(self.frames)

    def __len__(self) -> int:
        return len(self.frames)

    def __repr__(self) -> str:
        """How much there is: all points of hundreds of frames would fill a notebook."""
        animals = sum(len(frame.instances) for frame in self.frames)
        return f"Labels({len(self)} frames, {animals} animals, keypoints: {', '.join(self.skeleton.names)})"

    def located_count(self) -> np.ndarray:
        """(K,) int: how often each keypoint has coordinates."""
        counts = np.zeros(len(self.skeleton), int)
        for frame in self.frames:
            for instance in frame.instances:
                counts += instance.located
        return counts


@dataclass(frozen=True, eq=False)
class Predictions:
    """Poses of consecutive frames `start` .. `start + F - 1`, one row per video frame.

    xy: (F, N, K, 2) float32, NaN where there is no point. score: (F, N, K) float32 in 0..1, 0 where there is none.
    decoded: (F,) bool, False where the video's frame could not be decoded.
    """

    start: int
    xy: np.ndarray
    score: np.ndarray
    decoded: np.ndarray

    def __post_init__(self):
        frames, animals, keypoints = self.score.shape
        if self.xy.shape != (frames, animals, keypoints, 2) or self.decoded.shape != (frames,):
            raise InvalidLabels(
                f"prediction arrays disagree: {self.xy.shape}, {self.score.shape}, {self.decoded.shape}"
            )

    def __len__(self) -> int:
        return len(self.decoded)

    @property
    def stop(self) -> int:
        return self.start + len(self)

    @staticmethod
    def concatenate(blocks: Iterable[Predictions]) -> Predictions:
        """Blocks that follow each other, as one."""
        blocks = list(blocks)
        for before, after in zip(blocks, blocks[1:]):
            if before.stop != after.start:
                raise InvalidLabels(f"predictions jump from frame {before.stop - 1} to frame {after.start}")
        return Predictions(
            blocks[0].start, *(np.concatenate([getattr(b, n) for b in blocks]) for n in ("xy", "score", "decoded"))
        )
