"""Names that tell videos, and the files about them, apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from pathlib import PurePosixPath


def distinct(paths: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """The files' names, with folders before them where files are called the same or a name is taken.

    Of mon/cam.mp4 and tue/cam.mp4 tables and file names could not be told apart; they become mon_cam.mp4 and
    tue_cam.mp4. Large and small letters are the same, as they are on many disks.
    """
    parts = [path.replace("\\", "/").rstrip("/").split("/") for path in paths]
    called = Counter(part[-1].lower() for part in parts)
    used, found = {name.lower() for name in taken}, []
    for part in parts:
        names = _names(part)
        if called[part[-1].lower()] > 1:
            next(names)
        name = next(name for name in names if name.lower() not in used)
        used.add(name.lower())
        found.append(name)
    return found


def _names(parts: Sequence[str]) -> Iterator[str]:
    """cam.mp4, mon_cam.mp4, june_mon_cam.mp4, ..., then cam-2.mp4, cam-3.mp4, ..."""
    folders = [part for part in parts[:-1] if part and not part.endswith(":")]
    for depth in range(len(folders) + 1):
        yield "_".join([*folders[len(folders) - depth :], parts[-1]])
    name = PurePosixPath(parts[-1])
    yield from (f"{name.stem}-{i}{name.suffix}" for i in count(2))


def stems(names: Sequence[str]) -> list[str]:
    """What files about each video are called: its name without suffix, or with it where only that tells two apart."""
    short = [PurePosixPath(name).stem for name in names]
    alike = Counter(text.lower() for text in (*short, *names))
    return [stem if alike[stem.lower()] == 1 else name for stem, name in zip(short, names, strict=True)]
