"""Importing labels and predictions: read, checked and committed in one change, with the labelled frames' pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from krolik.actions.adding import opened
from krolik.actions.pixels import Picture, Pixels, encoded, picture, staged
from krolik.actions.placing import embedded_images, is_there, placed
from krolik.actions.reporter import Reporter
from krolik.errors import Cancelled, InvalidFile, InvalidLabels, KrolikError, NotFound
from krolik.formats import read
from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes, shortened, unreadable
from krolik.formats.tables import STATE_NAMES
from krolik.poses import FrameKey, Instance, LabeledFrame, Predictions, State
from krolik.project import ProjectFile, history, labels, predictions, runs, selection, videos
from krolik.project.edits import Change, Edit
from krolik.project.videos import VideoRecord
from krolik.skeleton import Keypoint, Skeleton, palette
from krolik.video import ImageSequence, Video
from krolik.video.images import natural
from krolik.video.source import content_fingerprint


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do. `form` is the format's name on the command line."""

    format: str
    frames: int
    points: dict[str, int]  # by keypoint: how often it has coordinates
    videos: list[str]
    notes: list[str]
    replaced: int = 0
    animals: int = 0
    states: dict[str, int] = field(default_factory=dict)  # points of labelled animals by state
    tracks: list[str] = field(default_factory=list)
    edges: int = 0
    predictions: dict[str, int] = field(default_factory=dict)  # by video: frames with a row
    selected: int = 0
    missing_videos: list[str] = field(default_factory=list)


def inspect(source: Path, wishes: Wishes, form: str | None = None, places: Sequence[Path] = ()) -> ImportReport:
    """What a file or folder holds, without importing it. Raises NotFound, InvalidFile."""
    imported = placed(read(source, wishes, form), places)
    for poses in imported.predictions:
        for _ in poses.blocks():  # what is wrong in them shows now
            pass
    names = {v.name: v.name for v in imported.videos} | {str(p): p.name for p in imported.further}
    return _report(imported, names, 0)


def _report(imported: Imported, names: dict[str, str], replaced: int) -> ImportReport:
    """names: what the project calls the videos that the file names."""
    found, animals = imported.labels, [i for f in imported.labels for i in f.instances]
    states = Counter(STATE_NAMES[State(s)] for i in animals for s in i.states.tolist())
    tracks = dict.fromkeys(
        [i.track for i in animals if i.track] + [a for p in imported.predictions for a in p.animals if a]
    )
    return ImportReport(
        imported.format, len(found), dict(zip(found.skeleton.names, found.located_count().tolist())),
        list(names.values()),
        list(imported.notes), replaced, len(animals), dict(states), list(tracks), len(found.skeleton.edges),
        {names[p.video]: p.frames for p in imported.predictions}, len(imported.selected),
        [v.name for v in imported.videos if not is_there(v)],
    )  # fmt: skip


def import_file(
    file: ProjectFile, source: Path, wishes: Wishes, reporter: Reporter, form: str | None = None,
    places: Sequence[Path] = (),
) -> ImportReport:  # fmt: skip
    """Labels, predictions, selected frames and the skeleton of a source, all or nothing.

    form: the format's name (default: detected). places: where videos are that the source names, files or folders.
    Labels that the project has already of the same frames are replaced (and can be brought back by undo).
    Raises NotFound, InvalidFile, InvalidLabels.
    """
    imported = placed(read(source, wishes, form), places)
    if not (imported.labels.frames or imported.predictions or imported.selected or len(imported.labels.skeleton)):
        raise InvalidFile("neither labels nor predictions nor a skeleton are in it", source)
    with embedded_images(file, imported) as imported:
        report = None
        while report is None:
            report = _import(file, imported, source, reporter)
        return report


@dataclass(frozen=True)
class Ground:
    """What of a project an import builds on."""

    skeleton: Skeleton
    next_keypoint: int
    videos: list[VideoRecord]
    labelled: bool

    @classmethod
    def of(cls, file: ProjectFile) -> Ground:
        labelled = bool(labels.documents(file))
        return cls(labels.skeleton(file), labels.next_keypoint(file), videos.records(file), labelled)


