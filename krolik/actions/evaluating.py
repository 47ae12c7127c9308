"""Evaluating a model on the test frames of a split, and pictures of where it is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from krolik.actions.reporter import Reporter
from krolik.actions.samples import load_pixels, samples
from krolik.actions.splitting import NO_SPLIT, split_parts
from krolik.errors import InvalidLabels, InvalidSetting
from krolik.evaluation import Criteria, Metrics, match, measure, taken
from krolik.evaluation.calibration import Reliability, reliability
from krolik.inference.fitting import fit_to_frames
from krolik.inference.model import PoseModel
from krolik.inference.pipeline import predict_frame
from krolik.poses import FrameKey, State
from krolik.project import ProjectFile, labels, models, videos
from krolik.project.models import ModelRecord
from krolik.rendering.annotated import write_image
from krolik.rendering.comparison import labelled_and_predicted
from krolik.scales import Scales
from krolik.skeleton import Skeleton
from krolik.training.machine import core_count
from krolik.training.splits import TEST
from krolik.training.training_set import Sample
from krolik.video import Frame


@dataclass(frozen=True)
class Named:
    """Of n labelled animals with a name that were found, so many have it in the prediction too."""

    right: int
    n: int


@dataclass(frozen=True)
class Evaluation:
    """Metrics of a model on the test frames of a split; `worst` are pictures, worst first, if they were asked for."""

    model: str
    split: str
    frames: int
    metrics: Metrics
    reliability: Reliability
    pictures: list[Path]
    named: Named | None = None

    def to_json(self) -> dict:
        metrics = {**self.metrics.to_json(), "reliability": self.reliability.to_json()}
        metrics |= {"named": asdict(self.named)} if self.named else {}
        headline = {key: metrics["overall"][key] for key in ("n", "mean_error_px", "median_error_px")}
        return {"model": self.model, "split": self.split, "frames": self.frames, **headline, **metrics,
                "pictures": [str(p) for p in self.pictures]}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Seen:
    """A test frame with its predicted animals, in the order of the labelled ones.

    predicted: (N, K, 3). rows: (N,) which of the predicted animals they are, -1 for none.
    """

    sample: Sample
    predicted: np.ndarray
    rows: np.ndarray

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
    seen, model = look(file, record, split_name, reporter)
    metrics, trust = judge(seen, model.skeleton.names, criteria, record)
    if not file.read_only:
        kept = {"frames": len(seen), **metrics.to_json(), "reliability": trust.to_json()}
        models.set_metrics(file, record, {split_name: kept})
    drawn = []
    if pictures is not None:
        for rank, (picture, stem) in enumerate(draw_worst(file, model.skeleton, seen, worst), 1):
            drawn.append(write_image(pictures / f"worst_{rank:02d}_{stem}.png", picture))
    return Evaluation(record.name, split_name, len(seen), metrics, trust, drawn, named(file, seen, model))


def named(file: ProjectFile, seen: Sequence[Seen], model: PoseModel) -> Named | None:
    """How many named animals are named right; None for models that name none."""
    if model.description.appearance is None:
        return None
    names = model.description.appearance.names
    tracks = {f.key: [i.track for i in f.instances] for f in labels.load(file)}
    pairs = [pair for one in seen for pair in zip(one.rows, tracks[one.sample.key], strict=True)]
    found = [(row, names.index(track)) for row, track in pairs if row >= 0 and track in names]
    return Named(sum(row == own for row, own in found), len(found))


def look(file: ProjectFile, record: ModelRecord, split_name: str, reporter: Reporter) -> tuple[list[Seen], PoseModel]:
    """What a model predicts on every test frame of a split. Raises InvalidSetting, InvalidLabels."""
    parts = split_parts(file, split_name, "evaluate")
    tested = samples(file, parts, TEST)
    if not tested:
        raise InvalidLabels(
            f"the split {split_name!r} has no test frames", file.path,
            "Choose another. The model was trained without a split." if split_name == NO_SPLIT else "Choose another.",
        )  # fmt: skip
    refuse_trained(record, [s.key for s in tested], split_name)
    if record.document["origin"].get("adopted"):
        reporter.note(f"which frames {record.name} learnt is not known; the errors of those are too small")
    model = PoseModel(models.onnx(file, record), core_count(), record.name)
    if model.skeleton.names != labels.skeleton(file).names:
        raise InvalidLabels("the skeleton has changed since the model was trained", record.name, "Train a new one.")
    seen = []
    for number, sample in enumerate(tested):
        found = pose(file, model, sample.key)
        rows = match(sample.points, found)
        seen.append(Seen(sample, taken(found, rows), rows))
        reporter.progress("evaluate", (number + 1) / len(tested))
    return seen, model


def judge(
    seen: Sequence[Seen], names: Sequence[str], criteria: Criteria, record: ModelRecord
) -> tuple[Metrics, Reliability]:
    """Errors over all frames, and whether confidence comes true: every label but the unknown ones is counted.

    Older models' confidence speaks of no distance: for them it is 5 px.
    """
    plan = record.document["plan"]
    within, scales = float(plan.get("within_px", 5.0)), Scales.of_plan(plan)
    weights = np.concatenate([s.sample.weights(scales) for s in seen])
    points, states = (np.concatenate([getattr(s.sample, name) for s in seen]) for name in ("points", "states"))
    predicted = np.concatenate([s.predicted for s in seen])
    errors = np.linalg.norm(points - predicted[..., :2], axis=-1)
    judged = (states != State.UNKNOWN) & np.isfinite(predicted[..., 2])
    right = np.nan_to_num(weights[:, None] * errors, nan=np.inf) <= within
    trust = reliability(predicted[..., 2][judged], right[judged], within)
    return measure(points, states, predicted, names, criteria), trust


def refuse_trained(record: ModelRecord, tested: Sequence[FrameKey], split_name: str) -> None:
    """Test frames are never trained on: not by this split either."""
    learnt = {FrameKey(*k) for k in record.document["train"]}
    both = [k for k in tested if k in learnt]
    if both:
        raise InvalidSetting(
            f"{record.name} was trained on {len(both)} of the {len(tested)} test frames of {split_name!r}",
            "--split",
            f"It was trained with {record.document['split']!r}.",
        )


def pose(file: ProjectFile, model: PoseModel, key: FrameKey) -> np.ndarray:
    """(P, K, 3): the animals that a model finds in a labelled frame, as it is surest of a frame of that size."""
    frame = Frame(load_pixels(file, key))
    return predict_frame(fit_to_frames(model, [frame]), frame)


def draw_worst(
    file: ProjectFile, skeleton: Skeleton, seen: Sequence[Seen], worst: int
) -> Iterator[tuple[np.ndarray, str]]:
    """Pictures of the frames with the largest errors, worst first, each with a name for its file."""
    names = {r.id: r.name for r in videos.records(file)}
    frame_names = {f.key: f.name for f in labels.load(file)}
    for one in sorted(seen, key=lambda s: -s.error_px)[:worst]:
        key = one.sample.key
        caption = f"{names.get(key.video, key.video)} {frame_names[key]}: {one.error_px:.1f} px"
        pixels = load_pixels(file, key)
        stem = f"{Path(names.get(key.video, key.video)).stem}_{Path(frame_names[key]).stem}"
        yield labelled_and_predicted(pixels, skeleton, one.sample.points, one.predicted, caption), stem
