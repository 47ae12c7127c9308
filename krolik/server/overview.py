"""What the timeline and the lists show of a project: which frames are labelled, selected, predicted, doubtful."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from krolik.actions import proposing
from krolik.poses import LOCATED, FrameKey, Predictions
from krolik.project import ProjectFile, history, labels, predictions, runs, selection, videos
from krolik.skeleton import Skeleton

LAST_PROPOSALS = 6  # runs of proposals that are looked into


@dataclass
class Lanes:
    """One video's frames by kind, ascending. `predicted`: stretches (start, stop). `problems`: what is doubtful.

    suggested: of the selected frames those that a model is in doubt about, with rank, score and reasons.
    """

    labelled: list[int] = field(default_factory=list)
    selected: list[int] = field(default_factory=list)
    predicted: list[tuple[int, int]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)
    suggested: dict[int, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class Overview:
    """`counts`: for each keypoint id how often it is absent, occluded, visible; `animals` are all labelled ones."""

    revision: int
    lanes: dict[str, Lanes]
    counts: dict[int, list[int]]
    animals: int


class Overviews:
    """Remembers the last overview: it is made anew only after something has changed."""

    def __init__(self, file: ProjectFile):
        self._file = file
        self._last: tuple[tuple, Overview] | None = None

    def now(self) -> Overview:
        newest = newest_predictions(self._file)
        key = (history.revision(self._file), tuple(sorted(newest.items())), _predicted_until(self._file, newest))
        if self._last is None or self._last[0] != key:
            self._last = (key, describe(self._file, newest))
        return self._last[1]


def newest_predictions(file: ProjectFile) -> dict[str, int]:
    """For each video id the newest run that has predictions of it."""
    found: dict[str, int] = {}
    for run in runs.every(file, "predict"):
        found.setdefault(run.document["video"], run.id)
    return found


def _predicted_until(file: ProjectFile, newest: dict[str, int]) -> tuple:
    return tuple(predictions.next_frame(file, run, video) for video, run in sorted(newest.items()))


def describe(file: ProjectFile, newest: dict[str, int]) -> Overview:
    """Reads every label once."""
    revision = history.revision(file)
    bones = labels.skeleton(file)
    records = {r.id: r for r in videos.records(file)}
    lanes = {identity: Lanes() for identity in records}
    counts = {k.id: [0, 0, 0] for k in bones.keypoints}
    animals = 0
    for key, text in labels.documents(file).items():
        if key.video not in records:
            continue
        lane, instances = lanes[key.video], json.loads(text)["instances"]
        lane.labelled.append(key.index)
        animals += len(instances)
        for instance in instances:
            for identity, point in instance["points"].items():
                if int(identity) in counts:
                    counts[int(identity)][point[0] - 1] += 1
        size = records[key.video].size if records[key.video].names is None else None
        lane.problems += [(key.index, problem) for problem in problems(instances, bones, size)]
    for key in selection.load(file):
        if key.video in lanes:
            lanes[key.video].selected.append(key.index)
    for key, about in selection.suggested(file).items():
        if key.video in lanes:
            lanes[key.video].suggested[key.index] = about
    for video, run in newest.items():
        if video in lanes:
            lanes[video].predicted = predictions.ranges(file, run, video)
    return Overview(revision, lanes, counts, animals)


def problems(instances: list[dict], bones: Skeleton, size: tuple[int, int] | None) -> list[str]:
    """What is doubtful about a frame's labels: "outside" the frame, "unfinished", two points "together"."""
    found = []
    for instance in instances:
        known = {int(k): v for k, v in instance["points"].items() if int(k) in bones.position}
        places = [v[1:] for v in known.values() if v[0] in LOCATED]
        if size and any(not (-0.5 <= x <= size[0] - 0.5 and -0.5 <= y <= size[1] - 0.5) for x, y in places):
            found.append("outside")
        if len(known) < len(bones):
            found.append("unfinished")
        if len({(round(x, 1), round(y, 1)) for x, y in places}) < len(places):
            found.append("together")
    return sorted(set(found))


@dataclass(frozen=True)
class GhostSource:
    """A run that may have something to say of a frame. position: where in it the keypoint of an id is.

    names: of its rows, where animals have any.
    """

    run: int
    position: dict[int, int]
    names: tuple[str, ...]


def ghost_sources(file: ProjectFile, video: str, bones: Skeleton) -> list[GhostSource]:
    """The newest prediction of a video and the last proposals, the newest first."""
    predicted = newest_predictions(file).get(video)
    found = runs.every(file, proposing.KIND)[:LAST_PROPOSALS]
    found += [] if predicted is None else [runs.get(file, predicted)]
    sources = []
    for run in sorted(found, key=lambda r: -r.id):
        names = {name: i for i, name in enumerate(Skeleton.from_json(run.document["skeleton"]).names)}
        position = {k.id: names[k.name] for k in bones.keypoints if k.name in names}
        sources.append(GhostSource(run.id, position, tuple(run.document.get("animals", ()))))
    return sources


def ghosts(file: ProjectFile, sources: list[GhostSource], key: FrameKey) -> list[dict]:
    """What the newest source that knows a frame says of it.

    Each animal's points as [x, y, score] by keypoint id, and its name, or None.
    """
    for source in sources:
        block = predictions.block_at(file, source.run, key.video, key.index)
        if block is not None:
            return list(_animals(block, key.index - block.start, source))
    return []


def _animals(block: Predictions, row: int, source: GhostSource) -> Iterator[dict]:
    for number, (xy, score) in enumerate(zip(block.xy[row], block.score[row])):
        points = {
            identity: [round(float(xy[i, 0]), 2), round(float(xy[i, 1]), 2), round(float(score[i]), 3)]
            for identity, i in source.position.items()
            if np.isfinite(xy[i]).all()
        }
        if points:
            yield {"points": points, "name": (source.names[number] if number < len(source.names) else "") or None}


def with_ids(text: str) -> dict:
    """A frame's document as the page gets it: every animal with an id."""
    value = json.loads(text)
    for i, animal in enumerate(value["instances"]):
        animal.setdefault("id", f"#{i}")
    return value
