"""Truly even: the range is cut into equal parts, and of each the frame nearest its middle is taken."""

from __future__ import annotations

import numpy as np

from krolik.sampling.strategy import Candidates


def choose(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """See `Strategy`. `rng` is not used."""
    free = np.flatnonzero(~candidates.taken)
    first, last = candidates.frames[0], candidates.frames[-1]
    middles = first + (np.arange(count) + 0.5) * (last - first + 1) / count - 0.5
    return nearest_free(candidates.frames, free, middles)


def nearest_free(frames: np.ndarray, free: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Positions of the free frames nearest to the wanted numbers (ascending), each used once."""
    left = free.tolist()
    numbers = frames[free].tolist()
    chosen = []
    for i, number in enumerate(wanted):
        place = int(np.searchsorted(numbers, number))
        near = [p for p in (place - 1, place) if 0 <= p < len(numbers)]
        best = min(near, key=lambda p: (abs(numbers[p] - number), p))
        # enough must remain on the right for the wanted ones that follow
        best = min(best, len(numbers) - (len(wanted) - i))
        chosen.append(left.pop(best))
        numbers.pop(best)
        left, numbers = left[best:], numbers[best:]
    return np.array(chosen, np.int64)
