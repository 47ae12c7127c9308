"""Evaluating a model on the test frames of a split, and pictures of where it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from krolik.actions.reporter import Reporter
from krolik.actions.training import NO_SPLIT, load_pixels, samples, split_parts
from krolik.errors import InvalidLabels, InvalidSetting
from krolik.evaluation import Criteria, Metrics, match, measure
from krolik.inference.model import PoseModel
from krolik.inference.pipeline import predict_frame
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels, models, videos
from krolik.project.models import ModelRecord
from krolik.rendering.annotated import write_image
from krolik.rendering.comparison import labelled_and_predicted
from krolik.training.machine import core_count
from krolik.training.splits import TEST
from krolik.training.training_set import Sample
from krolik.video import Frame

DEFAULT_SCORE = 0.2


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a model on the test frames of a split; `worst` are pictures, worst first, if they were asked for."""

    model: str
    split: str
    frames: int
    metrics: Metrics
    pictures: list[Path]

    def to_json(self) -> dict:
        metrics = self.metrics.to_json()
        headline = {key: metrics["overall"][key] for key in ("n", "mean_error_px", "median_error_px")}
        return {"model": self.model, "split": self.split, "frames": self.frames, **headline, **metrics,
                "pictures": [str(p) for p in self.pictures]}  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Seen:
    """A test frame with its predicted animals, in the order of the labelled ones. predicted: (N, K, 3)."""

    sample: Sample
    predicted: np.ndarray

    @property
    def error_px(self) -> float:
        errors = np.linalg.norm(self.sample.points - self.predicted[..., :2], axis=-1)
        return float(np.nanmax(errors)) if np.isfinite(errors).any() else 0.0


def evaluate(
    file: ProjectFile, model_name: str | None, split_name: str | None, criteria: Criteria, pictures: Path | None,
    worst: int, reporter: Reporter,
) -> Evaluation:  # fmt: skip
    """Runs the exported model on every test frame. `pictures` is a folder for the `worst` frames.

    Raises InvalidSetting when the model was trained on a test frame, InvalidLabels when there is none.
    """
    record = models.get(file, model_name)
    split_name = split_name or record.document["split"]
    parts = split_parts(file, split_name, "evaluate")
    tested = samples(file, parts, TEST)
    if not tested:
        hint = " The model was trained without a split." if split_name == NO_SPLIT else ""
        raise InvalidLabels(f"the split {split_name!r} has no test frames", file.path, f"Choose another.{hint}".strip())
    _refuse_trained(record, [s.key for s in tested], split_name)
    model = PoseModel(models.onnx(file, record), core_count(), record.name)
    if model.skeleton.names != labels.skeleton(file).names:
        raise InvalidLabels("the skeleton has changed since the model was trained", record.name, "Train a new one.")
    seen = []
    for number, sample in enumerate(tested):
        seen.append(_look(model, sample, load_pixels(file, sample.key)))
        reporter.progress("evaluate", (number + 1) / len(tested))
    metrics = measure(
        np.concatenate([s.sample.points for s in seen]), np.concatenate([s.sample.states for s in seen]),
        np.concatenate([s.predicted for s in seen]), model.skeleton.names, criteria,
    )  # fmt: skip
    if not file.read_only:
        models.set_metrics(file, record, {split_name: {"frames": len(tested), **metrics.to_json()}})
    drawn = _draw_worst(file, model, seen, pictures, worst) if pictures is not None else []
    return Evaluation(record.name, split_name, len(tested), metrics, drawn)


def _refuse_trained(record: ModelRecord, tested: Sequence[FrameKey], split_name: str) -> None:
    """Test frames are never trained on: not by this split either."""
    learnt = {FrameKey(*k) for k in record.document["train"]}
    both = [k for k in tested if k in learnt]
    if both:
        raise InvalidSetting(
            f"{record.name} was trained on {len(both)} of the {len(tested)} test frames of {split_name!r}",
            "--split",
            f"It was trained with {record.document['split']!r}.",
        )


def _look(model: PoseModel, sample: Sample, rgb: np.ndarray) -> _Seen:
    found = predict_frame(model, Frame(rgb))
    predicted = np.full((*sample.states.shape, 3), np.nan)
    for animal, chosen in enumerate(match(sample.points, found)):
        if chosen >= 0:
            predicted[animal] = found[chosen]
    return _Seen(sample, predicted)


def _draw_worst(file: ProjectFile, model: PoseModel, seen: list[_Seen], folder: Path, worst: int) -> list[Path]:
    names = {r.id: r.name for r in videos.records(file)}
    frame_names = {f.key: f.name for f in labels.load(file)}
    written = []
    for rank, one in enumerate(sorted(seen, key=lambda s: -s.error_px)[:worst], 1):
        key = one.sample.key
        caption = f"{names.get(key.video, key.video)} {frame_names[key]}: {one.error_px:.1f} px"
        picture = labelled_and_predicted(
            load_pixels(file, key), model.skeleton, one.sample.points, one.predicted, caption
        )
        stem = Path(names.get(key.video, key.video)).stem
        written.append(write_image(folder / f"worst_{rank:02d}_{stem}_{Path(frame_names[key]).stem}.png", picture))
    return written
