"""Training with another framework: the same frames, the same split, and a model in the project as any other."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import krolik
from krolik.actions.planning import Gathered, gather
from krolik.actions.reporter import Reporter
from krolik.actions.samples import labels_hash
from krolik.engines import environments, foreign
from krolik.engines.frameworks import Framework, framework
from krolik.errors import InvalidSetting
from krolik.project import ProjectFile, labels, models, runs
from krolik.project.models import ModelRecord
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
    name = wish or free_name(file, f"{chosen.name}-{plan.network}")
    findings = frames.findings(file)
    for finding in findings:
        reporter.note(f"{finding.what}. {finding.fix}")
    fingerprint = {"data": measured.to_json(), "machine": machine.to_json()}
    document = {
        "plan": plan.to_json(), "fingerprint": fingerprint, "split": frames.split, "name": name, "origin": None,
        "train": [list(s.key) for s in frames.trainable], "validation": [list(k) for k in sorted(frames.validating)],
        "labels": labels_hash(labels.load(file), [s.key for s in frames.trainable]),
        "findings": [f.to_json() for f in findings], "folds": 0, "folded": [],
    }  # fmt: skip
    run = runs.start(file, "train", document)
    reporter.began(run)
    with runs.broken_off(file, run):
        trained = foreign.train(chosen, frames.data, plan, name, _origin(file, frames), Telling(chosen, reporter))
    with file.write():
        record = models.add(file, name, run, trained.onnx, b"", _document(file, document, trained, frames, chosen))
        runs.finish(file, run, "done", model=name)
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

    def cancelled(self) -> bool:
        return self.reporter.cancelled()

    def abandoned(self) -> bool:
        return self.reporter.abandoned()
