"""What the locator looks at: the whole frame, or windows of it, so that animals are as large as it learnt them."""

from __future__ import annotations

import math

import numpy as np

from krolik.inference.model import ModelDescription, Size
from krolik.views import View

SAME = 1.2  # animals that look larger or smaller by less are found all the same
MOST_WINDOWS = 40


def thumbnails(about: ModelDescription, size: Size, zoom: float) -> list[View]:
    """Views of a frame of this size, in which animals are looked at `zoom` times as large as in training frames.

    Where they are larger, the frame fills only a part of its thumbnail. Where they are smaller, windows half a window
    apart are looked at one by one, if they are not too many.
    """
    whole = View.fit(size, about.locator_size)
    larger = _larger(about, whole, size, zoom)
    if 1 / SAME <= larger <= SAME:
        return [whole]
    scale = whole.scale / larger
    (columns, rows) = (middles(extent, side / scale) for extent, side in zip(size, about.locator_size))
    if len(rows) * len(columns) > MOST_WINDOWS:
        return [whole]
    return [View.crop((x - 0.5, y - 0.5), about.locator_size, scale) for y in rows for x in columns]


def _larger(about: ModelDescription, whole: View, size: Size, zoom: float) -> float:
    """How many times as large as in training an animal is in the whole frame's thumbnail, as far as is known."""
    if about.spans or not about.frame_sizes or (zoom == 1 and size in about.frame_sizes):
        return 1.0
    learnt = (View.fit(frame, about.locator_size).scale for frame in about.frame_sizes)
    return min((whole.scale / (zoom * scale) for scale in learnt), key=lambda ratio: abs(math.log(ratio)))


def middles(extent: float, side: float) -> list[float]:
    """Of windows of `side` that cover 0 to `extent`, half a window apart at most."""
    if extent <= side:
        return [extent / 2]
    return np.linspace(side / 2, extent - side / 2, int(np.ceil(2 * extent / side)) - 1).tolist()
