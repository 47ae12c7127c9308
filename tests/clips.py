"""Generated clips whose frame number is burnt in as a barcode, in every variant that breaks other readers."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BITS = 12
CELL = 8  # pixels of a side of a barcode's cell


def barcode_frame(number: int, width: int = 128, height: int = 64) -> np.ndarray:
    """(H, W, 3) uint8: a gradient with the number as bright and dark cells, from the centre outwards."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(60, 160, width, dtype=np.uint8)[None, :, None]
    top, left = (height - CELL) // 2 // 2 * 2, (width - BITS * CELL) // 2 // 2 * 2
    for bit in range(BITS):
        value = 235 if number >> bit & 1 else 16
        image[top : top + CELL, left + bit * CELL : left + (bit + 1) * CELL] = value
    return image


def read_barcode(image: np.ndarray) -> int:
    """The number burnt into a frame."""
    height, width = image.shape[:2]
    top, left = (height - CELL) // 2 // 2 * 2, (width - BITS * CELL) // 2 // 2 * 2
    cells = image[top : top + CELL, left : left + BITS * CELL].reshape(CELL, BITS, CELL, 3).mean(axis=(0, 2, 3))
    return sum(1 << bit for bit in range(BITS) if cells[bit] > 125)


@dataclass(frozen=True)
class Variant:
    """How a clip is encoded."""

    suffix: str = ".mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (128, 64)
    rate: int = 25
    options: dict[str, str] = field(default_factory=dict)
    container: dict[str, str] = field(default_factory=dict)
    variable: bool = False
    rotation: int = 0  # degrees clockwise that a player must turn the picture


VARIANTS = {
    "plain": Variant(options={"bf": "0", "g": "12"}),
    "b-frames": Variant(options={"bf": "3", "g": "30", "b-pyramid": "normal"}),
    "long-gop": Variant(options={"bf": "3", "g": "250"}),
    "open-gop": Variant(options={"bf": "3", "g": "15", "x264-params": "open-gop=1:scenecut=0"}),
    "variable-rate": Variant(options={"bf": "2", "g": "20"}, variable=True),
    "yuv444p": Variant(pixels="yuv444p", options={"g": "20"}),
    "odd-size": Variant(pixels="yuv444p", size=(131, 67), options={"g": "20"}),
    "rotated-90": Variant(options={"g": "20"}, rotation=90),
    "rotated-180": Variant(options={"g": "20"}, rotation=180),
    "webm-no-length": Variant(".webm", "libvpx-vp9", options={"g": "20", "deadline": "realtime", "cpu-used": "8"},
                              container={"live": "1"}),
    "mkv": Variant(".mkv", options={"bf": "3", "g": "30"}),
    "transport-stream": Variant(".ts", options={"bf": "2", "g": "15"}),
    "avi-mpeg4": Variant(".avi", "mpeg4", options={"g": "12", "bf": "2", "q": "3"}),
    "mov-mjpeg": Variant(".mov", "mjpeg", "yuvj420p", options={"q": "3"}),
}  # fmt: skip


def write_clip(path: Path, variant: Variant, frames: int = 60) -> list[int]:
    """Writes the clip; the timestamps of its frames in milliseconds."""
    width, height = variant.size
    times = [i * 1000 // variant.rate for i in range(frames)]
    if variant.variable:
        times = np.cumsum([0] + [20 + 13 * (i % 7) for i in range(frames - 1)]).tolist()
    with av.open(str(path), "w", options=variant.container) as container:
        stream = container.add_stream(variant.codec, rate=variant.rate, options=variant.options)
        stream.width, stream.height, stream.pix_fmt = width, height, variant.pixels
        base = Fraction(1, 1000) if variant.variable else Fraction(1, variant.rate)
        stream.time_base = stream.codec_context.time_base = base
        for i in range(frames):
            frame = av.VideoFrame.from_ndarray(barcode_frame(i, width, height), format="rgb24")
            frame.pts = times[i] if variant.variable else i
            frame.time_base = base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if variant.rotation:
        set_rotation(path, variant.rotation)
    return times


def set_rotation(path: Path, degrees: int) -> None:
    """Writes the display matrix of an MP4's track header."""
    cos, sin = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    data = bytearray(path.read_bytes())
    header = data.index(b"tkhd")
    matrix = header + 4 + 4 + 20 + 8 + 8  # version 0: after times, id, duration, layer, volume
    one = 1 << 16
    struct.pack_into(">9i", data, matrix, cos * one, sin * one, 0, -sin * one, cos * one, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
