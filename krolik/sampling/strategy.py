"""What a strategy gets and gives, and which there are.

A strategy chooses `count` of the free candidates. Those that look at pixels get a thumbnail per candidate; candidates
are so few (at most CANDIDATES) that memory does not grow with the video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

from krolik.errors import InvalidSetting
from krolik.sampling.thumbnails import thumbnails
from krolik.video import Video

# name → whether it looks at pixels
PIXELS = {"diverse": True, "kmeans": True, "motion": True, "uniform": False, "random": False}
NAMES = tuple(PIXELS)
CANDIDATES = 1200


@dataclass(frozen=True)
class Wish:
    """count new frames out of start, start + step, ... < stop (None: the end), the same ones for the same seed."""

    count: int
    strategy: str = "diverse"
    start: int = 0
    stop: int | None = None
    step: int = 1
    seed: int = 0

    def __post_init__(self):
        if self.strategy not in PIXELS:
            raise InvalidSetting(f"no strategy is named {self.strategy!r}", "--strategy", f"Say {', '.join(NAMES)}.")
        if self.count < 1:
            raise InvalidSetting(f"{self.count} frames cannot be selected", "--count", "Say 1 or more.")
        if self.step < 1 or self.start < 0 or (self.stop is not None and self.stop <= self.start):
            raise InvalidSetting("this range holds no frames", "--range", "Write START:STOP or START:STOP:STEP.")


@dataclass(frozen=True, eq=False)
class Candidates:
    """frames: (C,) int64 ascending. taken: (C,) bool, labelled or selected already. features: (C, D) float32 or None.

    spacing: the distance in frames that `count` frames would have if they were even.
    """

    frames: np.ndarray
    taken: np.ndarray
    spacing: float
    features: np.ndarray | None = None


class Strategy(Protocol):
    """Positions of `count` chosen candidates, none of them taken. At least `count` are free."""

    def __call__(self, candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray: ...


def choose(video: Video, wish: Wish, taken: set[int], progress: Callable[[float], None] | None = None) -> list[int]:
    """The frames of one video that a strategy chooses, ascending; exactly `wish.count`, none of them in `taken`.

    The video is decoded once, and only by strategies that look at pixels. Raises InvalidSetting when the range has
    fewer free frames than wanted. `progress` is told the fraction that is done and may raise to cancel.
    """
    every = np.arange(wish.start, min(len(video), wish.stop or len(video)), wish.step, dtype=np.int64)
    is_taken = np.isin(every, list(taken))
    free = int((~is_taken).sum())
    if free < wish.count:
        raise InvalidSetting(
            f"{free} frames are free to be selected, {wish.count} are wanted", video.name,
            "Ask for fewer, or for a wider range.", "too-few-free", free=free, count=wish.count,
        )  # fmt: skip
    spacing = (every[-1] - every[0] + 1) / wish.count
    strategy: Strategy = import_module(f"krolik.sampling.{wish.strategy}").choose
    rng = np.random.default_rng(wish.seed)
    if not PIXELS[wish.strategy]:
        chosen = strategy(Candidates(every, is_taken, spacing), wish.count, rng)
        return sorted(every[chosen].tolist())
    keep = _thinned(is_taken, max(CANDIDATES, 4 * wish.count))
    frames, features = thumbnails(_read(video, every[keep], progress))
    place = np.searchsorted(every, frames)
    if (~is_taken[place]).sum() < wish.count:
        raise InvalidSetting(f"only {int((~is_taken[place]).sum())} frames can be decoded", video.name,
                             "Ask for fewer, or repair the video.", "too-few-decodable")  # fmt: skip
    candidates = Candidates(frames, is_taken[place], spacing, features)
    return sorted(frames[strategy(candidates, wish.count, rng)].tolist())


def _thinned(taken: np.ndarray, limit: int) -> np.ndarray:
    """Positions of at most about `limit` evenly spaced frames, and of every taken one."""
    if len(taken) <= limit:
        return np.arange(len(taken))
    even = np.linspace(0, len(taken) - 1, limit).round().astype(np.int64)
    some_taken = np.flatnonzero(taken)[:: max(1, int(taken.sum()) // limit)]
    return np.union1d(even, some_taken)


def _read(video: Video, wanted: np.ndarray, progress: Callable[[float], None] | None) -> Iterator:
    """(number, frame) of the wanted frames that can be decoded, in one pass."""
    first, last = int(wanted[0]), int(wanted[-1])
    remaining = iter(wanted.tolist())
    target = next(remaining)
    for number, frame in video.frames(first, last + 1):
        if progress is not None and number % 50 == 0:
            progress((number - first) / max(1, last - first + 1))
        if number != target:
            continue
        target = next(remaining, -1)
        if frame is not None:
            yield number, frame
