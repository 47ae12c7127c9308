"""How long animals are, by what stands out before a background that stays.

A single keypoint does not show how large an animal is. Where a camera stands still, the median of each pixel
over many frames is the background; what differs from it around an animal's points is its outline.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from krolik.poses import FrameKey
from krolik.sampling.evenly import evenly
from krolik.training.training_set import Sample

MOST_FRAMES = 60  # that are looked at, evenly taken
FEWEST = 10  # frames of one video and size that show their background
SIDE = 480  # px, the longer side that frames are looked at with
BLUR = 1.5  # of these pixels: noise does not stand out
LEAST = 8.0  # grey levels that something must differ by
NEAR = 0.03  # of the longer side: so near to the middle of an animal's points it must stand out
FOUND = 0.8  # of the animals must, or what stands out is something else
OWN = 0.75  # of what stands out in a usual frame must be the animals, or the camera moves, or others do
MOST = 0.9  # of its area: not the tip of a tail
UNLIKE = 3.0  # 95th to 5th percentile of their sizes, at most: or it is shadows, doors, a camera that moves


@dataclass(frozen=True)
class Outline:
    """One animal. length: twice as far as most of it is from its middle at most, frame px.

    share: of all that stands out in its frame; of several animals so many times as much, so that it is about 1 where
    nothing else stands out.
    """

    length: float
    share: float


def outlined_extent(samples: Sequence[Sample], load: Callable[[FrameKey], np.ndarray]) -> float | None:
    """How long a usual animal is, without a thin tail, frame pixels.

    None where no background stays, or what stands out before it is not the animals. load: the pixels of a frame,
    (H, W, 3) uint8 RGB.
    """
    scenes: dict[tuple, list[Sample]] = defaultdict(list)
    for sample in samples:
        scenes[sample.key.video, sample.frame_size].append(sample)
    found: list[Outline | None] = []
    for scene in scenes.values():
        if len(scene) >= FEWEST:
            most = max(FEWEST, MOST_FRAMES * len(scene) // len(samples))
            found += _of_scene([scene[i] for i in evenly(len(scene), most)], load)
    outlines = [outline for outline in found if outline is not None]
    if len(outlines) < max(FEWEST, FOUND * len(found)):
        return None
    lengths = [outline.length for outline in outlines]
    low, high = np.percentile(lengths, (5, 95))
    if high > UNLIKE * low or np.median([outline.share for outline in outlines]) < OWN:
        return None
    return float(np.median(lengths))


def _of_scene(scene: Sequence[Sample], load: Callable[[FrameKey], np.ndarray]) -> Iterator[Outline | None]:
    """Of each animal in frames before the same background."""
    import cv2

    scale = SIDE / max(scene[0].frame_size)
    size = tuple(max(1, round(side * scale)) for side in scene[0].frame_size)
    grey = [
        cv2.resize(cv2.cvtColor(load(s.key), cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA) for s in scene
    ]
    background = np.median(grey, axis=0)
    for sample, image in zip(scene, grey):
        differs = cv2.GaussianBlur(np.abs(image - background).astype(np.uint8), (0, 0), BLUR)
        threshold, _ = cv2.threshold(differs, 0, 255, cv2.THRESH_OTSU)
        _, parts = cv2.connectedComponents((differs > max(LEAST, threshold)).astype(np.uint8))
        for points in sample.points:
            if (there := np.isfinite(points).all(axis=1)).any():
                yield _outline(parts, points[there].mean(axis=0) * scale, scale, len(sample.points))


def _outline(parts: np.ndarray, middle: np.ndarray, scale: float, animals: int) -> Outline | None:
    """The part (of numbers, 0 for the background) that is nearest to a place, if one is near."""
    y, x = np.nonzero(parts)
    if not len(x):
        return None
    apart = np.hypot(x - middle[0], y - middle[1])
    nearest = int(apart.argmin())
    if apart[nearest] > NEAR * SIDE:
        return None
    own = parts[y, x] == parts[y[nearest], x[nearest]]
    x, y, share = x[own], y[own], animals * float(own.mean())
    reach = float(np.quantile(np.hypot(x - x.mean(), y - y.mean()), MOST))
    return Outline(2 * reach / scale, share)
