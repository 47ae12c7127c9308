"""Exporting predictions, labels and models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from krolik.errors import InvalidSetting, NotFound
from krolik.files import replacing
from krolik.formats import krolik_csv, krolik_hdf5, krolik_json
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels, models, predictions, runs, videos
from krolik.project.runs import Run
from krolik.skeleton import Skeleton

Target = Literal["csv", "csv-wide", "json", "hdf5", "model"]
What = Literal["predictions", "labels"]
SUFFIXES = {"csv": ".csv", "csv-wide": ".csv", "json": ".json", "hdf5": ".h5", "model": ".onnx"}


def export(
    file: ProjectFile, to: Target, out: Path, what: What | None, model: str | None, wanted: Sequence[str]
) -> Path:
    """Writes a file; what it is called in the end. Raises NotFound, InvalidSetting, StorageError.

    what: predictions unless there are none, then labels. model: whose predictions (default: the newest of each video).
    """
    if to not in SUFFIXES:
        raise InvalidSetting(f"{to!r} cannot be written", "--to", f"There are: {', '.join(SUFFIXES)}.")
    if to == "model":
        record = models.get(file, model)
        out = out if out.suffix else out.with_suffix(SUFFIXES[to])
        with replacing(out) as partial:
            partial.write_bytes(models.onnx(file, record))
        return out
    out = out if out.suffix else out.with_suffix(SUFFIXES[to])
    chosen = latest_runs(file, model, wanted)
    anything = model is None and not wanted
    if what == "labels" or (what is None and anything and not chosen):
        _label_writer(to)(out, label_table(file))
        return out
    if not chosen:
        raise NotFound(
            "there are no predictions of this", file.path, f"Make them: krolik predict {file.path.name} VIDEO."
        )
    write_predictions(to, out, [prediction_table(file, run) for run in chosen])
    return out


def write_predictions(to: Target, out: Path, tables: Sequence[PredictionTable]) -> None:
    """All videos of the tables into one file of the wanted form."""
    if len({tuple(t.skeleton.names) for t in tables}) > 1:
        raise InvalidSetting("the predictions are of models with different keypoints", "--model", "Choose one model.")
    if to in ("csv", "csv-wide"):
        krolik_csv.write_predictions(out, tables, wide=to == "csv-wide")
    elif to == "json":
        krolik_json.write_predictions(out, tables)
    else:
        krolik_hdf5.write_predictions(out, tables)


def _label_writer(to: Target) -> Callable[[Path, LabelTable], None]:
    return {
        "csv": krolik_csv.write_labels,
        "csv-wide": lambda path, table: krolik_csv.write_labels(path, table, wide=True),
        "json": krolik_json.write_labels,
        "hdf5": krolik_hdf5.write_labels,
    }[to]


def label_table(file: ProjectFile) -> LabelTable:
    """All labels. Raises NotFound when there are none."""
    found = labels.load(file)
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
    )


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


def prediction_table(file: ProjectFile, run: Run) -> PredictionTable:
    """A run's predictions, ready to be written."""
    video = run.document["video"]
    record = videos.record(file, video)
    times = _times(file, video)
    times = np.arange(record.frames, dtype=float) if times is None else times
    return PredictionTable(
        run_skeleton(file, run), record.name, run.document["model"], times,
        lambda: predictions.blocks(file, run.id, video),
    )  # fmt: skip


def run_skeleton(file: ProjectFile, run: Run) -> Skeleton:
    """The skeleton of the model that made the predictions."""
    return Skeleton.from_json(run.document["skeleton"])
