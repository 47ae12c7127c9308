"""What a network sees of a frame: an affine window that warps pixels and points there and back.

Coordinates: x right, y down, pixels, the centre of the top-left pixel is (0, 0), in frames and views alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class View:
    """An affine map from frame pixels to view pixels, with the size of the view.

    matrix: (2, 3) float64, maps frame (x, y, 1) to view (x, y). size: (width, height) in view pixels.
    """

    matrix: np.ndarray
    size: tuple[int, int]

    @classmethod
    def crop(
        cls,
        centre: tuple[float, float],
        size: tuple[int, int],
        scale: float = 1.0,
        rotation_deg: float = 0.0,
        mirror: bool = False,
    ) -> View:
        """A window of `size` view pixels around `centre` (frame pixels); `scale` is view pixels per frame pixel.

        Rotation is clockwise on the screen, about the centre; mirroring flips x after it.
        """
        turn = math.radians(rotation_deg)
        cos, sin, flip = scale * math.cos(turn), scale * math.sin(turn), -1 if mirror else 1
        x, y = centre
        right, down = flip * (cos * x - sin * y), sin * x + cos * y
        offset = (size[0] - 1) / 2 - right, (size[1] - 1) / 2 - down
        return cls(np.array([[flip * cos, flip * -sin, offset[0]], [sin, cos, offset[1]]], float), size)

    @classmethod
    def fit(cls, frame_size: tuple[int, int], size: tuple[int, int]) -> View:
        """The whole frame, centred, as large as fits into `size` with its proportions kept."""
        scale = min(size[0] / frame_size[0], size[1] / frame_size[1])
        return cls.crop(((frame_size[0] - 1) / 2, (frame_size[1] - 1) / 2), size, scale)

    @cached_property
    def scale(self) -> float:
        """View pixels per frame pixel (the square root of the area's change)."""
        (a, b, _), (c, d, _) = self.matrix.tolist()
        return math.sqrt(abs(a * d - b * c))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Frame points (..., 2) as view points (..., 2); NaN stays NaN."""
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """View points (..., 2) as frame points (..., 2)."""
        return (points - self.matrix[:, 2]) @ np.array(self._inverted).T

    @cached_property
    def mirrors(self) -> bool:
        """Whether left and right change places."""
        (a, b, _), (c, d, _) = self.matrix.tolist()
        return a * d < b * c

    @cached_property
    def _inverted(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The inverse of the matrix's linear part, its rows."""
        # plain numbers, here as below: for so few, numpy takes many times as long, and threads wait for each other
        (a, b, _), (c, d, _) = self.matrix.tolist()
        area = a * d - b * c
        return (d / area, -b / area), (-c / area, a / area)

    def after(self, first: View) -> View:
        """The view of this view's window inside `first`'s picture: frame → first → self."""
        matrix = self.matrix[:, :2] @ first.matrix
        matrix[:, 2] += self.matrix[:, 2]
        return View(matrix, self.size)

    @cached_property
    def halvings(self) -> int:
        """How often a frame can be halved before it has fewer pixels than the view shows of it."""
        return max(0, math.floor(math.log2(1 / self.scale))) if self.scale > 0 else 0

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the frame pixels that `warp` looks at, in whole blocks of 2**halvings.

        It may reach beyond the frame.
        """
        block, sides = 2**self.halvings, []
        half_width, half_height = (self.size[0] - 1) / 2, (self.size[1] - 1) / 2
        (_, _, x), (_, _, y) = self.matrix.tolist()
        for of_x, of_y in self._inverted:
            middle = of_x * (half_width - x) + of_y * (half_height - y)
            # from the middle, the corners of a turned rectangle lie this far to each side
            reach = abs(of_x) * half_width + abs(of_y) * half_height
            # bilinear: each place between two pixels, and OpenCV rounds places to a 32nd of a pixel
            first = math.floor((middle - reach + 0.5) / block - 0.5 - 1 / 16)
            last = math.floor((middle + reach + 0.5) / block - 0.5 + 1 / 16) + 1
            sides.append((first * block, (last + 1) * block))
        (left, right), (top, bottom) = sides
        return left, top, right, bottom

    def warp(
        self, image: np.ndarray, border: int | tuple[int, int, int] = 0, halvings: int = 0,
        corner: tuple[int, int] = (0, 0),
    ) -> np.ndarray:  # fmt: skip
        """The window's pixels: (H, W[, C]) uint8 in, (h, w[, C]) uint8 out, outside filled with `border`.

        Shrinking by two or more halves the frame first, so that fine texture does not alias. `image` may be a frame
        that was halved so many times already, or the part of it that begins at `corner`: a frame's pixel (x, y), at
        the corner of a block of what is halved.
        """
        import cv2

        most = max(halvings, self.halvings)
        columns = _needed(self.box[0], self.box[2], corner[0], halvings, most, image.shape[1])
        rows = _needed(self.box[1], self.box[3], corner[1], halvings, most, image.shape[0])
        if not columns or not rows:
            return np.full((self.size[1], self.size[0], *image.shape[2:]), border, np.uint8)
        left, top = corner[0] + columns.start * 2**halvings, corner[1] + rows.start * 2**halvings
        image = halved(image[rows.start : rows.stop, columns.start : columns.stop], most - halvings)
        middle = (2**most - 1) / 2  # of the first block, from its first pixel
        matrix = self._from(left + middle, top + middle, 2**most)
        value = (border,) * 4 if isinstance(border, int) else border
        coloured = image.ndim == 3 and image.shape[2] == 3
        if coloured:  # OpenCV is two to three times as fast with four channels as with three
            image = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
        seen = cv2.warpAffine(image, matrix, self.size, flags=cv2.INTER_LINEAR, borderValue=value)
        return cv2.cvtColor(seen, cv2.COLOR_RGBA2RGB) if coloured else seen

    def _from(self, left: float, top: float, block: int) -> np.ndarray:
        """The matrix for pixels as large as a block of the frame's, the first one's middle at (left, top)."""
        (a, b, x), (c, d, y) = self.matrix.tolist()
        return np.array(
            [[a * block, b * block, a * left + b * top + x], [c * block, d * block, c * left + d * top + y]]
        )


def _needed(first: int, end: int, corner: int, halvings: int, most: int, length: int) -> range:
    """Of a picture's side, `length` pixels from the frame's pixel `corner` on, those that a box needs.

    Each was halved so often and will be `most` times: what is left over for no whole block is left out.
    """
    start, stop = max(0, (first - corner) >> halvings), min(length, -((corner - end) >> halvings))
    left_over = (stop - start) % 2 ** (most - halvings)
    if left_over < stop - start or start:  # of a side without a whole block, `halved` makes one
        stop -= left_over
    return range(start, stop)


def halved(image: np.ndarray, times: int) -> np.ndarray:
    """(H, W[, C]) uint8 → the means of two by two pixels, so many times; an odd last row or column is left out.

    By two exactly: in OpenCV four to fourteen times as fast as other ratios, and so is doing it twice.
    """
    import cv2

    for _ in range(times):
        height, width = (max(1, side // 2) for side in image.shape[:2])
        image = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return image
