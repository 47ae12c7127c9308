"""Importing labels: read, checked and committed in one change, with the pixels of the labelled frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from krolik.actions.reporter import Reporter
from krolik.errors import InvalidFile, InvalidLabels, KrolikError, NotFound
from krolik.formats import read_labels
from krolik.formats.imported import Imported, ImportedVideo
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.project import ProjectFile, history, labels, videos
from krolik.project.edits import Change, Edit
from krolik.project.videos import VideoRecord
from krolik.skeleton import Keypoint, Skeleton, palette
from krolik.video import ImageSequence, Video, open_video
from krolik.video.images import decode_image, natural
from krolik.video.source import content_fingerprint


@dataclass(frozen=True)
class ImportReport:
    """What an import did."""

    format: str
    frames: int
    points: dict[str, int]  # by keypoint: how often it has coordinates
    videos: list[str]
    notes: list[str]
    replaced: int = 0


def import_labels(file: ProjectFile, source: Path, missing: State, reporter: Reporter) -> ImportReport:
    """Everything of the source, or nothing. Points that it leaves out get the state `missing`.

    Labels that the project has already of the same frames are replaced (and can be brought back by undo).
    Raises NotFound, InvalidFile, InvalidLabels.
    """
    imported = read_labels(source, missing)
    empty, fresh = not labels.load(file).frames, labels.next_keypoint(file)
    bones, order = merged_skeleton(labels.skeleton(file), imported.labels.skeleton, empty, fresh)
    edits: list[Edit] = []
    if bones != labels.skeleton(file):
        edits.append(labels.set_skeleton(file, bones))
    records, video_edits = _records(file, imported, source)
    edits += video_edits
    keyed = [_rekeyed(frame, records, imported, order, len(bones)) for frame in imported.labels]
    known = {f.key for f in labels.load(file)}
    with file.write():
        # the edits of frames refer to the new skeleton, so that is set first
        frame_edits = [labels.set_frame(file, frame, bones) for frame in keyed]
        title = f"import {len(keyed)} labelled frames from {source.name}"
        history.commit(file, Change((*edits, *frame_edits), "import", title))
        labels.store_pixels(file, _pixels(imported, keyed, records, reporter))
        for record, video in records.values():
            if video.index is not None:
                videos.keep_index(file, record.id, video.index)
    for _, video in records.values():
        video.close()
    counts = imported.labels.located_count().tolist()
    return ImportReport(
        imported.format, len(keyed), dict(zip(imported.labels.skeleton.names, counts)),
        [record.name for record, _ in records.values()], list(imported.notes), sum(f.key in known for f in keyed),
    )  # fmt: skip


def merged_skeleton(own: Skeleton, new: Skeleton, empty: bool, fresh: int) -> tuple[Skeleton, np.ndarray]:
    """The skeleton that has the keypoints of both, and for each keypoint of `new` its place in it.

    A project without labels takes over the imported skeleton as it is. New keypoints get ids from `fresh` on.
    """
    if empty or not len(own):
        return new, np.arange(len(new))
    keypoints = list(own.keypoints)
    colors = palette(len(own) + len(new))
    for name in new.names:
        if name not in own.names:
            keypoints.append(Keypoint(fresh, name, colors[len(keypoints)]))
            fresh += 1
    ids = {k.name: k.id for k in keypoints}
    names = {k.id: k.name for k in new.keypoints}
    joined = {"edges": own.edges, "pairs": own.pairs}
    for kind, connections in (("edges", new.edges), ("pairs", new.pairs)):
        for a, b in connections:
            pair = (ids[names[a]], ids[names[b]])
            if pair not in joined[kind] and pair[::-1] not in joined[kind]:
                joined[kind] += (pair,)
    merged = Skeleton(tuple(keypoints), joined["edges"], joined["pairs"])
    return merged, np.array([merged.index(name) for name in new.names])


def _records(
    file: ProjectFile, imported: Imported, source: Path
) -> tuple[dict[str, tuple[VideoRecord, Video]], list[Edit]]:
    """For each imported video its record (an own one where the project has it) and the video, opened."""
    found: dict[str, tuple[VideoRecord, Video]] = {}
    edits = []
    for wanted in imported.videos:
        record, video = _own_video(file, wanted) or (None, None)
        if record is None or video is None:
            if not wanted.path.exists():
                raise NotFound(
                    f"the video {wanted.name!r} that the labels are of is not there",
                    source,
                    f"Put it beside the labels, or add it first: krolik add {file.path.name} VIDEO.",
                )
            images = wanted.images is not None or wanted.path.is_dir()
            video = ImageSequence(wanted.path, wanted.images) if images else open_video(wanted.path)
            names = video.names if isinstance(video, ImageSequence) else None
            record = videos.describe(file, video, names)
            edits.append(videos.set_video(file, record))
        elif wanted.images is not None and record.names is not None:
            # frame numbers of known images stay; new images come after them
            new = sorted(set(wanted.images) - set(record.names), key=natural)
            if new:
                record = replace(record, names=(*record.names, *new), frames=record.frames + len(new))
                edits.append(videos.set_video(file, record))
                video = ImageSequence(wanted.path, record.names)
        found[wanted.name] = (record, video)
    return found, edits


def _own_video(file: ProjectFile, wanted: ImportedVideo) -> tuple[VideoRecord, Video] | None:
    """The project's own video that is meant: of the same content, or name where none lies there."""
    place = wanted.path.resolve()
    for record in videos.records(file):
        same_place = record.names is not None and Path(record.path) == place
        if same_place or (place.exists() and record.names is None and place.is_file()
                          and record.fingerprint == content_fingerprint(place)):  # fmt: skip
            return record, videos.open_record(file, record)
    if not place.exists():
        named = [r for r in videos.records(file) if r.name == wanted.name]
        if len(named) == 1:
            return named[0], videos.open_record(file, named[0])
    return None


