"""Neurodata Without Borders with ndx-pose 0.1 to 0.4: PoseEstimation (predictions) and PoseTraining (labels).

Read with h5py; written by pynwb, which comes with `pip install "krolik[nwb]"`. A point of a training frame that has a
place but is not visible is occluded. Source: github.com/rly/ndx-pose, spec/ndx-pose.extensions.yaml.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import h5py
import numpy as np

from krolik.errors import InvalidSetting
from krolik.files import discard, replacing
from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.losses import Carries
from krolik.formats.reading import (
    animal,
    bounded,
    distinct,
    file_name,
    find_video,
    hdf5_names,
    part_of,
    refusing,
    skeleton_of,
    texts,
    unique_names,
)
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, State
from krolik.skeleton import Skeleton
from krolik.video.images import SUFFIXES

TITLE = "NWB ndx-pose"
CARRIES = Carries(absent=False, tracks=False, boxes=False, pairs=False, empty_frames=False, images=False)
ALONE = "PoseEstimation"  # what the poses are called where there is one animal without a name
REFERENCE = "(0, 0) is the centre of the top left pixel; x to the right, y down"


def sniff(path: Path) -> bool:
    return path.suffix.lower() == ".nwb" or (path.suffix.lower() in (".h5", ".hdf5") and {"acquisition", "processing",
           "session_start_time"} <= hdf5_names(path))  # fmt: skip


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile."""
    with refusing(path, "NWB file"), h5py.File(path, "r") as file:
        kinds: dict[str, list[h5py.Group]] = {}

        def collect(name: str, thing) -> None:
            if isinstance(thing, h5py.Group):
                kinds.setdefault(_attribute(thing, "neurodata_type"), []).append(thing)

        file.visititems(collect)
        poses, training = kinds.get("PoseEstimation", []), kinds.get("TrainingFrame", [])
        if not poses and not training:
            raise ValueError("no poses of ndx-pose are in it")
        skeletons = {_identity(g): _skeleton(g) for g in kinds.get("Skeleton", [])}
        videos: dict[str, ImportedVideo] = {}
        skeleton, frames = _labels(path, training, skeletons, videos, wishes.missing)
        predictions = _predictions(path, poses, skeletons, videos)
        if not training:
            skeleton = predictions[0].skeleton
        return Imported(TITLE, Labels(skeleton, frames), tuple(videos.values()), (), tuple(predictions))


def _attribute(group, name: str) -> str:
    value = group.attrs.get(name, "")
    return value.decode() if isinstance(value, bytes) else str(value)


def _identity(group) -> str:
    """What tells an object from others; its name is different through each link."""
    return _attribute(group, "object_id") or str(group.name)


def _linked_skeleton(group: h5py.Group) -> str | None:
    """The identity of the skeleton that a group links to, whatever the link is called."""
    return next((_identity(g) for g in group.values() if _is(g, "Skeleton")), None)


def _is(thing, kind: str) -> bool:
    return isinstance(thing, h5py.Group) and _attribute(thing, "neurodata_type") == kind


def _skeleton(group: h5py.Group) -> Skeleton:
    names = unique_names(texts(group["nodes"]))
    edges = bounded(group["edges"]).reshape(-1, 2).tolist() if "edges" in group else []
    return skeleton_of(names, edges)


def _labels(
    path: Path, training: list[h5py.Group], skeletons: dict, videos: dict[str, ImportedVideo], missing: State
) -> tuple[Skeleton, tuple[LabeledFrame, ...]]:
    if not training:
        return Skeleton(()), ()
    used = {_linked_skeleton(i) for g in training for i in part_of(g, "skeleton_instances").values()} or set(skeletons)
    if used == {None}:
        used = set(skeletons)
    if len(used) != 1 or None in used:
        raise ValueError(f"its training frames are of {len(used)} skeletons; one can be read")
    skeleton = skeletons[used.pop()]
    frames: dict[FrameKey, tuple[Instance, ...]] = {}
    for group in training:
        animals = tuple(
            _animal(g, skeleton, missing) for _, g in sorted(part_of(group, "skeleton_instances").items(), key=_order)
        )
        if "source_video" not in group or "source_video_frame_index" not in {*group, *group.attrs}:
            raise ValueError(f"{group.name} does not say which frame of which video it is")
        index = group.attrs.get("source_video_frame_index")
        index = int(np.asarray(group["source_video_frame_index"]) if index is None else index)
        video = _video(path, part_of(group, "source_video"), videos)
        key = FrameKey(video.name, index)
        if video.images is not None and index >= len(video.images):
            raise ValueError(f"{group.name} is of image {index}, but there are {len(video.images)}")
        frames[key] = frames.get(key, ()) + animals
    names = {v.name: v.images for v in videos.values()}
    made = (LabeledFrame(k, a, f"{k.index:08d}" if (found := names[k.video]) is None else found[k.index])
            for k, a in sorted(frames.items()))  # fmt: skip
    return skeleton, tuple(made)


