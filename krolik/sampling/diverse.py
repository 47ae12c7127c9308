"""The default: frames that look different from each other and are spread over time; no near-duplicates.

Farthest-point traversal (Gonzalez 1985), starting from the frames that are labelled or selected already. Two frames
are as far apart as their pictures are, times how well they are spaced in time: appearance alone would take ten frames
of one wild second, time alone ten frames of one sleeping animal. Frames that resemble neither the one before nor the
one after, while those two resemble each other, are glitches and left out.
"""

from __future__ import annotations

import numpy as np

from krolik.sampling.strategy import Candidates
from krolik.sampling.thumbnails import distances

GLITCH = 3.0  # so many times farther from its neighbours than they are from each other


def choose(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """See `Strategy`. `rng` chooses the first frame, when none is taken yet, near a typical one."""
    assert candidates.features is not None
    features, frames = candidates.features, candidates.frames
    free = ~candidates.taken
    allowed = free & ~glitches(features)
    if allowed.sum() < count:
        allowed = free.copy()
    gap = np.full(len(frames), np.inf)

    def near(position: int) -> np.ndarray:
        spaced = np.minimum(np.abs(frames - frames[position]) / candidates.spacing, 1.0)
        # the floor keeps time deciding among pictures that are all the same
        return (distances(features, features[position]) + 1e-4) * (0.25 + 0.75 * spaced)

    for position in np.flatnonzero(candidates.taken):
        gap = np.minimum(gap, near(int(position)))
    chosen: list[int] = []
    while len(chosen) < count:
        open_ = np.flatnonzero(allowed)
        position = int(open_[np.argmax(gap[open_])]) if np.isfinite(gap).all() else _first(features, open_, rng)
        chosen.append(position)
        allowed[position] = False
        gap = np.minimum(gap, near(position))
    return np.array(chosen, np.int64)


def _first(features: np.ndarray, open_: np.ndarray, rng: np.random.Generator) -> int:
    """One of the ten candidates that are most like the median picture."""
    order = np.argsort(distances(features[open_], np.median(features[open_], axis=0)), kind="stable")
    return int(open_[rng.choice(order[:10])])


def glitches(features: np.ndarray) -> np.ndarray:
    """(C,) bool: differs from both neighbours far more than they differ from each other."""
    found = np.zeros(len(features), bool)
    if len(features) > 2:
        step = np.sqrt(np.mean((features[1:] - features[:-1]) ** 2, axis=1))
        across = np.sqrt(np.mean((features[2:] - features[:-2]) ** 2, axis=1))
        typical = np.median(step)
        found[1:-1] = np.minimum(step[:-1], step[1:]) > GLITCH * np.maximum(across, typical)
    return found
