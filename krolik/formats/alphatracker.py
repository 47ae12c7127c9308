"""AlphaTracker: annotations (the JSON of sloth) and tracked poses (alphapose-results-forvis-tracked.json and its kin).

Annotations: [{"class": "image", "filename", "annotations": [box, point, point, ...]}]: for each animal a box ("Face" or
"boundingBox": x, y, width, height), then its K points ("point": x, y) in one order; -1, -1 is a point that is not
there. Names are not in the file. Tracked: {"frame_12": [{"keypoints": [x, y, score] * K, "idx", "box", "scores"}]}.
Source: ZexinChen/AlphaTracker, Tutorial and Tracking/AlphaTracker/track.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile
from krolik.files import replacing
from krolik.formats.blocks import MOST_FRAMES, sliced
from krolik.formats.image_files import new_folder, write_images
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.losses import NEEDED, Carries
from krolik.formats.reading import animal, file_name, find_image, find_stem, from_images, load_json, refusing
from krolik.formats.tables import LabelTable, PredictionTable, one_file_each
from krolik.poses import LOCATED, Instance, Labels, State
from krolik.skeleton import Skeleton

TITLE = "AlphaTracker"
BOXES = ("Face", "boundingBox")
FOUR = ("nose", "left_ear", "right_ear", "tail")  # what AlphaTracker's own four points are
LABELS = "train.json"


def names_of(count: int) -> list[str]:
    """What so many points are called, whose names are in no file."""
    return list(FOUR) if count == len(FOUR) else [f"point{i + 1}" for i in range(count)]


CARRIES = Carries(occluded=False, unknown=False, tracks=False, boxes=NEEDED, edges=False, pairs=False, bare=False,
                  names=names_of)  # fmt: skip


def sniff(path: Path) -> bool:
    if path.is_dir():
        return (path / LABELS).is_file() and sniff(path / LABELS)
    if path.suffix.lower() != ".json":
        return False
    value = load_json(path)
    if isinstance(value, list):
        first = value[0] if value else None
        return isinstance(first, dict) and ("annotations" in first and "filename" in first or
                                            {"image_id", "keypoints", "box"} <= set(first))  # fmt: skip
    return (
        isinstance(value, dict) and bool(value) and all(re.fullmatch(r"frame_\d+(\.\w+)?", k) for k in list(value)[:50])
    )


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile that names the entry."""
    path = path / LABELS if path.is_dir() else path
    value = load_json(path)
    with refusing(path, "AlphaTracker file") as place:
        if isinstance(value, list) and value and "annotations" in value[0]:
            return _read_annotations(path, value, place)
        return _read_poses(path, value, place)


def _read_annotations(path: Path, value: list, place: list[str]) -> Imported:
    found: list[tuple[Path, list[tuple[tuple[float, ...] | None, list[tuple[float, float]]]]]] = []
    for number, image in enumerate(value):
        place.append(f"entry {number}")
        animals: list[tuple[tuple[float, ...] | None, list[tuple[float, float]]]] = []
        for annotation in image["annotations"]:
            if annotation["class"] in BOXES:
                x, y, w, h = (float(annotation[k]) for k in ("x", "y", "width", "height"))
                animals.append(((x, y, x + w, y + h), []))
            elif annotation["class"] == "point":
                if not animals:
                    animals.append((None, []))
                animals[-1][1].append((float(annotation["x"]), float(annotation["y"])))
            else:
                raise InvalidFile(f"entry {number}: {annotation['class']!r} is neither a box nor a point", path)
        found.append((find_image(str(image["filename"]), path.parent), animals))
    place.append("")
    counts = {len(points) for _, animals in found for _, points in animals}
    if len(counts) != 1 or counts == {0}:
        raise InvalidFile(
            f"animals with {', '.join(map(str, sorted(counts))) or 'no'} points; all must have as many", path
        )
    names = names_of(counts.pop())
    labelled = []
    for number, (image, animals) in enumerate(found):
        place.append(f"entry {number}")
        labelled.append((image, tuple(_animal(box, points) for box, points in animals)))
    place.append("")
    frames, videos = from_images(labelled, path)
    note = f"the file names no keypoints; they were called {', '.join(names)}: rename them if they are others"
    return Imported(TITLE, Labels(Skeleton.of(names), frames), videos, (note,))


def _animal(box, points: list[tuple[float, float]]) -> Instance:
    xy = np.array(points, float)
    xy[(xy == -1).all(axis=1)] = np.nan
    return animal(xy, State.ABSENT, box=box)


