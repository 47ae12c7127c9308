"""Finding the videos that an imported file names, and laying out images that lie in the file itself."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from krolik.errors import InvalidSetting, NotFound
from krolik.files import storage_error
from krolik.formats.imported import Imported, ImportedVideo
from krolik.project import ProjectFile


def is_there(video: ImportedVideo) -> bool:
    """Whether a video, and all images of a folder that are named, can be found."""
    if video.embedded is not None:
        return True
    return video.path.exists() and all((video.path / name).is_file() for name in video.images or ())


def placed(imported: Imported, places: Sequence[Path]) -> Imported:
    """The same with the videos where the user says they are: files of the same name, or folders that have them.

    One video may be given for the only one that is named, whatever it is called. Raises NotFound, InvalidSetting.
    """
    for place in places:
        if not place.exists():
            raise NotFound("no such file or folder", place)
    if not places:
        return imported
    used: set[Path] = set()
    found = [_found(video, places, used) for video in imported.videos]
    if len(imported.videos) == 1 and not used and len(places) == 1:
        used.add(places[0])
        found = [replace(imported.videos[0], path=places[0], embedded=None)]
    unused = [p for p in places if p not in used]
    if unused:
        names = ", ".join(v.name for v in imported.videos)
        raise InvalidSetting(f"{unused[0]} is none of the videos of this file ({names})", "--video")
    return replace(imported, videos=tuple(found))


def _found(video: ImportedVideo, places: Sequence[Path], used: set[Path]) -> ImportedVideo:
    wanted = Path(video.name.split("/")[-1])
    for place in places:
        inside = [place / wanted.name, *place.glob(f"{_escaped(wanted.stem)}.*")] if place.is_dir() else []
        candidates = ([place] if place.name == wanted.name or place.stem == wanted.stem else []) + inside
        for candidate in candidates:
            fits = (candidate.is_dir() if video.images is not None else candidate.is_file())  # fmt: skip
            if fits and candidate.exists():
                used.add(place)
                return replace(video, path=candidate, embedded=None)
    return video


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


@contextmanager
def embedded_images(file: ProjectFile, imported: Imported) -> Iterator[Imported]:
    """The same with embedded images as files in PROJECT-images/VIDEO; removed again when the import fails."""
    home = file.path.with_name(f"{file.path.stem}-images")
    there, made = home.exists(), []
    videos = []
    try:
        try:
            for video in imported.videos:
                if video.embedded is None or video.images is None:
                    videos.append(video)
                    continue
                folder = home / video.name.replace("/", "_")
                if not folder.exists():
                    made.append(folder)
                    folder.mkdir(parents=True)
                    for name in video.images:
                        (folder / name).write_bytes(video.embedded(name))
                videos.append(replace(video, path=folder, embedded=None))
        except OSError as error:
            raise storage_error(error, home) from error
        yield replace(imported, videos=tuple(videos))
    except BaseException:
        for folder in made if there else [home]:
            shutil.rmtree(folder, ignore_errors=True)
        raise
