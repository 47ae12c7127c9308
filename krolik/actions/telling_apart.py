"""Learning what animals that the labels name look like, so that predictions say who is who."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from krolik.actions.reporter import Reporter
from krolik.actions.samples import load_pixels
from krolik.errors import NotFound
from krolik.inference.appearance import Appearance, features, learn
from krolik.poses import FrameKey, Instance, LabeledFrame
from krolik.project import ProjectFile, labels
from krolik.sampling.evenly import evenly
from krolik.scales import ASSUMED
from krolik.video import Frame

FEWEST_FRAMES = 10  # that show two of them: fewer do not show whether they can be told apart
LEAST_RIGHT = 0.85  # of the animals in frames that were held out
MOST_FRAMES = 60  # that are looked at, evenly taken


def looks(file: ProjectFile, keys: Sequence[Sequence], animals: int, reporter: Reporter) -> Appearance | None:
    """What tells the named animals of these labelled frames apart; None where none are named, or nothing does.

    animals: how many there are in a frame at most. More names than that are no names of animals.
    """
    learnt = {FrameKey(*key) for key in keys}
    frames = [f for f in labels.load(file) if f.key in learnt and len(_named(f)) > 1]
    names = sorted({i.track for f in frames for i in _named(f) if i.track})
    if not 2 <= len(names) <= animals:
        return None
    called = ", ".join(names)
    if len(frames) < FEWEST_FRAMES:
        reporter.note(
            f"predictions do not say who is who of {called}: {FEWEST_FRAMES} labelled frames that show two of them are "
            f"needed for that, and there are {len(frames)}"
        )
        return None
    found = _learn(file, frames)
    if found is None:
        return None
    share = f"{100 * found.right:.0f}%"
    if found.right < LEAST_RIGHT:
        reporter.note(
            f"predictions do not say who is who of {called}: they look too much alike (named right in frames that were "
            f"held out: {share})"
        )
        return None
    reporter.note(f"predictions say who is who of {called}, by their looks (named right in frames held out: {share})")
    return found


def _named(frame: LabeledFrame) -> list[Instance]:
    """The animals with a name and a place; none where one name is there twice."""
    there = [i for i in frame.instances if i.track and i.located.any()]
    return there if max(Counter(i.track for i in there).values(), default=0) < 2 else []


def _learn(file: ProjectFile, frames: Sequence[LabeledFrame]) -> Appearance | None:
    skeleton = labels.skeleton(file)
    some = [frames[i] for i in evenly(len(frames), MOST_FRAMES)]
    span = _span(file, frames)
    seen, names, numbers = [], [], []
    for number, frame in enumerate(sorted(some, key=lambda f: f.key)):
        with suppress(NotFound):  # its video was removed meanwhile
            picture = Frame(load_pixels(file, frame.key))
            for animal in _named(frame):
                points = np.where(animal.located[:, None], animal.points, np.nan)
                seen.append(features(picture.warp, points, skeleton, span))
                names.append(animal.track or "")
                numbers.append(number)
    return learn(np.stack(seen), names, np.array(numbers), skeleton, span) if len(set(names)) > 1 else None


def _span(file: ProjectFile, frames: Sequence[LabeledFrame]) -> float:
    """The longer side of a usual animal's box, in pixels; a part of the frame for animals of one keypoint."""
    spans = [np.ptp(i.points[i.located], axis=0).max() for f in frames for i in _named(f)]
    usual = float(np.median(spans))
    sizes = labels.frame_sizes(file)
    return usual if usual > 1 else ASSUMED * float(np.median([max(sizes[f.key]) for f in frames if f.key in sizes]))
