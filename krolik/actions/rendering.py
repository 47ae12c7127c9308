"""Rendering: the annotated video, or chosen frames as images."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.actions.exporting import Source, latest_runs, prediction_blocks, run_skeleton
from krolik.actions.reporter import Reporter
from krolik.errors import Cancelled, InvalidSetting, NotFound
from krolik.project import ProjectFile, predictions, videos
from krolik.project.runs import Run
from krolik.project.videos import VideoRecord
from krolik.rendering import parts
from krolik.rendering.annotated import annotated_frames, write_annotated_images, write_annotated_video
from krolik.rendering.overlay import Style, radius_for
from krolik.video import Video

MEASURED = 32  # frames that tell how large the animals are


def render(
    file: ProjectFile, wanted: str, out: Path, source: Source, frames: Sequence[int] | None, style: Style,
    reporter: Reporter,
) -> list[Path]:  # fmt: skip
    """The annotated video, or with `frames` a picture of each. Raises NotFound, StorageError, InvalidSetting."""
    record = videos.record(file, _name_in_project(file, wanted))
    found = latest_runs(file, source.model, [record.id])
    if not found:
        raise NotFound(f"{record.name} is not predicted yet", file.path,
                       f"Do it: krolik predict {file.path.name} {record.name}.", "not-predicted")  # fmt: skip
    run = found[0]
    skeleton = run_skeleton(file, run)
    style = replace(_sized(style, file, run, record), animals=tuple(run.document.get("animals", ())))
    video = videos.open_record(file, record)
    try:
        if frames is not None:

            def poses_of(i: int) -> np.ndarray | None:
                block = next(prediction_blocks(file, run, source.smoothing, i, i + 1), None)
                return None if block is None else np.dstack([block.xy[i - block.start], block.score[i - block.start]])

            return write_annotated_images(out, video, skeleton, poses_of, frames, style)
        if out.suffix.lower() not in (".mp4", ".m4v", ".mov"):
            out = out / f"{videos.stem(file, record)}_annotated.mp4"
        start, stop = run.document["start"], predictions.next_frame(file, run.id, record.id) or 0
        began, first_done = time.monotonic(), -1

        def done(i: int) -> None:
            nonlocal first_done
            first_done = i if first_done < 0 else first_done  # parts that were there already took no time
            if i % 8 == 0 or i + 1 == stop:
                speed = (i + 1 - first_done) / max(1e-9, time.monotonic() - began)
                reporter.progress(f"render {record.name}", (i + 1 - start) / (stop - start), f"{speed:.0f} frames/s",
                                  (stop - i - 1) / max(speed, 1e-9))  # fmt: skip
                if reporter.cancelled():
                    raise Cancelled("the rendering was cancelled", record.name, code="cancelled")

        def write(path: Path, first: int, last: int) -> None:
            blocks = prediction_blocks(file, run, source.smoothing, max(0, first - style.trail), last)
            frames = annotated_frames(video, skeleton, blocks, style, (first, last))
            write_annotated_video(path, video, frames, done, joined=path != out)

        spans = parts.spans(start, stop)
        if len(spans) == 1:
            write(out, start, stop)
        else:
            key = _key(run.document["model"], run.id, source.smoothing, style, start, stop)
            parts.write_in_parts(out, key, spans, write, lambda i: _seconds(video, i))
        return [out]
    finally:
        video.close()


def _sized(style: Style, file: ProjectFile, run: Run, record: VideoRecord) -> Style:
    """The style with a radius, where none is wished, that suits the animals of some frames, evenly taken."""
    if style.radius:
        return style
    extents: list[np.ndarray] = []
    for frame in np.linspace(run.document["start"], run.document["stop"] - 1, MEASURED).astype(int).tolist():
        block = predictions.block_at(file, run.id, record.id, frame)
        if block is not None:
            i = frame - block.start
            points = np.where(block.score[i, ..., None] >= style.threshold, block.xy[i], np.nan)  # (N, K, 2)
            points = points[np.isfinite(points).all(axis=-1).sum(axis=-1) > 1]
            extents += list((np.nanmax(points, axis=1) - np.nanmin(points, axis=1)).max(axis=-1))
    return replace(style, radius=radius_for(record.size, float(np.median(extents)) if extents else math.inf))


def _key(*values: object) -> str:
    """Tells a rendering from others: of another run, with other looks."""
    return hashlib.sha256(repr(values).encode()).hexdigest()[:12]


def _seconds(video: Video, frame: int) -> Fraction:
    """When a frame is shown, exactly."""
    index = video.index
    return frame / video.rate if index is None else int(index.pts[frame]) * index.time_base


def _name_in_project(file: ProjectFile, wanted: str) -> str:
    """A video's name or id as it is; a path by the content of the file."""
    from krolik.video.source import content_fingerprint

    path = Path(wanted)
    if wanted in {v for r in videos.records(file) for v in (r.id, r.name)} or not path.exists():
        return wanted
    known = videos.find(file, content_fingerprint(path))
    if known is None:
        raise NotFound(
            "this video is not in the project", path, f"Predict it first: krolik predict {file.path.name} {path}."
        )
    return known.id


def parse_frames(text: str) -> list[int]:
    """ "0,10,20-30" → the numbers. Raises InvalidSetting."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise InvalidSetting(f"{part!r} is not a frame number or a range", "--frames", "Write 0,10,20-30.")
        numbers += range(int(first), int(last or first) + 1)
    return numbers
