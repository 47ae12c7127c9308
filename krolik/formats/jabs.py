"""JABS poses (NAME_pose_est_v2.h5 to v8.h5): predictions of mice seen from above, twelve keypoints; read only.

poseest/points (F, N, K, 2) or (F, K, 2), y before x; poseest/confidence, 0 where there is no point; identities in
instance_embed_id (from version 4; 0: none) or instance_track_id. Source: KumarLabJax/JABS-behavior-classifier, docs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.reading import array, bounded, file_name, find_stem, hdf5_names, part_of, refusing
from krolik.poses import Labels, Predictions
from krolik.skeleton import Skeleton

TITLE = "JABS"
NAMES = ("NOSE", "LEFT_EAR", "RIGHT_EAR", "BASE_NECK", "LEFT_FRONT_PAW", "RIGHT_FRONT_PAW", "CENTER_SPINE",
         "LEFT_REAR_PAW", "RIGHT_REAR_PAW", "BASE_TAIL", "MID_TAIL", "TIP_TAIL")  # fmt: skip
EDGES = ((3, 0), (3, 6), (6, 9), (9, 10), (10, 11), (0, 1), (0, 2), (6, 4), (6, 5), (9, 7), (9, 8))
MOST_ANIMALS = 200


def sniff(path: Path) -> bool:
    return path.suffix.lower() == ".h5" and "poseest" in hdf5_names(path)


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile."""
    with refusing(path, "JABS file"), h5py.File(path, "r") as file:
        group = part_of(file, "poseest")
        shape: tuple[int, ...] = array(group, "points").shape
        if len(shape) not in (3, 4) or shape[-1] != 2 or array(group, "confidence").shape != shape[:-1]:
            raise ValueError(f"points are {shape}")
        names: list[str] = list(NAMES) if shape[-2] == len(NAMES) else [f"point{i + 1}" for i in range(shape[-2])]
        edges = [(names[a], names[b]) for a, b in EDGES] if shape[-2] == len(NAMES) else []
        slots, people = _identities(group, shape)
        notes = [f"{', '.join(part_of(file, 'static_objects'))} of this file are left out: they are no poses"] \
            if "static_objects" in file else []  # fmt: skip
    video = find_stem(re.sub(r"_pose_est(_v\d+)?$", "", path.stem), path)
    poses = ImportedPredictions(file_name(str(video)), Skeleton.of(names, edges), TITLE, tuple(people), shape[0],
                                lambda: _blocks(path, slots, len(people)))  # fmt: skip
    return Imported(TITLE, Labels(poses.skeleton), (ImportedVideo(poses.video, video),), tuple(notes), (poses,))


def _identities(group, shape: tuple[int, ...]) -> tuple[np.ndarray, list[str]]:
    """The row of each pose, (F, N), -1 for none; and the names of the rows."""
    if len(shape) == 3:
        return np.zeros((shape[0], 1), int), ["1"]
    slots = np.full(shape[:2], -1)
    valid = np.arange(shape[1]) < bounded(group["instance_count"])[:, None] if "instance_count" in group \
        else np.ones(shape[:2], bool)  # fmt: skip
    embedded = "instance_embed_id" in group
    identities = bounded(group["instance_embed_id" if embedded else "instance_track_id"]).astype(np.int64)
    if identities.shape != tuple(shape[:2]):
        raise ValueError(f"identities are {identities.shape} for points {shape}")
    known = identities > 0 if embedded else valid
    found = np.unique(identities[known])
    if len(found) > MOST_ANIMALS:
        raise ValueError(f"{len(found)} identities; {MOST_ANIMALS} can be read")
    slots[known] = np.searchsorted(found, identities[known])
    return slots, [str(i) for i in found]


def _blocks(path: Path, slots: np.ndarray, animals: int) -> Iterator[Predictions]:
    with refusing(path, "JABS file"), h5py.File(path, "r") as file:
        points, confidence = array(file, "poseest/points"), array(file, "poseest/confidence")

        def part(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            yx = np.asarray(points[start:stop], float).reshape(stop - start, -1, points.shape[-2], 2)
            sure = np.asarray(confidence[start:stop], float).reshape(yx.shape[:-1])
            xy, score = np.full((len(yx), animals, *yx.shape[2:]), np.nan), np.zeros((len(yx), animals, yx.shape[2]))
            frame, pose = np.nonzero(slots[start:stop] >= 0)
            slot = slots[start:stop][frame, pose]
            there = sure[frame, pose] > 0
            xy[frame, slot] = np.where(there[..., None], yx[frame, pose][..., ::-1], np.nan)
            score[frame, slot] = sure[frame, pose]
            return xy, score

        yield from sliced(part, len(points))
