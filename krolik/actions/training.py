"""Training: a plan, a run that survives interruption, a model in the project."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

import krolik
from krolik import defaults
from krolik.actions import folding, training_elsewhere
from krolik.actions.checkpoints import Checkpoints
from krolik.actions.planning import Preparation, gather_again, prepare
from krolik.actions.reporter import Reporter
from krolik.actions.samples import labels_hash, load_pixels
from krolik.actions.telling_apart import looks
from krolik.actions.transferring import find_origin
from krolik.engines import native
from krolik.engines.foreign import ForeignPlan
from krolik.errors import Cancelled, Conflict, InvalidSetting, NotFound
from krolik.evaluation.calibration import Calibration
from krolik.inference.appearance import Appearance
from krolik.inference.model import Light, ModelDescription, pack
from krolik.light import levels
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels, models, runs
from krolik.project.models import ModelRecord
from krolik.sampling.evenly import evenly
from krolik.training.checkpoint import Checkpoint
from krolik.training.loop import Progress
from krolik.training.pace import Pace
from krolik.training.plan import LOCATOR, POSE, Plan, Settings

MEASURED = 24  # frames that tell how light they are
LOST = 0.25  # of a crop's side: so far off the middle, a part of the animal is out of the crop


def train(
    file: ProjectFile, settings: Settings, split_name: str | None, name: str | None, folds: int, reporter: Reporter
) -> ModelRecord:
    """Trains a model and keeps it in the project; with `folds`, cross-validates first.

    Raises InvalidLabels, InvalidSetting, StorageError.
    """
    started = time.monotonic()
    if name is not None and name in {m.name for m in models.every(file)}:
        raise InvalidSetting(f"a model is named {name!r} already", "--name", "Choose another name.")
    if settings.engine != defaults.ENGINE:
        return training_elsewhere.train(file, settings, split_name, name, folds, reporter)
    ready = prepare(file, settings, split_name, reporter)
    ready = folding.shared_budget(ready, folds)
    for finding in ready.findings:
        reporter.note(f"{finding.what}. {finding.fix}")
    run = runs.start(file, "train", {
        "plan": ready.plan.to_json(), "fingerprint": ready.fingerprint, "split": ready.split, "name": name,
        "train": [list(s.key) for s in ready.trainable], "validation": [list(k) for k in sorted(ready.validating)],
        "labels": labels_hash(labels.load(file), [s.key for s in ready.trainable]),
        "findings": [f.to_json() for f in ready.findings], "origin": settings.pretrained if ready.origin else None,
        "folds": folds, "folded": [],
    })  # fmt: skip
    return _run(file, run, ready, started, None, reporter)


def plan(
    file: ProjectFile, settings: Settings, split_name: str | None, reporter: Reporter
) -> Preparation[Plan] | Preparation[ForeignPlan]:
    """What `train` would do. Raises InvalidLabels, InvalidSetting, NotFound."""
    preparing = prepare if settings.engine == defaults.ENGINE else training_elsewhere.prepare
    return preparing(file, settings, split_name, reporter)


def resume(file: ProjectFile, reporter: Reporter, wanted: int | None = None) -> ModelRecord:
    """Goes on with a training that did not end (default: the last). Raises NotFound, Conflict when labels changed."""
    started = time.monotonic()
    run = next((r for r in runs.every(file, "train") if r.status != "done" and wanted in (None, r.id)), None)
    if run is None:
        raise NotFound("there is no interrupted training", file.path)
    document = run.document
    if document["plan"].get("engine", defaults.ENGINE) != defaults.ENGINE:
        return training_elsewhere.resume(file, run, reporter)
    try:
        plan = Plan.from_json(document["plan"])
        folds, origin = document["folds"], find_origin(file, document["origin"])
    except (KeyError, TypeError) as error:
        raise Conflict("this training was begun by another version of Krolik", file.path, "Start a new one.") from error
    frames = gather_again(file, document)
    saved = runs.checkpoint(file, run.id)
    checkpoint = Checkpoint.from_bytes(saved) if saved else None
    if checkpoint is not None:
        started -= checkpoint.total_seconds
        fold, step = len(document["folded"]) + 1, checkpoint.steps
        reporter.note(f"going on with fold {fold} of {folds} of run {run.id} at step {step}" if fold <= folds
                      else f"going on with run {run.id} at step {step}")  # fmt: skip
    runs.restart(file, run.id)
    ready = Preparation(
        frames.split, frames.trainable, frames.validating, frames.data, plan, document["fingerprint"], [], origin
    )
    return _run(file, run.id, ready, started, checkpoint, reporter)


def _run(
    file: ProjectFile, run: int, ready: Preparation[Plan], started: float, checkpoint: Checkpoint | None,
    reporter: Reporter,
) -> ModelRecord:  # fmt: skip
    """All folds that are still to do, then the model."""
    pace = Pace(ready.plan, runs.get(file, run).document["folds"] + 1)
    events = _Events(file, run, ready.plan, pace, reporter)
    reporter.began(run)
    with runs.broken_off(file, run):
        while len(runs.get(file, run).document["folded"]) < runs.get(file, run).document["folds"]:
            folding.train_fold(file, run, ready, started, checkpoint, events, reporter)
            checkpoint, started = None, time.monotonic()
        training = native.Training(ready.data, ready.plan, ready.fingerprint, started, checkpoint, ready.origin)
        trained = native.train(training, events)
    if reporter.cancelled() and not trained.stages[POSE].fitted.curve:
        runs.finish(file, run, "cancelled")
        raise Cancelled("stopped before there was a model to keep", file.path, "krolik train --resume goes on with it.")
    if astray := _astray(trained):
        reporter.note(astray)
    learnt = data_train(runs.get(file, run).document)
    seen = _Seen(_light(file, learnt), looks(file, learnt, trained.plan.animals, reporter))
    with file.write():
        model = _keep(file, run, trained, seen)
        runs.finish(file, run, "done", model=model.name)
    file.shrink()
    return model


def _astray(trained: native.TrainedModel) -> str:
    """What is to be said when the locator has not learnt where the animal is; the pose network's error hides that."""
    locator = trained.stages.get(LOCATOR)
    allowed = LOST * min(trained.plan.input_size) / trained.plan.scale
    if locator is None or not locator.fitted.error_px > allowed:
        return ""
    return (f"the locator misses the animal by {locator.fitted.error_px:.0f} px in the validation frames: crops will "
            "often show something else. Train longer, or set locator_share to more.")  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """What the frames show that a model learnt from: how light they are, and who is who."""

    light: Light
    looks: Appearance | None


