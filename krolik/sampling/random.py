"""Every free frame with the same chance."""

from __future__ import annotations

import numpy as np

from krolik.sampling.strategy import Candidates


def choose(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """See `Strategy`."""
    return rng.choice(np.flatnonzero(~candidates.taken), count, replace=False)
