"""Exporting predictions, labels and models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np

from krolik.actions.pixels import encoded_frame
from krolik.errors import InvalidLabels, InvalidSetting, NotFound
from krolik.files import replacing
from krolik.formats import FORMATS, LABELS, PREDICTIONS, Format, writable
from krolik.formats.losses import reduced
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.inference.smoothing import Smoothing, smoothed
from krolik.poses import FrameKey, Labels, Predictions
from krolik.project import ProjectFile, labels, models, predictions, runs, selection, videos
from krolik.project.runs import Run
from krolik.skeleton import Skeleton
from krolik.video.images import decode_image

What = Literal["predictions", "labels"]
MODEL = "model"


@dataclass(frozen=True)
class Source:
    """Which predictions are meant: of a model (default: the newest of each video), and how they are smoothed."""

    model: str | None = None
    smoothing: Smoothing = Smoothing()


@dataclass(frozen=True)
class ExportReport:
    """What was written, where, and what of the labels the format could not hold."""

    out: Path
    what: str
    losses: tuple[str, ...] = ()


def export(
    file: ProjectFile, to: str, out: Path, what: What | None, source: Source, wanted: Sequence[str]
) -> ExportReport:
    """Writes a file or folder. Raises NotFound, InvalidSetting, InvalidLabels, StorageError.

    what: predictions unless there are none or the format holds none, then labels. wanted: only these videos.
    """
    model = source.model
    if to == MODEL:
        record = models.get(file, model)
        out = out if out.suffix else out.with_suffix(".onnx")
        with replacing(out) as partial:
            partial.write_bytes(models.onnx(file, record))
        return ExportReport(out, MODEL)
    form = writable_format(to)
    chosen = latest_runs(file, model, wanted) if what != LABELS else []
    if what is None:
        what = PREDICTIONS if (chosen or model is not None) and "w" in form.predictions else LABELS
    if what == LABELS:
        if "w" not in form.labels:
            raise InvalidSetting(f"{form.title} holds no labels", "--to", f"There are: {', '.join(writable(LABELS))}.")
        return write_labels(form, out, label_table(file, wanted))
    if "w" not in form.predictions:
        raise InvalidSetting(
            f"{form.title} holds no predictions", "--to", f"There are: {', '.join(writable(PREDICTIONS))}."
        )
    if not chosen:
        raise NotFound(
            "there are no predictions of this", file.path, f"Make them: krolik predict {file.path.name} VIDEO."
        )
    return write_predictions(form, out, [prediction_table(file, run, source.smoothing) for run in chosen])


def writable_format(to: str) -> Format:
    names = [*dict.fromkeys([*writable(LABELS), *writable(PREDICTIONS)]), MODEL]
    if to not in names:
        raise InvalidSetting(f"the format {to!r} cannot be written", "--to", f"There are: {', '.join(names)}.")
    return FORMATS[to]


def write_labels(form: Format, out: Path, table: LabelTable) -> ExportReport:
    """The labels as the format can hold them; the report says what was lost."""
    carries = form.carries()
    kept, losses = reduced(table.labels, carries, table.size)
    if not kept.frames:
        raise InvalidLabels(f"no frame is left that {form.title} can hold", "labels",
                            f"Lost: {'; '.join(map(str, losses))}.")  # fmt: skip
    videos = sum(f.key.video not in table.image_names for f in kept)
    said = [str(loss) for loss in losses]
    if carries.images and videos:
        said.append(f"frames of videos: {videos} become image files")
    out = _named(out, form.suffix)
    import_module(f"krolik.formats.{form.writer or form.module}").write_labels(out, replace(table, labels=kept))
    return ExportReport(out, LABELS, tuple(said))


def write_predictions(form: Format, out: Path, tables: Sequence[PredictionTable]) -> ExportReport:
    """All videos of the tables in the wanted form."""
    if len({tuple(t.skeleton.names) for t in tables}) > 1:
        raise InvalidSetting("the predictions are of models with different keypoints", "--model", "Choose one model.")
    many = len(tables) > 1 and form.each
    out = out if many else _named(out, form.predictions_suffix or form.suffix)
    import_module(f"krolik.formats.{form.predictor or form.module}").write_predictions(out, tables)
    return ExportReport(out, PREDICTIONS, tuple(_prediction_losses(form, tables)))


def _prediction_losses(form: Format, tables: Sequence[PredictionTable]):
    """What the format cannot hold of these predictions."""
    undecodable = sum(t.undecodable for t in tables)
    if undecodable and not form.own:
        yield f"frames that could not be decoded: {undecodable} look like frames without points"
    skeleton = tables[0].skeleton
    counts = {
        "edges": ("edges of the skeleton", len(skeleton.edges)),
        "identities": ("identities", sum(bool(name) for t in tables for name in t.animals)),
        "names": ("names of keypoints", len(skeleton)),
    }
    for kind in form.drops:
        what, count = counts[kind]
        if count:
            yield f"{what}: {count} left out"


def _named(out: Path, suffix: str) -> Path:
    """With the format's suffix where the name has none."""
    return out if out.suffix or not suffix else out.with_name(out.name + suffix)