def _keep(file: ProjectFile, run: int, trained: native.TrainedModel, seen: _Seen) -> ModelRecord:
    document = runs.get(file, run).document
    plan = trained.plan
    name = models.free_name(file, document["name"], plan.network)
    origin = {
        "project": file.get("uuid"), "krolik": krolik.__version__, "trained": time.time(), "split": document["split"],
        "train_frames": len(data_train(document)), "validation_frames": len(document["validation"]),
        "began_from": document["origin"],
    }  # fmt: skip
    plan_json = {**plan.to_json(), "reasons": dict(plan.reasons)}
    crossed = folding.summarize(document, trained.skeleton.names, plan.within_px)
    calibration = crossed.calibration if crossed else trained.calibration
    description = ModelDescription(
        name, trained.skeleton, plan.pipeline, plan.input_size, plan.scale, plan.locator_size, plan.animals,
        plan_json, origin, calibration, tuple(map(tuple, trained.fingerprint["data"]["frame_sizes"])),
        plan.spans, seen.light, appearance=seen.looks, locator_sure=trained.locator_sure,
    )  # fmt: skip
    locator = trained.stages.get(LOCATOR)
    onnx = pack(description, trained.stages[POSE].onnx, locator.onnx if locator else None)
    return models.add(file, name, run, onnx, native.joined_weights(trained), {
        "skeleton": trained.skeleton.to_json(), "plan": plan_json, "fingerprint": trained.fingerprint,
        "calibration": _json(calibration), "cross_validation": crossed.to_json() if crossed else None,
        "findings": document["findings"], "statistics": trained.statistics, "origin": origin,
        "split": document["split"], "train": document["train"], "validation": document["validation"], "metrics": {},
    })  # fmt: skip


def _light(file: ProjectFile, keys: Sequence[Sequence]) -> Light:
    """How light the frames are that a model learns from, by some of them; nothing if they were all removed since."""
    pictures = []
    for place in evenly(len(keys), MEASURED):
        with suppress(NotFound):
            pictures.append(load_pixels(file, FrameKey(*keys[place])))
    return tuple(map(tuple, levels(pictures).round(1).tolist())) if pictures else ()


def _json(calibration: Calibration | None) -> dict | None:
    return None if calibration is None else calibration.to_json()


def data_train(document: dict) -> list:
    """The frames that trained, without those that validated."""
    validating = {tuple(k) for k in document["validation"]}
    return [k for k in document["train"] if tuple(k) not in validating]


class _Events:
    """Passes a training's progress on and keeps its checkpoints in the project."""

    def __init__(self, file: ProjectFile, run: int, plan: Plan, pace: Pace, reporter: Reporter):
        self._checkpoints, self.title = Checkpoints(file, run, reporter), "train"
        self._reporter, self._plan, self._pace = reporter, plan, pace

    def progress(self, progress: Progress) -> None:
        share = self._plan.locator_share
        locator = progress.stage == LOCATOR
        if not locator and (said := self._pace.note(progress)):
            self._reporter.note(said)
        fraction = progress.fraction * share if locator else share + progress.fraction * (1 - share)
        error = "" if math.isnan(progress.error_px) else f"  error {progress.error_px:.2f} px"
        title = f"{self.title} (locator)" if locator else self.title
        left = progress.seconds_left
        if locator and self._plan.budget.seconds is not None:
            left += (1 - share) * self._plan.budget.seconds
        text = f"step {progress.steps}  loss {progress.loss:.4f}{error}"
        self._reporter.progress(title, fraction, text, left)
        worst = [{"video": m.key.video, "frame": m.key.index, "error_px": round(m.error_px, 2),
                  "points": np.round(m.points, 1).tolist()} for m in progress.worst]  # fmt: skip
        self._reporter.curve({
            "stage": progress.stage, "title": title, "steps": progress.steps, "fraction": fraction,
            "loss": progress.loss, "error_px": progress.error_px, "worst": worst,
        })  # fmt: skip

    def checkpoint(self, data: bytes) -> None:
        self._checkpoints.keep(data)

    def cancelled(self) -> bool:
        return self._reporter.cancelled()

    def abandoned(self) -> bool:
        return self._reporter.abandoned()
