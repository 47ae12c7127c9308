"""Rendering: the annotated video, or chosen frames as images."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from krolik.actions.exporting import Source, latest_runs, prediction_blocks, run_skeleton
from krolik.actions.reporter import Reporter
from krolik.errors import Cancelled, InvalidSetting, NotFound
from krolik.project import ProjectFile, videos
from krolik.rendering.annotated import write_annotated_images, write_annotated_video
from krolik.rendering.overlay import Style


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
    video = videos.open_record(file, record)
    try:
        if frames is not None:

            def poses_of(i: int) -> np.ndarray | None:
                block = next(prediction_blocks(file, run, source.smoothing, i, i + 1), None)
                return None if block is None else np.dstack([block.xy[i - block.start], block.score[i - block.start]])

            return write_annotated_images(out, video, skeleton, poses_of, frames, style)
        if out.suffix.lower() not in (".mp4", ".m4v", ".mov"):
            out = out / f"{Path(record.name).stem}_annotated.mp4"
        start, stop = run.document["start"], run.document["stop"]
        began = time.monotonic()

        def done(i: int) -> None:
            if i % 8 == 0 or i + 1 == stop:
                speed = (i + 1 - start) / max(1e-9, time.monotonic() - began)
                reporter.progress(f"render {record.name}", (i + 1 - start) / (stop - start), f"{speed:.0f} frames/s",
                                  (stop - i - 1) / max(speed, 1e-9))  # fmt: skip
                if reporter.cancelled():
                    raise Cancelled("the rendering was cancelled", record.name, code="cancelled")

        blocks = prediction_blocks(file, run, source.smoothing)
        write_annotated_video(out, video, skeleton, blocks, style, done)
        return [out]
    finally:
        video.close()


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
