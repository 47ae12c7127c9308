"""Splits in the project: named, kept by frame identity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from krolik.errors import NotFound
from krolik.poses import FrameKey
from krolik.project.edits import Edit, document, frame_key, frame_subject
from krolik.project.file import ProjectFile
from krolik.project.history import current


def names(file: ProjectFile) -> list[str]:
    return [row[0] for row in file.rows("SELECT name FROM split ORDER BY name")]


@dataclass(frozen=True)
class Split:
    """The rule that a split was made by, and the part of each frame: "train" or "test".

    Frames labelled later are in no part, and neither are those that the rule left out.
    """

    rule: str
    parts: Mapping[FrameKey, str]


def set_split(file: ProjectFile, name: str, split: Split) -> Edit:
    """The edit that makes the split of that name this."""
    value = {"rule": split.rule, "parts": {frame_subject(key): part for key, part in split.parts.items()}}
    return Edit("split", name, current(file, "split", name), document(value))


def load(file: ProjectFile, name: str) -> Split:
    """Raises NotFound."""
    text = current(file, "split", name)
    if text is None:
        known = ", ".join(names(file)) or "none yet"
        raise NotFound(f"no split is named {name!r}", file.path, f"The project has: {known}.")
    found = json.loads(text)
    if "parts" not in found:  # as the first versions kept it, under the rule's name mostly
        found = {"rule": name, "parts": found}
    return Split(found["rule"], {frame_key(subject): part for subject, part in found["parts"].items()})
