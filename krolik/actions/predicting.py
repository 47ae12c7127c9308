"""Predicting videos into the project, going on where an interrupted run stopped."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from krolik import defaults
from krolik.actions.adding import expand, open_for
from krolik.actions.reporter import Reporter
from krolik.errors import InvalidFile, InvalidSetting, KrolikError, NotFound
from krolik.inference.fitting import fit_to_video
from krolik.inference.model import PoseModel
from krolik.inference.pipeline import predict_blocks
from krolik.project import ProjectFile, models, predictions, runs, videos
from krolik.project.videos import VideoRecord
from krolik.training.machine import core_count
from krolik.video.source import Video


@dataclass
class PredictionReport:
    """What a prediction of one video did. `error` says why the video was left out."""

    video: str
    run: int = 0
    start: int = 0
    stop: int = 0
    undecodable: list[int] = field(default_factory=list)
    seconds: float = 0.0
    predicted: int = 0  # frames predicted now; the others were there already
    found: int = 0  # of these, frames with a point that is drawn and counted by default
    error: str = ""

    @property
    def frames_per_second(self) -> float:
        return self.predicted / self.seconds if self.seconds else 0.0


def predict(
    file: ProjectFile,
    patterns: Sequence[str | Path],
    model: PoseModel,
    wanted_span: tuple[int, int | None],
    again: bool,
    reporter: Reporter,
) -> list[PredictionReport]:
    """Predicts frames (from, to) of each video; one that cannot be read does not stop the others."""
    reports = []
    for wanted in _wanted(file, patterns):
        try:
            record, video = open_for(file, wanted, "predict")
        except KrolikError as error:
            reports.append(PredictionReport(str(wanted), error=str(error)))
            continue
        try:
            start, stop = _span(video, *wanted_span)
            settings = {
                "model": model.identity,
                "model_name": model.description.name,
                "video": record.id,
                "start": start,
                "stop": stop,
                "skeleton": model.skeleton.to_json(),
            }
            if model.description.appearance is not None:
                settings["animals"] = list(model.description.appearance.names)
            fitted = fit_to_video(model, video)
            if fitted.zooms:
                settings["zooms"] = [[*size, round(zoom, 4)] for size, zoom in sorted(fitted.zooms.items())]
                _note_zooms(fitted, record.name, reporter)
            if fitted.brightened is not None:
                settings["light"] = fitted.brightened.round().astype(int).tolist()
                reporter.note(
                    f"{record.name}: its light is unlike that of the frames that the model learnt from; "
                    "it is evened out, as the model is surer so"
                )
            reports.append(_predict_one(file, record, video, fitted, settings, again, reporter))
        finally:
            video.close()
        if reporter.cancelled():
            break
    return reports


def _wanted(file: ProjectFile, patterns: Sequence[str | Path]) -> list[str | Path]:
    """Names of the project's videos, and paths; missing files are left for the report of that video."""
    known = {r.name for r in videos.records(file)}
    wanted: list[str | Path] = []
    for pattern in patterns:
        try:
            wanted += expand([pattern])
        except NotFound:
            wanted += [str(pattern)] if str(pattern) in known else [Path(pattern)]
    return wanted


def _span(video: Video, start: int, stop: int | None) -> tuple[int, int]:
    end = len(video) if stop is None else min(stop, len(video))
    if not 0 <= start < end:
        raise InvalidSetting(f"there are no frames from {start} to {end - 1}", video.path,
                             f"The video has frames 0 to {len(video) - 1}.")  # fmt: skip
    return start, end