def _import(file: ProjectFile, imported: Imported, source: Path, reporter: Reporter) -> ImportReport | None:
    """None, and nothing is changed, when somebody changed what it builds on while the pictures were made."""
    ground, new = Ground.of(file), imported.labels.skeleton
    if imported.labels.frames or not ground.labelled:
        bones, order = merged_skeleton(ground.skeleton, new, not ground.labelled, ground.next_keypoint)
    else:
        bones, order = ground.skeleton, np.zeros(0, int)  # predictions bring their own
    with ExitStack() as stack:
        records, video_edits = _records(file, imported, source, reporter)
        for _, video in records.values():
            stack.callback(video.close)
        keyed = [_rekeyed(frame, records, imported, order, len(bones)) for frame in imported.labels]
        pixels = stack.enter_context(staged(_pixels(keyed, records, reporter), file.path))
        stack.enter_context(file.write())
        if Ground.of(file) != ground:
            return None
        known = set(labels.documents(file))
        edits = [labels.set_skeleton(file, bones)] if bones != ground.skeleton else []
        bounds = Bounds(bones)
        labels.store_pixels(file, bounds.watch(pixels))
        keyed = [f for f in map(bounds.within, keyed) if f is not None]
        unread = tuple(path for path in imported.further if str(path) not in records)
        imported = replace(imported, notes=imported.notes + bounds.notes() + unreadable(unread))
        # the edits of frames refer to the new skeleton, so that is set first
        frame_edits = [labels.set_frame(file, frame, bones) for frame in keyed]
        marks = selection.mark(file, [_key(k, records) for k in imported.selected], "import")
        title = f"import {len(keyed)} labelled frames from {source.name}" if keyed else f"import {source.name}"
        if edits or video_edits or frame_edits or marks:
            history.commit(file, Change((*edits, *video_edits, *frame_edits, *marks), "import", title))
        for poses in imported.predictions:
            wanted = next(v for v in imported.videos if v.name == poses.video)
            _store(file, in_order(poses, wanted, records[poses.video][0]), *records[poses.video], imported.format,
                   reporter)  # fmt: skip
        for record, video in records.values():
            if video.index is not None:
                videos.keep_index(file, record.id, video.index)
    names = {wanted: record.name for wanted, (record, _) in records.items()}
    return _report(imported, names, sum(f.key in known for f in keyed))


def _key(key: FrameKey, records: dict[str, tuple[VideoRecord, Video]]) -> FrameKey:
    return FrameKey(records[key.video][0].id, key.index)


def _store(
    file: ProjectFile, poses: ImportedPredictions, record: VideoRecord, video: Video, origin: str, reporter: Reporter
) -> None:
    """Keeps imported predictions as a run, as if a model of that name had made them here."""
    document = {
        "model": poses.model or origin, "model_name": poses.model or origin,
        "video": record.id, "start": 0, "stop": len(video), "skeleton": poses.skeleton.to_json(),
        "animals": list(poses.animals), "imported": True,
        **({} if poses.rows is None else {"rows": sorted(poses.rows)}),
    }  # fmt: skip
    run = runs.start(file, "predict", document)
    for block in poses.blocks():
        if block.stop > len(video):
            late = np.flatnonzero(np.isfinite(block.xy[max(0, len(video) - block.start) :]).any(axis=(1, 2, 3)))
            if len(late):
                raise InvalidLabels(
                    f"frame {max(block.start, len(video)) + int(late[0])} is predicted, but the video has frames 0 to "
                    f"{len(video) - 1}", record.name, "Are they of another video? Say of which with --video.",
                )  # fmt: skip
            if block.start >= len(video):
                break
        predictions.store(file, run, record.id, cut(block, len(video)))
        reporter.progress(f"import the predictions of {record.name}", min(1.0, block.stop / len(video)))
    runs.finish(file, run, "done")


def in_order(poses: ImportedPredictions, wanted: ImportedVideo, record: VideoRecord) -> ImportedPredictions:
    """The same with the project's numbers of a folder's images, which may have come in another order.

    Raises InvalidFile for an image that the project does not have.
    """
    if wanted.images is None or record.names is None or record.names[: len(wanted.images)] == wanted.images:
        return poses
    at = {name: number for number, name in enumerate(record.names)}
    found = list(poses.blocks())
    if not found:
        return poses
    xy, score = np.concatenate([b.xy for b in found]), np.concatenate([b.score for b in found])
    every = np.full((len(at), *xy.shape[1:]), np.nan, xy.dtype), np.zeros((len(at), *score.shape[1:]), score.dtype)
    for number, name in enumerate(wanted.images[found[0].start :][: len(xy)]):
        if name not in at and np.isfinite(xy[number]).any():
            raise InvalidFile(f"the predicted image {name!r} is not among the images", record.path)
        if name in at:
            every[0][at[name]], every[1][at[name]] = xy[number], score[number]
    told = poses.rows if poses.rows is not None else range(len(wanted.images))
    rows = frozenset(at[wanted.images[row]] for row in told if wanted.images[row] in at)
    return replace(poses, rows=rows, blocks=lambda: sliced(lambda a, b: (every[0][a:b], every[1][a:b]), len(at)))


def cut(block: Predictions, stop: int) -> Predictions:
    """The part of a block before a frame."""
    count = max(0, min(len(block), stop - block.start))
    return Predictions(block.start, block.xy[:count], block.score[:count], block.decoded[:count])


