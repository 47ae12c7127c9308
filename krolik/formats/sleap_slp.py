"""SLEAP's project files (.slp) and packages with embedded images (.pkg.slp), format 1.0 to 2.8; written as 1.4.

User instances are labels, predicted instances are predictions. A point with coordinates that is not `visible` is
occluded. Before format 1.1 the top left corner of the picture was (0, 0); those points are moved by half a pixel.
Layout: sleap_io/io/slp.py (0.9.5); see docs/formats.md.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from krolik.errors import InvalidFile
from krolik.files import replacing
from krolik.formats.blocks import MOST_FRAMES, sliced
from krolik.formats.image_files import suffix_of
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.losses import Carries
from krolik.formats.reading import (
    EmbeddedImages,
    animal,
    array,
    bounded,
    distinct,
    file_name,
    find_video,
    hdf5_names,
    refusing,
    texts,
)
from krolik.formats.sleap_skeleton import decode, encode, says_pairs
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, State
from krolik.skeleton import Skeleton
from krolik.video.images import SUFFIXES

TITLE = "SLEAP .slp"
NEWEST, CENTRED = 3.0, 1.1
OURS = "krolik"
USER, PREDICTED = 0, 1
MOST_LISTED = 0.5  # of the frames from the first to the last: with fewer in the file, the others were not looked at
BESIDE_POSES = {"identity": "identities", "embeddings": "embeddings", "rois": "regions", "masks": "masks",
                "bboxes": "boxes", "centroids": "centroids", "label_images": "label images", "events": "events",
                "categories": "categories"}  # fmt: skip


def sniff(path: Path) -> bool:
    """Whether the file is named so, or is one."""
    if path.suffix.lower() == ".slp":
        return True
    return path.suffix.lower() in (".h5", ".hdf5") and {"metadata", "frames", "instances"} <= hdf5_names(path)


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile."""
    with refusing(path, "SLEAP file") as place, h5py.File(path, "r") as file:
        if "metadata" not in file:
            raise InvalidFile("it has images but no metadata: no labels are in it", path)
        attributes = file["metadata"].attrs
        version = float(np.asarray(attributes["format_id"]))
        if not version < NEWEST:
            raise InvalidFile(f"SLEAP format {version:g}; formats below {NEWEST:g} can be read", path)
        metadata = json.loads(_text(attributes["json"]))
        reading = _Reading(path, file, metadata, wishes, place)
        return reading.imported()


def _text(value) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _skeletons(metadata: dict) -> tuple[Skeleton, list[np.ndarray]]:
    """All skeletons as one, and for each of them the places of its nodes in it."""
    nodes = [str(n["name"]) for n in metadata.get("nodes", ())]
    found = [decode(graph, nodes) for graph in metadata.get("skeletons", ())]
    if (metadata.get("provenance") or {}).get("written_by") == OURS:  # no symmetries then means that there are none
        found = [s if says_pairs(g) else replace(s, pairs=()) for s, g in zip(found, metadata["skeletons"])]
    if not found:
        return Skeleton(()), []
    names = list(dict.fromkeys(name for s in found for name in s.names))
    if len(found) == 1:
        return found[0], [np.arange(len(names))]
    joins = {kind: {(s.names[s.position[a]], s.names[s.position[b]]) for s in found for a, b in getattr(s, kind)}
             for kind in ("edges", "pairs")}  # fmt: skip
    base = Skeleton.of(names, sorted(joins["edges"]))
    pairs = tuple((names.index(a), names.index(b)) for a, b in sorted(joins["pairs"]))
    merged = Skeleton(base.keypoints, base.edges, pairs or base.pairs)
    return merged, [np.array([names.index(n) for n in s.names], int) for s in found]


@dataclass
class _Instance:
    """A row of `instances`: its track (-1: none) and the points, (K, 2) with visibility or score (K,)."""

    track: int
    points: np.ndarray
    extra: np.ndarray


