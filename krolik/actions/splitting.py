"""Which labelled frames of a project train and which test: kept splits, and those made from a rule."""

from __future__ import annotations

from krolik import defaults
from krolik.poses import FrameKey
from krolik.project import ProjectFile, history, labels, splits, videos
from krolik.project.edits import Change
from krolik.project.splits import Split
from krolik.training.splits import TRAIN, assign

NO_SPLIT = "none"
CHOSEN = "split"  # the property that says which split was made last


def split(file: ProjectFile, rule: str, name: str | None, source: str) -> dict[FrameKey, str]:
    """Makes (or makes anew) the split of that name, which is the rule itself unless another is given.

    From then on it is what trainings take that are not told of another one.
    """
    with file.write():
        parts = _made(file, rule, name or rule, source)
        file.put(CHOSEN, name or rule)
    return parts


def chosen_split(file: ProjectFile) -> str:
    """The split that was made last and is still there; the usual rule where there is none."""
    chosen = file.find(CHOSEN)
    return chosen if chosen is not None and chosen in splits.names(file) else defaults.SPLIT


def _made(file: ProjectFile, rule: str, name: str, source: str) -> dict[FrameKey, str]:
    parts = assign(rule, labels.load(file).frames, {r.id: r.name for r in videos.records(file)})
    history.commit(file, Change((splits.set_split(file, name, Split(rule, parts)),), source, f"split {name}"))
    return parts


def split_parts(file: ProjectFile, name: str, source: str) -> dict[FrameKey, str]:
    """The part of each labelled frame by a kept split; a rule that is not kept yet is applied and kept."""
    found = labels.load(file)
    if name == NO_SPLIT:
        return {f.key: TRAIN for f in found}
    if name not in splits.names(file):
        return _made(file, name, name, source)
    kept = splits.load(file, name)
    parts = {f.key: kept.parts.get(f.key) or _late_part(f.key, kept) for f in found}
    return {key: part for key, part in parts.items() if part is not None}


def _late_part(key: FrameKey, split: Split) -> str | None:
    """Where a frame goes that was labelled after the split was made.

    It trains, but not beside test frames that look like it: with blocks it stays out, with by-video it goes where its
    video went. None means neither part.
    """
    if split.rule.startswith("blocks"):
        return None
    if split.rule.startswith("by-video"):
        return next((part for k, part in split.parts.items() if k.video == key.video), TRAIN)
    return TRAIN
