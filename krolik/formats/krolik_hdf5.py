"""Krolik's own HDF5, for labels and predictions, version 1. Every group carries what is needed to read it alone.

/ attributes: format ("krolik-labels" or "krolik-predictions"), version, skeleton (JSON), keypoints (names)
Labels:       /labels/video (L,) text; frame (L,) int64; name (L,) text; time_s (L,) float64;
              animals (L,) int32: how many each frame has; then, one row per animal in the same order:
              points (A, K, 2) float64, NaN where there are none; states (A, K) int8; track (A,) text;
              box (A, 4) float64 left, top, right, bottom, NaN where there is none
              /videos/name, path (V,) text
Predictions:  /predictions/{0, 1, ...} one group per video, attributes video, model, animals (JSON: a name per row);
              frame (F,) int64; time_s (F,) float64; points (F, N, K, 2) float32; score (F, N, K) float32;
              decoded (F,) bool

Frames count from 0; points are x, y in pixels of the full frame, the centre of the top-left pixel is (0, 0); states
are 0 unknown, 1 absent, 2 occluded, 3 visible.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from krolik.errors import InvalidFile, KrolikError
from krolik.files import replacing
from krolik.formats.blocks import tidied
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.krolik_json import LABELS, PREDICTIONS, VERSION
from krolik.formats.losses import Carries
from krolik.formats.reading import array, bounded, part_of, refusing
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import BLOCK, FrameKey, Instance, LabeledFrame, Labels, Predictions
from krolik.skeleton import Skeleton

CARRIES = Carries(colors=True, images=False)
TEXT = h5py.string_dtype("utf-8")


def _head(file: h5py.File, kind: str, skeleton: Skeleton) -> None:
    file.attrs["format"], file.attrs["version"] = kind, VERSION
    file.attrs["skeleton"] = json.dumps(skeleton.to_json(), ensure_ascii=False)
    file.attrs.create("keypoints", skeleton.names, dtype=TEXT)


def write_labels(path: Path, table: LabelTable) -> None:
    """Raises StorageError."""
    frames, skeleton = table.labels.frames, table.labels.skeleton
    instances = [i for f in frames for i in f.instances]
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        _head(file, LABELS, skeleton)
        group = file.create_group("labels")
        group.create_dataset("video", data=[table.video_names[f.key.video] for f in frames], dtype=TEXT)
        group.create_dataset("frame", data=np.array([f.key.index for f in frames], np.int64))
        group.create_dataset("name", data=[f.name for f in frames], dtype=TEXT)
        group.create_dataset("time_s", data=np.array([table.time_s(f.key) for f in frames], float))
        group.create_dataset("animals", data=np.array([len(f.instances) for f in frames], np.int32))
        shape = (len(instances), len(skeleton))
        group.create_dataset("points", data=np.array([i.points for i in instances], float).reshape(*shape, 2))
        group.create_dataset("states", data=np.array([i.states for i in instances], np.int8).reshape(shape))
        group.create_dataset("track", data=[i.track or "" for i in instances], dtype=TEXT)
        boxes = np.array([i.box or (np.nan,) * 4 for i in instances], float).reshape(-1, 4)
        group.create_dataset("box", data=boxes)
        videos = file.create_group("videos")
        videos.create_dataset("name", data=list(table.video_names.values()), dtype=TEXT)
        videos.create_dataset("path", data=[table.video_paths[v] for v in table.video_names], dtype=TEXT)


def write_predictions(path: Path, tables: Sequence[PredictionTable]) -> None:
    """All videos into one file, block by block. Raises StorageError."""
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        _head(file, PREDICTIONS, tables[0].skeleton)
        for number, table in enumerate(tables):
            group = file.create_group(f"predictions/{number}")
            group.attrs["video"], group.attrs["model"] = table.video, table.model
            group.attrs["animals"] = json.dumps(table.animals, ensure_ascii=False)
            for block in table.blocks():
                index = np.arange(block.start, block.stop)
                arrays = {"frame": index, "time_s": table.times_s[index], "points": block.xy, "score": block.score,
                          "decoded": block.decoded}  # fmt: skip
                for name, values in arrays.items():
                    _append(group, name, values)


def _append(group: h5py.Group, name: str, values: np.ndarray) -> None:
    if name not in group:
        rest = values.shape[1:]
        group.create_dataset(name, data=values, maxshape=(None, *(n or None for n in rest)), compression="gzip",
                             compression_opts=1, chunks=(1024, *(n or 1 for n in rest)))  # fmt: skip
        return
    data = group[name]
    assert isinstance(data, h5py.Dataset)
    data.resize(len(data) + len(values), axis=0)
    data[-len(values) :] = values


def sniff(path: Path) -> bool:
    if path.suffix.lower() not in (".h5", ".hdf5"):
        return False
    try:
        with h5py.File(path, "r") as file:
            return file.attrs.get("format") in (LABELS, PREDICTIONS)
    except OSError:
        return False


def read(path: Path, wishes: Wishes) -> Imported:
    """Labels or predictions. Raises InvalidFile."""
    with refusing(path, "HDF5 file"), h5py.File(path, "r") as file:
        if file.attrs.get("format") == PREDICTIONS:
            return _read_predictions(path, file)
    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("format") != LABELS or file.attrs.get("version") != VERSION:
                raise InvalidFile(f"not an HDF5 file of labels (format {LABELS!r}, version {VERSION})", path)
            skeleton = Skeleton.from_json(json.loads(str(file.attrs["skeleton"])))
            names = ("video", "frame", "name", "animals", "points", "states", "track")
            data: dict[str, np.ndarray] = {name: bounded(file[f"labels/{name}"]) for name in names}
            boxes = bounded(file["labels/box"]) if "labels/box" in file else np.full((len(data["track"]), 4), np.nan)
            places = zip(bounded(file["videos/name"]), bounded(file["videos/path"]))
            videos = tuple(_video(path, name.decode(), place.decode()) for name, place in places)
    except KrolikError as error:
        raise InvalidFile(str(error), path) from error
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidFile(f"not a readable HDF5 file of labels ({error})", path) from error
    rows, keypoints = len(data["track"]), len(skeleton)
    if data["points"].shape != (rows, keypoints, 2) or data["states"].shape != (rows, keypoints):
        raise InvalidFile(f"points {data['points'].shape} and states {data['states'].shape} do not fit "
                          f"{rows} animals of {keypoints} keypoints", path)  # fmt: skip
    if data["animals"].sum() != rows or len(data["frame"]) != len(data["animals"]):
        raise InvalidFile("the frames' numbers of animals do not add up", path)
    ends = np.cumsum(data["animals"])
    frames = []
    for video, frame, name, animals, end in zip(data["video"], data["frame"], data["name"], data["animals"], ends):
        instances = tuple(
            Instance(
                data["points"][i],
                data["states"][i],
                data["track"][i].decode() or None,
                tuple(boxes[i].tolist()) if np.isfinite(boxes[i]).all() else None,
            )
            for i in range(end - animals, end)
        )
        frames.append(LabeledFrame(FrameKey(video.decode(), int(frame)), instances, name.decode()))
    return Imported("Krolik HDF5", Labels(skeleton, tuple(frames)), videos)


def _read_predictions(path: Path, file: h5py.File) -> Imported:
    if file.attrs.get("version") != VERSION:
        raise InvalidFile(f"version {file.attrs.get('version')!r}; this program reads version {VERSION}", path)
    skeleton = Skeleton.from_json(json.loads(str(file.attrs["skeleton"])))
    found = []
    groups = part_of(file, "predictions")
    for name in sorted(map(str, groups), key=int):
        group = part_of(groups, name)
        shape = array(group, "points").shape
        frames = bounded(group["frame"])
        if shape != (len(frames), shape[1], len(skeleton), 2) or array(group, "score").shape != shape[:3]:
            raise InvalidFile(f"predictions/{name}: points {shape} do not fit {len(skeleton)} keypoints", path)
        if len(frames) and ((np.diff(frames) <= 0).any() or frames[0] < 0):
            raise InvalidFile(f"predictions/{name}: the frames do not rise from 0 on", path)
        animals = tuple(json.loads(str(group.attrs["animals"]))) if "animals" in group.attrs else ()
        found.append(ImportedPredictions(
            str(group.attrs["video"]), skeleton, str(group.attrs["model"]), animals or ("",) * shape[1], len(frames),
            lambda name=name, frames=frames: _prediction_blocks(path, name, frames),
        ))  # fmt: skip
    videos = tuple(ImportedVideo(p.video, path.parent / p.video) for p in found)
    return Imported("Krolik HDF5", Labels(skeleton), videos, (), tuple(found))


def _prediction_blocks(path: Path, name: str, frames: np.ndarray) -> Iterator[Predictions]:
    """Stretch by stretch of frames that follow each other."""
    with refusing(path, "HDF5 file"), h5py.File(path, "r") as file:
        group = part_of(file, f"predictions/{name}")
        breaks = np.flatnonzero(np.diff(frames) > 1) + 1
        for start, stop in zip([0, *breaks.tolist()], [*breaks.tolist(), len(frames)]):
            at = start
            while at < stop:
                number = int(frames[at])
                end = min(stop, at + BLOCK - number % BLOCK)
                arrays = (np.asarray(array(group, part)[at:end]) for part in ("points", "score", "decoded"))
                yield tidied(number, *arrays)
                at = end


def _video(path: Path, name: str, place: str) -> ImportedVideo:
    return ImportedVideo(name, Path(place) if place and Path(place).exists() else path.parent / name)