def _rekeyed(
    frame: LabeledFrame, records: dict[str, tuple[VideoRecord, Video]], imported: Imported, order: np.ndarray, size: int
) -> LabeledFrame:
    """The frame with the project's video id and frame number, its points in the project's order of keypoints."""
    record, video = records[frame.key.video]
    index = frame.key.index
    if record.names is not None:
        if frame.name not in record.names:
            raise InvalidFile(f"the labelled image {frame.name!r} is not among the images", record.path)
        index = record.names.index(frame.name)
    elif index >= len(video):
        raise InvalidLabels(f"frame {index} is labelled, but the video has frames 0 to {len(video) - 1}", record.name)
    instances = []
    for instance in frame.instances:
        points, states = np.full((size, 2), np.nan), np.full(size, State.UNKNOWN, np.int8)
        points[order], states[order] = instance.points, instance.states
        instances.append(Instance(points, states, instance.track))
    return LabeledFrame(FrameKey(record.id, index), tuple(instances), frame.name or video.frame_name(index))


def _pixels(
    imported: Imported, frames: list[LabeledFrame], records: dict[str, tuple[VideoRecord, Video]], reporter: Reporter
) -> Iterator[tuple[FrameKey, tuple[int, int], bytes]]:
    """The encoded image of each labelled frame; an image file keeps its own bytes."""
    by_id = {record.id: video for record, video in records.values()}
    for number, frame in enumerate(sorted(frames, key=lambda f: f.key)):
        video = by_id[frame.key.video]
        try:
            data, size = encoded_frame(video, frame.key.index)
        except KrolikError as error:
            raise InvalidFile(f"the labelled frame {frame.name} cannot be read ({error.what})", error.where) from error
        reporter.progress("keep the labelled frames", (number + 1) / len(frames))
        yield frame.key, size, data


def encoded_frame(video: Video, index: int) -> tuple[bytes, tuple[int, int]]:
    """A frame as an encoded image, and its (width, height). Image files as they are; video frames as PNG."""
    import cv2

    if isinstance(video, ImageSequence):
        path = video.path / video.frame_name(index)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise NotFound("no such image", path) from error
        height, width = decode_image(data, path).shape[:2]
        return data, (width, height)
    rgb = video[index].rgb
    _, data = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return data.tobytes(), (rgb.shape[1], rgb.shape[0])
