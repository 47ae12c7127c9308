"""Changing a project's skeleton. Labels refer to keypoints by id, and an id is never given twice."""

from __future__ import annotations

import json
from dataclasses import replace

from krolik.errors import Conflict, InvalidLabels
from krolik.project import ProjectFile, history, labels
from krolik.project.edits import Change, document
from krolik.side_names import symmetric_pairs
from krolik.skeleton import Keypoint, Skeleton

LONGEST_NAME = 100


def set_skeleton(
    file: ProjectFile, new: Skeleton, source: str, base: Skeleton | None = None, name: str | None = None
) -> Skeleton:
    """Replaces the skeleton in one change.

    Keypoints keep their labels by id, whatever their name and place in the order; those that are gone take their
    labels out of sight and an undo brings both back; a new one needs an id that no keypoint has ever had.
    base: the skeleton that the new one was made from. Raises InvalidLabels, Conflict when it is another meanwhile.
    """
    with file.write():
        if name is not None and history.made(file, name):
            return labels.skeleton(file)
        old = labels.skeleton(file)
        if base is not None and document(base.to_json()) != document(old.to_json()):
            raise Conflict("the skeleton was changed meanwhile", file.path, "Load it again.", "changed-meanwhile")
        if not new.keypoints:
            raise InvalidLabels("a skeleton needs a keypoint", "skeleton", code="empty-skeleton")
        for keypoint in new.keypoints:
            if len(keypoint.name) > LONGEST_NAME:
                raise InvalidLabels(f"a name is longer than {LONGEST_NAME} characters", "skeleton", code="long-name")
        fresh = {k.id for k in new.keypoints} - {k.id for k in old.keypoints}
        if any(identity < labels.next_keypoint(file) for identity in fresh):
            raise InvalidLabels("a new keypoint has the id of an older one", "skeleton", "Load it again.")
        if new != old:
            history.commit(file, Change((labels.set_skeleton(file, new),), source, "change the skeleton", name))
    return new


def adopt(file: ProjectFile, wished: Skeleton) -> Skeleton:
    """A template or another project's skeleton with this project's ids: keypoints of the same name are the same."""
    old = {k.name: k for k in labels.skeleton(file).keypoints}
    following = labels.next_keypoint(file)
    ids: dict[int, int] = {}
    keypoints = []
    for keypoint in wished.keypoints:
        if keypoint.name in old:
            ids[keypoint.id] = old[keypoint.name].id
        else:
            ids[keypoint.id] = following
            following += 1
        keypoints.append(replace(keypoint, id=ids[keypoint.id]))
    edges, pairs = (tuple((ids[a], ids[b]) for a, b in those) for those in (wished.edges, wished.pairs))
    return Skeleton(tuple(keypoints), edges, pairs)


def rename(bones: Skeleton, names: dict[str, str]) -> Skeleton:
    """The skeleton with keypoints renamed. Raises NotFound for a name that it has not."""
    for name in names:
        bones.index(name)
    keypoints = tuple(replace(k, name=names.get(k.name, k.name)) for k in bones.keypoints)
    return replace(bones, keypoints=keypoints)


def find_pairs(bones: Skeleton) -> Skeleton:
    """The skeleton with the left/right pairs that the names tell."""
    ids = {k.name: k.id for k in bones.keypoints}
    return replace(bones, pairs=tuple((ids[a], ids[b]) for a, b in symmetric_pairs(bones.names)))


def without(bones: Skeleton, names: list[str]) -> Skeleton:
    """The skeleton without some keypoints and what joined them. Raises NotFound."""
    gone = {bones.keypoints[bones.index(name)].id for name in names}
    keep = lambda those: tuple((a, b) for a, b in those if a not in gone and b not in gone)  # noqa: E731
    return Skeleton(tuple(k for k in bones.keypoints if k.id not in gone), keep(bones.edges), keep(bones.pairs))


def extended(file: ProjectFile, bones: Skeleton, names: list[str]) -> Skeleton:
    """The skeleton with more keypoints at its end. Raises InvalidLabels for a name that it has already."""
    from krolik.skeleton import palette

    first = labels.next_keypoint(file)
    colors = palette(len(bones) + len(names))[len(bones) :]
    fresh = tuple(Keypoint(first + i, name, color) for i, (name, color) in enumerate(zip(names, colors)))
    return replace(bones, keypoints=bones.keypoints + fresh)


def read_skeleton(text: str, where: object) -> Skeleton:
    """A skeleton from JSON as `krolik skeleton --json` prints it. Raises InvalidLabels."""
    try:
        return Skeleton.from_json(json.loads(text))
    except (ValueError, AttributeError) as error:
        raise InvalidLabels(f"not a skeleton ({error})", where) from error
