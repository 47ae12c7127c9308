"""Labelled frames as image files: their folders and names, and writing a folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from krolik.errors import InvalidSetting
from krolik.files import storage_error
from krolik.formats.tables import LabelTable
from krolik.poses import FrameKey


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill; it gets the name `out` when all is written. Raises InvalidSetting if taken, StorageError."""
    out = Path(out)
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise InvalidSetting("there is something already", out, "Name a folder that does not exist yet.")
    partial = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        partial.mkdir(parents=True)
        yield partial
        if out.is_dir():
            out.rmdir()
        os.replace(partial, out)
    except OSError as error:
        raise storage_error(error, out) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def image_places(table: LabelTable) -> dict[FrameKey, tuple[str, str]]:
    """(folder, file name) of each labelled frame: images keep their name, frames of videos get img00123.png."""
    folders: dict[str, str] = {}
    for video in dict.fromkeys(f.key.video for f in table.labels):
        name = PurePosixPath(table.video_names[video].replace("\\", "/")).name
        folder = name if video in table.image_names else PurePosixPath(name).stem or name
        number = 1
        while (folder if number == 1 else f"{folder}-{number}").lower() in {f.lower() for f in folders.values()}:
            number += 1
        folders[video] = folder if number == 1 else f"{folder}-{number}"
    return {f.key: (folders[f.key.video], _file_name(table, f.key)) for f in table.labels}


def _file_name(table: LabelTable, key: FrameKey) -> str:
    if key.video in table.image_names:
        return PurePosixPath(table.image_names[key.video][key.index]).name
    return f"img{key.index:05d}{suffix_of(table.image(key))}"


def suffix_of(data: bytes) -> str:
    """The suffix that the encoded image's kind has."""
    kinds = {
        b"\x89PNG": ".png",
        b"\xff\xd8": ".jpg",
        b"BM": ".bmp",
        b"II*\0": ".tif",
        b"MM\0*": ".tif",
        b"RIFF": ".webp",
    }
    return next((suffix for start, suffix in kinds.items() if data.startswith(start)), ".png")


def write_images(table: LabelTable, root: Path) -> dict[FrameKey, str]:
    """Writes root/FOLDER/NAME for each labelled frame; their paths below root, with slashes."""
    written = {}
    for key, (folder, name) in image_places(table).items():
        place = root / folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(table.image(key))
        written[key] = f"{folder}/{name}"
    return written
