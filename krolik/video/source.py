"""What every video offers, whether a file or a folder, and how to tell which it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from krolik.errors import NotFound
from krolik.files import ensure_no_project
from krolik.video.frame import Frame
from krolik.video.images import ImageSequence
from krolik.video.index import VideoIndex, probe
from krolik.video.reader import VideoFile

SAMPLE_BYTES = 1 << 16


class Video(Protocol):
    """Frames 0 .. len - 1, each at its time."""

    path: Path

    def __len__(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def index(self) -> VideoIndex | None: ...
    @property
    def size(self) -> tuple[int, int]: ...
    @property
    def rate(self) -> Fraction: ...
    @property
    def times_s(self) -> np.ndarray: ...
    def frame_name(self, index: int) -> str: ...
    def __getitem__(self, i: int) -> Frame: ...
    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame | None]]: ...
    def close(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *exc: object) -> None: ...


def open_video(path: str | Path) -> Video:
    """A video file, or a folder of images. Raises NotFound, InvalidFile."""
    path = Path(path)
    if path.is_dir():
        return ImageSequence(path)
    if not path.exists():
        raise NotFound("no such file or folder", path, code="no-file")
    ensure_no_project(path, "a video", code="not-a-video")
    return VideoFile(path)


def check_video(path: Path) -> None:
    """Looks whether this is a video or a folder of images, without reading all of it. Raises NotFound, InvalidFile."""
    if path.is_dir():
        ImageSequence(path)
    elif not path.exists():
        raise NotFound("no such file or folder", path, code="no-file")
    else:
        ensure_no_project(path, "a video", code="not-a-video")
        probe(path)


def content_fingerprint(path: Path) -> str:
    """What tells a video from another wherever it lies: its length and a hash of its beginning, middle and end.

    For a folder of images: the names and sizes of the images. Raises InvalidFile for a project.
    """
    ensure_no_project(path, "a video", code="not-a-video")
    digest = hashlib.sha256()
    if path.is_dir():
        from krolik.video.images import image_names

        for name in image_names(path):
            digest.update(f"{name}\0{(path / name).stat().st_size}\n".encode())
        return "images:" + digest.hexdigest()[:32]
    length = path.stat().st_size
    with path.open("rb") as file:
        for place in (0, max(0, length // 2 - SAMPLE_BYTES // 2), max(0, length - SAMPLE_BYTES)):
            file.seek(place)
            digest.update(file.read(SAMPLE_BYTES))
    return f"{length}:{digest.hexdigest()[:32]}"
