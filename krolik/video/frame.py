"""One decoded frame, whose pixels are converted to RGB only where they are looked at.

Converting a whole frame costs more than decoding it; a crop of it costs a twentieth. So a window of a planar YUV frame
is warped plane by plane and only the window is converted.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from krolik.views import View

if TYPE_CHECKING:
    from av import VideoFrame

# planar formats and their chroma's subsampling (x, y)
PLANAR = {
    "yuv420p": (2, 2),
    "yuvj420p": (2, 2),
    "yuv422p": (2, 1),
    "yuvj422p": (2, 1),
    "yuv444p": (1, 1),
    "yuvj444p": (1, 1),
}
BT709 = 1  # AVCOL_SPC_BT709; everything else is treated as BT.601, as libswscale does
FULL_RANGE = 2  # AVCOL_RANGE_JPEG


class Frame:
    """Pixels of one frame. `rgb` is the whole frame, (H, W, 3) uint8; `warp(view)` a window of it."""

    def __init__(self, rgb: np.ndarray | None = None, decoded: VideoFrame | None = None, quarter_turns: int = 0):
        """Either RGB pixels, or a decoded frame with the counter-clockwise quarter turns to show it upright."""
        self._rgb, self._decoded, self._quarter_turns = rgb, decoded, quarter_turns % 4

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as shown."""
        if self._decoded is None:
            assert self._rgb is not None
            return self._rgb.shape[1], self._rgb.shape[0]
        width, height = self._decoded.width, self._decoded.height
        return (height, width) if self._quarter_turns % 2 else (width, height)

    @cached_property
    def rgb(self) -> np.ndarray:
        if self._decoded is None:
            assert self._rgb is not None
            return self._rgb
        return self._converted(self._decoded, "rgb24", (self._decoded.width, self._decoded.height))

    def _converted(self, decoded: VideoFrame, kind: str, size: tuple[int, int]) -> np.ndarray:
        from av.video.reformatter import Interpolation

        source = "ITU709" if decoded.colorspace == BT709 else "ITU601"
        shrunk = {} if size == (decoded.width, decoded.height) else {"interpolation": Interpolation.AREA}
        converted = decoded.reformat(*size, format=kind, src_colorspace=source, dst_colorspace=source, **shrunk)
        return np.ascontiguousarray(np.rot90(converted.to_ndarray(), self._quarter_turns))

    def bgr(self, width: int | None = None) -> np.ndarray:
        """(h, w, 3) uint8 BGR for looking at; averaged down to `width` where the frame is wider."""
        import cv2

        full_width, full_height = self.size
        width = full_width if width is None else min(width, full_width)
        height = max(1, round(full_height * width / full_width))
        if self._decoded is None:
            bgr = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2BGR)
            return bgr if width == full_width else cv2.resize(bgr, (width, height), interpolation=cv2.INTER_AREA)
        size = (height, width) if self._quarter_turns % 2 else (width, height)
        return self._converted(self._decoded, "bgr24", size)

    @cached_property
    def luma(self) -> np.ndarray:
        """(H, W) uint8: the luminance, converted from nothing where the video is planar YUV. Not turned upright."""
        if self._decoded is None or self._decoded.format.name not in PLANAR:
            import cv2

            return cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
        return _plane(self._decoded.planes[0])

    def warp(self, view: View) -> np.ndarray:
        """What the view sees: (h, w, 3) uint8 RGB."""
        frame = self._decoded
        if frame is None or self._quarter_turns or frame.format.name not in PLANAR or "rgb" in self.__dict__:
            return view.warp(self.rgb)
        return _warp_planes(frame, view)


def _plane(plane) -> np.ndarray:
    """(h, w) uint8: a plane's samples, without a copy."""
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def _warp_planes(frame: VideoFrame, view: View) -> np.ndarray:
    import cv2

    full = frame.color_range == FULL_RANGE or frame.format.name.startswith("yuvj")
    step_x, step_y = PLANAR[frame.format.name]
    planes = []
    for number, plane in enumerate(frame.planes):
        pixels = _plane(plane)
        if number == 0:
            planes.append(view.warp(pixels, 0 if full else 16))
            continue
        # chroma sample (i, j) lies on luma (i * step_x, j * step_y + (step_y - 1) / 2): MPEG-2's siting
        linear = view.matrix[:, :2] * (step_x, step_y)
        offset = view.matrix[:, 2] + view.matrix[:, :2] @ np.array([0.0, (step_y - 1) / 2])
        planes.append(View(np.column_stack([linear, offset]), view.size).warp(pixels, 128))
    return cv2.transform(cv2.merge(planes), yuv_to_rgb(frame.colorspace == BT709, full))


def yuv_to_rgb(bt709: bool, full_range: bool) -> np.ndarray:
    """(3, 4) float64: RGB of 8-bit (Y, U, V, 1), by ITU-R BT.709 or BT.601."""
    red, blue = (0.2126, 0.0722) if bt709 else (0.299, 0.114)
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0.0) if full_range else (255 / 219, 255 / 224, 16.0)
    linear = np.array(
        [
            [luma, 0, 2 * (1 - red) * chroma],
            [luma, -2 * (1 - blue) * blue / green * chroma, -2 * (1 - red) * red / green * chroma],
            [luma, 2 * (1 - blue) * chroma, 0],
        ]
    )
    return np.column_stack([linear, linear @ np.array([-black, -128.0, -128.0])])