def _read_poses(path: Path, value, place: list[str]) -> Imported:
    """Tracked or untracked results; both list the animals of each frame."""
    frames: dict[int, list[dict]] = {}
    if isinstance(value, dict):
        for name, animals in value.items():
            frames[_number(name)] = [a for a in animals if a]
    else:
        for number, pose in enumerate(value):
            place.append(f"entry {number}")
            index = pose["image_id"] if isinstance(pose["image_id"], int) else _number(str(pose["image_id"]))
            frames.setdefault(index, []).append(pose)
    lengths = {len(a["keypoints"]) for animals in frames.values() for a in animals}
    if not lengths:
        raise InvalidFile("no pose is in it", path)
    if len(lengths) != 1 or next(iter(lengths)) % 3:
        raise InvalidFile("the animals have different numbers of points, or not three numbers for each", path)
    if max(frames) - min(frames) > MOST_FRAMES:
        raise InvalidFile(f"frames {min(frames)} to {max(frames)}: more than a video can have", path)
    keypoints = lengths.pop() // 3
    people: list[str] = []
    slots: dict[int, list[tuple[int, np.ndarray]]] = {}
    for index in sorted(frames):
        place.append(f"frame {index}")
        slots[index] = []
        for order, pose in enumerate(frames[index]):
            name = str(pose["idx"]) if "idx" in pose else ""
            key = name or f"\0{order}"
            if key not in people:
                people.append(key)
            slots[index].append((people.index(key), np.array(pose["keypoints"], float).reshape(keypoints, 3)))
    names = names_of(keypoints)
    first, last = min(slots), max(slots)

    def part(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        values = np.full((stop - start, len(people), keypoints, 3), np.nan, np.float32)
        for i in range(stop - start):
            for slot, points in slots.get(first + start + i, ()):
                values[i, slot] = np.where((points[:, :2] == -1).all(axis=1, keepdims=True), np.nan, points)
        return values[..., :2], values[..., 2]

    video = find_stem(path.parent.name, path)
    animals = tuple("" if p.startswith("\0") else p for p in people)
    poses = ImportedPredictions(file_name(str(video)), Skeleton.of(names), TITLE, animals, len(slots),
                                lambda: sliced(part, last - first + 1, first))  # fmt: skip
    note = f"the file names no keypoints; they were called {', '.join(names)}: rename them if they are others"
    return Imported(TITLE, Labels(poses.skeleton), (ImportedVideo(poses.video, video),), (note,), (poses,))


def _number(name: str) -> int:
    found = re.search(r"(\d+)(?:\.\w+)?$", name)
    if found is None:
        raise ValueError(f"{name!r} names no frame")
    return int(found[1])


def write_labels(out: Path, table: LabelTable) -> None:
    """A folder: train.json and the images. Raises InvalidSetting, StorageError."""
    with new_folder(out) as folder:
        places = write_images(table, folder)
        value = []
        for frame in table.labels:
            annotations = []
            for instance in frame.instances:
                assert instance.box is not None
                left, top, right, bottom = instance.box
                annotations.append({"class": "boundingBox", "x": left, "y": top, "width": right - left,
                                    "height": bottom - top})  # fmt: skip
                annotations += [{"class": "point", "x": x if s in LOCATED else -1.0, "y": y if s in LOCATED else -1.0}
                                for (x, y), s in zip(instance.points.tolist(), instance.states)]  # fmt: skip
            value.append({"class": "image", "filename": places[frame.key], "annotations": annotations})
        (folder / LABELS).write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """Tracked poses of one video as one file; a folder of files for several. Raises StorageError."""
    one_file_each(out, tables, "-forvis-tracked.json", _write)


def _write(path: Path, table: PredictionTable) -> None:
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        file.write("{")
        separator = "\n"
        for block in table.blocks():
            for i in range(len(block)):
                animals = [_pose(n, xy, score) for n, (xy, score) in enumerate(zip(block.xy[i], block.score[i]))]
                file.write(f'{separator}"frame_{block.start + i}": {json.dumps(animals)}')
                separator = ",\n"
        file.write("\n}\n")


def _pose(number: int, xy: np.ndarray, score: np.ndarray) -> dict:
    there = np.asarray(np.isfinite(xy).all(axis=1))
    if not there.any():
        return {}
    values = np.where(there[:, None], np.column_stack([xy, score]), [-1.0, -1.0, 0.0]).astype(np.float32)
    box = [*xy[there].min(axis=0), *xy[there].max(axis=0)]
    return {"keypoints": [float(v) for v in values.ravel()], "scores": float(score[there].mean()),
            "box": [float(v) for v in box], "idx": number + 1}  # fmt: skip