def _predict_one(
    file: ProjectFile,
    record: VideoRecord,
    video: Video,
    model: PoseModel,
    settings: dict,
    again: bool,
    reporter: Reporter,
) -> PredictionReport:
    name = record.name
    start, stop = settings["start"], settings["stop"]
    run = None if again else _same_run(file, settings)
    first = start
    if run is not None:
        first = predictions.next_frame(file, run, settings["video"]) or start
        if first >= stop:
            reporter.note(f"{name} is predicted already (run {run}); --again does it anew")
        elif first > start:
            reporter.note(f"{name}: going on at frame {first}")
        if first < stop:
            runs.restart(file, run)
    else:
        run = runs.start(file, "predict", settings)
    reporter.began(run)
    report = PredictionReport(name, run, start, stop, predicted=max(0, stop - first))
    _note_truncated(video, name, reporter)
    began = time.monotonic()

    def done(i: int) -> None:
        if i % 16 == 0 or i + 1 == stop:
            spent, count = time.monotonic() - began, i + 1 - first
            speed = count / max(spent, 1e-9)
            reporter.progress(f"predict {name}", (i + 1 - start) / (stop - start), f"{speed:.0f} frames/s",
                              (stop - i - 1) / max(speed, 1e-9))  # fmt: skip

    try:
        before = predictions.block_at(file, run, settings["video"], first - 1) if first > start else None
        for block in predict_blocks(model, video, first, stop, done, before) if first < stop else ():
            predictions.store(file, run, settings["video"], block)
            report.found += int((block.score >= defaults.THRESHOLD).any(axis=(1, 2)).sum())
            report.undecodable += [block.start + i for i, good in enumerate(block.decoded) if not good]
            if reporter.cancelled():
                runs.finish(file, run, "cancelled")
                return report
    except BaseException as error:
        runs.finish(file, run, "cancelled" if isinstance(error, KeyboardInterrupt) else "failed", error=str(error))
        raise
    report.seconds = time.monotonic() - began
    if first < stop:
        runs.finish(file, run, "done", undecodable=len(report.undecodable), seconds=report.seconds)
    if report.predicted and not report.found:
        reporter.note(
            f"{name}: no point has a score of {defaults.THRESHOLD} or more in any frame; train longer, or look "
            "whether the video shows what the model was trained on"
        )
    if report.undecodable:
        reporter.note(f"{name}: {len(report.undecodable)} frame(s) cannot be decoded, the first is "
                      f"{report.undecodable[0]}; their rows have no points")  # fmt: skip
    return report


def _same_run(file: ProjectFile, settings: dict) -> int | None:
    """The latest run of the same model on the same frames of the same video."""
    for run in runs.every(file, "predict"):
        if all(run.document.get(k) == v for k, v in settings.items()):
            return run.id
    return None


def _note_zooms(model: PoseModel, name: str, reporter: Reporter) -> None:
    sizes = model.description.frame_sizes
    learnt = ", ".join(f"{width}×{height}" for width, height in sizes)
    for (width, height), zoom in sorted(model.zooms.items()):
        size = f"{width}×{height}"
        if (width, height) in sizes:
            reporter.note(
                f"{name}: its animals seem {1 / zoom:.1f} times as large as those that the model learnt from; "
                f"they are looked at {zoom:.2f} times as large, where it is surer of them"
            )
            continue
        reporter.note(
            f"{name}: its frames are {size}, the model learnt from {learnt}; "
            f"they are looked at {zoom:.2f} times as large, where it is surer of them"
        )


def _note_truncated(video: Video, name: str, reporter: Reporter) -> None:
    declared = video.index.declared if video.index is not None else 0
    if declared > len(video):
        reporter.note(f"{name} is cut off: its header tells of {declared} frames, {len(video)} can be read")


def load_model(file: ProjectFile | None, wanted: str | Path | None) -> PoseModel:
    """A model by its name in the project, by the path of an .onnx file or of another project."""
    threads = core_count()
    if wanted is not None and Path(wanted).suffix == ".onnx":
        return PoseModel.open(wanted, threads)
    if wanted is not None and Path(wanted).suffix == ".krolik":
        with ProjectFile.open(wanted) as other:
            return load_model(other, None)
    if file is None:
        raise InvalidFile("neither a project nor a model", wanted or "", "Give a .krolik or an .onnx file.")
    record = models.get(file, None if wanted is None else str(wanted))
    return PoseModel(models.onnx(file, record), threads, record.name)
