"""The plan of a training: the data it would see, every decision with its reason, and what was found in the labels."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Generic, TypeVar

from krolik import defaults
from krolik.actions.labelling import keep_pixels
from krolik.actions.reporter import Reporter
from krolik.actions.samples import labels_hash, load_pixels, samples, training_set
from krolik.actions.splitting import chosen_split, split_parts
from krolik.actions.transferring import find_origin
from krolik.engines.foreign import ForeignPlan
from krolik.errors import Conflict, InvalidSetting
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels
from krolik.training.budget import Budget
from krolik.training.findings import Finding, examine
from krolik.training.fingerprint import measure_data
from krolik.training.near_duplicates import near_duplicates
from krolik.training.origin import Origin
from krolik.training.plan import Plan, Settings
from krolik.training.planning import plan_training
from krolik.training.splits import TEST, TRAIN, validation_keys
from krolik.training.training_set import Sample, TrainingSet

P = TypeVar("P", Plan, ForeignPlan)


@dataclass(frozen=True, eq=False)
class Preparation(Generic[P]):
    """Everything that is known before the first step. `trainable` are the frames that train or validate."""

    split: str
    trainable: list[Sample] = field(repr=False)
    validating: set[FrameKey] = field(repr=False)
    data: TrainingSet = field(repr=False)
    plan: P
    fingerprint: dict
    findings: list[Finding]
    origin: Origin | None

    def to_json(self) -> dict:
        return {"split": self.split, "train_frames": len(self.data.train), "validation_frames": len(self.validating),
                "plan": self.plan.to_json(), "decisions": [list(row) for row in self.plan.rows()],
                "findings": [f.to_json() for f in self.findings], "fingerprint": self.fingerprint}  # fmt: skip


def wishes(
    network: str = defaults.NETWORK, budget: str = defaults.BUDGET, seed: int = defaults.SEED, **settings: object
) -> Settings:
    """What the user wishes of a training. Raises InvalidSetting for an unknown setting, or one that makes no sense."""
    known = sorted(each.name for each in fields(Settings) if each.name not in ("network", "budget", "seed"))
    for name in settings:
        if name not in known:
            names = ", ".join(known)
            raise InvalidSetting(f"no such setting: {name}", "train", f"There are: {names}.")
    return Settings(network, budget=Budget.parse(budget), seed=seed, **settings)  # pyright: ignore


def prepare(file: ProjectFile, settings: Settings, split_name: str | None, reporter: Reporter) -> Preparation[Plan]:
    """Of a training by Krolik itself. split_name: None for the split that was made last.

    Raises InvalidLabels, InvalidSetting, NotFound.
    """
    frames = gather(file, split_name, reporter)
    origin = find_origin(file, settings.pretrained)
    plan, fingerprint = plan_training(frames.data, settings, origin)
    findings = frames.findings(file)
    return Preparation(
        frames.split, frames.trainable, frames.validating, frames.data, plan, fingerprint, findings, origin
    )


@dataclass(frozen=True, eq=False)
class Gathered:
    """The frames of a training, whoever trains. `trainable` are those that train or validate."""

    split: str
    trainable: list[Sample]
    validating: set[FrameKey]
    tested: list[Sample]
    data: TrainingSet

    def findings(self, file: ProjectFile) -> list[Finding]:
        """What in the labels is better mended first."""
        measured = measure_data(self.data.train, self.data.skeleton)
        found = examine(measured, self.trainable, self.data.skeleton)
        return found + near_duplicates(
            self.trainable, self.tested, measured.extent_px, lambda key: load_pixels(file, key)
        )


def gather_again(file: ProjectFile, document: dict) -> Gathered:
    """The frames of a training that was begun, by its run's document. Raises Conflict when their labels changed."""
    trainable = samples(file, {FrameKey(*k): TRAIN for k in document["train"]}, TRAIN)
    if labels_hash(labels.load(file), [s.key for s in trainable]) != document["labels"]:
        raise Conflict(
            "the labels have changed since this training began", file.path, "Start a new one.", "labels-changed"
        )
    validating = {FrameKey(*k) for k in document["validation"]}
    return Gathered(document["split"], trainable, validating, [], training_set(file, trainable, validating))


def gather(file: ProjectFile, split_name: str | None, reporter: Reporter) -> Gathered:
    """The frames of a split (None: the one that was made last). Raises InvalidLabels, NotFound."""
    split_name = split_name or chosen_split(file)
    parts = split_parts(file, split_name, "plan")
    keep_pixels(file, reporter)
    trainable = samples(file, parts, TRAIN)
    validating = validation_keys(trainable)
    return Gathered(
        split_name, trainable, validating, samples(file, parts, TEST), training_set(file, trainable, validating)
    )
