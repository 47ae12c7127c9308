"""Training one network in several processes, each on a device of its own, through Lightning Fabric.

Each process takes its own batches; gradients are averaged at every step (as in PyTorch's DistributedDataParallel, Li et
al., VLDB 2020, arXiv:2006.15704), so that the weights are the same everywhere. The first process leads: what it
reports comes through a queue, and what is asked of it goes through flags. Batch norms see their own process's pictures.
"""

from __future__ import annotations

import logging
import multiprocessing
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np
from safetensors.torch import load as load_tensors
from safetensors.torch import save

from krolik.errors import Cancelled
from krolik.networks import build
from krolik.networks.proportions import Proportions
from krolik.networks.spec import NetworkSpec
from krolik.training.arithmetic import steady_arithmetic
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batches, Item
from krolik.training.budget import Budget, Clock
from krolik.training.checkpoint import Checkpoint
from krolik.training.image_cache import ImageCache
from krolik.training.loop import Events, Fitted, Progress, Stage, fit
from krolik.training.plan import Plan
from krolik.training.team import Together

LISTEN_SECONDS = 0.2


@dataclass(frozen=True, eq=False)
class _Errand:
    """What a process is sent: everything about one stage, without connections and open files."""

    name: str
    spec: NetworkSpec
    proportions: Proportions | None
    weights: bytes
    items: Sequence[Item]
    validation: Sequence[Item]
    images: ImageCache
    ranges: AugmentationRanges
    mirrored: np.ndarray
    plan: Plan
    budget: Budget
    seconds: float
    steps: int
    resume: bytes | None

    @classmethod
    def of(cls, stage: Stage, plan: Plan, clock: Clock, resume: Checkpoint | None) -> _Errand:
        weights = {k: v.detach().cpu().contiguous() for k, v in stage.network.module.state_dict().items()}
        own = stage.batches
        return cls(stage.name, stage.network.spec, stage.network.proportions, save(weights), own.items,
                   stage.validation, own.images, own.ranges, own.mirrored, plan, clock.budget, clock.seconds,
                   clock.steps, None if resume is None else resume.to_bytes())  # fmt: skip

    def stage(self) -> Stage:
        network = build(self.spec, self.proportions)
        network.module.load_state_dict(load_tensors(self.weights))
        batches = Batches(self.items, self.images, self.ranges, self.mirrored, self.plan.batch_size, self.plan.seed)
        return Stage(self.name, network, batches, self.validation)


class _Sealed:
    """An errand on its way: Fabric looks for tensors inside of data classes, and refuses frozen ones."""

    def __init__(self, errand: _Errand):
        self.errand = errand


@dataclass(frozen=True, eq=False)
class _Result:
    """What the leader found. weights: safetensors."""

    weights: bytes
    fitted: Fitted


class _Wire:
    """The leader's events, on their way to the process that began the training."""

    def __init__(self, context):
        self.queue, self.stop, self.abandon = context.Queue(), context.Event(), context.Event()

    def progress(self, progress: Progress) -> None:
        self.queue.put(progress)

    def checkpoint(self, data: bytes) -> None:
        self.queue.put(data)

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def abandoned(self) -> bool:
        """Also when the process that began it is no more: nobody would hear of the result."""
        parent = multiprocessing.parent_process()
        return self.abandon.is_set() or (parent is not None and not parent.is_alive())


class _Deaf:
    """The events of those who do not lead."""

    def progress(self, progress: Progress) -> None: ...
    def checkpoint(self, data: bytes) -> None: ...

    def cancelled(self) -> bool:
        return False

    def abandoned(self) -> bool:
        return False


def fit_together(stage: Stage, plan: Plan, clock: Clock, events: Events, resume: Checkpoint | None = None) -> Fitted:
    """As `loop.fit`, in `plan.devices` processes. Raises InvalidSetting (see `planning.check_devices`), Cancelled."""
    fabric = _fabric_for(plan)
    wire = _Wire(multiprocessing.get_context("spawn"))
    errand = _Sealed(_Errand.of(stage, plan, clock, resume))
    failures: list[BaseException] = []

    def launch() -> None:
        try:
            fabric.launch(_take_part, errand, wire)  # pyright: ignore[reportArgumentType]
        except BaseException as error:  # noqa: BLE001 - it is raised again below, in the thread that waits
            failures.append(error)

    thread = threading.Thread(target=launch, name="several devices")
    thread.start()
    results: list[_Result] = []
    try:
        while thread.is_alive() or not wire.queue.empty():
            results += _pass_on(wire, events)
    except BaseException:
        wire.abandon.set()
        while thread.is_alive():  # nobody is left to hear of it, but a process does not end before it was heard
            with suppress(queue.Empty):
                wire.queue.get(timeout=LISTEN_SECONDS)
        raise
    thread.join()
    if failures:
        raise failures[0]
    if not results:
        raise Cancelled("the training was cancelled", fix="It can be gone on with.", code="cancelled")
    return replace(results[0].fitted, weights=load_tensors(results[0].weights))


def _pass_on(wire: _Wire, events: Events) -> list[_Result]:
    """One message of the leader, and to it what was asked of us. The result, if that was the message."""
    try:
        message = wire.queue.get(timeout=LISTEN_SECONDS)
    except queue.Empty:
        message = None
    if isinstance(message, Progress):
        events.progress(message)
    elif isinstance(message, bytes):
        events.checkpoint(message)
    if events.cancelled():
        wire.stop.set()
    if events.abandoned():
        wire.abandon.set()
    return [message] if isinstance(message, _Result) else []


def _fabric_for(plan: Plan):
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return Fabric(accelerator=plan.device, devices=plan.devices, strategy="ddp_spawn")


def _take_part(fabric, sealed: _Sealed, wire: _Wire) -> None:
    """What each process does. The leader sends the result, unless it was cancelled.

    Through the wire, not as a returned value: Fabric reads those when the process is over, which waits for the reader.
    """
    import torch

    errand = sealed.errand
    plan = replace(errand.plan, threads=max(1, errand.plan.threads // errand.plan.devices))
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    resume = None if errand.resume is None else Checkpoint.from_bytes(errand.resume)
    clock = Clock(errand.budget, errand.seconds, errand.steps)
    team = Together(fabric)
    try:
        with steady_arithmetic(plan.device):
            fitted = fit(errand.stage(), plan, clock, wire if team.rank == 0 else _Deaf(), resume, team)
    except Cancelled:
        return
    if team.rank == 0:
        weights = {k: v.detach().cpu().contiguous() for k, v in fitted.weights.items()}
        wire.queue.put(_Result(save(weights), replace(fitted, weights={})))
