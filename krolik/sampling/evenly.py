"""Some of many, at even steps."""

from __future__ import annotations

import numpy as np


def evenly(count: int, most: int) -> np.ndarray:
    """The places of `most` of `count` things, or of all where there are fewer: the first, the last and some between."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
