"""Writing H.264 that plays everywhere: yuv420p, even sizes, the source's own timestamps, the index at the front."""

from __future__ import annotations

import contextlib
import os
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.errors import StorageError
from krolik.files import discard, storage_error

QUALITY = "20"  # x264's constant rate factor: visually lossless for overlays
PRESET = "veryfast"


class VideoWriter:
    """Writes frames to an MP4 file that appears under its name only when it is complete.

    size: (width, height); odd sizes are padded to even by repeating the last row or column. reorder: frames may refer
    to later ones, which is smaller but cannot be joined to other videos. Raises StorageError.
    """

    def __init__(
        self,
        path: str | Path,
        size: tuple[int, int],
        rate: Fraction,
        time_base: Fraction | None = None,
        reorder: bool = True,
    ):
        import av

        self.path, self.size = Path(path), size
        self._partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self._av = av
        self._time_base = time_base or 1 / rate
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._container = av.open(str(self._partial), "w", format="mp4", options={"movflags": "+faststart"})
        except OSError as error:
            raise storage_error(error, self.path) from error
        options = {"crf": QUALITY, "preset": PRESET, **({} if reorder else {"bf": "0"})}
        self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        self._stream.width, self._stream.height = (side + side % 2 for side in size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = self._time_base
        self._count = 0

    def write(self, rgb: np.ndarray, pts: int | None = None) -> None:
        """Adds a frame, (H, W, 3) uint8, at `pts` in units of time_base (default: one unit after the last)."""
        width, height = self.size
        if rgb.shape[:2] != (height, width):
            raise ValueError(f"a frame of {rgb.shape[1]}×{rgb.shape[0]} in a video of {width}×{height}")
        if width % 2 or height % 2:
            rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
        frame.pts = self._count if pts is None else pts
        frame.time_base = self._time_base
        self._count += 1
        self._mux(frame)

    def _mux(self, frame) -> None:
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def close(self) -> None:
        """Finishes the file and gives it its name."""
        self._mux(None)
        try:
            self._container.close()
            os.replace(self._partial, self.path)
        except OSError as error:
            raise storage_error(error, self.path) from error

    def discard(self) -> None:
        """Gives up: nothing is left behind."""
        with contextlib.suppress(OSError):
            self._container.close()
        discard(self._partial)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.close()
        except StorageError:
            self.discard()
            raise
