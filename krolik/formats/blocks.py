"""Predictions cut into the blocks that a project keeps, from arrays or from the rows of a table.

Legend: F frames, N animals, K keypoints, R rows of a table (one per frame, animal and keypoint).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from krolik.poses import BLOCK, Predictions

MOST_FRAMES = 1 << 25  # three days at 120 frames a second; a number beyond it is no frame's


def sliced(
    read: Callable[[int, int], tuple[np.ndarray, np.ndarray]], frames: int, first: int = 0
) -> Iterator[Predictions]:
    """Blocks of the frames first .. first + frames - 1.

    read: (start, stop), counted from `first`, → xy (F, N, K, 2) and score (F, N, K).
    """
    start = first
    while start < first + frames:
        stop = min(first + frames, (start // BLOCK + 1) * BLOCK)
        xy, score = read(start - first, stop - first)
        yield tidied(start, xy, score)
        start = stop


def tidied(start: int, xy: np.ndarray, score: np.ndarray, decoded: np.ndarray | None = None) -> Predictions:
    """A block whose points are there whole or not at all; one that is there without a score is taken as sure."""
    with np.errstate(over="ignore"):  # what no float32 can be is no place in a picture
        xy, score = np.array(xy, np.float32), np.array(score, np.float32)
    there = np.isfinite(xy).all(axis=-1)
    xy[~there] = np.nan
    score = np.where(there, np.where(np.isfinite(score), score, 1), 0).astype(np.float32)
    return Predictions(start, xy, score, np.ones(len(xy), bool) if decoded is None else decoded)


class Rows:
    """Collects the rows of a table, whose frames never go back, into blocks. Frames without a row have no points."""

    def __init__(self, animals: int, keypoints: int):
        self._shape = (BLOCK, animals, keypoints)
        self._number: int | None = None  # of the block that is being filled
        self._first = self._last = 0

    def add(self, frame: np.ndarray, places: tuple[np.ndarray, np.ndarray], values: np.ndarray,
            decoded: np.ndarray | None = None) -> Iterator[Predictions]:  # fmt: skip
        """Rows to add, and the blocks that are full.

        places: animal and keypoint, (R,) each; values: (R, 3) x, y, score.
        """
        for number in np.unique(frame // BLOCK):
            here = frame // BLOCK == number
            yield from self._begin(int(number), int(frame[here][0]))
            at = (frame[here] % BLOCK, places[0][here], places[1][here])
            with np.errstate(over="ignore"):
                self._xy[at], self._score[at] = values[here, :2], values[here, 2]
            if decoded is not None:
                self._decoded[at[0]] = decoded[here]
            self._last = max(self._last, int(frame[here][-1]))

    def _begin(self, number: int, frame: int) -> Iterator[Predictions]:
        if self._number is None:
            self._first = frame
        elif self._number == number:
            return
        else:
            yield self._cut((self._number + 1) * BLOCK)
            for skipped in range(self._number + 1, number):
                self._clear(skipped)
                yield self._cut((skipped + 1) * BLOCK)
        self._clear(number)

    def _clear(self, number: int) -> None:
        self._number = number
        self._xy = np.full((*self._shape, 2), np.nan, np.float32)
        self._score = np.zeros(self._shape, np.float32)
        self._decoded = np.ones(BLOCK, bool)

    def _cut(self, stop: int) -> Predictions:
        assert self._number is not None
        start = max(self._first, self._number * BLOCK)
        inside = slice(start % BLOCK, start % BLOCK + stop - start)
        return tidied(start, self._xy[inside], self._score[inside], self._decoded[inside])

    def finish(self) -> Iterator[Predictions]:
        """The last block."""
        if self._number is not None:
            yield self._cut(self._last + 1)
