"""LEAP's labels (.mat of MATLAB 5 to 7.3): positions (K, 2, F), NaN where nothing is labelled; read only.

skeleton has nodes (or joints) and edges, counted from 1; boxPath names the video.
Source: talmo/leap, leap/gui/label_joints.m; sleap_io/io/leap.py (0.9).
"""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from krolik.errors import InvalidFile
from krolik.formats.imported import Imported, ImportedVideo, Wishes
from krolik.formats.reading import (
    LARGEST_ARRAY,
    animal,
    bounded,
    file_name,
    find_video,
    refusing,
    skeleton_of,
    unique_names,
)
from krolik.poses import FrameKey, LabeledFrame, Labels

TITLE = "LEAP"


def sniff(path: Path) -> bool:
    return path.suffix.lower() == ".mat"


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile."""
    with refusing(path, "LEAP file"):
        if path.stat().st_size > LARGEST_ARRAY:
            raise InvalidFile("too large for a file of labels", path)
        positions, names, edges, box = _read_hdf5(path) if h5py.is_hdf5(path) else _read_mat(path)
        if positions.ndim == 2:
            positions = positions[:, :, None]
        if positions.ndim != 3 or positions.shape[1] != 2:
            raise ValueError(f"positions are {positions.shape} instead of (keypoints, 2, frames)")
        names = unique_names(names or [f"point{i + 1}" for i in range(len(positions))])
        if len(names) != len(positions):
            raise ValueError(f"{len(names)} names for {len(positions)} keypoints")
        skeleton = skeleton_of(names, [(a - 1, b - 1) for a, b in edges])
        video = find_video(box or f"{path.stem}.mp4", path)
        name = file_name(str(video))
        points = np.moveaxis(positions, 2, 0)
        frames = tuple(
            LabeledFrame(FrameKey(name, int(i)), (animal(points[i], wishes.missing),), f"{i:08d}")
            for i in np.flatnonzero(np.isfinite(points).all(axis=2).sum(axis=1))
        )
        return Imported(TITLE, Labels(skeleton, frames), (ImportedVideo(name, video),))


Found = tuple[np.ndarray, list[str], list[tuple[int, int]], str]


def _read_mat(path: Path) -> Found:
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        value = loadmat(path, simplify_cells=True)
    except MatReadError as error:
        raise ValueError(str(error)) from error
    bones = value.get("skeleton", {})
    bones = bones if isinstance(bones, dict) else {}
    names = np.atleast_1d(bones.get("nodes", bones.get("joints", []))).ravel().tolist()
    edges = np.asarray(bones.get("edges", []), float).reshape(-1, 2)
    positions = np.asarray(value["positions"], float)
    return (
        positions,
        [str(n).strip() for n in names],
        [(int(a), int(b)) for a, b in edges],
        str(value.get("boxPath", "")),
    )


def _read_hdf5(path: Path) -> Found:
    """MATLAB 7.3: axes in the other order, text as numbers of letters, cells as references."""
    with h5py.File(path, "r") as file:
        positions = bounded(file["positions"]).astype(float).transpose()
        bones = file.get("skeleton")
        names, edges = [], np.zeros((0, 2))
        if isinstance(bones, h5py.Group):
            listed = bones.get("nodes", bones.get("joints"))
            if isinstance(listed, h5py.Dataset):
                names = [_letters(file[reference]) for reference in bounded(listed).ravel()]
            if "edges" in bones:
                edges = bounded(bones["edges"]).astype(float).transpose().reshape(-1, 2)
        box = _letters(file["boxPath"]) if "boxPath" in file else ""
    return positions, names, [(int(a), int(b)) for a, b in edges], box


def _letters(data) -> str:
    return "".join(chr(int(c)) for c in bounded(data, 1 << 16).ravel())
