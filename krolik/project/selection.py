"""Selected frames in the project: those that wait for a person to label them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from krolik.poses import FrameKey
from krolik.project.edits import Edit, document, frame_subject
from krolik.project.file import ProjectFile
from krolik.project.history import current


def load(file: ProjectFile, video: str | None = None) -> dict[FrameKey, str]:
    """The selected frames, of all videos or one, in order, each with where it comes from ("diverse", "hand", ...)."""
    where, values = ("WHERE video = ?", (video,)) if video else ("", ())
    rows = file.rows(f"SELECT video, frame, document FROM selected_frame {where} ORDER BY video, frame", *values)
    return {FrameKey(v, f): json.loads(text)["origin"] for v, f, text in rows}


def suggested(file: ProjectFile) -> dict[FrameKey, dict]:
    """The selected frames that a model is in doubt about: their rank, score and reasons, the first rank first."""
    rows = file.rows("SELECT video, frame, document FROM selected_frame")
    found = {FrameKey(v, f): json.loads(text) for v, f, text in rows}
    doubted = {key: {k: v for k, v in d.items() if k != "origin"} for key, d in found.items() if "reasons" in d}
    return dict(sorted(doubted.items(), key=lambda item: item[1]["rank"]))


def mark(file: ProjectFile, keys: Iterable[FrameKey], origin: str, about: dict | None = None) -> list[Edit]:
    """The edits that select frames; those that are selected already stay as they are.

    about: what is kept with them beside their origin, as JSON values.
    """
    value = document({"origin": origin, **(about or {})})
    subjects = [frame_subject(key) for key in keys]
    return [Edit("selection", s, None, value) for s in subjects if current(file, "selection", s) is None]


def unmark(file: ProjectFile, keys: Iterable[FrameKey]) -> list[Edit]:
    """The edits that take the selection of frames back."""
    there = [(s, current(file, "selection", s)) for s in map(frame_subject, keys)]
    return [Edit("selection", subject, before, None) for subject, before in there if before is not None]
