"""The statistics of a training: one page with everything in it, the same as JSON, and its plots as PNG."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from krolik.actions.evaluating import Seen, draw_worst, judge, look
from krolik.actions.reporter import Reporter
from krolik.actions.samples import load_pixels, samples
from krolik.actions.splitting import split_parts
from krolik.errors import NotFound
from krolik.evaluation import Criteria, Metrics
from krolik.evaluation.calibration import Reliability
from krolik.evaluation.intervals import interval_of_mean
from krolik.files import replacing
from krolik.inference.model import PoseModel
from krolik.inference.poser import Poser
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels, models, runs
from krolik.project.models import ModelRecord
from krolik.rendering import plots
from krolik.rendering.training_page import Page, training_page
from krolik.skeleton import Skeleton
from krolik.training.machine import core_count
from krolik.training.plan import decisions
from krolik.training.splits import TEST, TRAIN
from krolik.training.training_set import Sample
from krolik.video import Frame

WORST = 12
SPEED_FRAMES, SPEED_SECONDS = 200, 2.0
PAGE, TABLE = ".html", ".json"


@dataclass(frozen=True, eq=False)
class _Judged:
    """How the model does on frames that it did not learn: by what, on which frames, and with what result."""

    by: str
    seen: list[Seen]
    metrics: Metrics
    reliability: Reliability
    errors: np.ndarray  # (F, N * K) or ragged rows filled with NaN
    intervals: np.ndarray  # (K + 1, 2): each keypoint, then all


def report(
    file: ProjectFile, out: Path, model_name: str | None, split_name: str | None, reporter: Reporter
) -> list[Path]:
    """Writes OUT.html, OUT.json and OUT-*.png; their paths, the page first.

    The errors are those on the test frames; where the split has none, those of the cross-validation; where there is
    neither, the page says so. Raises NotFound, InvalidSetting, StorageError.
    """
    record = models.get(file, model_name)
    skeleton = Skeleton.from_json(record.document["skeleton"])
    judged = _judged(file, record, skeleton, split_name, reporter)
    speed = _frames_per_second(file, record)
    figures = _figures(record, skeleton, judged)
    worst = [] if judged is None else [picture for picture, _ in draw_worst(file, skeleton, judged.seen, WORST)]
    summary = _summary(record, judged, speed)
    base = out.with_suffix("") if out.suffix == PAGE else out
    page = Page(record.name, summary, {n: plots.as_svg(f) for n, f in figures.items()}, worst)
    written = [_write(base.with_name(base.name + PAGE), training_page(page).encode())]
    written.append(
        _write(base.with_name(base.name + TABLE), json.dumps(summary, ensure_ascii=False, indent=1).encode())
    )
    for name, figure in figures.items():
        written.append(_write(base.with_name(f"{base.name}-{name}.png"), plots.as_png(figure)))
    return written


def _write(path: Path, data: bytes) -> Path:
    with replacing(path) as partial:
        partial.write_bytes(data)
    return path


def _judged(
    file: ProjectFile, record: ModelRecord, skeleton: Skeleton, split_name: str | None, reporter: Reporter
) -> _Judged | None:
    split = split_name or record.document["split"]
    crossed = split_name is None and TEST not in split_parts(file, split, "report").values()
    if crossed:
        seen = _folded(file, record)
        by = f"{len(seen)} frames by cross-validation: each tested by a model that never saw it"
    else:
        seen, _ = look(file, record, split, reporter)
        by = f"the {len(seen)} test frames of {split}"
    if not seen:
        return None
    metrics, trust = judge(seen, skeleton.names, Criteria(), record)
    if crossed:  # what the folds predicted is kept raw; their curves were fitted without the fold that they judge
        trust = Reliability.from_json(record.document["cross_validation"]["reliability"])
    animals = max(len(s.predicted) for s in seen)
    errors = np.full((len(seen), animals, len(skeleton)), np.nan)
    for row, one in zip(errors, seen):
        row[: len(one.predicted)] = np.linalg.norm(one.sample.points - one.predicted[..., :2], axis=-1)
    each = [interval_of_mean(errors[..., k]) for k in range(len(skeleton))]
    return _Judged(by, seen, metrics, trust, errors, np.array([*each, interval_of_mean(errors)]))


def _folded(file: ProjectFile, record: ModelRecord) -> list[Seen]:
    """What the folds of the model's run predicted; nothing if it had none, or their frames are not there any more."""
    if record.run is None:
        return []
    found = {s.key: s for s in samples(file, {FrameKey(*k): TRAIN for k in record.document["train"]}, TRAIN)}
    seen = []
    for part in runs.get(file, record.run).document.get("folded", []):
        for frame in part["frames"]:
            now = found.get(FrameKey(*frame["key"]))
            if now is not None:
                points, states = np.array(frame["points"], np.float32), np.array(frame["states"], np.int8)
                then = Sample(now.key, now.frame_size, points, states)
                seen.append(Seen(then, np.array(frame["predicted"], float), np.full(len(then.points), -1)))
    return seen


