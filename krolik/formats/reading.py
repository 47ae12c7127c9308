"""What readers share: opening JSON and HDF5 with one clear sentence for what is broken, finding images and videos."""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from krolik.errors import InvalidFile, InvalidLabels
from krolik.formats.imported import ImportedVideo, decode_text
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.skeleton import Skeleton
from krolik.video.images import image_names, natural

DENSEST = 1100  # bytes that one byte of a file can stand for, by the best compression that HDF5 files have
LARGEST_JSON = 1 << 29
LARGEST_ARRAY = 1 << 31  # bytes of one array that is read at once
BROKEN = (OSError, KeyError, ValueError, TypeError, AttributeError, IndexError, RuntimeError, ArithmeticError, EOFError,
          MemoryError, struct.error, zlib.error)  # fmt: skip
VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")


def load_json(path: Path):
    """The value of a JSON file in any encoding. Raises InvalidFile."""
    status = path.stat()
    return _load_json(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=1)  # detection asks many formats about one file
def _load_json(path: Path, changed: int, size: int):
    if size > LARGEST_JSON:
        raise InvalidFile(f"larger than {LARGEST_JSON >> 20} MB, too large for a JSON file of labels", path)
    text, _ = decode_text(path.read_bytes(), path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidFile(f"not valid JSON ({error})", path) from error


class refusing:
    """Turns what a broken file brings about into one sentence. The last item of what it gives says where we are."""

    def __init__(self, path: Path, what: str):
        self._path, self._what = path, what
        self._place: list[str] = [""]

    def __enter__(self) -> list[str]:
        return self._place

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        at = f"{self._place[-1]}: " if self._place[-1] else ""
        if isinstance(error, InvalidLabels):
            raise InvalidFile(f"{at}{error}", self._path) from error
        if isinstance(error, BROKEN):
            detail = str(error).splitlines()[0][:200] if str(error) else ""
            named = f"no {detail}" if isinstance(error, KeyError) else detail or type(error).__name__
            raise InvalidFile(f"{at}not a readable {self._what} ({named})", self._path) from error


def array(group, name: str) -> h5py.Dataset:
    """The array of that name. Raises ValueError when it is none, KeyError when it is not there."""
    return checked(group[name], name)


def checked(data, name: str) -> h5py.Dataset:
    """An array that its file can hold. Raises ValueError for anything else."""
    if not isinstance(data, h5py.Dataset) or data.shape is None:
        raise ValueError(f"{name} is not an array")
    if (data.size or 0) * max(1, data.dtype.itemsize) > DENSEST * data.file.id.get_filesize() + (1 << 20):
        raise ValueError(f"{name} says that it is {data.shape}, more than its file can hold")
    return data


def part_of(group, name: str) -> h5py.Group:
    """The group of that name. Raises ValueError when it is none, KeyError when it is not there."""
    inner = group[name]
    if not isinstance(inner, h5py.Group):
        raise ValueError(f"{name} is not a group")
    return inner


def hdf5_names(path: Path) -> set[str]:
    """The names of the objects at the top of an HDF5 file; empty for any other file."""
    try:
        with h5py.File(path, "r") as file:
            return set(file)
    except (OSError, RuntimeError):
        return set()


def bounded(data, most: int = LARGEST_ARRAY) -> np.ndarray:
    """A whole dataset. Raises ValueError when it is larger than any that makes sense, or none."""
    data = checked(data, str(getattr(data, "name", data)))
    if (data.size or 0) * max(1, data.dtype.itemsize) > most:
        raise ValueError(f"{data.name} is larger than {most >> 20} MB")
    return np.asarray(data[()])


@dataclass(frozen=True)
class EmbeddedImages:
    """Gives images that lie in an array of a label file. bgr: the array, a row of it → an image in OpenCV's order."""

    path: Path
    dataset: str
    names: tuple[str, ...]
    bgr: Callable[[h5py.Dataset, np.ndarray], np.ndarray | None]

    def __call__(self, name: str) -> bytes:
        """The image as a PNG. Raises InvalidFile."""
        import cv2

        with refusing(self.path, "file of images"), h5py.File(self.path, "r") as file:
            data = array(file, self.dataset)
            image = self.bgr(data, np.asarray(data[self.names.index(name)]))
            if image is None:
                raise InvalidFile(f"the embedded image {name} cannot be read", self.path)
            return cv2.imencode(".png", np.ascontiguousarray(image))[1].tobytes()


def texts(data) -> list[str]:
    """A dataset of text, whatever kind of text it is."""
    flat = bounded(data, 1 << 26).ravel().tolist()
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in flat]


def unique_names(names: Iterable[str]) -> list[str]:
    """Names of keypoints or animals as a file gives them, checked. Raises ValueError."""
    names = [n.strip() for n in names]
    doubled = [n for n, count in Counter(names).items() if count > 1]
    if doubled:
        raise ValueError(f"the name {doubled[0]!r} occurs twice")
    return names