def _order(item: tuple[str, object]) -> list:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]


def _animal(group: h5py.Group, skeleton: Skeleton, missing: State) -> Instance:
    points = bounded(group["node_locations"]).astype(float)
    if points.shape != (len(skeleton), 2):
        raise ValueError(f"{group.name} has points {points.shape} for {len(skeleton)} keypoints")
    visible = bounded(group["node_visibility"]).astype(bool) if "node_visibility" in group else None
    return animal(points, missing, None if visible is None else ~visible)


def _video(path: Path, series: h5py.Group, videos: dict[str, ImportedVideo]) -> ImportedVideo:
    """The video of an ImageSeries, by the group's name in the file."""
    name = _identity(series)
    if name not in videos:
        files = texts(series["external_file"]) if "external_file" in series else [str(series.name).rsplit("/", 1)[-1]]
        videos[name] = _named(path, files, videos)
    return videos[name]


def _named(path: Path, files: list[str], videos: dict[str, ImportedVideo]) -> ImportedVideo:
    """The video of one file, or the folder of several images."""
    first = PurePosixPath(files[0].replace("\\", "/"))
    images = tuple(file_name(f) for f in files) if first.suffix.lower() in SUFFIXES else None
    place = find_video(files[0] if images is None else str(first.parent), path)
    others = [v.name for v in videos.values()]
    name = distinct([*others, place.name], [""] * len(others) + [place.parent.name])[-1]
    return ImportedVideo(name, place, images)


def _predictions(
    path: Path, poses: list[h5py.Group], skeletons: dict, videos: dict[str, ImportedVideo]
) -> list[ImportedPredictions]:
    """One for each video, whose animals are the groups that name it."""
    by_video: dict[str, list[h5py.Group]] = {}
    for group in poses:
        named = texts(group["original_videos"]) if "original_videos" in group else []
        linked = texts(group["source_video/external_file"]) if "source_video" in group else []
        by_video.setdefault((named or linked or [path.stem])[0], []).append(group)
    found = []
    for written, groups in by_video.items():
        known = next((v for v in videos.values() if v.name == file_name(written)), None)
        video = videos[written] = known or _named(path, [written], videos)
        groups.sort(key=lambda g: _order((str(g.name), None)))
        found.append(_of_video(video.name, groups, skeletons))
    return found


def _of_video(video: str, groups: list[h5py.Group], skeletons: dict) -> ImportedPredictions:
    first = groups[0]
    skeleton = skeletons.get(_linked_skeleton(first))
    alike = [s for s in skeletons.values() if set(_series(first)) <= set(object_names(s.names))]
    if skeleton is None and "nodes" not in first and len(alike) == 1:
        skeleton = alike[0]
    if skeleton is None:
        listed = texts(first["nodes"]) if "nodes" in first else _series(first)
        edges = bounded(first["edges"]).reshape(-1, 2).tolist() if "edges" in first else []
        skeleton = skeleton_of(unique_names(listed), edges)
    titles = object_names(skeleton.names)
    series = [[g.get(t) for t in titles] for g in groups]
    if not any(isinstance(s, h5py.Group) for row in series for s in row):
        raise ValueError(f"{first.name} has no series for the keypoints of its skeleton")
    times = {str(s.name): _times(s) for row in series for s in row if isinstance(s, h5py.Group)}
    frames = _frame_numbers(times)
    count = 1 + max((int(f[-1]) for f in frames.values() if len(f)), default=-1)
    if count * len(groups) * len(titles) > 1 << 28:
        raise ValueError(f"{count} frames: more than can be read")
    values = np.full((count, len(groups), len(titles), 3), np.nan, np.float32)
    for n, row in enumerate(series):
        for k, group in enumerate(row):
            if isinstance(group, h5py.Group):
                data = bounded(group["data"])
                if data.shape != (len(frames[str(group.name)]), 2):
                    raise ValueError(f"{group.name} has data {data.shape} for {len(frames[str(group.name)])} times")
                with np.errstate(over="ignore"):
                    values[frames[str(group.name)], n, k, :2] = data
                if "confidence" in group:
                    values[frames[str(group.name)], n, k, 2] = bounded(group["confidence"])
    names = [str(g.name).rsplit("/", 1)[-1].removeprefix("track=") for g in groups]
    people = tuple("" if name in ("untracked", ALONE) else name for name in names)
    model = " ".join(texts(first["source_software"])) if "source_software" in first else "NWB"
    there = np.isfinite(values[..., :2]).all(axis=3).sum(axis=(1, 2)) > 0
    part = lambda start, stop: (values[start:stop, ..., :2], values[start:stop, ..., 2])  # noqa: E731
    return ImportedPredictions(video, skeleton, model, people, int(there.sum()), lambda: sliced(part, count))


