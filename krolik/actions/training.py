"""Training: a split, a plan, a run that survives interruption, a model in the project."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence

import numpy as np

import krolik
from krolik.actions.labelling import keep_pixels
from krolik.actions.reporter import Reporter
from krolik.engines import native
from krolik.errors import Cancelled, Conflict, InvalidLabels, InvalidSetting, NotFound
from krolik.inference.model import ModelDescription, pack
from krolik.poses import FrameKey, Labels
from krolik.project import ProjectFile, history, labels, models, runs, splits, videos
from krolik.project.edits import Change
from krolik.project.models import ModelRecord
from krolik.training.checkpoint import Checkpoint
from krolik.training.loop import Progress
from krolik.training.plan import Plan, Settings
from krolik.training.splits import TRAIN, assign, validation_keys
from krolik.training.training_set import Sample, TrainingSet
from krolik.video.images import decode_image

NO_SPLIT = "none"


def split(file: ProjectFile, rule: str, name: str | None, source: str) -> dict[FrameKey, str]:
    """Makes (or makes anew) the split of that name, which is the rule itself unless another is given."""
    names = {r.id: r.name for r in videos.records(file)}
    parts = assign(rule, labels.load(file).frames, names)
    history.commit(file, Change((splits.set_split(file, name or rule, parts),), source, f"split {name or rule}"))
    return parts


def split_parts(file: ProjectFile, name: str, source: str) -> dict[FrameKey, str]:
    """The part of each labelled frame by a kept split; a rule that is not kept yet is applied and kept."""
    found = labels.load(file)
    if name == NO_SPLIT:
        return {f.key: TRAIN for f in found}
    if name not in splits.names(file):
        return split(file, name, None, source)
    kept = splits.load(file, name)
    parts = {f.key: kept.get(f.key) or _late_part(f.key, name, kept) for f in found}
    return {key: part for key, part in parts.items() if part is not None}


def _late_part(key: FrameKey, name: str, kept: dict[FrameKey, str]) -> str | None:
    """Where a frame goes that was labelled after the split was made.

    It trains, but not beside test frames that look like it: with blocks it stays out, with by-video it goes where its
    video went. None means neither part.
    """
    if name.startswith("blocks"):
        return None
    if name.startswith("by-video"):
        return next((part for k, part in kept.items() if k.video == key.video), TRAIN)
    return TRAIN


def samples(file: ProjectFile, parts: dict[FrameKey, str], wanted: str) -> list[Sample]:
    """The labelled frames of one part, as training sees them."""
    sizes = labels.frame_sizes(file)
    found = labels.load(file)
    lacking = [f for f in found if f.key not in sizes]
    if lacking:
        raise InvalidLabels(f"the pixels of {len(lacking)} labelled frames are not in the project", file.path)
    return [Sample.of(f, sizes[f.key], len(found.skeleton)) for f in found if parts.get(f.key) == wanted]


def load_pixels(file: ProjectFile, key: FrameKey) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a labelled frame."""
    data = labels.pixels(file, key)
    if data is None:
        raise NotFound("the pixels of this frame are not in the project", f"{key.video}, frame {key.index}")
    return decode_image(data, f"{key.video}, frame {key.index}")


def train(file: ProjectFile, settings: Settings, split_name: str, name: str | None, reporter: Reporter) -> ModelRecord:
    """Trains a model and keeps it in the project. Raises InvalidLabels, InvalidSetting, StorageError."""
    started = time.monotonic()
    if name is not None and name in {m.name for m in models.every(file)}:
        raise InvalidSetting(f"a model is named {name!r} already", "--name", "Choose another name.")
    parts = split_parts(file, split_name, "train")
    keep_pixels(file, reporter)
    trainable = samples(file, parts, TRAIN)
    validating = validation_keys([s.key for s in trainable])
    data = _training_set(file, trainable, validating)
    plan, fingerprint = native.plan_training(data, settings)
    run = runs.start(file, "train", {
        "plan": plan.to_json(), "fingerprint": fingerprint, "split": split_name, "name": name,
        "train": [list(s.key) for s in trainable], "validation": [list(k) for k in sorted(validating)],
        "labels": labels_hash(labels.load(file), [s.key for s in trainable]),
    })  # fmt: skip
    return _run(file, run, native.Training(data, plan, fingerprint, started), reporter)