def skeleton_of(
    names: list[str], edges: Iterable[Sequence[int]], pairs: Iterable[tuple[int, int]] | None = None
) -> Skeleton:
    """A skeleton from names and places in their order; edges to nowhere are left out. pairs: None to find them."""
    count = len(names)
    joins = [(a, b) for a, b in edges if a != b and 0 <= a < count and 0 <= b < count]
    base = Skeleton.of(names, [(names[a], names[b]) for a, b in joins])
    if pairs is None:
        return base
    return Skeleton(base.keypoints, base.edges, tuple((a, b) for a, b in pairs))


def animal(
    points: np.ndarray, missing: State, occluded: np.ndarray | None = None, track: str | None = None,
    box: tuple[float, float, float, float] | None = None,
) -> Instance:  # fmt: skip
    """An animal from (K, 2) points that are finite where they are there, and (K,) whether each is occluded."""
    points = np.asarray(points, float).reshape(-1, 2)
    refuse_odd(points)
    there = np.isfinite(points).all(axis=1)
    states = np.where(there, State.VISIBLE, missing)
    if occluded is not None:
        states[there & np.asarray(occluded, bool)] = State.OCCLUDED
    return Instance(points, states, track, box)


def refuse_odd(points: np.ndarray) -> None:
    """Raises ValueError for a point (of (..., 2)) that has one coordinate only, or an infinite one."""
    lacking = np.isnan(points)
    if np.isinf(points).any():
        raise ValueError("a point has an infinite coordinate")
    if (lacking[..., 0] != lacking[..., 1]).any():
        raise ValueError("a point has one coordinate only")


def forget() -> None:
    """Lets go of the JSON value that was kept for the next format to look at."""
    _load_json.cache_clear()


def distinct(wanted: list[str], parents: list[str]) -> list[str]:
    """Names by which videos can be told apart: the file's, with the folder's before it where two are the same."""
    names: list[str] = []
    for name, parent in zip(wanted, parents):
        unique = name if wanted.count(name) == 1 or not parent else f"{parent}/{name}"
        while unique in names:
            unique += "'"
        names.append(unique)
    return names


def file_name(written: str) -> str:
    """The last part of a path of any system."""
    return PurePosixPath(written.replace("\\", "/")).name


def find_video(written: str, beside: Path) -> Path:
    """Where a video is that a label file names: as written, from the label file on, or beside it."""
    name = written.replace("\\", "/")
    places = [Path(written), beside.parent / name, beside.parent / PurePosixPath(name).name]
    return next((p for p in places if _is_there(p)), places[-1])


def find_stem(stem: str, beside: Path) -> Path:
    """The video of that name without its suffix, beside the file or in `videos` there."""
    for folder in (beside.parent, beside.parent / "videos", beside.parent.parent / "videos"):
        for suffix in VIDEO_SUFFIXES:
            for place in (folder / (stem + suffix), folder / (stem + suffix.upper())):
                if _is_there(place):
                    return place
    return beside.parent / f"{stem}.mp4"


def find_image(written: str, root: Path) -> Path:
    """Where an image is that a label file in `root` names: as written, in `images` there, or by its last part."""
    name = written.replace("\\", "/").split("?d=")[-1]
    last = PurePosixPath(name).name
    places = [root / name, root / "images" / name, root.parent / "images" / name, root / last, root / "images" / last]
    return next((p for p in places if _is_there(p)), places[0])


def _is_there(path: Path) -> bool:
    try:
        return path.is_file() or path.is_dir()
    except (OSError, ValueError):  # a name that no system takes
        return False


def from_images(
    labelled: list[tuple[Path, tuple[Instance, ...]]], where: Path
) -> tuple[tuple[LabeledFrame, ...], tuple[ImportedVideo, ...]]:
    """Frames whose labels name image files: a video for each folder. Raises InvalidFile when an image occurs twice."""
    folders: dict[Path, list[tuple[str, tuple[Instance, ...]]]] = {}
    for place, instances in labelled:
        folders.setdefault(place.parent, []).append((place.name, instances))
    frames, videos, taken = [], [], set()
    for folder, entries in folders.items():
        images = [name for name, _ in entries]
        doubled = [name for name, count in Counter(images).items() if count > 1]
        if doubled:
            raise InvalidFile(f"the image {doubled[0]!r} is labelled twice", where)
        there = image_names(folder) if folder.is_dir() else []
        names = there if set(images) <= set(there) else sorted(images, key=natural)
        name = folder.name if folder.name not in taken else f"{folder.parent.name}/{folder.name}"
        while name in taken:
            name += "'"
        taken.add(name)
        videos.append(ImportedVideo(name, folder, tuple(names)))
        at = {image: i for i, image in enumerate(names)}
        frames += [LabeledFrame(FrameKey(name, at[image]), instances, image) for image, instances in entries]
    return tuple(frames), tuple(videos)
