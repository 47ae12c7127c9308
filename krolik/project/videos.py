"""Videos in the project: recognised by content, found again when they or the project have moved."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from krolik.errors import InvalidFile, KrolikError, NotFound
from krolik.project.edits import Edit, document
from krolik.project.file import ProjectFile
from krolik.project.history import current
from krolik.project.naming import distinct, stems
from krolik.video import ImageSequence, Video, VideoFile, VideoIndex, open_video
from krolik.video.source import content_fingerprint


@dataclass(frozen=True)
class VideoRecord:
    """What the project knows of a video. `names` are the image names of a folder, in the order of frame numbers.

    name: the file's, or what tells it from another video whose file is called the same (see `named`).
    """

    id: str
    name: str
    path: str
    relative_path: str
    fingerprint: str
    frames: int
    size: tuple[int, int]
    rate: str
    names: tuple[str, ...] | None = None

    @property
    def file_name(self) -> str:
        """The last part of its path, of whatever system that is."""
        return self.path.replace("\\", "/").rstrip("/").rpartition("/")[2]

    def to_document(self) -> str:
        return document({k: v for k, v in asdict(self).items() if k != "id"})

    @classmethod
    def from_document(cls, identity: str, text: str) -> VideoRecord:
        value = json.loads(text)
        names = tuple(value.pop("names")) if value.get("names") is not None else value.pop("names", None)
        return cls(identity, names=names, **{**value, "size": tuple(value["size"])})


def records(file: ProjectFile) -> list[VideoRecord]:
    """All videos, by name."""
    found = [VideoRecord.from_document(*row) for row in file.rows("SELECT id, document FROM video")]
    return sorted(found, key=lambda r: (r.name, r.id))


def record(file: ProjectFile, wanted: str) -> VideoRecord:
    """The video of that id or name. Raises NotFound when there is none, or when several have the name."""
    found = [r for r in records(file) if wanted in (r.id, r.name)]
    if len(found) != 1:
        known = ", ".join(r.name for r in records(file)) or "none yet"
        problem = f"{len(found)} videos are named" if found else "no video is named"
        raise NotFound(f"{problem} {wanted!r}", file.path, f"The project has: {known}.", "no-such-video")
    return found[0]


def find(file: ProjectFile, fingerprint: str) -> VideoRecord | None:
    """The video with that content, if the project has it."""
    return next((r for r in records(file) if r.fingerprint == fingerprint), None)


def named(file: ProjectFile, new: Sequence[VideoRecord]) -> list[VideoRecord]:
    """The new records with names that no other video has. A video that the project has already keeps its name."""
    names = distinct([record.path for record in new], [record.name for record in records(file)])
    return [replace(record, name=name) for record, name in zip(new, names, strict=True)]


def stem(file: ProjectFile, video: VideoRecord) -> str:
    """What files about it are called; no other video's are."""
    known = records(file)
    return stems([record.name for record in known])[[record.id for record in known].index(video.id)]


def describe(file: ProjectFile, video: Video, names: list[str] | None = None) -> VideoRecord:
    """The record that a video would have, with a new id."""
    path = video.path.resolve()
    return VideoRecord(
        uuid.uuid4().hex[:12], video.name, str(path), _relative(file, path), content_fingerprint(path), len(video),
        video.size, str(video.rate), tuple(names) if names is not None else None,
    )  # fmt: skip


def set_video(file: ProjectFile, new: VideoRecord) -> Edit:
    """The edit that adds a video or changes what is known of it."""
    return Edit("video", new.id, current(file, "video", new.id), new.to_document())


def remove_video(file: ProjectFile, old: VideoRecord) -> Edit:
    """The edit after which the project has no such video."""
    return Edit("video", old.id, current(file, "video", old.id), None)


def keep_index(file: ProjectFile, identity: str, index: VideoIndex) -> None:
    """Keeps the frame index, so that the file need not be read through again."""
    with file.write():
        file.execute("UPDATE video SET frame_index = ? WHERE id = ?", index.to_bytes(), identity)


def frame_index(file: ProjectFile, identity: str) -> VideoIndex | None:
    """The kept index of a video; None for image folders."""
    stored = file.rows("SELECT frame_index FROM video WHERE id = ?", identity)
    return VideoIndex.from_bytes(stored[0][0]) if stored and stored[0][0] else None


def _relative(file: ProjectFile, path: Path) -> str:
    try:
        return Path(os.path.relpath(path, file.path.resolve().parent)).as_posix()
    except ValueError:  # another drive on Windows
        return ""


def locate(file: ProjectFile, wanted: VideoRecord) -> Path:
    """Where the video is now: beside the project as before, where it was, or of the same name near the project.

    Raises NotFound when it is nowhere, InvalidFile when the file there has another content.
    """
    home = file.path.resolve().parent
    beside = [home / wanted.relative_path] if wanted.relative_path else []
    places = [*beside, Path(wanted.path), home / wanted.file_name]
    there = [p for p in places if p.exists()]
    for path in there:
        if wanted.names is not None or content_fingerprint(path) == wanted.fingerprint:
            return path
    if there:
        raise InvalidFile("the video has changed since it was added", there[0],
                          "Add the changed file as a new video.", "video-changed", name=wanted.name)  # fmt: skip
    raise NotFound(f"the video {wanted.name!r} is not where it was", wanted.path,
                   f"Say where it is: krolik relink {file.path.name} NEW_PATH.", "video-missing",
                   name=wanted.name)  # fmt: skip


def open_record(file: ProjectFile, wanted: VideoRecord) -> Video:
    """The video itself, with the kept index. Raises NotFound, InvalidFile."""
    path = locate(file, wanted)
    if wanted.names is not None:
        return ImageSequence(path, wanted.names)
    index = frame_index(file, wanted.id)
    if index is not None:
        return VideoFile(path, index)
    video = open_video(path)
    if video.index is not None and not file.read_only:  # a video that was taken out and brought back
        with suppress(KrolikError):  # others are writing: it is made anew next time
            keep_index(file, wanted.id, video.index)
    return video


def moved(file: ProjectFile, old: VideoRecord, path: Path) -> VideoRecord:
    """The record with its new place. Raises InvalidFile when another video lies there."""
    path = path.resolve()
    if old.names is None and content_fingerprint(path) != old.fingerprint:
        raise InvalidFile(f"this is not the video {old.name!r}: its content differs", path,
                          code="other-video", name=old.name)  # fmt: skip
    if old.names is not None and not (path / old.names[0]).exists():
        raise InvalidFile(f"these are not the images of {old.name!r}: {old.names[0]} is missing", path)
    return replace(old, path=str(path), relative_path=_relative(file, path))
