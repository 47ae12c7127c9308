"""The native engine: our own networks, in this process. A training set and a plan in, a trained model out."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save

from krolik.evaluation.calibration import Calibration
from krolik.inference.locating import sure_enough
from krolik.inference.model import LOCATOR_SURE, ModelDescription, PoseModel, pack
from krolik.networks import build, pretrained
from krolik.networks.export import to_onnx
from krolik.networks.network import Network
from krolik.networks.proportions import Proportions
from krolik.networks.spec import NetworkSpec
from krolik.process import peak_memory_bytes
from krolik.sampling.evenly import evenly
from krolik.skeleton import Skeleton
from krolik.training import batches as batching
from krolik.training.arithmetic import steady_arithmetic
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batches, Item
from krolik.training.budget import Budget, Clock
from krolik.training.calibrating import calibrate
from krolik.training.checkpoint import Checkpoint, under
from krolik.training.image_cache import ImageCache, cache_bytes
from krolik.training.loop import Events, Fitted, Stage, fit
from krolik.training.origin import Origin
from krolik.training.plan import LOCATOR, POSE, Plan
from krolik.training.planning import pose_spec
from krolik.training.several import fit_together
from krolik.training.training_set import Sample, TrainingSet
from krolik.training.transfer import transfer
from krolik.video import Frame

FINISH_SECONDS = 3.0  # for the export and the last evaluation, within the budget
LOOKED_AT = 12  # frames that tell how high the locator's hills are
SECOND_GUESSES = 2  # places that the locator names beyond the number of animals, for when the first is a mistake
# a locator has little to learn but must know every place and light; a mirrored thumbnail is as good as another
LOCATOR_RANGES = AugmentationRanges(shift=0.2, mirror=True)


@dataclass(frozen=True, eq=False)
class TrainedStage:
    """A network with its best weights, as safetensors and ONNX bytes."""

    spec: NetworkSpec
    safetensors: bytes
    onnx: bytes
    fitted: Fitted


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What a training leaves. `stages` holds the pose network and, for crops, the locator."""

    skeleton: Skeleton
    plan: Plan
    stages: dict[str, TrainedStage]
    fingerprint: dict
    calibration: Calibration | None
    statistics: dict = field(default_factory=dict)
    locator_sure: float = LOCATOR_SURE


@dataclass(frozen=True, eq=False)
class Training:
    """All that one training needs. `started` (time.monotonic) is when the budget began to run.

    With `resume`, it goes on from a checkpoint of the same plan; earlier stages are in it, trained already.
    """

    data: TrainingSet
    plan: Plan
    fingerprint: dict
    started: float
    resume: Checkpoint | None = None
    origin: Origin | None = None


def train(training: Training, events: Events) -> TrainedModel:
    """Trains every stage of the plan, until its budget is spent or `events` cancels."""
    data, plan, started, resume = training.data, training.plan, training.started, training.resume
    torch.set_num_threads(plan.threads)
    if plan.device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    batches, validation = _prepared(data, plan)
    stages: dict[str, TrainedStage] = {}
    calibration: Calibration | None = None
    for name in batches:
        torch.manual_seed(plan.seed)
        network = _network(name, data, plan, training.origin)
        done = None if resume is None else under(f"done-{name}", resume.tensors)
        if done:
            network.module.load_state_dict(done)
            stages[name] = _finished(network, Fitted(done, float("nan"), 0, 0.0))
            continue
        own = resume if resume is not None and resume.stage == name else None
        clock = Clock(_stage_budget(name, plan, started, own), own.seconds if own else 0.0, own.steps if own else 0)
        earlier = time.monotonic() - started - clock.seconds
        keep = {f"done-{n}/{k}": v for n, s in stages.items() for k, v in s.fitted.weights.items()}
        stage = Stage(name, network, batches[name], validation[name])
        with steady_arithmetic(plan.device):
            train_stage = fit_together if name == POSE and plan.devices > 1 else fit
            fitted = train_stage(stage, plan, clock, _Keeping(events, keep, earlier), own)
        network.module.load_state_dict(fitted.weights)
        if name == POSE:
            images = batches[name].images
            calibration = calibrate(network, validation[name], images, plan.augmentation, plan.within_px, plan.seed)
        stages[name] = _finished(network, fitted)
    statistics = {
        "seconds": time.monotonic() - started,
        "peak_memory_bytes": peak_memory_bytes(),
        "peak_gpu_memory_bytes": torch.cuda.max_memory_reserved() if plan.device == "cuda" else None,
        "stages": {name: _statistics(stage.fitted) for name, stage in stages.items()},
    }
    sure = _locator_sure(stages, plan, data)
    return TrainedModel(data.skeleton, plan, stages, training.fingerprint, calibration, statistics, sure)


def _locator_sure(stages: Mapping[str, TrainedStage], plan: Plan, data: TrainingSet) -> float:
    """From which height on its hills are looked at, by some of the frames that it learnt from."""
    if LOCATOR not in stages or plan.animals < 2:
        return LOCATOR_SURE
    about = ModelDescription("locator", data.skeleton, plan.pipeline, plan.input_size, plan.scale, plan.locator_size,
                             plan.animals, {}, {}, spans=plan.spans)  # fmt: skip
    model = PoseModel(pack(about, stages[POSE].onnx, stages[LOCATOR].onnx), plan.threads)
    some = [data.train[i] for i in evenly(len(data.train), LOOKED_AT)]
    return sure_enough(model, ((Frame(data.load(sample.key)), _middles(sample)) for sample in some))


