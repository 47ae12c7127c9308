"""Lightning Pose: labels (CollectedData.csv with the images below labeled-data) and predictions, one animal.

Labels are in DeepLabCut's layout, with a column `visible` for each keypoint: 0 not labelled, 1 hidden, 2 visible. A
hidden keypoint has coordinates when its place was guessed. Predictions are like DeepLabCut's.
Source: Lightning Pose 2.4, docs "Organizing your data".
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile, InvalidLabels
from krolik.formats import deeplabcut_analysed
from krolik.formats.csv_rows import Table, delimiter_of, head, numbers
from krolik.formats.image_files import new_folder, write_images
from krolik.formats.imported import Imported, Wishes
from krolik.formats.losses import Carries
from krolik.formats.reading import find_image, from_images, refuse_odd, refusing
from krolik.formats.tables import LabelTable, PredictionTable, one_file_each
from krolik.poses import Instance, Labels, State
from krolik.skeleton import Skeleton

TITLE = "Lightning Pose"
CARRIES = Carries(tracks=False, boxes=False, edges=False, pairs=False, empty_frames=False, bare=False, animals=1)
LABELS = "CollectedData.csv"
SCORER = "lightning_tracker"
MODELS = ("heatmap", "regression", "lightning", "ensemble-kalman", "eks")


def sniff(path: Path) -> bool:
    """DeepLabCut's layout with `visible` columns, or of a scorer that Lightning Pose gives its predictions."""
    if path.is_dir():
        return (path / LABELS).is_file() and not (path / "config.yaml").is_file()
    if path.suffix.lower() != ".csv":
        return False
    with path.open("rb") as file:
        start = file.read(1 << 20).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
    lines = start.split(b"\n", 5)
    if not lines[0].startswith(b"scorer") or len(lines) < 4:
        return False
    coords = next((line for line in lines[:4] if line.startswith(b"coords")), b"")
    scorer = (lines[0].split(b",") + [b""])[1].strip().lower()
    return b"visible" in coords or (b"likelihood" in coords and scorer.startswith(tuple(m.encode() for m in MODELS)))


def read(path: Path, wishes: Wishes) -> Imported:
    """Labels or predictions. Raises InvalidFile that names the row."""
    path = path / LABELS if path.is_dir() else path
    lines, encoding = head(path, 4)
    coords = lines[2] if len(lines) > 2 else ""
    if "visible" not in coords:
        return deeplabcut_analysed.read_as(TITLE, path)
    with refusing(path, "file of labels"):
        delimiter = delimiter_of(lines[0])
        header = list(csv.reader(lines[:3], delimiter=delimiter))
        columns = list(zip(*(row[1:] for row in header)))
        names = list(dict.fromkeys(part for _, part, _ in columns))
        at = {(part, axis): i + 1 for i, (_, part, axis) in enumerate(columns)}
        for name in names:
            for axis in ("x", "y", "visible"):
                if (name, axis) not in at:
                    raise InvalidFile(f"the keypoint {name!r} has no column {axis}", path, "Repair the file's header.")
        labelled = []
        for first, chunk in Table(path, encoding, 3, range(len(columns) + 1), delimiter).parts(text=[0]):
            values = np.stack([[numbers(chunk, at[name, axis], first, path) for axis in ("x", "y", "visible")]
                               for name in names])  # fmt: skip
            for row, image in enumerate(chunk[0].fillna("").tolist()):
                where = f"row {first + row}"
                instance = _instance(values[:, :, row], wishes.missing, where, path)
                if (instance.states != State.UNKNOWN).any():
                    labelled.append((find_image(str(image), path.parent), (instance,)))
        if not labelled:
            raise InvalidFile("no frame in it has a labelled point", path)
        frames, videos = from_images(labelled, path)
        return Imported(TITLE, Labels(Skeleton.of(names), frames), videos)


def _instance(values: np.ndarray, missing: State, where: str, path: Path) -> Instance:
    """From (K, 3): x, y, visible."""
    try:
        refuse_odd(values[:, :2])
    except ValueError as error:
        raise InvalidFile(f"{where}: {error}", path) from error
    states = np.full(len(values), missing, np.int8)
    there = np.asarray(np.isfinite(values[:, :2]).all(axis=1))
    for k, visible in enumerate(values[:, 2]):
        if visible not in (0, 1, 2) and not np.isnan(visible):
            raise InvalidFile(f"{where}: visible is {visible:g} instead of 0, 1 or 2", path)
        if visible == 2 and not there[k]:
            raise InvalidFile(f"{where}: a keypoint is visible but has no coordinates", path)
        if visible == 1:
            states[k] = State.OCCLUDED if there[k] else State.ABSENT
        elif there[k] and visible != 0:
            states[k] = State.VISIBLE
    return Instance(values[:, :2], states)


def write_labels(out: Path, table: LabelTable) -> None:
    """A folder: CollectedData.csv and labeled-data with the images. Raises InvalidSetting, StorageError."""
    names = table.labels.skeleton.names
    spelled = {State.VISIBLE: "2", State.OCCLUDED: "1", State.ABSENT: "1", State.UNKNOWN: "0"}
    with new_folder(out) as folder:
        places = write_images(table, folder / "labeled-data")
        with (folder / LABELS).open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["scorer", *["krolik"] * (3 * len(names))])
            writer.writerow(["bodyparts", *(n for n in names for _ in range(3))])
            writer.writerow(["coords", *["x", "y", "visible"] * len(names)])
            for frame in table.labels:
                (instance,) = frame.instances
                row = [f"labeled-data/{places[frame.key]}"]
                for (x, y), state, there in zip(instance.points.tolist(), instance.states, instance.located):
                    row += [repr(x) if there else "", repr(y) if there else "", spelled[State(state)]]
                writer.writerow(row)


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """DeepLabCut's layout under a scorer of Lightning Pose. Raises InvalidLabels for several animals, StorageError."""
    for table in tables:
        if table.animal_count() > 1:
            raise InvalidLabels(f"Lightning Pose holds one animal; there are {table.animal_count()}", table.video)
    one_file_each(out, tables, ".csv", lambda path, table: deeplabcut_analysed.write_csv(path, table, SCORER))