def _series(group: h5py.Group) -> list[str]:
    return [name for name, thing in group.items() if _is(thing, "PoseEstimationSeries")]


def _times(series: h5py.Group) -> np.ndarray | tuple[float, float, int]:
    """Seconds of each sample, or (start, rate, how many)."""
    if "timestamps" in series:
        return bounded(series["timestamps"]).astype(float)
    start = series["starting_time"]
    rate = float(np.asarray(start.attrs["rate"]))
    if not rate > 0:
        raise ValueError(f"{series.name} has the rate {rate:g}")
    return float(np.asarray(start)), rate, len(series["data"])  # pyright: ignore[reportArgumentType]


def _frame_numbers(times: dict[str, np.ndarray | tuple[float, float, int]]) -> dict[str, np.ndarray]:
    """The frame of each sample: by the rate, else by the place among all times of the video."""
    stamps = [t for t in times.values() if isinstance(t, np.ndarray) and len(t)]
    union = np.unique(np.concatenate(stamps)) if stamps else np.zeros(0)
    if not np.isfinite(union).all():
        raise ValueError("its times are not all numbers")
    step = np.diff(union).min() if len(union) > 1 else 1.0
    even = bool(len(union)) and union[0] >= 0 and np.allclose(union / step, np.round(union / step), atol=1e-3)
    found = {}
    for name, value in times.items():
        if isinstance(value, np.ndarray):
            places = np.round(value / step).astype(int) if even else np.searchsorted(union, value)
        else:
            places = round(value[0] * value[1]) + np.arange(value[2])
        if len(places) and (places[0] < 0 or places[-1] > 1 << 28 or (np.diff(places) <= 0).any()):
            raise ValueError(f"the times of {name} do not rise from 0 on")
        found[name] = places
    return found


def object_names(names: Sequence[str]) -> list[str]:
    """Names as NWB takes them for objects, none twice: without slash and colon."""
    found: list[str] = []
    for name in names:
        clean = re.sub(r"[/:]", "_", name).strip(".") or "_"
        while clean in found:
            clean += "_"
        found.append(clean)
    return found


def _pynwb():
    try:
        import ndx_pose
        import pynwb
    except ImportError as error:
        raise InvalidSetting("writing NWB needs pynwb and ndx-pose", "--to nwb",
                             'Install them: pip install "krolik[nwb]".') from error  # fmt: skip
    return pynwb, ndx_pose


def _new_file(pynwb, what: str):
    # P0D/ is any age; what is not known is said to be so, for archives that want it to be said
    subject = pynwb.file.Subject(subject_id="unknown", sex="U", age="P0D/", description="It was not said which.")
    return pynwb.NWBFile(session_description=what, identifier=str(uuid.uuid4()), session_start_time=datetime.now(UTC),
                         subject=subject)  # fmt: skip


def _nwb_skeleton(ndx_pose, skeleton: Skeleton):
    edges = np.array(skeleton.edge_positions, np.uint8 if len(skeleton) < 256 else np.uint16).reshape(-1, 2)
    return ndx_pose.Skeleton(name="skeleton", nodes=skeleton.names, edges=edges)


def _beside(path: str, out: Path) -> str:
    """The path from the written file on, where the system knows such a way."""
    try:
        return Path(os.path.relpath(path, out.absolute().parent)).as_posix() if Path(path).is_absolute() else path
    except ValueError:  # another drive on Windows
        return path


def _image_series(pynwb, name: str, files: list[str], size: tuple[int, int], rate: float, frames: int):
    return pynwb.image.ImageSeries(name=name, description="The video of the poses.", unit="NA", format="external",
                                   external_file=files, starting_frame=list(range(len(files))), rate=rate,
                                   num_samples=frames, dimension=list(size))  # fmt: skip


