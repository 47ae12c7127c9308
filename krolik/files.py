"""Writing files so that they appear whole or not at all, and what the system says when it cannot."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from krolik.errors import InvalidFile, StorageError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A place to write to; what lies there at the end gets the name `path`, and nothing stays behind on an error.

    Raises StorageError when the disk is full or the folder cannot be written to.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        discard(partial)


def discard(*paths: Path) -> None:
    """Removes what an unfinished write left, as far as the system allows it."""
    for path in paths:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def ensure_no_project(path: Path, wanted: str, fix: str = "", code: str = "") -> None:
    """Raises InvalidFile for a project where something else is wanted, before anybody opens it.

    A process that has the project open would lose its locks on the file by reading it by hand (project/file.py).
    """
    if path.suffix.lower() == ".krolik" and path.is_file():
        raise InvalidFile(f"a Krolik project, not {wanted}", path, fix, code)


def storage_error(error: OSError, path: Path) -> StorageError:
    """What the system said, in words that help."""
    if error.errno == errno.ENOSPC:
        return StorageError("the disk is full", path, "Free some space and try again.", "disk-full")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError("this place cannot be written to", path, "Choose another folder.", "not-writable")
    return StorageError(f"cannot be written ({error.strerror or error})", path)
