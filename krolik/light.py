"""How light and dark pictures are, and what makes those of one film as light as those of another.

Grey levels at fixed percentiles, of each channel. A curve through pairs of them takes one film's levels to another's
(histogram matching; Gonzalez and Woods, Digital Image Processing, 3.3), whatever the exposure, contrast or tint.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

PERCENTILES = (0.1, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98, 99, 99.9)
EVERY, PIXELS = 4, 19_200  # of the pixels, along both sides; of a picture larger than 640×480 about so many in all
STEEPEST = 8.0  # grey levels per grey level, beyond the outermost percentiles


def levels(pictures: Iterable[np.ndarray]) -> np.ndarray:
    """(3, 17): the grey levels of (H, W, 3) uint8 pictures at `PERCENTILES`, of each channel."""
    return np.percentile(np.concatenate([_some(p) for p in pictures]), PERCENTILES, axis=0).T


def _some(picture: np.ndarray) -> np.ndarray:
    """(P, 3): pixels at even steps."""
    step = max(EVERY, round(math.sqrt(picture.shape[0] * picture.shape[1] / PIXELS)))
    return picture[::step, ::step].reshape(-1, 3)


def table(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(256, 3) uint8: what each grey level of each channel becomes, where levels (3, 17) are to become others."""
    curves = [_curve(own, other) for own, other in zip(ours, theirs, strict=True)]
    return np.clip(np.round(np.stack(curves, axis=-1)), 0, 255).astype(np.uint8)


def _curve(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """(256,) of one channel: straight between the levels, and on as steeply as it is in all beyond the outermost."""
    distinct = np.unique(ours)  # a picture with much black has several levels of 0
    meant = np.array([theirs[ours == level].mean() for level in distinct])
    grey = np.arange(256.0)
    curve = np.interp(grey, distinct, meant)
    rise = meant[-1] - meant[0]
    slope = float(np.clip(rise / max(1.0, distinct[-1] - distinct[0]), 0, STEEPEST)) if len(distinct) > 1 else 1.0
    below, above = grey < distinct[0], grey > distinct[-1]
    curve[below] = meant[0] + (grey[below] - distinct[0]) * slope
    curve[above] = meant[-1] + (grey[above] - distinct[-1]) * slope
    return curve


def lit(images: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """(..., h, w, 3) uint8 pictures through a table (256, 3)."""
    import cv2

    width = images.shape[-2]
    return cv2.LUT(images.reshape(-1, width, 3), changed[None]).reshape(images.shape)
