"""Labelling by hand: operations on the animals of one frame, each applied to what the frame is at that moment.

An operation names the animal and the keypoints that it sets and nothing else, so two people who work on one frame
overwrite nothing but the very points that both set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from krolik.actions.reporter import Reporter
from krolik.errors import InvalidLabels, KrolikError, NotFound
from krolik.poses import LOCATED, FrameKey, State
from krolik.project import ProjectFile, history, labels, videos
from krolik.project.edits import Change, Edit, document, frame_subject
from krolik.project.videos import VideoRecord
from krolik.skeleton import Skeleton

MOST_ANIMALS = 200


@dataclass(frozen=True)
class Point:
    """A keypoint's state and, if it has one, its place in pixels of the full frame."""

    state: State
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True)
class SetPoints:
    """Sets points of an animal, by keypoint id; None makes one unknown. An animal that is not there is added."""

    animal: str
    points: Mapping[int, Point | None] = field(default_factory=dict)


@dataclass(frozen=True)
class SetTrack:
    """Says who an animal is."""

    animal: str
    track: str | None


@dataclass(frozen=True)
class RemoveAnimal:
    """Removes an animal; the frame becomes unlabelled with its last one."""

    animal: str


@dataclass(frozen=True)
class NoAnimals:
    """Says that the frame was looked at and shows no animal."""


@dataclass(frozen=True)
class Unlabel:
    """Makes the frame unlabelled."""


Operation = SetPoints | SetTrack | RemoveAnimal | NoAnimals | Unlabel


def label(
    file: ProjectFile, key: FrameKey, operations: Sequence[Operation], source: str, name: str | None = None
) -> str | None:
    """Applies operations to a frame in one change; its document afterwards, None when it is unlabelled.

    name: the sender's own name of this change; sent twice, it is made once. Raises NotFound, InvalidLabels.
    """
    record = videos.record(file, key.video)
    if not 0 <= key.index < record.frames:
        raise NotFound(f"no frame {key.index}", record.name, code="no-frame", frame=key.index, last=record.frames - 1)
    with file.write():
        before = history.current(file, "frame", frame_subject(key))
        if name is not None and history.made(file, name):
            return before
        bones = labels.skeleton(file)
        after = before
        for operation in operations:
            _check(operation, bones, record, key)
            after = _apply(after, operation, _frame_name(record, key))
        if after != before:
            title = f"label frame {key.index} of {record.name}"
            edit = Edit("frame", frame_subject(key), before, after)
            history.commit(file, Change((edit,), source, title, name))
    return after


def _frame_name(record: VideoRecord, key: FrameKey) -> str:
    return record.names[key.index] if record.names is not None else f"{key.index:08d}"


def _check(operation: Operation, bones: Skeleton, record: VideoRecord, key: FrameKey) -> None:
    if not isinstance(operation, SetPoints):
        return
    where = f"{record.name}, frame {key.index}"
    for identity, point in operation.points.items():
        if identity not in bones.position:
            raise InvalidLabels(f"the skeleton has no keypoint {identity}", where, "Load it again.", "no-keypoint")
        if point is None or point.state not in LOCATED:
            continue
        if point.x is None or point.y is None or not (math.isfinite(point.x) and math.isfinite(point.y)):
            raise InvalidLabels("a keypoint has a state that needs coordinates but has none", where)
        # images of one folder may differ in size, so only those of a video are bounded here
        width, height = record.size if record.names is None else (math.inf, math.inf)
        if not (-0.5 <= point.x <= width - 0.5 and -0.5 <= point.y <= height - 0.5):
            name = bones.keypoints[bones.position[identity]].name
            raise InvalidLabels(f"the point {name!r} at ({point.x:.1f}, {point.y:.1f}) lies outside the frame", where,
                                f"The frame is {width}×{height}.", "outside-frame", name=name)  # fmt: skip


def _apply(before: str | None, operation: Operation, name: str) -> str | None:
    """The frame's document after an operation. Animals are known by "id"; older ones get one by their position."""
    if isinstance(operation, Unlabel):
        return None
    if isinstance(operation, NoAnimals):
        return document({"name": name, "instances": []})
    value = {"name": name, "instances": []} if before is None else json.loads(before)
    animals = {animal.setdefault("id", f"#{i}"): animal for i, animal in enumerate(value["instances"])}
    if isinstance(operation, RemoveAnimal):
        animals.pop(operation.animal, None)
    else:
        animal = animals.setdefault(operation.animal, {"id": operation.animal, "track": None, "points": {}})
        if isinstance(operation, SetTrack):
            animal["track"] = operation.track
        else:
            _set_points(animal["points"], operation.points)
    if len(animals) > MOST_ANIMALS:
        raise InvalidLabels(f"more than {MOST_ANIMALS} animals in one frame", name, code="too-many-animals")
    left = [a for a in animals.values() if a["points"]]
    if not left:
        return None
    return document({**value, "instances": left})


def _set_points(points: dict, wanted: Mapping[int, Point | None]) -> None:
    for identity, point in wanted.items():
        if point is None or point.state == State.UNKNOWN:
            points.pop(str(identity), None)
        elif point.state == State.ABSENT:
            points[str(identity)] = [int(State.ABSENT)]
        else:
            points[str(identity)] = [int(point.state), point.x, point.y]


def keep_pixels(file: ProjectFile, reporter: Reporter) -> None:
    """Keeps the pixels of labelled frames whose pixels are not in the project yet. Raises NotFound, InvalidFile."""
    lacking = labels.without_pixels(file)
    for number, (video, frames) in enumerate(_by_video(lacking).items()):
        record = videos.record(file, video)
        with videos.open_record(file, record) as opened:
            for frame in frames:
                keep_frame(file, opened, FrameKey(video, frame))
        reporter.progress("keep the labelled frames", (number + 1) / len(_by_video(lacking)))


def keep_frame(file: ProjectFile, video: videos.Video, key: FrameKey) -> None:
    """Keeps the pixels of one labelled frame. Raises InvalidFile when it cannot be decoded."""
    from krolik.actions.pixels import encoded_frame

    try:
        data, size = encoded_frame(video, key.index)
    except KrolikError as error:
        raise type(error)(f"the labelled frame {key.index} cannot be read ({error.what})", error.where) from error
    labels.store_pixels(file, [(key, size, data)])


def _by_video(keys: Sequence[FrameKey]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for key in sorted(keys):
        found.setdefault(key.video, []).append(key.index)
    return found
