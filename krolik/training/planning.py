"""From a training set and wishes to a plan for this machine; with a torch that knows no GPU, without importing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from krolik.errors import InvalidLabels, InvalidSetting
from krolik.networks import entry
from krolik.networks.checkpoints import find, width_of
from krolik.networks.spec import NetworkSpec
from krolik.poses import State
from krolik.training.fingerprint import measure_data
from krolik.training.machine import MachineFingerprint, core_count, measure_machine
from krolik.training.origin import Origin
from krolik.training.plan import LOCATOR, LOCATOR_SHARE, Plan, Settings, decide, worth_a_body
from krolik.training.training_set import Sample, TrainingSet

PRETRAINED_CHOICE = "mobilenetv2"  # whose checkpoint is looked for when the planner chooses the network


def plan_training(data: TrainingSet, settings: Settings, origin: Origin | None = None) -> tuple[Plan, dict]:
    """The plan for a training set on this machine, and the fingerprints that it was decided by.

    With an `origin`, the network and its width are those of that model.
    """
    fingerprint, machine = measure_data(located(data.train), data.skeleton, data.load), measure_machine()
    if origin is not None:
        plan = decide(fingerprint, machine, _as_origin(settings, origin), origin.name)
        plan = replace(plan, reasons={**plan.reasons, "pretrained": f"goes on from the model {origin.name}"})
        if plan.pipeline == "crop" and origin.spec(LOCATOR) is not None and "locator_share" not in settings.overrides:
            plan = replace(plan, locator_share=LOCATOR_SHARE)  # it knows the animal already
        plan = _measured(plan, machine, data, settings)
        return plan, {"data": fingerprint.to_json(), "machine": machine.to_json()}
    checkpoint = find_checkpoint(settings)
    if checkpoint is not None and not worth_a_body(fingerprint, settings):
        checkpoint = None
    if checkpoint is not None and settings.width is None and (width := width_of(checkpoint)):
        settings = replace(settings, width=width)
    plan = decide(fingerprint, machine, settings, str(checkpoint) if checkpoint else "none")
    plan = _measured(plan, machine, data, settings)
    return plan, {"data": fingerprint.to_json(), "machine": machine.to_json()}


def located(samples: Sequence[Sample]) -> list[Sample]:
    """Those with a labelled point. Raises InvalidLabels if there are none."""
    found = [s for s in samples if (s.states >= State.OCCLUDED).any()]
    if not found:
        raise InvalidLabels(
            "no labelled point to train on", fix="Label some frames, or choose another split.", code="nothing-to-train"
        )
    return found


def _measured(plan: Plan, machine: MachineFingerprint, data: TrainingSet, settings: Settings) -> Plan:
    """The plan with what only a trial can tell. Raises InvalidSetting for devices that are not there."""
    check_devices(plan)
    if plan.device != "cuda":
        return plan
    from krolik.training.gpu_steps import measured_batch_size, measured_precision

    spec = pose_spec(len(data.skeleton), plan, plan.pretrained != "none")
    if "precision" not in settings.overrides and machine.bf16_speedup:
        precision, reason = measured_precision(plan, spec)
        plan = replace(plan, precision=precision, reasons={**plan.reasons, "precision": reason})
    if settings.batch_size is None:
        size, reason = measured_batch_size(plan, spec)
        plan = replace(plan, batch_size=size, reasons={**plan.reasons, "batch_size": reason})
    return plan


def _as_origin(settings: Settings, origin: Origin) -> Settings:
    """The wishes with the origin's network and width. Raises InvalidSetting for others."""
    plan = origin.plan
    for option, wish, own in (
        ("--network", settings.network, plan["network"]),
        ("--width", settings.width, plan["width"]),
    ):
        if wish not in (None, own):
            raise InvalidSetting(f"the model {origin.name} has {own}, not {wish}", option, "Leave it out.")
    return replace(settings, network=plan["network"], width=plan["width"])


def find_checkpoint(settings: Settings) -> Path | None:
    """The pretrained body to start from, if the network takes one and there is one."""
    body = entry(settings.network or PRETRAINED_CHOICE).body
    if body is None:
        if settings.pretrained not in (None, "auto", "none"):
            raise InvalidSetting(f"the network {settings.network!r} has no pretrained body", "--pretrained",
                                 f"Try {PRETRAINED_CHOICE}.")  # fmt: skip
        return None
    return find(body, settings.width, settings.pretrained)


def pose_spec(keypoints: int, plan: Plan, loaded: bool, folded: bool = False) -> NetworkSpec:
    """A plan's pose network. loaded: its body is a checkpoint's; folded: the model gone on from has no norms."""
    # the checkpoints of MobileNetV2 have their normalisation folded in
    normalized = not (folded or (loaded and entry(plan.network).body == "mobilenetv2"))
    return NetworkSpec(plan.network, keypoints, plan.input_size, plan.sigma_px, plan.width, 1, normalized)


def check_devices(plan: Plan) -> None:
    """Raises InvalidSetting where so many processes cannot train: without Fabric, or with fewer GPUs or cores."""
    if plan.devices == 1:
        return
    if find_spec("lightning_fabric") is None:
        raise InvalidSetting("training on several devices needs lightning-fabric", "--set devices",
                             'Install it: pip install "krolik[gpus]".')  # fmt: skip
    there, kind = core_count(), "cores"
    if plan.device == "cuda":
        import torch

        there, kind = torch.cuda.device_count(), "GPUs"
    if plan.devices > there:
        raise InvalidSetting(f"there are {there} {kind} here, not {plan.devices}", "--set devices",
                             "Say a smaller number.")  # fmt: skip
