"""How many pixels of a crop a pixel of its frame becomes: the same for all frames, or as suits the animal.

Where a camera stands still, animals are of about one size in pixels. A camera in a hand, a zoom, a deep room, frames of
several sizes: there an animal is looked at in the step of a ladder that fits it, so that a network sees all about as
large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

MARGIN = 1.3  # crop side per animal extent: room for the locator's error and for augmentation
STEP = 1.6  # between steps of the ladder, at most: augmentation and postures vary an animal's size as much
MOST = 5  # steps: each is one more look wherever an animal may be
ASSUMED = 0.15  # of a frame's longer side: what an animal is taken to span where labels do not show how large it is
FEW_KEYPOINTS = 3  # or fewer may all lie on an animal's head; more are spread over the animal
KEPT = 1.12  # an animal has to be so much too large or too small for its step before another one fits it better


@dataclass(frozen=True)
class Scales:
    """Of crops that are `side` view pixels wide. `scale`: view pixels per frame pixel, of all frames without `spans`.

    spans: the ladder, from the least on: which part of a frame's longer side a crop shows.
    """

    side: int
    scale: float
    spans: tuple[float, ...] = ()

    @classmethod
    def of_plan(cls, plan: Mapping) -> Scales:
        """Those of a plan's JSON values, also of one that was made before there were ladders."""
        return cls(int(plan["input_size"][0]), float(plan["scale"]), tuple(plan.get("spans", ())))

    def of(self, frame_size: tuple[int, int]) -> list[float]:
        """All that animals in frames of this size (width, height) are looked at with, the largest first."""
        return [self.side / (span * max(frame_size)) for span in self.spans] or [self.scale]

    def fitting(self, extent: float, frame_size: tuple[int, int]) -> float:
        """The largest that shows an animal of this extent (frame pixels) with room around it, or else the smallest."""
        scales = self.of(frame_size)
        return next((scale for scale in scales if MARGIN * extent * scale <= self.side * 1.001), scales[-1])

    def weight(self, extent: float, frame_size: tuple[int, int]) -> float:
        """What a frame pixel at an animal of this extent counts, where it is 1 at a typical one."""
        return self.fitting(extent, frame_size) / self.scale

    def fits(self, extent: float, scale: float, frame_size: tuple[int, int]) -> bool:
        """Whether an animal that was looked at with `scale`, and has this extent, had better be looked at so again."""
        kept = [self.fitting(extent * factor, frame_size) for factor in (KEPT, 1 / KEPT)]
        return min(kept) <= scale <= max(kept)


def ladder(least: float, most: float) -> tuple[float, ...]:
    """Spans for animals that take up from `least` to `most` of a frame's longer side, evenly spaced as factors.

    Those that are less than a tenth as large as the largest are looked at as the least of the others.
    """
    least = max(least, most / STEP**MOST)
    steps = max(1, math.ceil(math.log(most / least) / math.log(STEP) - 0.01))
    return tuple(round(MARGIN * most * (least / most) ** (i / steps), 4) for i in range(steps - 1, -1, -1))