def write_labels(out: Path, table: LabelTable) -> None:
    """PoseTraining: the labelled frames. Raises InvalidSetting when pynwb is not there, StorageError."""
    pynwb, ndx_pose = _pynwb()
    file = _new_file(pynwb, "Labelled frames, for training pose estimation.")
    bones = _nwb_skeleton(ndx_pose, table.labels.skeleton)
    order = list(dict.fromkeys(f.key.video for f in table.labels))
    sources = {}
    for video, name in zip(order, object_names([table.video_names[v] for v in order])):
        first = next(f.key for f in table.labels if f.key.video == video)
        path = table.video_paths.get(video) or table.video_names[video]
        files = [f"{path}/{image}" for image in table.image_names[video]] if video in table.image_names else [path]
        last = max(f.key.index for f in table.labels if f.key.video == video)
        frames = max(table.frames.get(video, 0), last + 1)
        files = [_beside(f, out) for f in files]
        sources[video] = _image_series(pynwb, name, files, table.size(first), 1.0, frames)
    frames = []
    for number, frame in enumerate(table.labels):
        animals = [
            ndx_pose.SkeletonInstance(name=f"instance_{i}", id=np.uint32(i), skeleton=bones, node_locations=a.points,
                                      node_visibility=a.states == State.VISIBLE)
            for i, a in enumerate(frame.instances)
        ]  # fmt: skip
        frames.append(ndx_pose.TrainingFrame(
            name=f"frame_{number}", annotator="krolik", source_video=sources[frame.key.video],
            source_video_frame_index=np.uint64(frame.key.index),
            skeleton_instances=ndx_pose.SkeletonInstances(skeleton_instances=animals),
        ))  # fmt: skip
    module = file.create_processing_module("behavior", "Poses of animals in video.")
    module.add(ndx_pose.Skeletons(skeletons=[bones]))
    videos = ndx_pose.SourceVideos(image_series=list(sources.values()))
    module.add(
        ndx_pose.PoseTraining(training_frames=ndx_pose.TrainingFrames(training_frames=frames), source_videos=videos)
    )
    _save(pynwb, out, file)


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """PoseEstimation for each animal of each video. Raises InvalidSetting when pynwb is not there, StorageError."""
    pynwb, ndx_pose = _pynwb()
    file = _new_file(pynwb, "Poses of animals, estimated from video.")
    bones = _nwb_skeleton(ndx_pose, tables[0].skeleton)
    module = file.create_processing_module("behavior", "Poses of animals in video.")
    module.add(ndx_pose.Skeletons(skeletons=[bones]))
    for table, title in zip(tables, object_names([t.video for t in tables])):
        own = module if len(tables) == 1 else file.create_processing_module(title, f"Poses in {table.video}.")
        animals = table.animal_count()
        values = _dense(table, animals)
        clock = _clock(table, len(values))
        video = _image_series(
            pynwb, title, [table.path or table.video], table.size, clock.get("rate", 1.0), len(values)
        )
        file.add_acquisition(video)
        alone = animals == 1 and not any(table.animals)
        for n, name in enumerate([ALONE] if alone else object_names(table.animal_names(animals))):
            series = []
            for k, part in enumerate(object_names(table.skeleton.names)):
                series.append(ndx_pose.PoseEstimationSeries(
                    name=part, description=f"Place of {table.skeleton.names[k]}.", data=values[:, n, k, :2],
                    unit="pixels", reference_frame=REFERENCE, confidence=values[:, n, k, 2],
                    confidence_definition="estimated probability that the point is right", **clock,
                ))  # fmt: skip
                if "timestamps" in clock:
                    clock = {"timestamps": series[0]}
            own.add(ndx_pose.PoseEstimation(
                name=name, pose_estimation_series=series, skeleton=bones, scorer=table.model, source_software="Krolik",
                description=f"Poses of {name} in {table.video}.", source_video=video,
            ))  # fmt: skip
    _save(pynwb, out, file)


def _dense(table: PredictionTable, animals: int) -> np.ndarray:
    """(F, N, K, 3) from frame 0 to the end of the video, NaN where there is no point."""
    frames = max(len(table.times_s), max((b.stop for b in table.blocks()), default=0))
    values = np.full((frames, animals, len(table.skeleton), 3), np.nan, np.float32)
    for block in table.blocks():
        span, count = slice(block.start, block.stop), block.score.shape[1]
        values[span, :count, :, :2], values[span, :count, :, 2] = block.xy, block.score
    return values


def _clock(table: PredictionTable, frames: int) -> dict:
    """A rate where the frames come evenly, else the time of each."""
    times = np.asarray(table.times_s[:frames], float)
    if len(times) < frames:
        return {"starting_time": 0.0, "rate": 1.0}
    steps = np.diff(times)
    if not len(steps) or (times[0] == 0 and np.ptp(steps) < 1e-3 * steps.mean()):
        return {"starting_time": 0.0, "rate": float(1 / steps.mean()) if len(steps) else 1.0}
    return {"timestamps": times}


def _save(pynwb, out: Path, file) -> None:
    with replacing(out) as partial:
        named = partial.with_name(f"{partial.name}.nwb")  # pynwb wants the suffix
        try:
            with pynwb.NWBHDF5IO(str(named), "w") as writer:
                writer.write(file)
            named.replace(partial)
        finally:
            discard(named)
