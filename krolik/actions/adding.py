"""Adding videos to a project, taking them out, and finding them again when they have moved."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from krolik.actions.reporter import Reporter
from krolik.errors import Cancelled, NotFound
from krolik.project import ProjectFile, history, labels, selection, videos
from krolik.project.edits import Change, Edit
from krolik.project.videos import VideoRecord
from krolik.video import VideoFile, open_video
from krolik.video.index import build_index
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


def add_videos(
    file: ProjectFile, paths: Sequence[Path], source: str, reporter: Reporter | None = None
) -> list[VideoRecord]:
    """Adds videos that the project does not have yet, in one change. Raises InvalidFile, NotFound, Cancelled."""
    added: list[VideoRecord] = []
    new: list[tuple[VideoRecord, Video]] = []
    try:
        for number, path in enumerate(paths):
            content = content_fingerprint(path)
            known = videos.find(file, content) or next((r for r in added if r.fingerprint == content), None)
            if known is None:
                video = opened(path, (number, len(paths)), reporter)
                known = videos.describe(file, video, getattr(video, "names", None))
                new.append((known, video))
            added.append(known)
        kept = _kept(file, new, source) if new else {}
    finally:
        for _, video in new:
            video.close()
    return [kept.get(record.id, record) for record in added]


def _kept(file: ProjectFile, new: Sequence[tuple[VideoRecord, Video]], source: str) -> dict[str, VideoRecord]:
    """The new videos' records by id, now in the project, under names of their own."""
    with file.write():
        named = videos.named(file, [record for record, _ in new])
        edits = tuple(videos.set_video(file, record) for record in named)
        history.commit(file, Change(edits, source, f"add {len(edits)} video(s)"))
        for record, (_, video) in zip(named, new, strict=True):
            if video.index is not None:
                videos.keep_index(file, record.id, video.index)
    return {record.id: record for record in named}


def opened(path: Path, part: tuple[int, int], reporter: Reporter | None) -> Video:
    """The video, with its index made anew where somebody listens to how far that is. part: its number, of how many.

    Raises InvalidFile, Cancelled.
    """
    if reporter is None or path.is_dir():
        return open_video(path)

    def progress(fraction: float) -> None:
        if reporter.cancelled():
            raise Cancelled("cancelled while the video was read", path, code="cancelled")
        reporter.progress("read videos", (part[0] + fraction) / part[1], path.name)

    return VideoFile(path, build_index(path, progress))


def remove_videos(file: ProjectFile, names: Iterable[str], source: str) -> list[VideoRecord]:
    """Takes videos out of the project with their labels and marks, in one change, which an undo brings back.

    Their files stay where they are; pixels and predictions stay in the project for the undo. Raises NotFound.
    """
    with file.write():
        gone = list({record.id: record for record in (videos.record(file, name) for name in names)}.values())
        edits: list[Edit] = []
        for record in gone:
            edits.append(videos.remove_video(file, record))
            edits += [labels.remove_frame(file, key) for key in labels.documents(file, record.id)]
            edits += selection.unmark(file, selection.load(file, record.id))
        history.commit(file, Change(tuple(edits), source, f"remove {len(gone)} video(s)"))
    return gone


def relink(file: ProjectFile, path: Path, source: str) -> VideoRecord:
    """Tells the project where a video of its own lies now. Raises NotFound when the project has no such video."""
    fingerprint = content_fingerprint(path)
    called = [r for r in videos.records(file) if path.name in (r.name, r.file_name)]
    known = videos.find(file, fingerprint) or (called[0] if called else None)
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
