"""Adding videos to a project, and finding them again when they have moved."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from krolik.errors import NotFound
from krolik.project import ProjectFile, history, videos
from krolik.project.edits import Change
from krolik.project.videos import VideoRecord
from krolik.video import open_video
from krolik.video.source import Video, content_fingerprint


def expand(patterns: Iterable[str | Path]) -> list[Path]:
    """Paths with `*`, `?`, `**` and `[...]` in them replaced by what they match. Raises NotFound."""
    paths: list[Path] = []
    for pattern in patterns:
        if Path(pattern).exists():
            found = [Path(pattern)]
        else:
            found = [Path(p) for p in sorted(glob.glob(str(pattern), recursive=True))]
        if not found:
            raise NotFound("no such file or folder", pattern)
        paths += [p for p in found if p not in paths]
    return paths


def add_videos(file: ProjectFile, paths: Sequence[Path], source: str) -> list[VideoRecord]:
    """Adds videos that the project does not have yet, in one change. Raises InvalidFile, NotFound."""
    added, edits, opened = [], [], []
    try:
        for path in paths:
            known = videos.find(file, content_fingerprint(path))
            if known is None:
                video = open_video(path)
                opened.append(video)
                record = videos.describe(file, video, getattr(video, "names", None))
                edits.append(videos.set_video(file, record))
                added.append((record, video))
            else:
                added.append((known, None))
        if edits:
            with file.write():
                history.commit(file, Change(tuple(edits), source, f"add {len(edits)} video(s)"))
                for record, video in added:
                    if video is not None and video.index is not None:
                        videos.keep_index(file, record.id, video.index)
    finally:
        for video in opened:
            video.close()
    return [record for record, _ in added]


def relink(file: ProjectFile, path: Path, source: str) -> VideoRecord:
    """Tells the project where a video of its own lies now. Raises NotFound when the project has no such video."""
    fingerprint = content_fingerprint(path)
    known = videos.find(file, fingerprint) or next((r for r in videos.records(file) if r.name == path.name), None)
    if known is None:
        raise NotFound("the project has no video of this content or name", path)
    return relink_record(file, known, path, source)


def relink_record(file: ProjectFile, known: VideoRecord, path: Path, source: str) -> VideoRecord:
    """Tells the project where this video lies now. Raises InvalidFile when another one lies there."""
    record = videos.moved(file, known, path)
    history.commit(file, Change((videos.set_video(file, record),), source, f"relink {known.name}"))
    return record


def open_for(file: ProjectFile, wanted: str | Path, source: str) -> tuple[VideoRecord, Video]:
    """A video by its name in the project or by path, added if it is new. Raises NotFound, InvalidFile."""
    path = Path(wanted)
    if not path.exists():
        found = videos.record(file, str(wanted))
        return found, videos.open_record(file, found)
    record = videos.find(file, content_fingerprint(path))
    if record is None:
        record = add_videos(file, [path], source)[0]
    return record, videos.open_record(file, record)
