"""SLEAP's analysis files (.h5): predictions of one video as dense arrays.

tracks (T, 2, K, F) in the order that SLEAP and movement know, or (F, T, K, 2) in the order of newer programs, which
say it in the attribute `dims`; point_scores, instance_scores, tracking_scores alike; track_names, node_names,
edge_inds, video_path. Source: sleap/info/write_tracking_h5.py, sleap_io/io/analysis_h5.py (0.9).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py
import numpy as np

from krolik.errors import InvalidFile
from krolik.files import replacing
from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.reading import (
    array,
    bounded,
    file_name,
    find_stem,
    find_video,
    hdf5_names,
    refusing,
    skeleton_of,
    texts,
    unique_names,
)
from krolik.formats.tables import PredictionTable, one_file_each
from krolik.poses import Labels, Predictions

TITLE = "SLEAP analysis h5"
OLD = ("track", "xy", "node", "frame")
NEW = ("frame", "track", "node", "xy")


def sniff(path: Path) -> bool:
    return path.suffix.lower() in (".h5", ".hdf5") and {"tracks", "node_names"} <= hdf5_names(path)


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile."""
    with refusing(path, "SLEAP analysis file"), h5py.File(path, "r") as file:
        names = unique_names(texts(file["node_names"]))
        edges = bounded(file["edge_inds"]).reshape(-1, 2).tolist() if "edge_inds" in file else []
        said = "skeleton_symmetries" in file.attrs
        pairs = json.loads(str(file.attrs["skeleton_symmetries"])) if said else []
        found = (
            [(names.index(a), names.index(b)) for a, b in pairs] if pairs and isinstance(pairs[0][0], str) else pairs
        )
        skeleton = skeleton_of(names, edges, [(int(a), int(b)) for a, b in found] if said else None)
        tracks = texts(file["track_names"]) if "track_names" in file else []
        order = _order(array(file, "tracks"), len(names), tracks, path)
        shape = dict(zip(order, array(file, "tracks").shape))
        written = texts(file["video_path"]) if "video_path" in file else []
        occupied = bounded(file["track_occupancy"]) if "track_occupancy" in file else np.zeros((0, 0))
    video = find_video(written[0], path) if written and written[0] else find_stem(path.name.split(".")[0], path)
    animals = tuple(tracks) if tracks else ("",) * shape["track"]
    poses = ImportedPredictions(
        file_name(str(video)), skeleton, "SLEAP", animals,
        int((occupied.max(axis=1) > 0).sum()) if occupied.shape == (shape["frame"], shape["track"]) and occupied.size
        else shape["frame"], lambda: _blocks(path, order, shape["frame"]),
    )  # fmt: skip
    return Imported(TITLE, Labels(skeleton), (ImportedVideo(poses.video, video),), (), (poses,))


def _order(tracks, keypoints: int, names: list[str], path: Path) -> tuple[str, ...]:
    """What each axis of `tracks` is: as the file says, else as its length tells."""
    if not isinstance(tracks, h5py.Dataset) or tracks.ndim != 4:
        raise ValueError("tracks is not an array of four axes")
    said = tuple(json.loads(str(tracks.attrs["dims"]))) if "dims" in tracks.attrs else None
    for order in (said,) if said else (OLD, NEW):
        lengths = dict(zip(order, tracks.shape))
        if sorted(order) != sorted(OLD):
            raise ValueError(f"tracks has the axes {', '.join(map(str, order))}")
        tracks_fit = lengths["track"] in (len(names), max(1, len(names)))
        if (lengths["xy"], lengths["node"]) == (2, keypoints) and tracks_fit:
            return order
    raise InvalidFile(
        f"tracks is {tracks.shape}, which does not fit {keypoints} keypoints and {len(names)} tracks", path
    )


