"""COCO keypoints: images, annotations with keypoints [x, y, v] and boxes, categories with names and edges.

v is 0 (not labelled), 1 (hidden) or 2 (visible), as a number of any kind. A `track` in the attributes of an annotation
names the animal. Coordinates are taken as they are. Source: cocodataset.org, "Data format".
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile
from krolik.formats.image_files import new_folder, write_images
from krolik.formats.imported import Imported, Wishes, shortened
from krolik.formats.losses import NEEDED, Carries
from krolik.formats.reading import animal, find_image, from_images, load_json, refusing, skeleton_of, unique_names
from krolik.formats.tables import LabelTable
from krolik.poses import Instance, Labels, State
from krolik.skeleton import Skeleton

TITLE = "COCO keypoints"
CARRIES = Carries(absent=False, boxes=NEEDED, pairs=False, bare=False)


def sniff(path: Path) -> bool:
    if path.is_dir():
        return (path / "annotations.json").is_file() and sniff(path / "annotations.json")
    if path.suffix.lower() != ".json":
        return False
    value = load_json(path)
    return isinstance(value, dict) and {"images", "annotations", "categories"} <= set(value)


def read(path: Path, wishes: Wishes) -> Imported:
    """Categories with different keypoints become one skeleton that has all of them. Raises InvalidFile."""
    path = path / "annotations.json" if path.is_dir() else path
    value = load_json(path)
    with refusing(path, "COCO file") as place:
        categories = {
            c["id"]: [str(n).strip() for n in c["keypoints"]] for c in value["categories"] if c.get("keypoints")
        }
        if not categories:
            raise InvalidFile("no category of it has keypoints", path)
        used = {a["category_id"] for a in value["annotations"] if a.get("keypoints")} or set(categories)
        if not used <= set(categories):
            raise ValueError(f"category {sorted(used - set(categories))[0]} is not among the categories")
        skeleton = _skeleton([c for c in value["categories"] if c["id"] in used])
        images = {i["id"]: (find_image(str(i["file_name"]), path.parent), []) for i in value["images"]}
        empty = strange = 0
        orphans = []
        for number, annotation in enumerate(value["annotations"]):
            place.append(f"annotations[{number}]")
            if not annotation.get("keypoints"):
                empty += 1
                continue
            if annotation["image_id"] not in images:
                orphans.append(str(annotation["image_id"]))
                continue
            instance, odd = _instance(annotation, categories[annotation["category_id"]], skeleton, wishes.missing)
            strange += odd
            images[annotation["image_id"]][1].append(instance)
        place.append("")
        frames, videos = from_images([(image, tuple(animals)) for image, animals in images.values()], path)
        notes = []
        if empty:
            notes.append(f"{empty} annotation(s) have no keypoints and were left out")
        if strange:
            notes.append(f"{strange} point(s) are marked as labelled but have no coordinates; left unlabelled")
        if orphans:
            notes.append(f"{len(orphans)} annotation(s) are of images that are not listed ({shortened(orphans)}); "
                         "they were left out")  # fmt: skip
        return Imported(TITLE, Labels(skeleton, frames), videos, tuple(notes))


def _skeleton(categories: list[dict]) -> Skeleton:
    names = list(dict.fromkeys(str(n).strip() for c in categories for n in c["keypoints"]))
    joins: dict[tuple[int, int], None] = {}
    for category in categories:
        own = unique_names(str(n) for n in category["keypoints"])
        for a, b in category.get("skeleton") or ():
            if not (1 <= a <= len(own) and 1 <= b <= len(own)):
                raise ValueError(f"the edge [{a}, {b}] of category {category.get('name')!r} leads to no keypoint")
            joins[names.index(own[int(a) - 1]), names.index(own[int(b) - 1])] = None
    return skeleton_of(unique_names(names), joins)


def _instance(annotation: dict, names: list[str], skeleton: Skeleton, missing: State) -> tuple[Instance, int]:
    values = np.array(annotation["keypoints"], float)
    if values.shape != (3 * len(names),):
        raise ValueError(f"{values.size} numbers for {len(names)} keypoints of three each")
    values = values.reshape(-1, 3)
    if not np.isin(values[:, 2], (0, 1, 2)).all():
        raise ValueError(f"the visibility {values[~np.isin(values[:, 2], (0, 1, 2)), 2][0]:g} is not 0, 1 or 2")
    points, hidden = np.full((len(skeleton), 2), np.nan), np.zeros(len(skeleton), bool)
    places = [skeleton.names.index(n) for n in names]
    points[places] = np.where(values[:, 2:] > 0, values[:, :2], np.nan)
    hidden[places] = values[:, 2] == 1
    strange = int((np.isnan(points[places]).any(axis=1) & (values[:, 2] > 0)).sum())
    box = annotation.get("bbox")
    found = tuple(float(v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3])) if box else None
    attributes = annotation.get("attributes")
    track = attributes.get("track") if isinstance(attributes, dict) else None
    return animal(points, missing, hidden, None if track is None else str(track), found), strange  # pyright: ignore


def write_labels(out: Path, table: LabelTable) -> None:
    """A folder: annotations.json and images. Raises InvalidSetting, StorageError."""
    skeleton = table.labels.skeleton
    category = {"id": 1, "name": "animal", "supercategory": "animal", "keypoints": skeleton.names,
                "skeleton": [[a + 1, b + 1] for a, b in skeleton.edge_positions]}  # fmt: skip
    images, annotations = [], []
    with new_folder(out) as folder:
        places = write_images(table, folder / "images")
        for number, frame in enumerate(table.labels):
            width, height = table.size(frame.key)
            images.append({"id": number + 1, "file_name": places[frame.key], "width": width, "height": height})
            annotations += [{"id": len(annotations) + i + 1, "image_id": number + 1, **_annotation(instance)}
                            for i, instance in enumerate(frame.instances)]  # fmt: skip
        value = {"info": {"description": "written by Krolik"}, "licenses": [], "images": images,
                 "annotations": annotations, "categories": [category]}  # fmt: skip
        (folder / "annotations.json").write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")


def _annotation(instance: Instance) -> dict:
    assert instance.box is not None
    left, top, right, bottom = instance.box
    v = np.select([instance.states == State.VISIBLE, instance.states == State.OCCLUDED], [2, 1], 0)
    keypoints = [n for (x, y), seen in zip(np.nan_to_num(instance.points).tolist(), v.tolist()) for n in (x, y, seen)]
    track = {} if instance.track is None else {"attributes": {"track": instance.track}}
    return {"category_id": 1, "keypoints": keypoints, "num_keypoints": int((v > 0).sum()), "iscrowd": 0, **track,
            "bbox": [left, top, right - left, bottom - top], "area": (right - left) * (bottom - top)}  # fmt: skip
