"""Choosing the frames that a person will label: automatically, or by hand."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from krolik import defaults
from krolik.actions.reporter import Reporter
from krolik.errors import Cancelled, InvalidSetting, NotFound
from krolik.poses import FrameKey
from krolik.project import ProjectFile, history, labels, selection, videos
from krolik.project.edits import Change
from krolik.project.videos import VideoRecord
from krolik.sampling import Wish, choose


def select(
    file: ProjectFile, names: Sequence[str], wish: Wish, quotas: Mapping[str, int], source: str, reporter: Reporter
) -> list[FrameKey]:
    """Selects `wish.count` new frames of each video (default: of all), or as many as its quota says, in one change.

    Labelled and selected frames are left out. Raises NotFound, InvalidSetting, Cancelled; then nothing is selected.
    """
    chosen_videos = [videos.record(file, name) for name in names] or videos.records(file)
    if not chosen_videos:
        raise NotFound("the project has no videos", file.path, "Add one first.", "no-videos")
    unknown = set(quotas) - {r.name for r in chosen_videos} - {r.id for r in chosen_videos}
    if unknown:
        raise NotFound(f"no video is named {sorted(unknown)[0]!r}", "--quota")
    keys: list[FrameKey] = []
    for number, record in enumerate(chosen_videos):
        count = quotas.get(record.name, quotas.get(record.id, wish.count))
        if count:
            part = (number, len(chosen_videos))
            keys += _select_one(file, record, replace(wish, count=count), part, reporter)
    title = f"select {len(keys)} frames ({wish.strategy})"
    with file.write():
        history.commit(file, Change(tuple(selection.mark(file, keys, wish.strategy)), source, title))
    return keys


def select_first(file: ProjectFile, source: str, reporter: Reporter) -> list[FrameKey]:
    """The first frames of a new project's videos, so that labelling can begin at once."""
    count = defaults.SELECT_COUNT
    quotas = {r.id: min(count, r.frames) for r in videos.records(file)}
    return select(file, [], Wish(count), quotas, source, reporter)


def _select_one(
    file: ProjectFile, record: VideoRecord, wish: Wish, part: tuple[int, int], reporter: Reporter
) -> list[FrameKey]:
    started = time.monotonic()

    def progress(fraction: float) -> None:
        if reporter.cancelled():
            raise Cancelled("the selection was cancelled", record.name, code="cancelled")
        done = (part[0] + fraction) / part[1]
        spent = time.monotonic() - started
        left = spent / fraction * (1 - fraction) if fraction > 0.01 else None
        reporter.progress("select frames", done, record.name, left)

    taken = {f.key.index for f in labels.load(file, record.id)} | {k.index for k in selection.load(file, record.id)}
    with videos.open_record(file, record) as video:
        chosen = choose(video, wish, taken, progress)
    progress(1.0)
    return [FrameKey(record.id, frame) for frame in chosen]


def mark(file: ProjectFile, video: str, frames: Iterable[int], source: str) -> list[FrameKey]:
    """Selects frames by number; the keys of those that were not selected before. Raises NotFound."""
    record = videos.record(file, video)
    keys = [FrameKey(record.id, frame) for frame in sorted(set(frames))]
    for key in keys:
        if not 0 <= key.index < record.frames:
            raise NotFound(f"no frame {key.index}", record.name, f"The video has frames 0 to {record.frames - 1}.",
                           "no-frame", frame=key.index, last=record.frames - 1)  # fmt: skip
    with file.write():
        edits = selection.mark(file, keys, "hand")
        if edits:
            history.commit(file, Change(tuple(edits), source, f"select {len(edits)} frames by hand"))
    return keys


def unmark(file: ProjectFile, video: str, frames: Iterable[int] | None, source: str) -> int:
    """Takes the selection of frames back (None: of all of the video); how many were selected. Raises NotFound."""
    record = videos.record(file, video)
    with file.write():
        keys = selection.load(file, record.id) if frames is None else [FrameKey(record.id, f) for f in set(frames)]
        edits = selection.unmark(file, keys)
        if edits:
            history.commit(file, Change(tuple(edits), source, f"unselect {len(edits)} frames"))
    return len(edits)


def parse_frames(text: str) -> list[int]:
    """ "3,10-20,100-200:25" → frame numbers, both ends included. Raises InvalidSetting."""
    frames: set[int] = set()
    for part in filter(None, (p.strip() for p in text.split(","))):
        span, _, step = part.partition(":")
        first, dash, last = span.partition("-")
        try:
            numbers = range(int(first), int(last if dash else first) + 1, int(step or 1))
        except ValueError:
            numbers = range(0)
        if not numbers:
            raise InvalidSetting(f"{part!r} names no frames", "FRAMES", "Write 3,10-20,100-200:25.", "not-frames",
                                 text=part)  # fmt: skip
        frames.update(numbers)
    return sorted(frames)


def parse_range(text: str | None) -> tuple[int, int | None, int]:
    """ "100:2000:5" → (start, stop, step); every part may be left out. Raises InvalidSetting."""
    if not text:
        return 0, None, 1
    parts = (text.split(":") + ["", ""])[:3]
    try:
        if text.count(":") > 2:
            raise ValueError(text)
        start, stop, step = (int(p) if p.strip() else None for p in parts)
    except ValueError as error:
        raise InvalidSetting(f"{text!r} is no range", "--range", "Write START:STOP or START:STOP:STEP.") from error
    return start or 0, stop, 1 if step is None else step