class Bounds:
    """Leaves points that lie outside their frame unlabelled, and says which. Sizes come with the frames' pixels."""

    def __init__(self, bones: Skeleton):
        self._names = bones.names
        self._sizes: dict[FrameKey, tuple[int, int]] = {}
        self._outside: list[str] = []

    def watch(self, pixels: Iterable[Pixels]) -> Iterator[Pixels]:
        for key, size, data in pixels:
            self._sizes[key] = size
            yield key, size, data

    def within(self, frame: LabeledFrame) -> LabeledFrame | None:
        """The frame without such points; None when nothing is left that was there."""
        size = np.array(self._sizes[frame.key], float)
        kept = []
        for instance in frame.instances:
            with np.errstate(invalid="ignore"):
                outside = instance.located & ~((instance.points > -1) & (instance.points < size)).all(axis=1)
            for k in np.flatnonzero(outside):
                x, y = instance.points[k]
                self._outside.append(f"{frame.name}: {self._names[k]} ({x:g}, {y:g})")
            states = np.where(outside, State.UNKNOWN, instance.states)
            if not outside.any() or (states != State.UNKNOWN).any():
                kept.append(replace(instance, states=states))
        return replace(frame, instances=tuple(kept)) if kept or not frame.instances else None

    def notes(self) -> tuple[str, ...]:
        if not self._outside:
            return ()
        return (f"{len(self._outside)} point(s) lie outside their frame; left unlabelled: {shortened(self._outside)}",)


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
    file: ProjectFile, imported: Imported, source: Path, reporter: Reporter
) -> tuple[dict[str, tuple[VideoRecord, Video]], list[Edit]]:
    """For each imported video its record (an own one where the project has it) and the video, opened.

    Those that only come along are left out where they cannot be read.
    """
    found: dict[str, tuple[VideoRecord, Video]] = {}
    edits, new = [], []
    further = [ImportedVideo(str(path), path) for path in imported.further]  # called by its path: names may be doubled
    for number, wanted in enumerate(every := [*imported.videos, *further]):
        record, video = _own_video(file, wanted) or (None, None)
        if record is None or video is None:
            if not wanted.path.exists():
                raise NotFound(
                    f"the video {wanted.name!r} that the labels are of is not there",
                    source,
                    "Put it beside the labels, or say where it is with --video, or add it first: "
                    f"krolik add {file.path.name} VIDEO.",
                    "labels-without-video",
                    name=wanted.name,
                )
            images = wanted.images is not None or wanted.path.is_dir()
            part = (number, len(every))
            try:
                video = ImageSequence(wanted.path, wanted.images) if images else opened(wanted.path, part, reporter)
            except InvalidFile:
                if wanted.path in imported.further:
                    continue  # nothing that is imported is of it
                raise
            names = video.names if isinstance(video, ImageSequence) else None
            record = videos.describe(file, video, names)
            new.append(wanted.name)
        elif wanted.images is not None and record.names is not None:
            # frame numbers of known images stay; new images come after them
            more = sorted(set(wanted.images) - set(record.names), key=natural)
            if more:
                record = replace(record, names=(*record.names, *more), frames=record.frames + len(more))
                edits.append(videos.set_video(file, record))
                video = ImageSequence(wanted.path, record.names)
        found[wanted.name] = (record, video)
    for name, record in zip(new, videos.named(file, [found[name][0] for name in new])):
        found[name] = (record, found[name][1])
        edits.append(videos.set_video(file, record))
    return found, edits


def _own_video(file: ProjectFile, wanted: ImportedVideo) -> tuple[VideoRecord, Video] | None:
    record = own_record(file, wanted)
    return None if record is None else (record, videos.open_record(file, record))


def own_record(file: ProjectFile, wanted: ImportedVideo) -> VideoRecord | None:
    """The project's own video that is meant: of the same content, or name where none lies there."""
    place = wanted.path.resolve()
    for record in videos.records(file):
        same_place = record.names is not None and Path(record.path) == place
        if same_place or (place.exists() and record.names is None and place.is_file()
                          and record.fingerprint == content_fingerprint(place)):  # fmt: skip
            return record
    named = [r for r in videos.records(file) if r.name == wanted.name]
    return named[0] if len(named) == 1 and not place.exists() else None


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
        instances.append(Instance(points, states, instance.track, instance.box))
    return LabeledFrame(FrameKey(record.id, index), tuple(instances), frame.name or video.frame_name(index))


def _pixels(
    frames: list[LabeledFrame], records: dict[str, tuple[VideoRecord, Video]], reporter: Reporter
) -> Iterator[Pixels]:
    """The encoded image of each labelled frame; an image file keeps its own bytes."""
    by_id = {record.id: video for record, video in records.values()}
    names = {frame.key: frame.name for frame in frames}

    def pictures() -> Iterator[tuple[FrameKey, Picture]]:
        for key in sorted(names):
            if reporter.cancelled():
                raise Cancelled("the import was cancelled; nothing has changed", names[key], code="cancelled")
            try:
                yield key, picture(by_id[key.video], key.index)
            except KrolikError as error:
                raise InvalidFile(
                    f"the labelled frame {names[key]} cannot be read ({error.what})", error.where
                ) from error

    for number, one in enumerate(encoded(pictures())):
        reporter.progress("keep the labelled frames", (number + 1) / len(names))
        yield one
