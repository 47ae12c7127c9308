"""An engine that is another framework: a training set in, a model that Krolik runs itself out.

The framework trains in its environment, with its own configuration, and exports its network as ONNX. So what it has
learnt is predicted, drawn and measured as any other model, without the framework, and Krolik's own arithmetic is held
against what the framework finds in some of the frames.

Legend: N animals, K keypoints.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from krolik.engines import environments
from krolik.engines.frameworks import Framework
from krolik.engines.worker import Listener, work
from krolik.errors import InvalidFile, InvalidLabels, InvalidSetting
from krolik.evaluation.calibration import Calibration, fit
from krolik.evaluation.metrics import matched
from krolik.inference.model import ModelDescription, PoseModel, pack
from krolik.inference.pipeline import predict_frame
from krolik.poses import State
from krolik.rendering.annotated import write_image
from krolik.training.budget import Budget
from krolik.training.machine import MachineFingerprint
from krolik.training.plan import Settings, decisions
from krolik.training.planning import located
from krolik.training.training_set import Sample, TrainingSet
from krolik.video import Frame

# the half of the points, at least, that Krolik and the framework find so near to each other; not all: where little is
# learnt yet, a rounding decides which of two places is the highest
AS_EXACT_PX = 0.5
UNKNOWN_HERE = ("width", "pipeline", "scale", "input_px", "batch_size")


@dataclass(frozen=True)
class ForeignPlan:
    """How another framework is told to train. Everything else is as it configures itself."""

    engine: str
    network: str
    pretrained: str  # "its own" or "none"
    input_size: tuple[int, int]  # of most frames, (width, height)
    scale: float  # of frames
    batch_size: int | None  # None: its own
    within_px: float
    device: str
    threads: int
    budget: Budget
    seed: int
    reasons: Mapping[str, str] = field(default_factory=dict)
    pipeline: str = "whole"
    animals: int = 1  # in a frame, at most

    def to_json(self) -> dict:
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str]]:
        """Each decision, its value as text and its reason."""
        return [(name, value, reason) for name, value, reason in decisions(self.to_json())]

    @classmethod
    def from_json(cls, document: dict) -> ForeignPlan:
        """Raises KeyError, TypeError for one of another version."""
        size, budget = tuple(document["input_size"]), Budget(**document["budget"])
        return cls(**{**document, "input_size": size, "budget": budget})


@dataclass(frozen=True, eq=False)
class ForeignModel:
    """onnx: Krolik's model file. statistics: as those of a native training. version: the framework's."""

    onnx: bytes
    plan: ForeignPlan
    calibration: Calibration | None
    statistics: dict
    version: str


def plan(
    framework: Framework, data: TrainingSet, settings: Settings, machine: MachineFingerprint, within_px: float
) -> ForeignPlan:
    """Raises InvalidSetting for what the framework cannot be told, InvalidLabels for what it cannot learn here."""
    for name in UNKNOWN_HERE:
        if getattr(settings, name) is not None and name not in framework.settings:
            option = f"--{name.split('_')[0]}"
            raise InvalidSetting(f"{framework.title} cannot be told that", option, "Leave it out.")
    if settings.overrides:
        raise InvalidSetting(f"{framework.title} cannot be told that", "--set", "Leave it out.")
    if settings.pretrained not in (None, "auto", "none"):
        raise InvalidSetting(f"{framework.title} begins from its own weights or from none", "--pretrained",
                             "Say auto or none.")  # fmt: skip
    animals = max((len(_animals(s)) for s in (*data.train, *data.validation)), default=1)
    if animals > 1 and not framework.several:
        raise InvalidLabels(f"{framework.title} can be trained on a single animal a frame here, and there are more",
                            framework.name, "Leave --engine out.")  # fmt: skip
    network = framework.network(settings.network, animals)
    size = Counter(s.frame_size for s in data.train).most_common(1)[0][0]
    begun = framework.pretrained and settings.pretrained != "none"
    reasons = {
        "engine": "set by you; what is not said here is as it configures itself",
        "network": _set(settings.network),
        "pretrained": "as its users have it" if begun else "set by you" if framework.pretrained else "it has none",
        "device": machine.device_name or machine.device,
        "budget": "of its training at most; its own schedule may end earlier",
        "within_px": "confidence is the probability of lying this near",
    }
    if "scale" in framework.settings:
        reasons["scale"] = "frames as they are" if settings.scale is None else "set by you"
    if "batch_size" in framework.settings:
        reasons["batch_size"] = _set(settings.batch_size)
    return ForeignPlan(
        framework.name, network, "its own" if begun else "none", size, settings.scale or 1.0, settings.batch_size,
        within_px, machine.device, machine.cores, settings.budget, settings.seed, reasons, animals=animals,
    )  # fmt: skip


def train(
    framework: Framework, data: TrainingSet, wanted: ForeignPlan, name: str, origin: dict, listener: Listener,
    before: bytes | None = None,
) -> ForeignModel:  # fmt: skip
    """Trains in the framework's environment. before: what the listener took of a training that this one goes on with.

    Raises NotFound, InvalidSetting, InvalidLabels, InvalidFile, Cancelled.
    """
    environment = environments.expected(framework)
    with tempfile.TemporaryDirectory(prefix="krolik-") as place:
        folder = Path(place)
        shown = _write(data, wanted.input_size, folder)
        told = work(framework, environment, _task(wanted), folder, listener, before)
        candidates = [((folder / c["file"]).read_bytes(), c) for c in told["candidates"]]
    plan = replace(wanted, batch_size=told["batch"])
    seen = candidates[0][1]
    about = ModelDescription(
        name, data.skeleton, "whole", plan.input_size, seen["scale"], (0, 0), plan.animals, plan.to_json(),
        {**origin, "trained_by": f"{framework.title} {told['version']}"},
        frame_sizes=tuple(dict.fromkeys(s.frame_size for s in data.train)), multiple=seen["multiple"],
        matched=tuple(seen["matched"]) if seen["matched"] else None,
    )  # fmt: skip
    packed = [pack(about, onnx, None) for onnx, _ in candidates]
    frames = {one["number"]: data.load(shown[one["number"]].key) for one in told["checked"]}
    ensure_same(framework, PoseModel(packed[0], plan.threads, name), frames, told["checked"])
    best, judged = 0, None  # the last weights, where there are no frames to choose by
    if data.validation:
        every = [_judged(PoseModel(onnx, plan.threads, name), data) for onnx in packed]
        best = min(range(len(every)), key=lambda i: every[i].cost_px)
        judged = every[best]
    calibration = judged.calibration(plan.within_px) if judged else None
    finished = pack(replace(about, calibration=calibration), candidates[best][0], None)
    error = judged.error_px if judged and np.isfinite(judged.error_px) else None
    return ForeignModel(finished, plan, calibration, _statistics(told, error), told["version"])


def _set(wish: object) -> str:
    return "its default" if wish is None else "set by you"


def _task(wanted: ForeignPlan) -> dict:
    return {
        "do": "train", "network": wanted.network, "seconds": wanted.budget.seconds, "steps": wanted.budget.steps,
        "seed": wanted.seed, "batch": wanted.batch_size, "pretrained": wanted.pretrained != "none",
        "device": wanted.device, "size": wanted.input_size, "scale": wanted.scale, "animals": wanted.animals,
    }  # fmt: skip


def _write(data: TrainingSet, size: tuple[int, int], folder: Path) -> list[Sample]:
    """Pictures and labels for the worker; the training frames in the order in which it has them."""
    train, validation = located(data.train), [s for s in data.validation if (s.states >= State.OCCLUDED).any()]
    (folder / "frames").mkdir()
    rows = []
    for number, sample in enumerate([*train, *validation]):
        image = f"frames/{number:06d}.png"
        write_image(folder / image, data.load(sample.key))
        rows.append({"image": image, "animals": _animals(sample)})
    bones = data.skeleton
    names = {k.id: k.name for k in bones.keypoints}
    (folder / "dataset.json").write_text(json.dumps({
        "keypoints": bones.names, "edges": [[names[a], names[b]] for a, b in bones.edges],
        "pairs": [[names[a], names[b]] for a, b in bones.pairs], "size": size, "train": rows[: len(train)],
        "validation": rows[len(train) :],
    }, ensure_ascii=False), "utf-8")  # fmt: skip
    return train


def _animals(sample: Sample) -> list[list[list[float] | None]]:
    """Those of which a point is known, with the places of their points."""
    every = [
        [[float(x), float(y)] if state >= State.OCCLUDED else None for (x, y), state in zip(points, states)]
        for points, states in zip(sample.points, sample.states)
    ]
    return [points for points in every if any(points)]


def ensure_same(
    framework: Framework, model: PoseModel, frames: Mapping[int, np.ndarray], checked: Sequence[dict]
) -> None:
    """Raises InvalidFile unless the model finds what the framework itself found in these frames, (H, W, 3) RGB each."""
    apart = []
    for one in checked:
        if one["poses"]:
            theirs = np.array(one["poses"], float)[..., :2]
            ours = matched(theirs, predict_frame(model.uncalibrated(), Frame(frames[one["number"]])))
            distance = np.nan_to_num(np.linalg.norm(ours[..., :2] - theirs, axis=-1), nan=np.inf)
            apart += distance[np.isfinite(theirs).all(axis=-1)].tolist()  # of what the framework found at all
    told = np.array(apart)
    if len(told) and np.median(told) > AS_EXACT_PX:
        raise InvalidFile(f"its exported network finds other places than {framework.title} itself, by "
                          f"{np.median(told):.1f} px", framework.name, "Please report it.")  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Judged:
    """On the validation frames, for N animals: distances in pixels, NaN where nothing is labelled or found, raw scores,
    NaN where nothing is found, and which points are not unknown, (N, K) each. away_px: what is not found counts as so
    far off where networks are compared.
    """

    errors: np.ndarray
    scores: np.ndarray
    known: np.ndarray
    away_px: float

    @property
    def error_px(self) -> float:
        return float(np.nanmean(self.errors)) if np.isfinite(self.errors).any() else float("inf")

    @property
    def cost_px(self) -> float:
        lost = np.isnan(self.scores) & self.known
        counted = np.isfinite(self.errors) | lost
        return float(np.where(lost, self.away_px, self.errors)[counted].mean()) if counted.any() else float("inf")

    def calibration(self, within_px: float) -> Calibration | None:
        right = np.nan_to_num(self.errors, nan=np.inf) <= within_px
        told = self.known & np.isfinite(self.scores)
        return fit(self.scores[told], right[told], within_px)


def _judged(model: PoseModel, data: TrainingSet) -> _Judged:
    errors, scores, known, away = [], [], [], 0.0
    for sample in (s for s in data.validation if len(s.points)):
        poses = matched(sample.points, predict_frame(model, Frame(data.load(sample.key))))
        errors.append(np.linalg.norm(poses[..., :2] - sample.points, axis=-1))
        scores.append(poses[..., 2])
        known.append(sample.states != State.UNKNOWN)
        away = max(away, *sample.frame_size)
    return _Judged(np.concatenate(errors), np.concatenate(scores), np.concatenate(known), away)


def _statistics(told: dict, error: float | None) -> dict:
    """As those of a native training."""
    curve = [{"step": p["steps"], "seconds": p["seconds"], "loss": p["loss"], "error_px": None} for p in told["curve"]]
    pose = {"steps": told["steps"], "seconds": told["seconds"], "validation_error_px": error, "parts": 1}
    return {"seconds": told["seconds"], "peak_memory_bytes": None, "peak_gpu_memory_bytes": None,
            "stages": {"pose": {**pose, "curve": curve}}}  # fmt: skip
