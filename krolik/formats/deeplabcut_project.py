"""Writing a DeepLabCut project: config.yaml, labeled-data with images, CollectedData as csv and h5.

DeepLabCut 3 opens it and trains from it. Frames of videos become images; the videos stay where they are.
"""

from __future__ import annotations

import datetime
from pathlib import Path

import numpy as np
import yaml

from krolik.errors import InvalidLabels
from krolik.formats.image_files import new_folder, write_images
from krolik.formats.losses import NEEDED, Carries
from krolik.formats.pandas_hdf5 import write_frames
from krolik.formats.tables import LabelTable
from krolik.poses import FrameKey, Labels

CARRIES = Carries(occluded=False, absent=False, tracks=NEEDED, boxes=False, pairs=False, empty_frames=False, bare=False)
SCORER = "krolik"
UNIQUE = "single"  # DeepLabCut's name for the individual that has the unique bodyparts


def write_labels(out: Path, table: LabelTable) -> None:
    """A project folder. Raises InvalidSetting when the folder is there, StorageError."""
    unique = _unique_parts(table.labels)
    people = list(dict.fromkeys(i.track for f in table.labels for i in f.instances if i.track is not None))
    with new_folder(out) as folder:
        places = write_images(table, folder / "labeled-data")
        by_folder: dict[str, list[FrameKey]] = {}
        for key, place in places.items():
            by_folder.setdefault(place.split("/")[0], []).append(key)
        (folder / "videos").mkdir()
        for name, keys in by_folder.items():
            frame = _data_frame(table, name, {k: places[k].split("/")[1] for k in keys}, people, unique)
            target = folder / "labeled-data" / name / f"CollectedData_{SCORER}"
            frame.to_csv(target.with_suffix(".csv"), lineterminator="\n")
            write_frames(target.with_suffix(".h5"), [frame], fixed=True)
        videos = {name: table.video_paths.get(keys[0].video) for name, keys in by_folder.items()}
        text = yaml.safe_dump(_config(out, table.labels, videos, people, unique), allow_unicode=True, sort_keys=False)
        (folder / "config.yaml").write_text(text, "utf-8")


def _unique_parts(labels: Labels) -> list[str]:
    """The keypoints of the animal "single", which are no other animal's."""
    located = {True: np.zeros(len(labels.skeleton), bool), False: np.zeros(len(labels.skeleton), bool)}
    for frame in labels:
        for instance in frame.instances:
            located[instance.track == UNIQUE] |= instance.located
    if (located[True] & located[False]).any():
        raise InvalidLabels(f"an animal is named {UNIQUE!r}, which DeepLabCut keeps for unique bodyparts", "labels",
                            "Give it another name.")  # fmt: skip
    return [n for n, own in zip(labels.skeleton.names, located[True]) if own]


def _data_frame(table: LabelTable, folder: str, images: dict[FrameKey, str], people: list[str], unique: list[str]):
    import pandas

    names = table.labels.skeleton.names
    several = bool(people)
    columns = []
    for who in people or [""]:
        parts = unique if who == UNIQUE else [n for n in names if n not in unique]
        columns += [(SCORER, *([who] if several else []), part, axis) for part in parts for axis in ("x", "y")]
    labels = ["scorer", *(["individuals"] if several else []), "bodyparts", "coords"]
    at = {column[1:]: i for i, column in enumerate(columns)}
    frames = sorted((f for f in table.labels if f.key in images), key=lambda f: images[f.key])
    values = np.full((len(frames), len(columns)), np.nan)
    for row, frame in zip(values, frames):
        for instance in frame.instances:
            for name, (x, y), there in zip(names, instance.points, instance.located):
                if there:
                    who = (instance.track,) if several else ()
                    row[at[*who, name, "x"]], row[at[*who, name, "y"]] = x, y
    rows = pandas.MultiIndex.from_tuples([("labeled-data", folder, images[f.key]) for f in frames])
    return pandas.DataFrame(values, rows, pandas.MultiIndex.from_tuples(columns, names=labels))


def _video_name(folder: str, path: str | None) -> str:
    """A path whose last part is the folder's name, by which DeepLabCut joins the two."""
    return f"{Path(path).parent.as_posix()}/{folder}{Path(path).suffix}" if path else f"videos/{folder}.mp4"


def _config(out: Path, labels: Labels, videos: dict[str, str | None], people: list[str], unique: list[str]) -> dict:
    """The keys of DeepLabCut 3's config.yaml, with its defaults."""
    names, bones = labels.skeleton.names, labels.skeleton
    parts = [n for n in names if n not in unique]
    today = datetime.date.today()
    own: dict = {"bodyparts": names}
    if people:
        own = {"individuals": [p for p in people if p != UNIQUE], "uniquebodyparts": unique}
        own |= {"multianimalbodyparts": parts, "bodyparts": "MULTI!"}
    sets = {_video_name(name, path): {"crop": "0, 10000, 0, 10000"} for name, path in videos.items()}
    return {
        "Task": out.name.replace(" ", "_") or "krolik", "scorer": SCORER, "date": today.strftime("%b%d"),
        "multianimalproject": bool(people), "identity": False if people else None,
        "project_path": str(out.absolute()), "engine": "pytorch", "video_sets": sets, **own,
        "start": 0, "stop": 1, "numframes2pick": 20,
        "skeleton": [[names[a], names[b]] for a, b in bones.edge_positions],
        "skeleton_color": "black", "pcutoff": 0.6, "dotsize": 12, "alphavalue": 0.7, "colormap": "rainbow",
        "TrainingFraction": [0.95], "iteration": 0, "default_net_type": "resnet_50", "default_augmenter": "default",
        "default_track_method": "ellipse", "snapshotindex": -1, "detector_snapshotindex": -1, "batch_size": 8,
        "detector_batch_size": 1, "cropping": False, "x1": 0, "x2": 640, "y1": 277, "y2": 624,
        "corner2move2": [50, 50], "move2corner": True,
    }  # fmt: skip