def _frames_per_second(file: ProjectFile, record: ModelRecord) -> float | None:
    """How many frames per second the exported model poses once they are decoded."""
    model = PoseModel(models.onnx(file, record), core_count(), record.name)
    learnt = [FrameKey(*k) for k in record.document["train"]]
    keys = (learnt or [frame.key for frame in labels.load(file)])[:8]  # nothing is known of what an adopted one learnt
    try:
        frames = [Frame(load_pixels(file, key)) for key in keys]
    except NotFound:
        return None
    if not frames:
        return None
    poser, started, done = Poser(model), 0.0, 0
    for number in range(SPEED_FRAMES):
        if number == len(frames):  # the first round warms up
            started, done = time.perf_counter(), 0
        poser(frames[number % len(frames)])
        done += 1
        if started and time.perf_counter() - started > SPEED_SECONDS:
            break
    return done / (time.perf_counter() - started)


def _figures(record: ModelRecord, skeleton: Skeleton, judged: _Judged | None) -> dict:
    curve = record.document["statistics"]["stages"]["pose"]["curve"]
    figures = {"curves": plots.training_curves(curve)} if len(curve) > 1 else {}
    if judged is not None:
        metrics, trust = judged.metrics, judged.reliability
        each = metrics.keypoints
        figures["keypoints"] = plots.keypoint_errors(
            skeleton.names, [k.mean_error_px for k in each], judged.intervals[:-1], [k.n for k in each]
        )
        found = judged.errors[np.isfinite(judged.errors)]
        figures["pck"] = plots.pck_curves([record.name], [found], metrics.overall.n, metrics.body_length_px)
        figures["calibration"] = plots.calibration_curve(
            trust.claimed, trust.true, trust.counts, trust.error, trust.by_chance
        )
    return figures


def _summary(record: ModelRecord, judged: _Judged | None, speed: float | None) -> dict:
    """Everything that the page says, as JSON values."""
    document, pose = record.document, record.document["statistics"]["stages"]["pose"]
    plan = document["plan"]
    tested = None
    if judged is not None:
        metrics = judged.metrics.to_json()
        for row, interval in zip((*metrics["keypoints"], metrics["overall"]), judged.intervals):
            row["mean_error_px_95"] = _numbers(interval)
        tested = {"by": judged.by, "frames": len(judged.seen), **metrics, "reliability": judged.reliability.to_json()}
    return {
        "model": record.name, "trained": document["origin"]["trained"], "origin": document["origin"],
        "seconds": document["statistics"]["seconds"], "steps": pose["steps"],
        "seconds_per_step": pose["seconds"] / pose["steps"] if pose["steps"] else None,
        "peak_memory_bytes": document["statistics"].get("peak_memory_bytes"),
        "peak_gpu_memory_bytes": document["statistics"].get("peak_gpu_memory_bytes"),
        "frames_per_second": speed, "curve": pose["curve"], "validation_error_px": pose["validation_error_px"],
        "plan": plan, "decisions": decisions(plan), "findings": document.get("findings", []),
        "calibration": document.get("calibration"), "tested": tested,
    }  # fmt: skip


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