def resume(file: ProjectFile, reporter: Reporter) -> ModelRecord:
    """Goes on with the last training that did not end. Raises NotFound, Conflict when labels have changed since."""
    started = time.monotonic()
    run = next((r for r in runs.every(file, "train") if r.status != "done"), None)
    if run is None:
        raise NotFound("there is no interrupted training", file.path)
    document = run.document
    parts = {FrameKey(*k): TRAIN for k in document["train"]}
    trainable = samples(file, parts, TRAIN)
    if labels_hash(labels.load(file), [s.key for s in trainable]) != document["labels"]:
        raise Conflict("the labels have changed since this training began", file.path, "Start a new one.")
    validating = {FrameKey(*k) for k in document["validation"]}
    try:
        plan = Plan.from_json(document["plan"])
    except (KeyError, TypeError) as error:
        raise Conflict("this training was begun by another version of Krolik", file.path, "Start a new one.") from error
    saved = runs.checkpoint(file, run.id)
    checkpoint = Checkpoint.from_bytes(saved) if saved else None
    if checkpoint is not None:
        started -= checkpoint.total_seconds
        reporter.note(f"going on with run {run.id} from step {checkpoint.steps} of the {checkpoint.stage}")
    runs.restart(file, run.id)
    data = _training_set(file, trainable, validating)
    training = native.Training(data, plan, document["fingerprint"], started, checkpoint)
    return _run(file, run.id, training, reporter)


def labels_hash(found: Labels, keys: Sequence[FrameKey]) -> str:
    """Tells whether the labels of these frames are what they were."""
    digest, wanted = hashlib.sha256(), set(keys)
    digest.update("\0".join(found.skeleton.names).encode())
    for frame in sorted((f for f in found if f.key in wanted), key=lambda f: f.key):
        digest.update(repr(tuple(frame.key)).encode())
        for instance in frame.instances:
            digest.update(instance.points.tobytes() + instance.states.tobytes())
    return digest.hexdigest()


def _training_set(file: ProjectFile, trainable: list[Sample], validating: set[FrameKey]) -> TrainingSet:
    return TrainingSet(
        labels.skeleton(file),
        [s for s in trainable if s.key not in validating],
        [s for s in trainable if s.key in validating],
        lambda key: load_pixels(file, key),
    )


def _run(file: ProjectFile, run: int, training: native.Training, reporter: Reporter) -> ModelRecord:
    events = _Events(file, run, training.plan, reporter)
    try:
        trained = native.train(training, events)
    except KeyboardInterrupt:
        runs.finish(file, run, "cancelled")
        raise
    except BaseException as error:
        runs.finish(file, run, "failed", error=str(error))
        raise
    if reporter.cancelled() and not trained.stages[native.POSE].fitted.curve:
        runs.finish(file, run, "cancelled")
        raise Cancelled("stopped before there was a model to keep", file.path, "krolik train --resume goes on with it.")
    with file.write():
        model = _keep(file, run, trained)
        runs.finish(file, run, "done", model=model.name)
    file.shrink()
    return model


def _keep(file: ProjectFile, run: int, trained: native.TrainedModel) -> ModelRecord:
    document = runs.get(file, run).document
    plan = trained.plan
    taken = {m.name for m in models.every(file)}
    name = document["name"] or next(n for i in range(1, 10**6) if (n := f"{plan.network}-{i}") not in taken)
    origin = {
        "project": file.get("uuid"), "krolik": krolik.__version__, "trained": time.time(), "split": document["split"],
        "train_frames": len(data_train(document)), "validation_frames": len(document["validation"]),
    }  # fmt: skip
    plan_json = {**plan.to_json(), "reasons": dict(plan.reasons)}
    description = ModelDescription(
        name, trained.skeleton, plan.pipeline, plan.input_size, plan.scale, plan.locator_size, plan.animals,
        plan_json, origin, trained.calibration,
    )  # fmt: skip
    locator = trained.stages.get(native.LOCATOR)
    onnx = pack(description, trained.stages[native.POSE].onnx, locator.onnx if locator else None)
    return models.add(file, name, run, onnx, native.joined_weights(trained), {
        "skeleton": trained.skeleton.to_json(), "plan": plan_json, "fingerprint": trained.fingerprint,
        "calibration": trained.calibration.to_json() if trained.calibration else None,
        "statistics": trained.statistics, "origin": origin, "split": document["split"], "train": document["train"],
        "validation": document["validation"], "metrics": {},
    })  # fmt: skip


def data_train(document: dict) -> list:
    """The frames that trained, without those that validated."""
    validating = {tuple(k) for k in document["validation"]}
    return [k for k in document["train"] if tuple(k) not in validating]


class _Events:
    """Passes a training's progress on and keeps its checkpoints in the project."""

    def __init__(self, file: ProjectFile, run: int, plan: Plan, reporter: Reporter):
        self._file, self._run, self._reporter, self._plan = file, run, reporter, plan

    def progress(self, progress: Progress) -> None:
        share = self._plan.locator_share
        locator = progress.stage == native.LOCATOR
        fraction = progress.fraction * share if locator else share + progress.fraction * (1 - share)
        error = "" if math.isnan(progress.error_px) else f"  error {progress.error_px:.2f} px"
        title = "train the locator" if locator else "train"
        left = progress.seconds_left
        if locator and self._plan.budget.seconds is not None:
            left += (1 - share) * self._plan.budget.seconds
        text = f"step {progress.steps}  loss {progress.loss:.4f}{error}"
        self._reporter.progress(title, fraction, text, left)

    def checkpoint(self, data: bytes) -> None:
        runs.save_checkpoint(self._file, self._run, data)

    def cancelled(self) -> bool:
        return self._reporter.cancelled()
