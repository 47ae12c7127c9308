"""Which labelled frames of a project train and which test: kept splits, and those made from a rule."""

from __future__ import annotations

from krolik.poses import FrameKey
from krolik.project import ProjectFile, history, labels, splits, videos
from krolik.project.edits import Change
from krolik.training.splits import TRAIN, assign

NO_SPLIT = "none"


def split(file: ProjectFile, rule: str, name: str | None, source: str) -> dict[FrameKey, str]:
    """Makes (or makes anew) the split of that name, which is the rule itself unless another is given."""
    names = {r.id: r.name for r in videos.records(file)}
    parts = assign(rule, labels.load(file).frames, names)
    history.commit(file, Change((splits.set_split(file, name or rule, parts),), source, f"split {name or rule}"))
    return parts


def split_parts(file: ProjectFile, name: str, source: str) -> dict[FrameKey, str]:
    """The part of each labelled frame by a kept split; a rule that is not kept yet is applied and kept."""
    found = labels.load(file)
    if name == NO_SPLIT:
        return {f.key: TRAIN for f in found}
    if name not in splits.names(file):
        return split(file, name, None, source)
    kept = splits.load(file, name)
    parts = {f.key: kept.get(f.key) or _late_part(f.key, name, kept) for f in found}
    return {key: part for key, part in parts.items() if part is not None}


def _late_part(key: FrameKey, name: str, kept: dict[FrameKey, str]) -> str | None:
    """Where a frame goes that was labelled after the split was made.

    It trains, but not beside test frames that look like it: with blocks it stays out, with by-video it goes where its
    video went. None means neither part.
    """
    if name.startswith("blocks"):
        return None
    if name.startswith("by-video"):
        return next((part for k, part in kept.items() if k.video == key.video), TRAIN)
    return TRAIN
