"""Training with another framework: the same frames, the same split, and a model in the project as any other."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import krolik
from krolik.actions.checkpoints import Checkpoints
from krolik.actions.planning import Gathered, gather, gather_again
from krolik.actions.reporter import Reporter
from krolik.actions.samples import labels_hash
from krolik.engines import environments, foreign
from krolik.engines.foreign import ForeignPlan
from krolik.engines.frameworks import Framework, framework
from krolik.errors import Conflict, InvalidSetting
from krolik.project import ProjectFile, labels, models, runs
from krolik.project.models import ModelRecord
from krolik.project.runs import Run
from krolik.training.fingerprint import measure_data
from krolik.training.machine import measure_machine
from krolik.training.plan import Settings, choose_within
from krolik.training.planning import located


def train(
    file: ProjectFile, settings: Settings, split_name: str | None, wish: str | None, folds: int, reporter: Reporter
) -> ModelRecord:
    """Trains another framework's network. Raises InvalidLabels, InvalidSetting, NotFound, StorageError, Cancelled."""
    chosen = framework(settings.engine)
    if folds:
        raise InvalidSetting(f"{chosen.title} is not cross-validated here", "--folds", "Leave it out.")
    environments.expected(chosen)
    frames = gather(file, split_name, reporter)
    measured, machine = measure_data(located(frames.data.train), frames.data.skeleton), measure_machine()
    plan = foreign.plan(chosen, frames.data, settings, machine, choose_within(measured, 1.0)[0])
    findings = frames.findings(file)
    for finding in findings:
        reporter.note(f"{finding.what}. {finding.fix}")
    fingerprint = {"data": measured.to_json(), "machine": machine.to_json()}
    document = {
        "plan": plan.to_json(), "fingerprint": fingerprint, "split": frames.split, "name": wish, "origin": None,
        "train": [list(s.key) for s in frames.trainable], "validation": [list(k) for k in sorted(frames.validating)],
        "labels": labels_hash(labels.load(file), [s.key for s in frames.trainable]),
        "findings": [f.to_json() for f in findings], "folds": 0, "folded": [],
    }  # fmt: skip
    return _run(file, runs.start(file, "train", document), plan, frames, None, reporter)


def resume(file: ProjectFile, run: Run, reporter: Reporter) -> ModelRecord:
    """Goes on with a training that did not end, from what it kept last, or else from the beginning.

    Raises NotFound, Conflict when labels changed.
    """
    document = run.document
    chosen = framework(document["plan"]["engine"])
    environments.expected(chosen)
    try:
        plan = ForeignPlan.from_json(document["plan"])
    except (KeyError, TypeError) as error:
        raise Conflict("this training was begun by another version of Krolik", file.path, "Start a new one.") from error
    frames, kept = gather_again(file, document), runs.checkpoint(file, run.id)
    reporter.note(f"going on with run {run.id}" if kept else f"run {run.id} had kept nothing yet: it begins anew")
    runs.restart(file, run.id)
    return _run(file, run.id, plan, frames, kept, reporter)


def _run(
    file: ProjectFile, run: int, plan: ForeignPlan, frames: Gathered, kept: bytes | None, reporter: Reporter
) -> ModelRecord:
    chosen, document = framework(plan.engine), runs.get(file, run).document
    name = document["name"] or free_name(file, f"{chosen.name}-{plan.network}")
    listener = Keeping(chosen, reporter, Checkpoints(file, run, reporter))
    reporter.began(run)
    with runs.broken_off(file, run):
        trained = foreign.train(chosen, frames.data, plan, name, _origin(file, frames), listener, kept)
    with file.write():
        record = models.add(file, name, run, trained.onnx, b"", _document(file, document, trained, frames, chosen))
        runs.finish(file, run, "done", model=name)
    file.shrink()
    return record


def free_name(file: ProjectFile, base: str) -> str:
    taken = {m.name for m in models.every(file)}
    return next(n for i in range(1, 10**6) if (n := f"{base}-{i}") not in taken)


def _origin(file: ProjectFile, frames: Gathered) -> dict:
    return {
        "project": file.get("uuid"), "krolik": krolik.__version__, "trained": time.time(), "split": frames.split,
        "train_frames": len(frames.data.train), "validation_frames": len(frames.validating), "began_from": None,
    }  # fmt: skip


def _document(file: ProjectFile, run: dict, trained: foreign.ForeignModel, frames: Gathered, chosen: Framework) -> dict:
    calibration = trained.calibration
    return {
        "skeleton": frames.data.skeleton.to_json(), "plan": trained.plan.to_json(), "fingerprint": run["fingerprint"],
        "calibration": calibration.to_json() if calibration else None, "cross_validation": None,
        "findings": run["findings"], "statistics": trained.statistics, "split": run["split"], "train": run["train"],
        "origin": {**_origin(file, frames), "trained_by": f"{chosen.title} {trained.version}"},
        "validation": run["validation"], "metrics": {},
    }  # fmt: skip


@dataclass
class Telling:
    """Passes on how a worker's training goes."""

    framework: Framework
    reporter: Reporter

    def told(self, message: dict) -> None:
        title = f"train with {self.framework.title}"
        if "note" in message:
            self.reporter.note(str(message["note"]))
        if "progress" not in message:
            return
        text = f"step {message['steps']}  loss {message['loss']:.4g}"
        self.reporter.progress(title, message["progress"], text, message["seconds_left"])
        self.reporter.curve({
            "stage": "pose", "title": title, "steps": message["steps"], "fraction": message["progress"],
            "loss": message["loss"], "error_px": math.nan, "worst": [],
        })  # fmt: skip

    def kept(self, data: bytes) -> None:
        """Of what does not go on, nothing is kept."""

    def cancelled(self) -> bool:
        return self.reporter.cancelled()

    def abandoned(self) -> bool:
        return self.reporter.abandoned()


@dataclass
class Keeping(Telling):
    """Of a training, which can be gone on with."""

    checkpoints: Checkpoints

    def kept(self, data: bytes) -> None:
        self.checkpoints.keep(data)
