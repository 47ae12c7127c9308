"""Edits as values: what was there before, what is there after. Undoing swaps the two."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import numpy as np

from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.skeleton import Skeleton

Kind = Literal["frame", "skeleton", "video", "split", "selection"]


@dataclass(frozen=True, slots=True)
class Edit:
    """One value set: `before` and `after` are JSON documents, None where there is nothing."""

    kind: Kind
    subject: str
    before: str | None
    after: str | None

    def inverse(self) -> Edit:
        return Edit(self.kind, self.subject, self.after, self.before)


@dataclass(frozen=True, slots=True)
class Change:
    """What one click or one import did, hence what one undo reverts."""

    edits: tuple[Edit, ...]
    source: str  # who: "cli", "ui", "import", ...
    title: str  # what, for the history
    operation: str | None = None  # the sender's own name of it: what is sent twice is made once


def document(value: object) -> str:
    """JSON in the one spelling by which documents are compared."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def frame_subject(key: FrameKey) -> str:
    return f"{key.video}/{key.index}"


def frame_key(subject: str) -> FrameKey:
    video, index = subject.rsplit("/", 1)
    return FrameKey(video, int(index))


def frame_document(frame: LabeledFrame, skeleton: Skeleton) -> str:
    """A labelled frame as JSON: points by keypoint id as [x, y, state]; unknown ones are left out."""
    instances = []
    for instance in frame.instances:
        points = {}
        for keypoint, (x, y), state in zip(skeleton.keypoints, instance.points.tolist(), instance.states.tolist()):
            if state != State.UNKNOWN:
                points[str(keypoint.id)] = [state] if state == State.ABSENT else [state, x, y]
        box = {} if instance.box is None else {"box": list(instance.box)}
        instances.append({"track": instance.track, "points": points, **box})
    return document({"name": frame.name, "instances": instances})


def read_frame(key: FrameKey, text: str, skeleton: Skeleton) -> LabeledFrame:
    """The inverse of `frame_document`; points of keypoints that the skeleton no longer has stay out of sight."""
    value = json.loads(text)
    instances = []
    for stored in value["instances"]:
        points = np.full((len(skeleton), 2), np.nan)
        states = np.full(len(skeleton), State.UNKNOWN, np.int8)
        for identity, (state, *place) in stored["points"].items():
            position = skeleton.position.get(int(identity))
            if position is not None:
                states[position] = state
                points[position] = place or np.nan
        box = stored.get("box")
        instances.append(Instance(points, states, stored["track"], None if box is None else tuple(box)))
    return LabeledFrame(key, tuple(instances), value["name"])


def merge_hidden(text: str, before: str | None, skeleton: Skeleton) -> str:
    """A frame's new document with the points of hidden keypoints carried over from the old one, animal by animal."""
    if before is None:
        return text
    new, old = json.loads(text), json.loads(before)
    for fresh, stale in zip(new["instances"], old["instances"]):
        hidden = {k: v for k, v in stale["points"].items() if int(k) not in skeleton.position}
        fresh["points"] = {**hidden, **fresh["points"]}
    return document(new)
