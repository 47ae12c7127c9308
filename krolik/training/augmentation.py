"""Random views and random light: one affine window per sample, so that pixels are resampled only once."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from krolik.training.image_cache import Part
from krolik.views import View


@dataclass(frozen=True)
class AugmentationRanges:
    """How far a view may stray. Shift is a fraction of the view's size, gain a factor, bias in grey levels."""

    rotation_deg: float = 25.0
    scale: tuple[float, float] = (0.75, 1.3)
    shift: float = 0.12
    mirror: bool = False
    gain: tuple[float, float] = (0.7, 1.35)
    bias: float = 25.0
    noise: float = 12.0  # standard deviation at most, in grey levels
    noise_chance: float = 0.3
    blur_chance: float = 0.2


FROM_GREY = np.arange(256, dtype=np.float32) - 127.5


def random_view(base: View, ranges: AugmentationRanges, rng: np.random.Generator) -> tuple[View, bool]:
    """A strayed version of `base` and whether it is mirrored (then left and right keypoints change places)."""
    width, height = base.size
    right, down = rng.uniform(-ranges.shift, ranges.shift, 2).tolist()
    middle = (width - 1) / 2 + right * width, (height - 1) / 2 + down * height
    scale = math.exp(rng.uniform(math.log(ranges.scale[0]), math.log(ranges.scale[1])))
    rotation = float(rng.uniform(-ranges.rotation_deg, ranges.rotation_deg))
    mirror = bool(ranges.mirror and rng.random() < 0.5)
    return View.crop(middle, base.size, scale, rotation, mirror).after(base), mirror


def reach(base: View, ranges: AugmentationRanges) -> list[Part]:
    """What strayed versions of `base` may see of a frame, at each size that they see it at."""
    width, height = base.size
    low, high = min(1.0, ranges.scale[0]), max(1.0, ranges.scale[1])
    most, fewest = (View.crop((0, 0), base.size, base.scale * factor).halvings for factor in (low, high))
    middle = base.inverse((np.array(base.size, float) - 1) / 2)
    # however far it turns, it stays in the circle around its corners
    radius = (math.hypot(width, height) / 2 / low + ranges.shift * math.hypot(width, height)) / base.scale
    parts = []
    for halvings in range(fewest, most + 1):
        block = 2**halvings
        first = np.floor((middle - radius) / block).astype(int) - 2
        end = np.ceil((middle + radius) / block).astype(int) + 3
        parts.append(Part((*(first * block).tolist(), *(end * block).tolist()), halvings))
    return parts


def random_light(image: np.ndarray, ranges: AugmentationRanges, rng: np.random.Generator) -> np.ndarray:
    """Changed gain, bias, sharpness and noise: (h, w, 3) uint8 in and out."""
    import cv2

    shape, rows = image.shape, image.reshape(len(image), -1)  # one wide channel: OpenCV is twice as fast with that
    gain, bias = rng.uniform(*ranges.gain), rng.uniform(-ranges.bias, ranges.bias)
    levels = FROM_GREY * gain + (127.5 + bias)
    rows = cv2.LUT(rows, np.clip(levels, 0, 255).astype(np.uint8))
    if rng.random() < ranges.blur_chance:
        rows = cv2.GaussianBlur(rows.reshape(shape), (0, 0), rng.uniform(0.5, 1.5)).reshape(rows.shape)
    if rng.random() < ranges.noise_chance:
        # one of 256 normal numbers for each byte of a generator: normal enough, and 20 times cheaper than normal floats
        amplitude = rng.uniform(2, ranges.noise)
        table = (rng.standard_normal(256) * amplitude).astype(np.int16)
        drawn = rng.integers(0, 2**64, -(-rows.size // 8), np.uint64).view(np.uint8)[: rows.size]
        rows = cv2.add(rows, cv2.LUT(drawn.reshape(rows.shape), table), dtype=cv2.CV_8U)
    return rows.reshape(shape)
