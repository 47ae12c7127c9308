"""Random views and random light: one affine window per sample, so that pixels are resampled only once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from krolik.training.image_cache import Part
from krolik.views import View

MIDDLE = 127.5  # grey levels
NO_NOISE = 128  # as a grey level


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
    neighbour_chance: float = 0.0  # of another animal beside the one that is meant (see `training/neighbours.py`)


@dataclass(frozen=True)
class Light:
    """What happens to a picture's grey levels: a gain, a bias, and at times blur and noise, as standard deviations."""

    gain: float
    bias: float
    blur: float
    noise: float


def random_views(bases: Sequence[View], ranges: AugmentationRanges, rng: np.random.Generator) -> list[View]:
    """A strayed version of each, which may be mirrored (then left and right keypoints change places).

    What is random is drawn for all at once: single numbers are slow to draw, and threads wait for each other's Python.
    """
    count = len(bases)
    shifts = rng.uniform(-ranges.shift, ranges.shift, (count, 2)).tolist()
    scales = np.exp(rng.uniform(math.log(ranges.scale[0]), math.log(ranges.scale[1]), count)).tolist()
    turns = rng.uniform(-ranges.rotation_deg, ranges.rotation_deg, count).tolist()
    mirrors = (rng.random(count) < (0.5 if ranges.mirror else 0)).tolist()
    views = []
    for base, (right, down), scale, turn, mirror in zip(bases, shifts, scales, turns, mirrors):
        width, height = base.size
        middle = (width - 1) / 2 + right * width, (height - 1) / 2 + down * height
        views.append(View.crop(middle, base.size, scale, turn, mirror).after(base))
    return views


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


def random_lights(count: int, ranges: AugmentationRanges, rng: np.random.Generator) -> list[Light]:
    """One for each of so many pictures."""
    gains, biases = rng.uniform(*ranges.gain, count), rng.uniform(-ranges.bias, ranges.bias, count)
    blurs = np.where(rng.random(count) < ranges.blur_chance, rng.uniform(0.5, 1.5, count), 0.0)
    noises = np.where(rng.random(count) < ranges.noise_chance, rng.uniform(2, ranges.noise, count), 0.0)
    return [Light(*drawn) for drawn in zip(*(numbers.tolist() for numbers in (gains, biases, blurs, noises)))]


def relit(image: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
    """The picture in that light, its gain around the middle grey: (h, w, 3) uint8 in and out."""
    import cv2

    if light.blur:
        image = cv2.GaussianBlur(image, (0, 0), light.blur)
    rows = image.reshape(len(image), -1)  # one wide channel: OpenCV is twice as fast with that
    offset = MIDDLE * (1 - light.gain) + light.bias
    if not light.noise:
        return cv2.addWeighted(rows, light.gain, rows, 0, offset).reshape(image.shape)
    # one of 256 normal numbers for each byte of a generator: normal enough, and 20 times cheaper than normal floats
    table = np.clip(np.rint(NO_NOISE + rng.standard_normal(256) * light.noise), 0, 255).astype(np.uint8)
    drawn = rng.integers(0, 2**64, -(-rows.size // 8), np.uint64).view(np.uint8)[: rows.size]
    noise = cv2.LUT(drawn.reshape(rows.shape), table)
    return cv2.addWeighted(rows, light.gain, noise, 1, offset - NO_NOISE).reshape(image.shape)
