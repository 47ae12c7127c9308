"""The frames that training sees, as far as it sees them: decoded once, then the parts around animals are kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from krolik.poses import FrameKey
from krolik.process import memory_bytes
from krolik.views import View, halved

CACHE_BYTES = 2 << 30  # of decoded pixels kept in memory; frames beyond it are decoded again when needed
CACHE_SHARE = 1 / 8  # of the machine's memory, at most
FAR = 1 << 30  # beyond any frame's edge


@dataclass(frozen=True)
class Part:
    """A box (left, top, right, bottom) of a frame's pixels, in blocks of 2**halvings; its sides halved so often."""

    box: tuple[int, int, int, int] = (-FAR, -FAR, FAR, FAR)
    halvings: int = 0

    def holds(self, other: Part) -> bool:
        """Whether what the other shows can be taken from this one."""
        (left, top, right, bottom), (l2, t2, r2, b2) = self.box, other.box
        return self.halvings <= other.halvings and left <= l2 and top <= t2 and right >= r2 and bottom >= b2

    def clipped(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The box within a frame of that size; all of the frame where nothing would be left."""
        left, top, right, bottom = self.box
        left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
        return (left, top, right, bottom) if left < right and top < bottom else (0, 0, width, height)


@dataclass(frozen=True, eq=False)
class _Kept:
    """A part's pixels, (h, w, 3) uint8, and where in the frame they begin; `shows` is what can be taken from them."""

    pixels: np.ndarray
    corner: tuple[int, int]
    shows: Part

    @classmethod
    def of(cls, image: np.ndarray, part: Part) -> _Kept:
        height, width = image.shape[:2]
        left, top, right, bottom = part.clipped(width, height)
        pixels = halved(image[top:bottom, left:right], part.halvings)
        if not part.halvings and pixels.nbytes < image.nbytes:
            pixels = pixels.copy()  # or the whole frame would stay in memory
        # beyond the frame's own edges there is nothing that it lacks
        edges = (-FAR if left == 0 else left, -FAR if top == 0 else top,
                 FAR if right == width else right, FAR if bottom == height else bottom)  # fmt: skip
        return cls(pixels, (left, top), Part(edges, part.halvings))


def cache_bytes() -> int:
    """How much of this machine's memory may be filled with pixels."""
    memory = memory_bytes()
    return CACHE_BYTES if memory is None else min(CACHE_BYTES, int(memory * CACHE_SHARE))


class ImageCache:
    """What views see of frames. A frame is loaded when one of its parts is needed, and all parts that are expected are
    then kept, up to a number of bytes; those of the least recently used frames go first.

    A hundred frames of a large video, as far as the crops around their animals and their thumbnails need them, take
    little memory, and are decoded once.
    """

    def __init__(
        self,
        load: Callable[[FrameKey], np.ndarray],
        limit: int = CACHE_BYTES,
        expected: Mapping[FrameKey, tuple[Part, ...]] | None = None,
    ):
        self._load, self._limit, self._bytes = load, limit, 0
        self._expected = dict(expected or {})
        self._kept: OrderedDict[FrameKey, list[_Kept]] = OrderedDict()
        self._lock = threading.Lock()  # several threads may prepare batches

    def __reduce__(self):  # another process begins with an empty one
        return ImageCache, (self._load, self._limit, self._expected)

    def expect(self, key: FrameKey, parts: Iterable[Part]) -> None:
        """Parts that views of this frame will be taken from; of frames that nothing is expected of, all is kept."""
        own = self._expected.get(key, ())
        for part in parts:
            if not any(other.halvings == part.halvings and other.holds(part) for other in own):
                own = (*own, part)
        self._expected[key] = own

    def warp(self, key: FrameKey, view: View, border: int = 0) -> np.ndarray:
        """What the view sees of a frame: (h, w, 3) uint8."""
        wanted = Part(view.box, view.halvings)
        with self._lock:
            kept = _best(self._kept.get(key, ()), wanted)
            if kept is not None:
                self._kept.move_to_end(key)
        if kept is None:
            kept = self._loaded(key, wanted)
        return view.warp(kept.pixels, border, kept.shows.halvings, kept.corner)

    def _loaded(self, key: FrameKey, wanted: Part) -> _Kept:
        image = self._load(key)
        every = _cut(image, self._expected.get(key, ()))
        best = _best(every, wanted)
        if best is None:
            best = _Kept.of(image, Part(halvings=wanted.halvings))
            every.append(best)
        with self._lock:
            self._bytes += _size(every) - _size(self._kept.pop(key, ()))
            self._kept[key] = every
            while self._bytes > self._limit and len(self._kept) > 1:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        return best


def _cut(image: np.ndarray, parts: Iterable[Part]) -> list[_Kept]:
    """The pixels of each part; the whole frame instead where they overlap so much that they have more pixels."""
    height, width = image.shape[:2]
    every: list[_Kept] = []
    for halvings in sorted({part.halvings for part in parts}):
        own = [part for part in parts if part.halvings == halvings]
        boxes = [part.clipped(width, height) for part in own]
        if sum((right - left) * (bottom - top) for left, top, right, bottom in boxes) >= width * height:
            own = [Part(halvings=halvings)]
        every += [_Kept.of(image, part) for part in own]
    return every


def _best(kept: Iterable[_Kept], wanted: Part) -> _Kept | None:
    """The smallest of those that show what is wanted."""
    able = [one for one in kept if one.shows.holds(wanted)]
    return max(able, key=lambda one: one.shows.halvings, default=None)


def _size(kept: Iterable[_Kept]) -> int:
    return sum(one.pixels.nbytes for one in kept)
