"""The pixels of labelled frames on their way into a project, as encoded images."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from krolik.errors import NotFound
from krolik.files import storage_error
from krolik.poses import FrameKey
from krolik.video import ImageSequence, Video
from krolik.video.images import decode_image

Pixels = tuple[FrameKey, tuple[int, int], bytes]  # of a frame: its key, (width, height), encoded image
Picture = tuple[tuple[int, int], bytes | np.ndarray]  # (width, height) and an encoded image, or RGB (h, w, 3) uint8
MOST_ENCODERS = 8


def picture(video: Video, index: int) -> Picture:
    """A frame: of an image folder the file as it is, else decoded. Raises NotFound, InvalidFile."""
    if isinstance(video, ImageSequence):
        path = video.path / video.frame_name(index)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NotFound("no such image", path) from error
        height, width = decode_image(data, path).shape[:2]
        return (width, height), data
    rgb = video[index].rgb
    return (rgb.shape[1], rgb.shape[0]), rgb


def png(image: bytes | np.ndarray) -> bytes:
    """An image that is not encoded yet as PNG."""
    import cv2

    if isinstance(image, bytes):
        return image
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def encoded_frame(video: Video, index: int) -> tuple[bytes, tuple[int, int]]:
    """A frame as an encoded image, and its (width, height). Image files as they are; video frames as PNG."""
    size, image = picture(video, index)
    return png(image), size


def encoded(pictures: Iterable[tuple[FrameKey, Picture]]) -> Iterator[Pixels]:
    """The same, encoded, in the same order, several at a time: that takes ten times as long as to decode them."""
    encoders = min(MOST_ENCODERS, os.cpu_count() or 1)
    with ThreadPoolExecutor(encoders, "encode") as pool:
        waiting: deque = deque()

        def first() -> Pixels:
            key, size, data = waiting.popleft()
            return key, size, data.result()

        for key, (size, image) in pictures:
            waiting.append((key, size, pool.submit(png, image)))
            if len(waiting) > encoders:
                yield first()
        while waiting:
            yield first()


@contextmanager
def staged(pixels: Iterable[Pixels], project: Path) -> Iterator[Iterator[Pixels]]:
    """The same once more, when all of them have been made, so that nobody else has to wait to write meanwhile.

    They lie beside the project, in a file without a name that the system removes whatever happens. Raises StorageError
    when the disk is full.
    """
    made: list[tuple[FrameKey, tuple[int, int], int]] = []
    with ExitStack() as stack:
        try:
            waiting = stack.enter_context(tempfile.TemporaryFile(dir=project.parent, prefix=".krolik-"))
        except OSError as error:
            raise storage_error(error, project) from error
        for key, size, data in pixels:
            try:
                waiting.write(data)
                waiting.flush()
            except OSError as error:
                raise storage_error(error, project) from error
            made.append((key, size, len(data)))
        waiting.seek(0)
        yield ((key, size, waiting.read(length)) for key, size, length in made)
