"""Cross-validation: every labelled frame is tested once, by a model that never saw it; the final model sees them all.

Folds are blocks of neighbouring frames, video by video, because neighbours look alike. A run in folds keeps each fold's
predictions when it ends, so that an interrupted one goes on with the fold it was in.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from krolik.actions.planning import Preparation
from krolik.actions.reporter import Reporter
from krolik.actions.samples import load_pixels, training_set
from krolik.engines import native
from krolik.errors import Cancelled, InvalidSetting
from krolik.evaluation import Criteria, Metrics, matched, measure
from krolik.evaluation.calibration import Calibration, Reliability, fit, reliability
from krolik.inference.model import ModelDescription, PoseModel, pack
from krolik.inference.pipeline import predict_frame
from krolik.poses import FrameKey, State
from krolik.project import ProjectFile, runs
from krolik.training.checkpoint import Checkpoint
from krolik.training.loop import Events
from krolik.training.plan import LOCATOR, POSE
from krolik.training.splits import validation_keys
from krolik.training.training_set import Sample
from krolik.video import Frame


def shared_budget(ready: Preparation, folds: int) -> Preparation:
    """The same with the budget divided among the folds and the final model. Raises InvalidSetting."""
    if folds == 0:
        return ready
    if not 2 <= folds <= len(ready.trainable):
        raise InvalidSetting(f"{folds} folds of {len(ready.trainable)} training frames cannot be made", "--folds",
                             "Try 5, and at least as many frames.")  # fmt: skip
    budget = ready.plan.budget.share(1 / (folds + 1))
    reasons = {**ready.plan.reasons, "budget": f"an equal share for each of {folds} folds and the final model"}
    return replace(ready, plan=replace(ready.plan, budget=budget, reasons=reasons))


def fold_of(samples: Sequence[Sample], folds: int) -> np.ndarray:
    """(len(samples),) int: the fold of each frame, in blocks by video and frame."""
    order = sorted(range(len(samples)), key=lambda i: samples[i].key)
    out = np.zeros(len(samples), int)
    out[order] = np.arange(len(samples)) * folds // len(samples)
    return out


def train_fold(
    file: ProjectFile, run: int, ready: Preparation, started: float, checkpoint: Checkpoint | None, events: Events,
    reporter: Reporter,
) -> None:  # fmt: skip
    """Trains without the run's next fold and keeps what that model predicts of it. Raises Cancelled."""
    document = runs.get(file, run).document
    number, folds = len(document["folded"]), document["folds"]
    fold = fold_of(ready.trainable, folds)
    learnt = [s for s, f in zip(ready.trainable, fold) if f != number]
    held_out = [s for s, f in zip(ready.trainable, fold) if f == number]
    data = training_set(file, learnt, validation_keys(learnt))
    events.title = f"fold {number + 1} of {folds}"  # pyright: ignore[reportAttributeAccessIssue]
    trained = native.train(
        native.Training(data, ready.plan, ready.fingerprint, started, checkpoint, ready.origin), events
    )
    events.title = "train"  # pyright: ignore[reportAttributeAccessIssue]
    if reporter.cancelled():
        raise Cancelled("stopped between the folds", file.path, "krolik train --resume goes on with them.")
    model = _runnable(trained)
    result = {"seconds": time.monotonic() - started, "frames": [_predicted(file, model, s, number) for s in held_out]}
    runs.keep_part(file, run, "folded", result)


def _runnable(trained: native.TrainedModel) -> PoseModel:
    """The model of a fold, with its raw scores: the curve of confidence is fitted on all folds together."""
    plan, locator = trained.plan, trained.stages.get(LOCATOR)
    about = ModelDescription("fold", trained.skeleton, plan.pipeline, plan.input_size, plan.scale, plan.locator_size,
                             plan.animals, {}, {}, spans=plan.spans, locator_sure=trained.locator_sure)  # fmt: skip
    return PoseModel(pack(about, trained.stages[POSE].onnx, locator.onnx if locator else None), plan.threads)


def _predicted(file: ProjectFile, model: PoseModel, sample: Sample, fold: int) -> dict:
    """A frame's labels and what was predicted for each labelled animal, as JSON values."""
    found = predict_frame(model, Frame(load_pixels(file, sample.key)))
    return {"key": list(sample.key), "fold": fold, "states": sample.states.tolist(),
            "points": _plain(sample.points), "predicted": _plain(matched(sample.points, found)),
            "weights": sample.weights(model.description.scales).tolist()}  # fmt: skip


def _plain(values: np.ndarray) -> list:
    """Numbers with None for NaN, which JSON has no word for."""
    rounded = np.round(values, 4).astype(object)
    rounded[~np.isfinite(values)] = None
    return rounded.tolist()


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What all folds together say.

    calibration: fitted on all of them; reliability: of curves that were fitted without the fold that they judge.
    """

    folds: int
    frames: int
    metrics: Metrics
    reliability: Reliability
    calibration: Calibration | None
    worst: list[tuple[FrameKey, float]]

    def to_json(self) -> dict:
        return {"folds": self.folds, "frames": self.frames, **self.metrics.to_json(),
                "reliability": self.reliability.to_json(),
                "worst": [[list(key), error] for key, error in self.worst]}  # fmt: skip


def summarize(document: dict, names: Sequence[str], within_px: float) -> CrossValidation | None:
    """What the folds of a run showed; None for a run without folds."""
    frames = [frame for part in document["folded"] for frame in part["frames"]]
    if not frames:
        return None
    points, predicted = (np.concatenate([np.array(f[n], float) for f in frames]) for n in ("points", "predicted"))
    states = np.concatenate([np.array(f["states"], int) for f in frames])
    fold = np.concatenate([np.full(len(f["states"]), f["fold"]) for f in frames])
    weights = np.concatenate([f.get("weights", np.ones(len(f["states"]))) for f in frames])  # older ones have none
    errors = weights[:, None] * np.linalg.norm(points - predicted[..., :2], axis=-1)
    judged = (states != State.UNKNOWN) & np.isfinite(predicted[..., 2])
    right = np.nan_to_num(errors, nan=np.inf) <= within_px
    raw = predicted[..., 2].copy()
    for number in range(document["folds"]):
        others, own = (fold != number)[:, None] & judged, (fold == number)[:, None] & judged
        curve = fit(raw[others], right[others], within_px)
        if curve is not None:
            predicted[..., 2][own] = curve(raw[own])
    worst = sorted(((FrameKey(*f["key"]), _worst(f)) for f in frames), key=lambda w: -w[1])
    return CrossValidation(
        document["folds"], len(frames), measure(points, states, predicted, names, Criteria()),
        reliability(predicted[..., 2][judged], right[judged], within_px),
        fit(raw[judged], right[judged], within_px), worst[:20],
    )  # fmt: skip


def _worst(frame: dict) -> float:
    errors = np.linalg.norm(np.array(frame["points"], float) - np.array(frame["predicted"], float)[..., :2], axis=-1)
    return float(np.nanmax(errors)) if np.isfinite(errors).any() else 0.0
