"""What every reader gives: labels, predictions, the videos that they are of, and notes on what was understood."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile, InvalidSetting
from krolik.poses import FrameKey, Labels, Predictions, State
from krolik.skeleton import Skeleton


@dataclass(frozen=True)
class Wishes:
    """What the user says of points whose meaning a format leaves open.

    missing: the state of a point that is left out. unconfirmed: take points that a file itself calls not confirmed by
    a person as labels, instead of as predictions.
    """

    missing: State = State.UNKNOWN
    unconfirmed: bool = False

    @classmethod
    def of(cls, missing: str, unconfirmed: bool) -> Wishes:
        """missing: "unknown" or "absent". Raises InvalidSetting."""
        states = {"unknown": State.UNKNOWN, "absent": State.ABSENT}
        if missing not in states:
            raise InvalidSetting(f"{missing!r} is not a state", "--missing", "Say unknown or absent.")
        return cls(states[missing], unconfirmed)


@dataclass(frozen=True)
class ImportedVideo:
    """A video or image folder that labels refer to by `name`. `images` are the names of a folder's images in order.

    embedded: gives the encoded image of a name, where the images lie in the label file itself.
    """

    name: str
    path: Path
    images: tuple[str, ...] | None = None
    embedded: Callable[[str], bytes] | None = None


@dataclass(frozen=True, eq=False)
class ImportedPredictions:
    """Poses that another program (`model`, in its own words) predicted of one video.

    animals: a name for each of the N rows, "" where it has none. frames: how many frames have a row.
    blocks: the poses in order, in blocks that begin at multiples of BLOCK; read when asked for, as often as wanted.
    rows: the frames that have a row, where others are in the blocks as well; None where that is not told.
    """

    video: str
    skeleton: Skeleton
    model: str
    animals: tuple[str, ...]
    frames: int
    blocks: Callable[[], Iterator[Predictions]]
    rows: frozenset[int] | None = None


@dataclass(frozen=True)
class Imported:
    """Labels and predictions whose videos are named in `videos`; `notes` are for the user to read.

    selected: frames that wait for a person to label them. further: videos, there and readable, that belong to the
    same project of the other program, without labels or predictions.
    """

    format: str
    labels: Labels
    videos: tuple[ImportedVideo, ...]
    notes: tuple[str, ...] = ()
    predictions: tuple[ImportedPredictions, ...] = ()
    selected: tuple[FrameKey, ...] = ()
    further: tuple[Path, ...] = ()


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
    """The first few of a list and how many more there are, for a note in any language."""
    return ", ".join(items[:most]) + (f", … (+{len(items) - most})" if len(items) > most else "")


def unreadable(paths: Sequence[Path]) -> tuple[str, ...]:
    """What is said of videos that would have come along."""
    names = [path.name for path in paths]
    note = f"{len(names)} video(s) of the project cannot be read: {shortened(names)}"
    return (note,) if names else ()
