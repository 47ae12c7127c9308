"""Training with another framework: the same frames, the same split, and a model in the project as any other."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import krolik
from krolik.actions.checkpoints import Checkpoints
from krolik.actions.planning import Preparation, gather, gather_again
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
from krolik.training.training_set import TrainingSet


def train(
    file: ProjectFile, settings: Settings, split_name: str | None, wish: str | None, folds: int, reporter: Reporter
) -> ModelRecord:
    """Trains another framework's network. Raises InvalidLabels, InvalidSetting, NotFound, StorageError, Cancelled."""
    chosen = framework(settings.engine)
    if folds:
        raise InvalidSetting(f"{chosen.title} is not cross-validated here", "--folds", "Leave it out.")
    environments.expected(chosen)
    ready = prepare(file, settings, split_name, reporter)
    for finding in ready.findings:
        reporter.note(f"{finding.what}. {finding.fix}")
    document = {
        "plan": ready.plan.to_json(), "fingerprint": ready.fingerprint, "split": ready.split, "name": wish,
        "origin": None, "train": [list(s.key) for s in ready.trainable],
        "validation": [list(k) for k in sorted(ready.validating)],
        "labels": labels_hash(labels.load(file), [s.key for s in ready.trainable]),
        "findings": [f.to_json() for f in ready.findings], "folds": 0, "folded": [],
    }  # fmt: skip
    return _run(file, runs.start(file, "train", document), ready.plan, ready.data, None, reporter)


def prepare(
    file: ProjectFile, settings: Settings, split_name: str | None, reporter: Reporter
) -> Preparation[ForeignPlan]:
    """What is known before. The framework need not be installed. Raises InvalidLabels, InvalidSetting, NotFound."""
    chosen = framework(settings.engine)
    frames = gather(file, split_name, reporter)
    measured, machine = measure_data(located(frames.data.train), frames.data.skeleton), measure_machine()
    plan = foreign.plan(chosen, frames.data, settings, machine, choose_within(measured, 1.0)[0])
    fingerprint = {"data": measured.to_json(), "machine": machine.to_json()}
    return Preparation(
        frames.split, frames.trainable, frames.validating, frames.data, plan, fingerprint, frames.findings(file), None
    )


def resume(file: ProjectFile, run: Run, reporter: Reporter) -> ModelRecord:
    """Goes on with a training that did not end, from what it kept last, or else from the beginning.

    Raises NotFound, Conflict when labels changed.
    """
    document = run.document
    chosen = framework(document["plan"]["engine"])
    environments.expected(chosen)
    try:
        plan, machine = ForeignPlan.from_json(document["plan"]), measure_machine()
    except (KeyError, TypeError) as error:
        raise Conflict("this training was begun by another version of Krolik", file.path, "Start a new one.") from error
    frames, kept = gather_again(file, document), runs.checkpoint(file, run.id)
    reporter.note(
        f"run {run.id} goes on from what it had kept" if kept else f"run {run.id} had kept nothing yet: it begins anew"
    )
    runs.restart(file, run.id)
    here = replace(plan, device=machine.device, threads=machine.cores)  # it may have begun on another computer
    return _run(file, run.id, here, frames.data, kept, reporter)


def _run(
    file: ProjectFile, run: int, plan: ForeignPlan, data: TrainingSet, kept: bytes | None, reporter: Reporter
) -> ModelRecord:
    chosen, document = framework(plan.engine), runs.get(file, run).document
    name = models.free_name(file, document["name"], f"{chosen.name}-{plan.network}")
    listener = Keeping(chosen, reporter, Checkpoints(file, run, reporter))
    origin = {
        "project": file.get("uuid"), "krolik": krolik.__version__, "trained": time.time(), "split": document["split"],
        "train_frames": len(data.train), "validation_frames": len(document["validation"]), "began_from": None,
    }  # fmt: skip
    reporter.began(run)
    with runs.broken_off(file, run):
        trained = foreign.train(chosen, data, plan, name, origin, listener, kept)
    calibration = trained.calibration
    made = {
        "skeleton": data.skeleton.to_json(), "plan": trained.plan.to_json(), "fingerprint": document["fingerprint"],
        "calibration": calibration.to_json() if calibration else None, "cross_validation": None,
        "findings": document["findings"], "statistics": trained.statistics, "split": document["split"],
        "train": document["train"], "validation": document["validation"], "metrics": {},
        "origin": {**origin, "trained_by": f"{chosen.title} {trained.version}"},
    }  # fmt: skip
    with file.write():
        record = models.add(file, name, run, trained.onnx, b"", made)
        runs.finish(file, run, "done", model=name)
    file.shrink()
    return record


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