def label_table(file: ProjectFile, wanted: Sequence[str] = ()) -> LabelTable:
    """All labels, or those of some videos. Raises NotFound when there are none."""
    found = labels.load(file)
    if wanted:
        ids = {videos.record(file, w).id for w in wanted}
        found = Labels(found.skeleton, tuple(f for f in found if f.key.video in ids))
    if not found.frames:
        raise NotFound("there are no labels yet", file.path)
    used = {f.key.video for f in found}
    records = {r.id: r for r in videos.records(file) if r.id in used}
    times = {identity: _times(file, identity) for identity in records}

    def time_s(key: FrameKey) -> float:
        known = times[key.video]
        return float(known[key.index]) if known is not None and key.index < len(known) else float(key.index)

    return LabelTable(
        found,
        {i: r.name for i, r in records.items()},
        {i: r.path for i, r in records.items()},
        {i: r.names for i, r in records.items() if r.names is not None},
        time_s,
        lambda key: _image(file, key),
        lambda key: _size(file, key),
        tuple(k for k in selection.load(file) if k.video in records),
        {i: r.frames for i, r in records.items()},
    )


def _image(file: ProjectFile, key: FrameKey) -> bytes:
    """The encoded image of a labelled frame: the project's own, else from its video."""
    kept = labels.pixels(file, key)
    if kept is not None:
        return kept
    with videos.open_record(file, videos.record(file, key.video)) as video:
        return encoded_frame(video, key.index)[0]


def _size(file: ProjectFile, key: FrameKey) -> tuple[int, int]:
    record = videos.record(file, key.video)
    if record.names is None:
        return record.size
    known = labels.frame_size(file, key)
    if known is not None:
        return known
    height, width = decode_image(_image(file, key), record.name).shape[:2]
    return width, height


def _times(file: ProjectFile, video: str):
    """Seconds of each frame, from the kept index; None for image folders."""
    index = videos.frame_index(file, video)
    return None if index is None else index.times_s


def latest_runs(file: ProjectFile, model: str | None, wanted: Sequence[str]) -> list[Run]:
    """The newest run with predictions of each wanted video (default: all), by video name."""
    names = {r.id: r.name for r in videos.records(file)}
    ids = {videos.record(file, w).id for w in wanted} if wanted else set(names)
    newest: dict[str, Run] = {}
    for run in reversed(runs.every(file, "predict")):
        document = run.document
        meant = document["video"] in ids and model in (None, document["model_name"], document["model"])
        if meant and predictions.next_frame(file, run.id, document["video"]) is not None:
            newest[document["video"]] = run
    return [newest[v] for v in sorted(newest, key=lambda v: names[v])]


def prediction_blocks(
    file: ProjectFile, run: Run, smoothing: Smoothing, start: int = 0, stop: int = 1 << 62
) -> Iterator[Predictions]:
    """The blocks of a run that have frames of start to stop - 1, smoothed as they would be in the whole video."""
    margin = 0 if smoothing.changes_nothing else smoothing.margin
    found = predictions.blocks(file, run.id, run.document["video"], max(0, start - margin), stop + margin)
    return (b for b in smoothed(found, smoothing) if b.stop > start and b.start < stop)


def prediction_table(file: ProjectFile, run: Run, smoothing: Smoothing = Smoothing()) -> PredictionTable:  # noqa: B008
    """A run's predictions, ready to be written."""
    video = run.document["video"]
    record = videos.record(file, video)
    times = _times(file, video)
    times = np.arange(record.frames, dtype=float) if times is None else times
    return PredictionTable(
        run_skeleton(file, run), record.name, run.document["model"], times,
        lambda: prediction_blocks(file, run, smoothing), tuple(run.document.get("animals", ())), record.path,
        record.size, int(run.document.get("undecodable", 0)),
    )  # fmt: skip


def run_skeleton(file: ProjectFile, run: Run) -> Skeleton:
    """The skeleton of the model that made the predictions."""
    return Skeleton.from_json(run.document["skeleton"])