def _middles(sample: Sample) -> np.ndarray:
    """(A, 2): of the boxes around its animals."""
    boxes = [box for animal in range(len(sample.points)) if (box := sample.box(animal)) is not None]
    return np.array([(box[:2] + box[2:]) / 2 for box in boxes]).reshape(-1, 2)


def _statistics(fitted: Fitted) -> dict:
    """How a stage went, as JSON values; None where there was nothing to measure on."""

    def measured(value: float) -> float | None:
        return value if math.isfinite(value) else None

    curve = [{**point, "error_px": measured(point["error_px"])} for point in fitted.curve]
    return {"steps": fitted.steps, "seconds": fitted.seconds, "validation_error_px": measured(fitted.error_px),
            "parts": fitted.parts, "curve": curve}  # fmt: skip


@dataclass
class _Keeping:
    """Events that add the finished stages' weights to every checkpoint."""

    events: Events
    tensors: dict[str, torch.Tensor]
    seconds: float

    def progress(self, progress) -> None:
        self.events.progress(progress)

    def checkpoint(self, data: bytes) -> None:
        if self.tensors:
            saved = Checkpoint.from_bytes(data)
            saved.tensors.update(self.tensors)
            saved.earlier_seconds = self.seconds
            data = saved.to_bytes()
        self.events.checkpoint(data)

    def cancelled(self) -> bool:
        return self.events.cancelled()

    def abandoned(self) -> bool:
        return self.events.abandoned()


def _stage_budget(name: str, plan: Plan, started: float, resume: Checkpoint | None) -> Budget:
    if resume is not None:
        return Budget(resume.budget_seconds, resume.budget_steps)
    if plan.budget.seconds is None:
        return plan.budget.share(plan.locator_share if name == LOCATOR else 1 - plan.locator_share)
    if name == LOCATOR:
        return plan.budget.share(plan.locator_share)
    reserve = min(FINISH_SECONDS, 0.2 * plan.budget.seconds)
    return Budget(seconds=max(1.0, plan.budget.seconds - reserve - (time.monotonic() - started)))


def _network(name: str, data: TrainingSet, plan: Plan, origin: Origin | None) -> Network:
    """A stage's network with the weights that it begins with."""
    before = origin.spec(name) if origin else None
    skeleton, proportions = data.skeleton, None
    if name == LOCATOR:
        peaks = max(1, plan.animals) + SECOND_GUESSES
        spec = NetworkSpec("unet", 1, plan.locator_size, plan.locator_sigma_px, 0.5, peaks)
    else:
        folded = before is not None and not before.normalized
        spec = pose_spec(len(skeleton), plan, plan.pretrained != "none" and origin is None, folded)
        if plan.proportions:
            proportions = Proportions.measured(batching.located_points(_items(name, data.train, plan)))
    network = build(spec, proportions)
    if origin is not None and before is not None:
        place = ["animal"]
        names, own = (place, place) if name == LOCATOR else (skeleton.names, origin.skeleton.names)
        transfer(network, origin, name, names, own)
    elif name == POSE and plan.pretrained != "none":
        pretrained.load_body(network.module, Path(plan.pretrained))
    return network


def _items(name: str, samples: Sequence[Sample], plan: Plan) -> list[Item]:
    if name == LOCATOR:
        return batching.locator_items(samples, plan.locator_size, plan.scales)
    if plan.pipeline == "crop":
        return batching.crop_items(samples, plan.input_size, plan.scales)
    return batching.whole_frame_items(samples, plan.input_size)


def _prepared(data: TrainingSet, plan: Plan) -> tuple[dict[str, Batches], dict[str, list[Item]]]:
    """Each stage's batches and validation items, in order. A frame that one needs is kept for all: decoded once."""
    images = ImageCache(data.load, cache_bytes())
    names = [LOCATOR, POSE] if plan.pipeline == "crop" else [POSE]
    batches = {name: _batches(name, data, images, plan) for name in names}
    validation = {name: _items(name, data.validation, plan) for name in names}
    for name, items in validation.items():
        batching.expect(items, images, batches[name].ranges)
    return batches, validation


def _batches(name: str, data: TrainingSet, images: ImageCache, plan: Plan) -> Batches:
    ranges, mirrored, items = plan.augmentation, data.skeleton.mirrored(), _items(name, data.train, plan)
    if name == LOCATOR:
        ranges, mirrored = replace(LOCATOR_RANGES, rotation_deg=ranges.rotation_deg), np.zeros(1, int)
    else:
        items = batching.repeated(items, plan.repeats)
    return Batches(items, images, ranges, mirrored, plan.batch_size, plan.seed)


def _finished(network: Network, fitted: Fitted) -> TrainedStage:
    spec = json.dumps(asdict(network.spec))
    weights = {k: v.detach().cpu().contiguous() for k, v in network.module.state_dict().items()}
    return TrainedStage(network.spec, save(weights, {"krolik": spec}), to_onnx(network), fitted)


def joined_weights(model: TrainedModel) -> bytes:
    """All stages' weights as one safetensors file, under the stage's name; the specs are in its header."""
    tensors = {f"{n}.{k}": v for n, s in model.stages.items() for k, v in load_tensors(s.safetensors).items()}
    return save(tensors, {"krolik": json.dumps({n: asdict(s.spec) for n, s in model.stages.items()})})
