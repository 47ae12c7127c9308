"""Splits in the project: named, kept by frame identity."""

from __future__ import annotations

import json
from collections.abc import Mapping

from krolik.errors import NotFound
from krolik.poses import FrameKey
from krolik.project.edits import Edit, document, frame_key, frame_subject
from krolik.project.file import ProjectFile
from krolik.project.history import current


def names(file: ProjectFile) -> list[str]:
    return [row[0] for row in file.rows("SELECT name FROM split ORDER BY name")]


def set_split(file: ProjectFile, name: str, parts: Mapping[FrameKey, str]) -> Edit:
    """The edit that makes the split of that name this. parts: "train" or "test" per frame."""
    value = {frame_subject(key): part for key, part in parts.items()}
    return Edit("split", name, current(file, "split", name), document(value))


def load(file: ProjectFile, name: str) -> dict[FrameKey, str]:
    """The part of each frame. Frames labelled later are in none. Raises NotFound."""
    text = current(file, "split", name)
    if text is None:
        known = ", ".join(names(file)) or "none yet"
        raise NotFound(f"no split is named {name!r}", file.path, f"The project has: {known}.")
    return {frame_key(subject): part for subject, part in json.loads(text).items()}
