"""Where something moves: frames at equal steps of the movement summed over time, so more of them where more happens."""

from __future__ import annotations

import numpy as np

from krolik.sampling.strategy import Candidates
from krolik.sampling.uniform import nearest_free


def choose(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """See `Strategy`. `rng` moves the grid of steps."""
    assert candidates.features is not None
    change = np.sqrt(np.mean(np.diff(candidates.features, axis=0, prepend=candidates.features[:1]) ** 2, axis=1))
    # what flickers everywhere and always is the camera's noise
    moved = np.maximum(change - np.median(change), 0) + 1e-9
    total = np.cumsum(moved)
    wanted = (np.arange(count) + rng.uniform(0.25, 0.75)) / count * total[-1]
    places = np.minimum(np.searchsorted(total, wanted), len(total) - 1)
    return nearest_free(candidates.frames, np.flatnonzero(~candidates.taken), candidates.frames[places])