class _Reading:
    """The tables of one file, and what is made of them."""

    def __init__(self, path: Path, file: h5py.File, metadata: dict, wishes: Wishes, place: list[str]):
        self.path, self.wishes, self.place = path, wishes, place
        self.shift = 0.5 if float(np.asarray(file["metadata"].attrs["format_id"])) < CENTRED else 0.0
        self.skeleton, self.places = _skeletons(metadata)
        self.frames = bounded(file["frames"])
        self.rows = bounded(file["instances"])
        self.points = {USER: bounded(file["points"]), PREDICTED: bounded(file["pred_points"])}
        self.tracks = [str(json.loads(t)[1]) for t in texts(file["tracks_json"])] if "tracks_json" in file else []
        self.videos, self.numbers = _videos(path, file)
        self.negative = {(int(v), int(f)) for v, f in bounded(file["negative_frames"]).tolist()} \
            if "negative_frames" in file else set()  # fmt: skip
        self.suggestions = texts(file["suggestions_json"]) if "suggestions_json" in file else []
        beside = [word for name, word in BESIDE_POSES.items() if name in file]
        self.notes = [f"{', '.join(beside)} of this SLEAP file are left out: they are no poses"] if beside else []

    def imported(self) -> Imported:
        labelled: dict[FrameKey, list[Instance]] = {}
        predicted: dict[int, dict[int, list[_Instance]]] = defaultdict(dict)
        looked_at: dict[int, set[int]] = defaultdict(set)
        doubled = 0
        for row in self.frames:
            video, index = int(row["video"]), int(row["frame_idx"])
            self.place[-1] = f"frame {index}"
            key = self._key(video, index)
            rows = self.rows[int(row["instance_id_start"]) : int(row["instance_id_end"])]
            users = [self._instance(r, index) for r in rows if r["instance_type"] == USER]
            others = [self._instance(r, index) for r in rows if r["instance_type"] != USER]
            if users or (video, index) in self.negative:
                doubled += key in labelled
                labelled.setdefault(key, []).extend(self._animal(i) for i in users)
            if others:
                predicted[video].setdefault(index, []).extend(others)
            if others or not (users or (video, index) in self.negative):  # a person's frame need not be predicted
                looked_at[video].add(index)
        self.place[-1] = ""
        if doubled:
            self.notes.append(f"{doubled} frame(s) occur twice; their animals were put together")
        images = {v.name: v.images for v in self.videos.values()}
        frames = tuple(
            LabeledFrame(key, tuple(animals), _frame_name(key, images[key.video]))
            for key, animals in sorted(labelled.items())
        )
        made = tuple(self._predictions(video, found, looked_at[video]) for video, found in sorted(predicted.items()))
        return Imported(TITLE, Labels(self.skeleton, frames), tuple(self.videos.values()), tuple(self.notes), made,
                        tuple(self._selected()))  # fmt: skip

    def _key(self, video: int, index: int) -> FrameKey:
        if video not in self.videos:
            raise ValueError(f"a frame is of video {video}, which is not in the file")
        if video in self.numbers:  # embedded images are numbered anew
            if index not in self.numbers[video]:
                raise ValueError(f"frame {index} of video {video} is labelled but not embedded")
            index = self.numbers[video][index]
        images = self.videos[video].images
        if images is not None and index >= len(images):
            raise ValueError(f"frame {index} is labelled, but video {video} has {len(images)} images")
        return FrameKey(self.videos[video].name, index)

    def _instance(self, row: np.void, frame: int) -> _Instance:
        kind, skeleton = int(row["instance_type"]), int(row["skeleton"])
        stored = self.points[USER if kind == USER else PREDICTED][int(row["point_id_start"]) : int(row["point_id_end"])]
        places = self.places[skeleton]
        if len(stored) != len(places):
            raise ValueError(f"an animal has {len(stored)} points, its skeleton {len(places)}")
        points, extra = np.full((len(self.skeleton), 2), np.nan), np.zeros(len(self.skeleton))
        points[places] = np.stack([stored["x"], stored["y"]], axis=1) - self.shift
        extra[places] = stored["visible"] if kind == USER else stored["score"]
        return _Instance(int(row["track"]), points, extra)

    def _animal(self, instance: _Instance) -> Instance:
        track = self.tracks[instance.track] if instance.track >= 0 else None
        return animal(instance.points, self.wishes.missing, instance.extra == 0, track)

    def _predictions(self, video: int, found: dict[int, list[_Instance]], looked_at: set[int]) -> ImportedPredictions:
        """A row for each track, then as many as a frame has animals without one.

        SLEAP can leave out frames in which it finds nothing, and can be told to look at some frames only: where most
        are not in the file, they were not looked at.
        """
        tracks = sorted({i.track for those in found.values() for i in those if i.track >= 0})
        slots = {frame: _slots(those, tracks) for frame, those in found.items()}
        animals = max(max(s, default=-1) for s in slots.values()) + 1
        first, last = min(found), max(found)
        if last > MOST_FRAMES:
            raise ValueError(f"frame {last} is later than any video has")
        keypoints = len(self.skeleton)
        chosen = len(looked_at) < MOST_LISTED * (last - first + 1)

        def part(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
            xy = np.full((stop - start, animals, keypoints, 2), np.nan, np.float32)
            score = np.zeros((stop - start, animals, keypoints), np.float32)
            for i in range(stop - start):
                for slot, instance in zip(slots.get(first + start + i, ()), found.get(first + start + i, ())):
                    xy[i, slot], score[i, slot] = instance.points, instance.extra
            return xy, score

        names = tuple(self.tracks[t] for t in tracks) + ("",) * (animals - len(tracks))
        return ImportedPredictions(self.videos[video].name, self.skeleton, "SLEAP", names, len(found),
                                   lambda: sliced(part, last - first + 1, first),
                                   frozenset(looked_at) if chosen else None)  # fmt: skip

    def _selected(self):
        for text in self.suggestions:
            suggestion = json.loads(text)
            video, index = int(suggestion["video"]), int(suggestion["frame_idx"])
            if video in self.videos and (video not in self.numbers or index in self.numbers[video]):
                yield self._key(video, index)


def _length(file: h5py.File, name: str) -> int:
    return len(array(file, name))


def _frame_name(key: FrameKey, images: tuple[str, ...] | None) -> str:
    return f"{key.index:08d}" if images is None else images[key.index]


def _slots(instances: list[_Instance], tracks: list[int]) -> list[int]:
    """The row of each animal of a frame: its track's, unless another has that already."""
    taken: set[int] = set()
    slots = []
    for instance in instances:
        slot = tracks.index(instance.track) if instance.track >= 0 else len(tracks)
        if slot in taken:
            slot = len(tracks)
        while slot in taken:
            slot += 1
        taken.add(slot)
        slots.append(slot)
    return slots


def _videos(path: Path, file: h5py.File) -> tuple[dict[int, ImportedVideo], dict[int, dict[int, int]]]:
    """The videos by the number that frames have, and for embedded ones: frame number → number of the image."""
    described = [json.loads(text) for text in texts(file["videos_json"])]
    written = [_written(d) for d in described]
    labels = [file_name(w[0]) if len(w) == 1 else _folder(w[0]) for w in written]
    parents = [PurePosixPath(w[0].replace("\\", "/")).parent.name for w in written]
    found: dict[int, ImportedVideo] = {}
    numbers: dict[int, dict[int, int]] = {}
    for i, (description, paths, name) in enumerate(zip(described, written, distinct(labels, parents))):
        dataset = str((description.get("backend") or description).get("dataset") or "")
        group = dataset.split("/", maxsplit=1)[0]
        if group in file and group.startswith("video") and group[5:].isdigit():
            found[int(group[5:])], numbers[int(group[5:])] = _package(path, file, dataset, name)
            if found[int(group[5:])].embedded is None:
                del numbers[int(group[5:])]
        elif len(paths) > 1 or "filenames" in (description.get("backend") or {}):
            places = [find_video(p, path) for p in paths]
            found[i] = ImportedVideo(name, places[0].parent, tuple(p.name for p in places))
        else:
            found[i] = ImportedVideo(name, find_video(paths[0], path))
    return found, numbers


def _written(description: dict) -> list[str]:
    backend = description.get("backend") or {}
    names = backend.get("filenames") or backend.get("filename") or description.get("filename") or "video"
    return [str(n) for n in names] if isinstance(names, list) else [str(names)]


def _folder(path: str) -> str:
    return PurePosixPath(path.replace("\\", "/")).parent.name or "images"


def _package(path: Path, file: h5py.File, dataset: str, name: str) -> tuple[ImportedVideo, dict[int, int]]:
    """The video that images were taken from if it is there, else the images; frame number → number of the image."""
    group = file[dataset.split("/", 1)[0]]
    assert isinstance(group, h5py.Group)
    stored = group["source_video"].attrs.get("json") if "source_video" in group else None
    named = _written(json.loads(_text(stored))) if stored is not None else []
    pictures = bool(named) and Path(named[0].replace("\\", "/")).suffix.lower() in SUFFIXES
    known = bool(named) and named[0] not in ("", ".", "video")
    source = find_video(named[0], path) if known and not pictures else None
    if source is not None and source.exists():
        return ImportedVideo(source.name, source), {}
    frames = bounded(group["frame_numbers"]).tolist() if "frame_numbers" in group else []
    frames = frames or list(range(_length(file, dataset)))
    images = [f"img{frame:05d}.png" for frame in frames]
    if pictures and max(frames) < len(named):
        images = [file_name(named[frame]) for frame in frames]
    title = _folder(named[0]) if pictures else PurePosixPath(file_name(named[0])).stem if known else ""
    title = title or f"{path.name.split('.')[0]} {str(group.name).strip('/')}"
    video = ImportedVideo(title, path.parent / title, tuple(images), EmbeddedImages(path, dataset, tuple(images), _bgr))
    return video, {int(frame): place for place, frame in enumerate(frames)}


def _bgr(data: h5py.Dataset, row: np.ndarray) -> np.ndarray | None:
    """A row of images, or of encoded ones, which before format 1.4 have OpenCV's order of colours."""
    import cv2

    if row.ndim > 1:
        image, swapped = np.squeeze(row), True
    else:
        image = cv2.imdecode(row.astype(np.int8).view(np.uint8), cv2.IMREAD_UNCHANGED)
        swapped = _text(data.attrs.get("channel_order", "BGR")) == "BGR"
    return image[..., ::-1] if image is not None and image.ndim == 3 and swapped else image


FRAME = np.dtype([("frame_id", "u8"), ("video", "u4"), ("frame_idx", "u8"), ("instance_id_start", "u8"),
                  ("instance_id_end", "u8")])  # fmt: skip
INSTANCE = np.dtype([("instance_id", "i8"), ("instance_type", "u1"), ("frame_id", "u8"), ("skeleton", "u4"),
                     ("track", "i4"), ("from_predicted", "i8"), ("score", "f4"), ("point_id_start", "u8"),
                     ("point_id_end", "u8"), ("tracking_score", "f4")])  # fmt: skip
POINT = np.dtype([("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")])
PREDICTED_POINT = np.dtype([*POINT.descr, ("score", "f8")])
Pair = tuple[np.ndarray, np.ndarray]
CARRIES = Carries(absent=False, boxes=False, images=False)
WRITTEN, WITH_NEGATIVES = 1.4, 2.2


class _Writing:
    """A file that grows frame by frame."""

    def __init__(self, file: h5py.File, skeleton: Skeleton, videos: list[dict], tracks: list[str]):
        self.file, self.skeleton = file, skeleton
        nodes = [{"name": name, "weight": 1.0} for name in skeleton.names]
        metadata = {"version": "2.0.0", "skeletons": [encode(skeleton)], "nodes": nodes, "videos": [], "tracks": [],
                    "suggestions": [], "negative_anchors": {}, "provenance": {"written_by": OURS}}  # fmt: skip
        group = file.create_group("metadata")
        group.attrs["format_id"] = WRITTEN
        group.attrs["json"] = np.bytes_(json.dumps(metadata, separators=(",", ":")))
        self.texts("videos_json", [json.dumps(v, separators=(",", ":")) for v in videos])
        self.texts("tracks_json", [json.dumps([0, name]) for name in tracks])
        for name, kind in (
            ("frames", FRAME),
            ("instances", INSTANCE),
            ("points", POINT),
            ("pred_points", PREDICTED_POINT),
        ):
            file.create_dataset(name, shape=(0,), maxshape=(None,), dtype=kind, chunks=(4096,))

    def texts(self, name: str, lines: list[str]) -> None:
        self.file.create_dataset(name, data=[np.bytes_(line) for line in lines], maxshape=(None,))

    def add(self, kind: int, video: int, frames: Pair, animals: Pair, points: np.ndarray) -> None:
        """Adds frames: their numbers and how many animals each has; of all these their tracks (-1: none) and scores.

        points: (A * K,) of POINT or PREDICTED_POINT.
        """
        (numbers, counts), (tracks, scores) = frames, animals
        table = "points" if kind == USER else "pred_points"
        keypoints, total = len(self.skeleton), len(tracks)
        first_frame, first, first_point = (_length(self.file, n) for n in ("frames", "instances", table))
        made = np.zeros(len(numbers), FRAME)
        made["frame_id"] = first_frame + np.arange(len(numbers))
        made["video"], made["frame_idx"] = video, numbers
        made["instance_id_end"] = first + np.cumsum(counts)
        made["instance_id_start"] = made["instance_id_end"] - counts
        rows = np.zeros(total, INSTANCE)
        rows["instance_id"], rows["instance_type"] = first + np.arange(total), kind
        rows["frame_id"] = np.repeat(made["frame_id"], counts)
        rows["track"], rows["from_predicted"], rows["score"] = tracks, -1, scores
        rows["point_id_start"] = first_point + keypoints * np.arange(total)
        rows["point_id_end"] = rows["point_id_start"] + keypoints
        for name, values in (("frames", made), ("instances", rows), (table, points)):
            data = self.file[name]
            assert isinstance(data, h5py.Dataset)
            data.resize(len(data) + len(values), axis=0)
            data[len(data) - len(values) :] = values


def write_labels(out: Path, table: LabelTable) -> None:
    """Raises StorageError."""
    order = list(dict.fromkeys(f.key.video for f in table.labels)) or list(table.video_names)
    with replacing(out) as partial, h5py.File(partial, "w") as file:
        _write_labels(file, table, order, [_described(table, v) for v in order])


def write_package(out: Path, table: LabelTable) -> None:
    """Labels with the images of their frames in one file. Raises StorageError, NotFound for an image that is away."""
    order = list(dict.fromkeys(f.key.video for f in table.labels))
    backends = [{"type": "HDF5Video", "filename": ".", "dataset": f"video{i}/video", "input_format": "channels_last",
                 "convert_range": False} for i in range(len(order))]  # fmt: skip
    with replacing(out) as partial, h5py.File(partial, "w") as file:
        _write_labels(file, table, order, [{"filename": ".", "backend": b} for b in backends])
        for i, video in enumerate(order):
            keys = sorted(f.key for f in table.labels if f.key.video == video)
            group = file.create_group(f"video{i}")
            data = group.create_dataset("video", (len(keys),), dtype=h5py.special_dtype(vlen=np.int8))
            for place, key in enumerate(keys):
                data[place] = np.frombuffer(table.image(key), np.int8)
            group.create_dataset("frame_numbers", data=np.array([k.index for k in keys], np.int64))
            width, height = table.size(keys[0])
            data.attrs.update({"format": suffix_of(table.image(keys[0]))[1:], "channels": 3, "height": height,
                               "width": width, "frames": len(keys), "channel_order": "RGB"})  # fmt: skip
            source = group.create_group("source_video")
            source.attrs["json"] = json.dumps(_described(table, video))


def _described(table: LabelTable, video: str) -> dict:
    path = table.video_paths.get(video) or table.video_names[video]
    if video not in table.image_names:
        return _media(path)
    names = [f"{path}/{name}" for name in table.image_names[video]]
    return {"filename": names, "backend": {"type": "ImageVideo", "filename": names[0], "filenames": names}}


def _media(path: str) -> dict:
    """How a video file is described."""
    backend = {"type": "MediaVideo", "filename": path, "grayscale": False, "bgr": True, "dataset": "",
               "input_format": "channels_last"}  # fmt: skip
    return {"filename": path, "backend": backend}


def _write_labels(file: h5py.File, table: LabelTable, order: list[str], videos: list[dict]) -> None:
    tracks = sorted({i.track for f in table.labels for i in f.instances if i.track is not None})
    writing = _Writing(file, table.labels.skeleton, videos, tracks)
    negative = []
    for frame in table.labels:
        video = order.index(frame.key.video)
        if not frame.instances:
            negative.append((video, frame.key.index))
        points = np.zeros((len(frame.instances), len(table.labels.skeleton)), POINT)
        for row, instance in zip(points, frame.instances):
            row["x"], row["y"] = instance.points.T
            row["visible"], row["complete"] = instance.states == State.VISIBLE, instance.located
        numbers = [-1 if i.track is None else tracks.index(i.track) for i in frame.instances]
        one = np.array([frame.key.index]), np.array([len(numbers)])
        writing.add(USER, video, one, (np.array(numbers, int), np.zeros(len(numbers))), points.ravel())
    waiting = [{"video": str(order.index(k.video)), "frame_idx": k.index, "group": 0}
               for k in table.selected if k.video in order]  # fmt: skip
    writing.texts("suggestions_json", [json.dumps(s) for s in waiting])
    if negative:
        file["metadata"].attrs["format_id"] = WITH_NEGATIVES
        file.create_dataset("negative_frames", data=np.array(negative, [("video_id", "u4"), ("frame_idx", "u8")]))


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """All videos into one file, block by block. Raises StorageError."""
    counts = [table.animal_count() for table in tables]
    named = [t.animal_names(n) if n > 1 or any(t.animals) else [] for t, n in zip(tables, counts)]
    tracks = list(dict.fromkeys(name for names in named for name in names))
    videos = [_media(t.path or t.video) for t in tables]
    with replacing(out) as partial, h5py.File(partial, "w") as file:
        writing = _Writing(file, tables[0].skeleton, videos, tracks)
        writing.texts("suggestions_json", [])
        for number, (table, names) in enumerate(zip(tables, named)):
            own = np.array([tracks.index(name) for name in names] or [-1] * counts[number], int)
            for block in table.blocks():
                there = np.asarray(np.isfinite(block.xy).all(axis=-1))  # (F, N, K)
                animals = there.sum(axis=2) > 0
                frames = np.flatnonzero(animals.sum(axis=1))
                rows = there[animals]
                points = np.zeros(rows.shape, PREDICTED_POINT)
                points["x"], points["y"] = np.moveaxis(block.xy[animals].astype(float), -1, 0)
                points["visible"], points["score"] = rows, np.where(rows, block.score[animals], np.nan)
                scores = (block.score[animals] * rows).sum(axis=1) / np.maximum(1, rows.sum(axis=1))
                slots = np.broadcast_to(own[: animals.shape[1]], animals.shape)[animals]
                counts_of = animals[frames].sum(axis=1)
                writing.add(PREDICTED, number, (block.start + frames, counts_of), (slots, scores), points.ravel())
