"""What a network sees of a frame: an affine window that warps pixels and points there and back.

Coordinates: x right, y down, pixels, the centre of the top-left pixel is (0, 0), in frames and views alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        cos, sin = (scale * f(math.radians(rotation_deg)) for f in (math.cos, math.sin))
        linear = np.array([[cos, -sin], [sin, cos]])
        if mirror:
            linear[0] = -linear[0]
        middle = (np.array(size, float) - 1) / 2
        offset = middle - linear @ np.asarray(centre, float)
        return cls(np.column_stack([linear, offset]), size)

    @classmethod
    def fit(cls, frame_size: tuple[int, int], size: tuple[int, int]) -> View:
        """The whole frame, centred, as large as fits into `size` with its proportions kept."""
        scale = min(size[0] / frame_size[0], size[1] / frame_size[1])
        return cls.crop(((frame_size[0] - 1) / 2, (frame_size[1] - 1) / 2), size, scale)

    @property
    def scale(self) -> float:
        """View pixels per frame pixel (the square root of the area's change)."""
        return math.sqrt(abs(float(np.linalg.det(self.matrix[:, :2]))))

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Frame points (..., 2) as view points (..., 2); NaN stays NaN."""
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def inverse(self, points: np.ndarray) -> np.ndarray:
        """View points (..., 2) as frame points (..., 2)."""
        return (points - self.matrix[:, 2]) @ np.linalg.inv(self.matrix[:, :2]).T

    def after(self, first: View) -> View:
        """The view of this view's window inside `first`'s picture: frame → first → self."""
        linear = self.matrix[:, :2] @ first.matrix[:, :2]
        offset = self.matrix[:, :2] @ first.matrix[:, 2] + self.matrix[:, 2]
        return View(np.column_stack([linear, offset]), self.size)

    @property
    def halvings(self) -> int:
        """How often a frame can be halved before it has fewer pixels than the view shows of it."""
        return max(0, math.floor(math.log2(1 / self.scale))) if self.scale > 0 else 0

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom) of the frame pixels that `warp` looks at, in whole blocks of 2**halvings.

        It may reach beyond the frame.
        """
        right, bottom = self.size[0] - 1, self.size[1] - 1
        corners = self.inverse(np.array([(0, 0), (right, 0), (0, bottom), (right, bottom)], float))
        block = 2**self.halvings
        blocks = (corners + 0.5) / block - 0.5
        # bilinear: each place between two pixels, and OpenCV rounds places to a 32nd of a pixel
        first = np.floor(blocks.min(axis=0) - 1 / 16).astype(int) * block
        end = (np.floor(blocks.max(axis=0) + 1 / 16).astype(int) + 2) * block
        return int(first[0]), int(first[1]), int(end[0]), int(end[1])

    def within(self, left: int, top: int) -> View:
        """The same view of a picture that begins at pixel (left, top) of the frame."""
        return View(np.column_stack([self.matrix[:, :2], self.apply(np.array([left, top], float))]), self.size)

    def warp(self, image: np.ndarray, border: int | tuple[int, int, int] = 0, halvings: int = 0) -> np.ndarray:
        """The window's pixels: (H, W[, C]) uint8 in, (h, w[, C]) uint8 out, outside filled with `border`.

        Shrinking by two or more halves the frame first, so that fine texture does not alias; `image` may be a frame
        that was halved so many times already.
        """
        import cv2

        matrix = self.matrix
        if most := max(halvings, self.halvings):
            image = halved(image, most - halvings)
            # pixel centres: half = (frame + 0.5) / 2 - 0.5
            linear = matrix[:, :2] * 2**most
            matrix = np.column_stack([linear, matrix[:, 2] + linear @ np.full(2, 0.5 - 0.5 / 2**most)])
        value = (border,) * 4 if isinstance(border, int) else border
        return cv2.warpAffine(image, matrix, self.size, flags=cv2.INTER_LINEAR, borderValue=value)


def halved(image: np.ndarray, times: int) -> np.ndarray:
    """(H, W[, C]) uint8 → the means of two by two pixels, so many times; an odd last row or column is left out.

    By two exactly: in OpenCV four to fourteen times as fast as other ratios, and so is doing it twice.
    """
    import cv2

    for _ in range(times):
        height, width = (max(1, side // 2) for side in image.shape[:2])
        image = cv2.resize(image[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return image
