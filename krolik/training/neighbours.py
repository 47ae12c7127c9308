"""Another animal of the training frames, laid beside the one that is meant, so that a picture of two tells which it is.

Copy-paste (Ghiasi et al., CVPR 2021, arXiv:2012.07177). An animal's outline here is the hull of its labelled points,
widened, its edge soft. The animal that is meant lies on top, so that its labels stay true.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from krolik.training.augmentation import AugmentationRanges
from krolik.views import View

FEWEST = 3  # points that have an outline
DISTANCE = (0.4, 1.1)  # of the two middles, in extents of the larger animal
WIDER, OWN_WIDER = 0.06, 0.04  # how far outlines reach beyond the points, in that extent; ours takes less from theirs
SOFT = 2  # pixels to either side of the edge


@dataclass(frozen=True, eq=False)
class Neighbour:
    """view: what is seen of the other's frame, just large enough for it. corner: where (x, y) in the picture that lies.

    points: (P, 2), the other's in view pixels. extent: of the larger one of the two animals, in view pixels.
    """

    view: View
    corner: tuple[int, int]
    points: np.ndarray
    extent: float


def located(points: np.ndarray) -> np.ndarray:
    """(P, 2): those of (K, 2) that have a place."""
    return points[np.isfinite(points).all(axis=1)]


def random_neighbour(
    own: np.ndarray, base: View, theirs: np.ndarray, ranges: AugmentationRanges, rng: np.random.Generator
) -> Neighbour:
    """Another animal near one whose points (P, 2) are `own`, in picture pixels.

    `theirs` are the other's points (P, 2) in its frame and `base` the view that it is usually seen through, from which
    it strays as far as `ranges` say.
    """
    scale = float(np.exp(rng.uniform(*np.log(ranges.scale))))
    turn = float(rng.uniform(-ranges.rotation_deg, ranges.rotation_deg))
    mirror = ranges.mirror and rng.random() < 0.5
    middle = base.apply(_middle(theirs))
    turned = View.crop((float(middle[0]), float(middle[1])), (1, 1), scale, turn, mirror).after(base)
    points = turned.apply(theirs)  # around (0, 0)
    extent = max(_extent(own), _extent(points), 1.0)
    side = 2 * int(np.ceil(np.abs(points).max() + WIDER * extent + SOFT)) + 1
    side = min(side, int(scale * math.hypot(*base.size)))  # no more of a frame than is kept for its own views
    view = View.crop((float(middle[0]), float(middle[1])), (side, side), scale, turn, mirror).after(base)
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(*DISTANCE) * extent
    place = _middle(own) + distance * np.array([np.cos(angle), np.sin(angle)])
    left, top = np.round(place - (side - 1) / 2).astype(int).tolist()
    return Neighbour(view, (left, top), view.apply(theirs), extent)


def laid_beside(picture: np.ndarray, own: np.ndarray, neighbour: Neighbour, seen: np.ndarray) -> np.ndarray:
    """The picture with what is `seen` of the neighbour, under the animal whose points are `own`: (h, w, 3) uint8."""
    import cv2

    height, width = picture.shape[:2]
    (left, top), (rows, columns) = neighbour.corner, seen.shape[:2]
    inside = slice(max(0, top), min(height, top + rows)), slice(max(0, left), min(width, left + columns))
    size = inside[0].stop - inside[0].start, inside[1].stop - inside[1].start
    if min(size) <= 0:
        return picture
    first = np.array([inside[1].start, inside[0].start])
    mask = np.zeros(size, np.float32)
    fill_outline(mask, neighbour.points + (left, top) - first, WIDER * neighbour.extent, 1.0)
    fill_outline(mask, own - first, OWN_WIDER * neighbour.extent + SOFT, 0.0)
    weight = cv2.blur(mask, (2 * SOFT + 1, 2 * SOFT + 1))
    patch = seen[inside[0].start - top : inside[0].stop - top, inside[1].start - left : inside[1].stop - left]
    mixed = picture.copy()
    mixed[inside] = cv2.blendLinear(patch, picture[inside], weight, 1 - weight)
    return mixed


def fill_outline(mask: np.ndarray, points: np.ndarray, wider: float, value: float) -> None:
    """Sets the hull of the points (P, 2), so many pixels wider, to a value, in place. mask: (h, w)."""
    import cv2

    hull = cv2.convexHull(np.round(points).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, value)
    cv2.polylines(mask, [hull], True, value, max(1, 2 * math.ceil(wider)))


def _middle(points: np.ndarray) -> np.ndarray:
    return (points.min(axis=0) + points.max(axis=0)) / 2


def _extent(points: np.ndarray) -> float:
    return float(np.ptp(points, axis=0).max())
