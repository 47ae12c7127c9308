"""Pictures on their way into a project: they wait in a file of their own, so that nobody waits while they are made.

A project has one writer at a time. Decoding and encoding a thousand frames takes half a minute; copying them takes a
second.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from krolik.files import storage_error
from krolik.poses import FrameKey

Pixels = tuple[FrameKey, tuple[int, int], bytes]  # of a frame: its key, (width, height), encoded image


@contextmanager
def staged(pixels: Iterable[Pixels], project: Path) -> Iterator[Iterator[Pixels]]:
    """The same pictures once more, when all of them have been made.

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
