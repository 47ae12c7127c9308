"""Ultralytics' YOLO-pose datasets: data.yaml, images/ and labels/ with a text file for each image.

A line is: class, box centre x, y, width, height, then x, y[, v] for each keypoint, all as fractions of the image's
size; v is 0 (not labelled), 1 (hidden), 2 (visible). Names of keypoints are in `kpt_names` where a writer gives them.
Source: docs.ultralytics.com, "Pose Estimation Datasets".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from krolik.errors import InvalidFile, NotFound
from krolik.formats.image_files import new_folder, write_images
from krolik.formats.imported import Imported, Wishes, decode_text
from krolik.formats.losses import NEEDED, Carries
from krolik.formats.reading import animal, from_images, refusing, skeleton_of, unique_names
from krolik.formats.tables import LabelTable
from krolik.poses import Instance, Labels, State
from krolik.skeleton import Skeleton
from krolik.video.images import SUFFIXES, read_image

TITLE = "YOLO-pose"
CARRIES = Carries(absent=False, tracks=False, boxes=NEEDED, bare=False)
PARTS = ("train", "val", "test")


def sniff(path: Path) -> bool:
    """Whether it is a dataset's folder or its yaml file."""
    if path.is_dir():
        return any(sniff(p) for p in (path / "data.yaml", path / "dataset.yaml") if p.is_file())
    if path.suffix.lower() not in (".yaml", ".yml"):
        return False
    with path.open("rb") as file:
        return b"kpt_shape" in file.read(1 << 16)


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile that names the text file and the line, NotFound."""
    if path.is_dir():
        path = next(p for p in (path / "data.yaml", path / "dataset.yaml") if p.is_file())
    with refusing(path, "YOLO dataset"):
        text, _ = decode_text(path.read_bytes(), path)
        try:
            config = yaml.safe_load(text)
        except (yaml.YAMLError, RecursionError) as error:
            raise InvalidFile("not valid YAML", path) from error
        count, numbers = (int(n) for n in config["kpt_shape"])
        if count < 1 or numbers not in (2, 3):
            raise ValueError(f"kpt_shape is {config['kpt_shape']}")
        skeleton, notes = _skeleton(config, count)
        labelled = []
        for image in dict.fromkeys(_images(path, config)):
            size = read_image(image).shape[1::-1]
            labelled.append((image, tuple(_animals(_labels_of(image), size, (count, numbers), wishes.missing))))
        if not labelled:
            raise NotFound("none of its images is there", path, "Keep the folders of the dataset together.")
        frames, videos = from_images(labelled, path)
        return Imported(TITLE, Labels(skeleton, frames), videos, tuple(notes))


def _skeleton(config: dict, count: int) -> tuple[Skeleton, list[str]]:
    names = config.get("kpt_names") or config.get("node_names")
    if isinstance(names, dict):  # by class; all classes have the same keypoints
        names = next(iter(names.values()))
    notes = []
    if names is None:
        names = [f"point_{i}" for i in range(count)]
        notes.append(f"the dataset names no keypoints; they were called {names[0]} to {names[-1]}: rename them")
    names = unique_names(str(n) for n in names)
    if len(names) != count:
        raise ValueError(f"{len(names)} names for {count} keypoints")
    flip = [int(i) for i in config.get("flip_idx") or range(count)]
    if sorted(flip) != list(range(count)) or any(flip[flip[i]] != i for i in range(count)):
        notes.append(f"flip_idx {flip} does not swap pairs; left and right are told by the names")
        pairs = None
    else:
        pairs = [(i, other) for i, other in enumerate(flip) if i < other]
    return skeleton_of(names, [(int(a), int(b)) for a, b in config.get("skeleton") or ()], pairs), notes


def _images(path: Path, config: dict):
    """The dataset's images, whose labels may be away (then there is no animal)."""
    root = Path(str(config.get("path") or "."))
    roots = [path.parent / root, root, path.parent]
    for part in PARTS:
        for written in config[part] if isinstance(config.get(part), list) else [config.get(part)]:
            folder = next((r / str(written) for r in roots if written and (r / str(written)).is_dir()), None)
            if folder is not None:
                yield from sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def _labels_of(image: Path) -> Path:
    """images/…/a.png → labels/…/a.txt; the last folder named images counts."""
    parts = list(image.parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts).with_suffix(".txt")


def _animals(path: Path, size: tuple[int, ...], shape: tuple[int, int], missing: State):
    if not path.is_file():
        return
    data = path.read_bytes()
    text = decode_text(data, path)[0] if data.strip() else ""
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split("#")[0].split()
        if not cells:
            continue
        try:
            values = np.array(cells, float)
        except ValueError as error:
            raise InvalidFile(f"line {number}: not only numbers", path) from error
        if len(values) != 5 + shape[0] * shape[1]:
            raise InvalidFile(f"line {number} has {len(values)} numbers instead of {5 + shape[0] * shape[1]}", path)
        if not np.isfinite(values).all():
            raise InvalidFile(f"line {number}: not only finite numbers", path)
        yield _animal(values, np.array(size, float), shape, missing)


def _animal(values: np.ndarray, size: np.ndarray, shape: tuple[int, int], missing: State) -> Instance:
    points = values[5:].reshape(shape)
    visible = points[:, 2] if shape[1] == 3 else np.where((points == 0).all(axis=1), 0, 2)
    xy = np.where(visible[:, None] > 0, points[:, :2] * size, np.nan)
    low, high = (values[1:3] - values[3:5] / 2) * size, (values[1:3] + values[3:5] / 2) * size
    return animal(xy, missing, visible == 1, box=(*low.tolist(), *high.tolist()))


def write_labels(out: Path, table: LabelTable) -> None:
    """A folder: data.yaml, images/train, labels/train. Raises InvalidSetting, StorageError."""
    skeleton = table.labels.skeleton
    config = {
        "train": "images/train", "val": "images/train", "names": {0: "animal"},
        "kpt_shape": [len(skeleton), 3], "flip_idx": skeleton.mirrored().tolist(),
        "kpt_names": {0: skeleton.names}, "node_names": skeleton.names,
        "skeleton": [list(e) for e in skeleton.edge_positions],
    }  # fmt: skip
    with new_folder(out) as folder:
        (folder / "data.yaml").write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), "utf-8")
        places = write_images(table, folder / "images" / "train")
        for frame in table.labels:
            target = (folder / "labels" / "train" / places[frame.key]).with_suffix(".txt")
            target.parent.mkdir(parents=True, exist_ok=True)
            lines = [" ".join(map(repr, _line(i, np.array(table.size(frame.key), float)))) for i in frame.instances]
            target.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def _line(instance: Instance, size: np.ndarray) -> list[float | int]:
    assert instance.box is not None
    low, high = np.array(instance.box[:2]) / size, np.array(instance.box[2:]) / size
    v = np.select([instance.states == State.VISIBLE, instance.states == State.OCCLUDED], [2, 1], 0)
    points = np.nan_to_num(instance.points / size)
    values: list[float | int] = [0, *((low + high) / 2).tolist(), *(high - low).tolist()]
    for (x, y), seen in zip(points.tolist(), v.tolist()):
        values += [x, y, seen]
    return values
