"""What every reader gives: labels, the videos that they are of, and notes on what was understood or left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile
from krolik.poses import Labels


@dataclass(frozen=True)
class ImportedVideo:
    """A video or image folder that labels refer to by `name`. `images` are the names of a folder's images in order."""

    name: str
    path: Path
    images: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Imported:
    """Labels whose frame keys carry the names of `videos`; `notes` are for the user to read."""

    format: str
    labels: Labels
    videos: tuple[ImportedVideo, ...]
    notes: tuple[str, ...] = ()


def decode_text(data: bytes, where: object) -> tuple[str, str]:
    """Text and the encoding that was found: UTF-8, UTF-16 by its mark, else Windows-1251 or -1252.

    Raises InvalidFile for an empty file, a git-LFS pointer, or bytes that are no text.
    """
    if not data.strip():
        raise InvalidFile("the file is empty", where)
    if data.startswith(b"version https://git-lfs"):
        raise InvalidFile("this is only git-LFS's pointer to the file", where, "Fetch the file with: git lfs pull.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encodings = ["utf-16"]
    else:
        encodings = ["utf-8-sig", "cp1251" if _looks_cyrillic(data) else "cp1252"]
    if b"\0" in data and encodings[0] != "utf-16":
        raise InvalidFile("not a text file", where)
    for encoding in encodings:
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    raise InvalidFile("not a text file in any known encoding", where, "Save it as UTF-8.")


def _looks_cyrillic(data: bytes) -> bool:
    """In Windows-1251, words are runs of high bytes; in Western text high bytes stand among ASCII letters."""
    high = np.frombuffer(data, np.uint8) >= 0xC0
    followed = (high[:-1] & high[1:]).sum() if len(high) > 1 else 0
    return bool(followed > 0.4 * max(1, high.sum()))


def shortened(items: list[str], most: int = 5) -> str:
    """The first few of a list, for a note."""
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")
