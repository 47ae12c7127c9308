"""Finding the videos that an imported file names, and laying out images that lie in the file itself."""

from __future__ import annotations

import os
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
    """A place that is called as the video with its folders comes before one that is only called as its file.

    The latter is no other video's.
    """
    whole, last = video.name.replace("/", "_"), Path(video.name.split("/")[-1])
    strong: list[tuple[Path, Path]] = []
    weak: list[tuple[Path, Path]] = []
    for place in places:
        named = "_".join(part.strip("/\\:") for part in place.absolute().parts)
        if named.endswith(f"_{whole}"):
            strong.append((place, place))
        if place.name == last.name or place.stem == last.stem:
            weak.append((place, place))
        if place.is_dir():
            strong += [(place, place / whole[:i] / whole[i + 1 :]) for i, c in enumerate(whole) if c == "_"]
            weak += [(place, inside) for inside in [place / last.name, *place.glob(f"{_escaped(last.stem)}.*")]]
    for place, candidate in (*strong, *(pair for pair in weak if pair[1] not in used)):
        if candidate.is_file() if video.images is None else candidate.is_dir():
            used.update((place, candidate))
            return replace(video, path=candidate, embedded=None)
    return video


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


@contextmanager
def embedded_images(file: ProjectFile, imported: Imported) -> Iterator[Imported]:
    """The same with embedded images as files in PROJECT-images/VIDEO; removed again when the import fails."""
    home = file.path.with_name(f"{file.path.stem}-images")
    was_there, made, videos = home.exists(), [], []
    try:
        try:
            for video in imported.videos:
                if video.embedded is None or video.images is None:
                    videos.append(video)
                    continue
                folder = _folder_for(video, home)
                if not folder.exists():
                    made.append(folder)
                    _lay_out(video, folder)
                videos.append(replace(video, path=folder, embedded=None))
        except OSError as error:
            raise storage_error(error, home) from error
        yield replace(imported, videos=tuple(videos))
    except BaseException:
        for folder in made if was_there else [home]:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _folder_for(video: ImportedVideo, home: Path) -> Path:
    """A folder that is not there yet, or one that has these very images from an earlier import."""
    name, number = video.name.replace("/", "_"), 1
    while True:
        folder = home / (name if number == 1 else f"{name}-{number}")
        if not folder.exists() or _has(video, folder):
            return folder
        number += 1


def _has(video: ImportedVideo, folder: Path) -> bool:
    assert video.embedded is not None
    places = {name: folder / name for name in video.images or ()}
    return all(p.is_file() and p.read_bytes() == video.embedded(name) for name, p in places.items())


def _lay_out(video: ImportedVideo, folder: Path) -> None:
    """The folder appears when all images are in it."""
    assert video.embedded is not None
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        for name in video.images or ():
            (partial / name).write_bytes(video.embedded(name))
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