def _blocks(path: Path, order: tuple[str, ...], frames: int) -> Iterator[Predictions]:
    with refusing(path, "SLEAP analysis file"), h5py.File(path, "r") as file:
        scores = file.get("point_scores")

        def part(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            xy = _part(array(file, "tracks"), order, NEW, start, stop)
            if not isinstance(scores, h5py.Dataset):
                return xy, np.ones(xy.shape[:-1])
            score = _part(scores, tuple(a for a in order if a != "xy"), NEW[:-1], start, stop)
            if score.shape != xy.shape[:-1]:
                raise ValueError(f"point_scores is {score.shape}, tracks is {xy.shape}")
            return xy, score

        yield from sliced(part, frames)


def _part(data, order: tuple[str, ...], wanted: tuple[str, ...], start: int, stop: int) -> np.ndarray:
    assert isinstance(data, h5py.Dataset)
    if data.ndim != len(order):
        raise ValueError(f"{data.name} has {data.ndim} axes instead of {len(order)}")
    cut = tuple(slice(start, stop) if axis == "frame" else slice(None) for axis in order)
    return np.transpose(data[cut], [order.index(axis) for axis in wanted])


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """One file for one video; a folder of files for several. Raises StorageError."""
    one_file_each(out, tables, ".analysis.h5", _write)


def _write(path: Path, table: PredictionTable) -> None:
    animals, keypoints = table.animal_count(), len(table.skeleton)
    frames = max((b.stop for b in table.blocks()), default=0)
    frames = max(frames, len(table.times_s))
    names, skeleton = table.animal_names(animals), table.skeleton
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        arrays = {"tracks": (OLD, np.nan), "point_scores": (OLD[:1] + OLD[2:], np.nan),
                  "instance_scores": (("track", "frame"), np.nan), "tracking_scores": (("track", "frame"), 0.0),
                  "track_occupancy": (("frame", "track"), 0)}  # fmt: skip
        lengths = {"track": animals, "xy": 2, "node": keypoints, "frame": frames}
        made = {}
        for name, (order, fill) in arrays.items():
            kind = "u1" if name == "track_occupancy" else "f8"
            shape = tuple(lengths[a] for a in order)
            made[name] = file.create_dataset(name, shape, kind, fillvalue=fill, compression="gzip", compression_opts=1,
                                             chunks=None if 0 in shape else True)  # fmt: skip
            made[name].attrs["dims"] = json.dumps(order)
        for block in table.blocks():
            _fill(made, block)
        text = {"track_names": names, "node_names": skeleton.names,
                "edge_names": [[skeleton.names[a], skeleton.names[b]] for a, b in skeleton.edge_positions]}  # fmt: skip
        for name, values in text.items():
            encoded = np.char.encode(np.array(values, str), "utf-8") if values else np.zeros((0, 2), "S1")
            file.create_dataset(name, data=encoded)
        file.create_dataset("edge_inds", data=np.array(skeleton.edge_positions, int).reshape(-1, 2))
        for name, value in {"video_path": table.path or table.video, "labels_path": "", "provenance": "{}"}.items():
            file.create_dataset(name, data=value, dtype=h5py.string_dtype("utf-8"))
        file.create_dataset("video_ind", data=0)
        at = skeleton.position
        pairs = [[skeleton.names[at[a]], skeleton.names[at[b]]] for a, b in skeleton.pairs]
        file.attrs.update({"format": "analysis", "preset": "matlab", "skeleton_name": "Skeleton-0",
                           "skeleton_symmetries": json.dumps(pairs)})  # fmt: skip


def _fill(made: dict[str, h5py.Dataset], block: Predictions) -> None:
    span, count = slice(block.start, block.stop), block.score.shape[1]
    there = np.isfinite(block.xy).all(axis=-1)
    number = there.sum(axis=2)
    mean = np.where(number > 0, (block.score * there).sum(axis=2) / np.maximum(1, number), np.nan)
    made["tracks"][:count, :, :, span] = block.xy.transpose(1, 3, 2, 0)
    made["point_scores"][:count, :, span] = np.where(there, block.score, np.nan).transpose(1, 2, 0)
    made["instance_scores"][:count, span] = mean.T
    made["track_occupancy"][span, :count] = number > 0
