"""What a format can hold, what labels become on the way into it, and the report of what is lost.

A writer is only given labels that its format can hold whole: `reduced` makes them so, and counts what it takes away.
So reading what was written gives the reduced labels, and the report is exactly the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, State
from krolik.side_names import symmetric_pairs
from krolik.skeleton import Skeleton

TREE = "tree"
NEEDED = "needed"


@dataclass(frozen=True)
class Carries:
    """What of labels a format can hold. A state that it cannot hold becomes: occluded → absent → unknown → absent.

    bare: animals without any point that has coordinates. animals: how many one frame can have at most.
    tracks: True, False, or "needed" where every animal has a name of its own if there are several or any has one.
    boxes: True, False, or "needed" where every animal has a box. videos: which video a frame is of.
    names: what a format without names calls so many keypoints.
    edges: True, False, or "tree" where a keypoint has one parent at most. images: frames are image files.
    """

    occluded: bool = True
    absent: bool = True
    unknown: bool = True
    tracks: bool | str = True
    boxes: bool | str = True
    edges: bool | str = True
    pairs: bool = True
    colors: bool = False
    empty_frames: bool = True
    bare: bool = True
    animals: int | None = None
    images: bool = True
    videos: bool = True
    names: Callable[[int], list[str]] | None = None


@dataclass(frozen=True)
class Loss:
    """How many of what become what."""

    what: str
    count: int
    becomes: str

    def __str__(self) -> str:
        return f"{self.what}: {self.count} {self.becomes}"


def reduced(labels: Labels, carries: Carries, size: Callable[[FrameKey], tuple[int, int]]) -> tuple[Labels, list[Loss]]:
    """The labels as the format can hold them, and what was lost. size: (width, height) of a frame, for boxes."""
    counts: Counter[tuple[str, str]] = Counter()
    skeleton = _skeleton(labels.skeleton, carries, counts)
    frames = []
    for frame in labels:
        kept = tuple(_animals(frame, carries, counts))
        if carries.boxes == NEEDED:
            kept = tuple(_boxed(i, size(frame.key), counts) for i in kept)
        if not kept and (frame.instances or not carries.empty_frames):
            what = "frames without a point" if frame.instances else "frames without an animal"
            counts[what, "left out"] += 1
            continue
        frames.append(LabeledFrame(frame.key, kept, frame.name))
    if carries.tracks == NEEDED:
        frames = _named(frames, counts)
    videos = len({f.key.video for f in frames})
    if not carries.videos and videos > 1:
        counts["videos", "become one set of images"] += videos
    losses = [Loss(what, count, becomes) for (what, becomes), count in counts.items()]
    return Labels(skeleton, tuple(frames)), losses


def _skeleton(skeleton: Skeleton, carries: Carries, counts: Counter) -> Skeleton:
    if carries.names is not None and carries.names(len(skeleton)) != skeleton.names:
        counts["names of keypoints", "left out"] += len(skeleton)
        names = carries.names(len(skeleton))
        skeleton = replace(skeleton, keypoints=tuple(replace(k, name=n) for k, n in zip(skeleton.keypoints, names)))
    edges = list(skeleton.edges) if carries.edges else []
    if carries.edges == TREE:
        edges = sorted(_forest(skeleton), key=lambda edge: skeleton.position[edge[1]])
    if len(edges) < len(skeleton.edges):
        counts["edges of the skeleton", "left out"] += len(skeleton.edges) - len(edges)
    pairs = skeleton.pairs
    if not carries.pairs:
        names = {k.name: k.id for k in skeleton.keypoints}
        pairs = tuple((names[a], names[b]) for a, b in symmetric_pairs(skeleton.names))
        different = len({frozenset(p) for p in pairs} ^ {frozenset(p) for p in skeleton.pairs})
        if different:
            counts["left/right pairs", "not as the names tell them, left out"] += different
    if not carries.colors and skeleton.colors != Skeleton.of(skeleton.names).colors:
        counts["chosen colours of keypoints", "left out"] += len(skeleton)
    return replace(skeleton, edges=tuple(edges), pairs=pairs)


def _forest(skeleton: Skeleton) -> Iterator[tuple[int, int]]:
    """Edges, each from a parent to a child, that give no keypoint two parents and close no ring."""
    parent: dict[int, int] = {}
    for a, b in skeleton.edges:
        above: int | None = a
        while above is not None and above != b:
            above = parent.get(above)
        if b not in parent and above is None:
            parent[b] = a
            yield a, b


def _animals(frame: LabeledFrame, carries: Carries, counts: Counter) -> Iterator[Instance]:
    kept = 0
    for instance in frame.instances:
        if carries.animals is not None and kept == carries.animals:
            counts["animals beyond the first of a frame", "left out"] += 1
            continue
        states = _states(instance.states, carries, counts)
        if not carries.bare and not np.isin(states, (State.OCCLUDED, State.VISIBLE)).any():
            counts["animals without a point", "left out"] += 1
            continue
        kept += 1
        if instance.track is not None and not carries.tracks:
            counts["identities", "left out"] += 1
        if instance.box is not None and not carries.boxes:
            counts["boxes", "left out"] += 1
        track, box = instance.track if carries.tracks else None, instance.box if carries.boxes else None
        yield Instance(instance.points, states, track, box)


def _boxed(instance: Instance, size: tuple[int, int], counts: Counter) -> Instance:
    """With a box: the points' with a tenth around it, within the image, where nobody drew one."""
    if instance.box is not None:
        return instance
    counts["animals without a box", "get one around their points"] += 1
    low, high = instance.points[instance.located].min(axis=0), instance.points[instance.located].max(axis=0)
    margin = 0.1 * max(*(high - low), 10)
    (left, top), (right, bottom) = np.maximum(low - margin, 0), np.minimum(high + margin, size)
    return replace(instance, box=(float(left), float(top), float(max(left, right)), float(max(top, bottom))))


def _named(frames: list[LabeledFrame], counts: Counter) -> list[LabeledFrame]:
    """Every animal with a name that no other of its frame has, in one order; single ones without names stay so."""
    if all(len(f.instances) == 1 and f.instances[0].track is None for f in frames):
        return frames
    named = []
    for frame in frames:
        taken: list[str] = []
        for instance in frame.instances:
            name = instance.track
            if name is None or name in taken:
                counts["animals without an identity of their own", "get a name"] += 1
                own = {i.track for i in frame.instances}
                name = next(n for n in map("individual{}".format, range(1, 1 << 20)) if n not in own and n not in taken)
            taken.append(name)
        animals = [replace(i, track=name) for i, name in zip(frame.instances, taken)]
        named.append(replace(frame, instances=tuple(animals)))
    order = list(dict.fromkeys(i.track for f in named for i in f.instances))
    return [replace(f, instances=tuple(sorted(f.instances, key=lambda i: order.index(i.track)))) for f in named]


def _states(states: np.ndarray, carries: Carries, counts: Counter) -> np.ndarray:
    """The states that the format has for these."""
    absent = State.ABSENT if carries.absent else State.UNKNOWN
    becomes = {
        State.OCCLUDED: State.OCCLUDED if carries.occluded else absent,
        State.ABSENT: absent,
        State.UNKNOWN: State.UNKNOWN if carries.unknown else State.ABSENT,
    }
    changed = states.copy()
    for state, new in becomes.items():
        there = states == state
        if new != state and there.any():
            counts[_WORDS[state], f"points become {new.name.lower()}"] += int(there.sum())
            changed[there] = new
    return changed


_WORDS = {State.OCCLUDED: "occlusion", State.ABSENT: "absence", State.UNKNOWN: "unlabelled"}
