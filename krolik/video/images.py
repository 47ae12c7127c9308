"""Image files as a video: a folder, or a list of names that only grows, so that frame numbers stay what they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile, NotFound
from krolik.video.frame import Frame

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"}


def natural(name: str) -> list[tuple[int, int, str]]:
    """A sort key by which img2 comes before img10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name) if part]


def image_names(folder: Path) -> list[str]:
    """The names of the images in a folder, in natural order."""
    return sorted((p.name for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file()), key=natural)


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, whatever the file's mode; turned upright by its EXIF tag. Raises InvalidFile, NotFound."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound("no such image", path) from error
    return decode_image(data, path)


def decode_image(data: bytes, where: object) -> np.ndarray:
    """An encoded image (PNG, JPEG, ...) as (H, W, 3) uint8 RGB. Raises InvalidFile."""
    import cv2

    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error as error:
        raise InvalidFile(f"not an image that can be read ({error.err})", where) from error
    if bgr is None:
        raise InvalidFile("not an image that can be read", where, "Replace the file or leave it out.")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


class ImageSequence:
    """Images of one folder, in the order of `names` (default: all, in natural order). Sizes may differ."""

    index = None

    def __init__(self, folder: str | Path, names: Sequence[str] | None = None):
        self.path = Path(folder)
        if not self.path.is_dir():
            raise NotFound("no such folder", self.path)
        self.names = list(names) if names is not None else image_names(self.path)
        if not self.names:
            raise InvalidFile("no images in this folder", self.path, code="no-images")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the first image."""
        height, width = read_image(self.path / self.names[0]).shape[:2]
        return width, height

    @property
    def rate(self) -> Fraction:
        """One picture a second, when shown as a film."""
        return Fraction(1)

    @property
    def times_s(self) -> np.ndarray:
        return np.arange(len(self), dtype=float)

    def frame_name(self, index: int) -> str:
        return self.names[index]

    def __getitem__(self, i: int) -> Frame:
        """Image i. Raises NotFound outside the sequence or when the file is gone, InvalidFile when it is damaged."""
        if not 0 <= i < len(self):
            raise NotFound(f"no image {i}", self.path, f"There are images 0 to {len(self) - 1}.")
        return Frame(read_image(self.path / self.names[i]))

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame | None]]:
        """Every image from start to stop - 1; None stands for one that cannot be read."""
        for i in range(start, len(self) if stop is None else min(stop, len(self))):
            try:
                yield i, self[i]
            except (InvalidFile, NotFound):
                yield i, None

    def close(self) -> None:
        """Nothing is held open."""

    def __enter__(self) -> ImageSequence:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
