"""DeepPoseKit's annotation sets (.h5 with the images in it) and their skeleton.csv; one animal.

images (N, H, W, C) uint8, whatever its name; annotations (N, K, 2) x, y: -1 not placed yet, NaN not to be seen;
annotated (N, K) whether a person confirmed the point; skeleton (K, 2): parent and swap, -1 for none; skeleton_names
(K,), not in older files. skeleton.csv: name, parent, swap. Source: jgraving/DeepPoseKit 0.3.9, deepposekit/io.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from krolik.errors import InvalidFile, InvalidLabels
from krolik.files import replacing
from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes, decode_text
from krolik.formats.losses import TREE, Carries
from krolik.formats.reading import (
    EmbeddedImages,
    array,
    bounded,
    hdf5_names,
    refuse_odd,
    refusing,
    skeleton_of,
    texts,
    unique_names,
)
from krolik.formats.tables import LabelTable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, State
from krolik.side_names import symmetric_pairs
from krolik.skeleton import Skeleton
from krolik.video.images import decode_image

TITLE = "DeepPoseKit"
CARRIES = Carries(occluded=False, tracks=False, boxes=False, edges=TREE, empty_frames=False, bare=False, animals=1,
                  videos=False)  # fmt: skip
UNCONFIRMED_SCORE = 0.5


def sniff(path: Path) -> bool:
    if path.suffix.lower() in (".h5", ".hdf5"):
        return {"annotations", "annotated"} <= hdf5_names(path)
    if path.suffix.lower() == ".csv":
        with path.open("rb") as file:
            return file.readline(64).lstrip(b"\xef\xbb\xbf").strip().startswith(b"name,parent")
    return False


@dataclass(frozen=True)
class _Bones:
    names: list[str]
    parents: list[int]
    swaps: list[int]


def read(path: Path, wishes: Wishes) -> Imported:
    """An annotation set, or a skeleton alone. Points that nobody confirmed become predictions, unless wished.

    Raises InvalidFile.
    """
    if path.suffix.lower() == ".csv":
        skeleton, notes = _skeleton(_read_csv(path))
        return Imported(TITLE, Labels(skeleton), (), tuple(notes))
    with refusing(path, "DeepPoseKit set"), h5py.File(path, "r") as file:
        points, annotated = bounded(file["annotations"]).astype(float), bounded(file["annotated"]).astype(bool)
        refuse_odd(points)
        pictures = [name for name, data in file.items() if isinstance(data, h5py.Dataset) and data.ndim == 4]
        if len(pictures) != 1:
            raise ValueError(f"{len(pictures)} arrays of images instead of one")
        shape = array(file, pictures[0]).shape
        if points.shape != (*annotated.shape, 2) or shape[0] != len(points):
            raise ValueError(f"annotations {points.shape}, annotated {annotated.shape} and images {shape} disagree")
        bones = _bones(path, file, points.shape[1])
    skeleton, notes = _skeleton(bones)
    images = tuple(f"img{i:05d}.png" for i in range(len(points)))
    video = ImportedVideo(path.stem, path.parent / path.stem, images, EmbeddedImages(path, pictures[0], images, _bgr))
    placed = np.isfinite(points).all(axis=2) & ~(points == -1).all(axis=2) & (annotated | ~(points == 0).all(axis=2))
    sure = annotated | wishes.unconfirmed
    states = np.where(
        placed & sure, State.VISIBLE, np.where(np.isnan(points).any(axis=2) & sure, State.ABSENT, State.UNKNOWN)
    )
    frames = tuple(
        LabeledFrame(FrameKey(video.name, int(i)), (Instance(points[i], states[i]),), images[i])
        for i in np.flatnonzero((states != State.UNKNOWN).any(axis=1))
    )
    loose = placed & ~sure
    if not loose.any():
        return Imported(TITLE, Labels(skeleton, frames), (video,), tuple(notes))
    notes.append(f"{loose.sum()} of {placed.sum()} points are not confirmed by a person: they become predictions to "
                 "look at; with --unconfirmed they become labels")  # fmt: skip
    xy = np.where(loose[..., None], points, np.nan)[:, None]
    poses = ImportedPredictions(
        video.name, skeleton, "unconfirmed annotations", ("",), int(loose.any(axis=1).sum()),
        lambda: sliced(lambda a, b: (xy[a:b], np.full(xy[a:b].shape[:3], UNCONFIRMED_SCORE)), len(xy)),
    )  # fmt: skip
    return Imported(TITLE, Labels(skeleton, frames), (video,), tuple(notes), (poses,))


def _bones(path: Path, file: h5py.File, keypoints: int) -> _Bones:
    """From the file and, for what it lacks, the skeleton.csv beside it."""
    stored = bounded(file["skeleton"]).astype(int) if "skeleton" in file else np.full((keypoints, 2), -1)
    if stored.shape != (keypoints, 2):
        raise ValueError(f"skeleton is {stored.shape} for {keypoints} keypoints")
    if "skeleton_names" in file:
        return _Bones(unique_names(texts(file["skeleton_names"])), *stored.T.tolist())
    tables = [p for p in sorted(path.parent.glob("*skeleton*.csv")) if len(_read_csv(p).names) == keypoints]
    own = [p for p in tables if p.name.startswith(path.stem)] or tables
    names = _read_csv(own[0]).names if own else [f"point{i}" for i in range(keypoints)]
    return _Bones(names, *stored.T.tolist())


def _read_csv(path: Path) -> _Bones:
    with refusing(path, "skeleton"):
        text, _ = decode_text(path.read_bytes(), path)
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        names = unique_names(row["name"] for row in rows)
        places = {"": -1, **{name: i for i, name in enumerate(names)}}
        unknown = [v for row in rows for v in (row["parent"], row.get("swap")) if (v or "").strip() not in places]
        if unknown:
            raise InvalidFile(f"{unknown[0]!r} is no keypoint of it", path)
        return _Bones(
            names, *([places[(row.get(column) or "").strip()] for row in rows] for column in ("parent", "swap"))
        )


def _skeleton(bones: _Bones) -> tuple[Skeleton, list[str]]:
    """Edges from parent to child; only swaps that both keypoints name, for the others what the names tell."""
    edges = [(parent, child) for child, parent in enumerate(bones.parents) if parent >= 0]
    count = len(bones.names)
    mutual = [(a, b) for a, b in enumerate(bones.swaps) if a < b < count and bones.swaps[b] == a]
    paired = {k for pair in mutual for k in pair}
    broken = [k for k, other in enumerate(bones.swaps) if other >= 0 and k not in paired]
    if not broken:
        return skeleton_of(bones.names, edges, mutual), []
    told = [(bones.names.index(a), bones.names.index(b)) for a, b in symmetric_pairs(bones.names)]
    added = [pair for pair in told if not paired & set(pair)]
    skeleton = skeleton_of(bones.names, edges, sorted(mutual + added))
    single = ", ".join(bones.names[k] for k in broken)
    pairs = ", ".join(f"{bones.names[a]}/{bones.names[b]}" for a, b in added) or "–"
    return skeleton, [f"swaps that only one side names: {single}; pairs by name: {pairs}"]


def _bgr(_: h5py.Dataset, image: np.ndarray) -> np.ndarray:
    return image[..., 0] if image.shape[-1] == 1 else image[..., ::-1]


def write_labels(out: Path, table: LabelTable) -> None:
    """The set, and NAME_skeleton.csv beside it. Raises InvalidLabels when images differ in size, StorageError."""
    sizes = {table.size(f.key) for f in table.labels}
    if len(sizes) != 1:
        raise InvalidLabels(f"DeepPoseKit holds images of one size; there are {len(sizes)}", "labels",
                            "Export the videos one by one.")  # fmt: skip
    skeleton, count = table.labels.skeleton, len(table.labels)
    (width, height), keypoints = sizes.pop(), len(skeleton)
    bones = np.full((keypoints, 2), -1, np.int32)
    for a, b in skeleton.edge_positions:
        bones[b, 0] = a
    for a, b in ((skeleton.position[a], skeleton.position[b]) for a, b in skeleton.pairs):
        bones[a, 1], bones[b, 1] = b, a
    with replacing(out) as partial, h5py.File(partial, "w") as file:
        images = file.create_dataset("images", (count, height, width, 3), np.uint8, maxshape=(None, height, width, 3),
                                     chunks=(1, height, width, 3), compression="gzip", compression_opts=1)  # fmt: skip
        points, annotated = np.full((count, keypoints, 2), -1.0), np.zeros((count, keypoints), bool)
        for i, frame in enumerate(table.labels):
            images[i] = decode_image(table.image(frame.key), frame.name)
            (instance,) = frame.instances
            known = instance.states != State.UNKNOWN
            points[i][known], annotated[i] = instance.points[known], known
        file.create_dataset("annotations", data=points, maxshape=(None, keypoints, 2))
        file.create_dataset("annotated", data=annotated, maxshape=(None, keypoints))
        file.create_dataset("skeleton", data=bones)
        file.create_dataset("skeleton_names", data=np.char.encode(np.array(skeleton.names), "utf-8"))
    with (
        replacing(out.with_name(f"{out.stem}_skeleton.csv")) as partial,
        partial.open("w", encoding="utf-8", newline="") as text,
    ):
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", "parent", "swap"])
        named = [*skeleton.names, ""]
        writer.writerows(
            [name, named[parent], named[swap]] for name, (parent, swap) in zip(skeleton.names, bones.tolist())
        )
