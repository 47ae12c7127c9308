"""What the timeline and the lists show of a project: which frames are labelled, selected, predicted, doubtful."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np

from krolik.poses import LOCATED, FrameKey
from krolik.project import ProjectFile, history, labels, predictions, runs, selection, videos
from krolik.skeleton import Skeleton


@dataclass
class Lanes:
    """One video's frames by kind, ascending. `predicted`: stretches (start, stop). `problems`: what is doubtful."""

    labelled: list[int] = field(default_factory=list)
    selected: list[int] = field(default_factory=list)
    predicted: list[tuple[int, int]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)


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


def ghosts(file: ProjectFile, run: int, key: FrameKey, bones: Skeleton) -> list[dict[int, list[float]]]:
    """What a model says of a frame: for each animal its points as [x, y, score] by keypoint id."""
    block = predictions.block_at(file, run, key.video, key.index)
    if block is None or block.score.shape[2] != len(bones):
        return []
    row = key.index - block.start
    animals = []
    for xy, score in zip(block.xy[row], block.score[row]):
        points = {
            keypoint.id: [round(float(x), 2), round(float(y), 2), round(float(s), 3)]
            for keypoint, (x, y), s in zip(bones.keypoints, xy, score)
            if np.isfinite(x) and np.isfinite(y)
        }
        if points:
            animals.append(points)
    return animals


def with_ids(text: str) -> dict:
    """A frame's document as the page gets it: every animal with an id."""
    value = json.loads(text)
    for i, animal in enumerate(value["instances"]):
        animal.setdefault("id", f"#{i}")
    return value
