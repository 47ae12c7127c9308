"""The training loop: warm up, hold, cool down; of the last third, the best average of weights by validation wins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch

from krolik.errors import Cancelled
from krolik.networks.network import Network
from krolik.poses import FrameKey, State
from krolik.training.batches import Batch, Batches, Item, plain_batches
from krolik.training.budget import Clock
from krolik.training.checkpoint import Checkpoint, prefixed, under
from krolik.training.learner import ALONE, Learner
from krolik.training.plan import Plan
from krolik.training.team import Team
from krolik.training.threads import Threads

WARM_UP_STEPS = 50
COOL_DOWN = 0.4  # from this fraction of the budget on, the learning rate falls to zero
EVALUATE_EVERY = 0.04  # of the budget
# the evaluation from which on the best counts: the learning rate has fallen, and what was better earlier was better by
# luck, which two validation frames have often; only a training that is stopped sooner keeps that
JUDGED_FROM = 17
PATIENCE = 8  # evaluations without a gain of 1 % before the cool-down begins early
CHECKPOINT_SECONDS = 20.0
CHECKPOINT_SHARE = 0.03  # of the time, at most: a large network's takes seconds
WORST = 6  # validation frames that are told of


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows. error_px: mean error on the validation frames, NaN before the first evaluation.

    threads: how many a step takes at present, where that is fewer than planned.
    """

    stage: str
    fraction: float
    steps: int
    loss: float
    error_px: float
    seconds_left: float
    worst: Sequence[Misplaced] = ()
    threads: int | None = None


@dataclass(frozen=True, eq=False)
class Misplaced:
    """A validation frame with its mean error in pixels and what was decoded, (N, K, 2) in frame pixels."""

    key: FrameKey
    error_px: float
    points: np.ndarray


class Events(Protocol):
    """The loop's only way out."""

    def progress(self, progress: Progress) -> None: ...
    def checkpoint(self, data: bytes) -> None: ...
    def cancelled(self) -> bool: ...
    def abandoned(self) -> bool: ...


@dataclass
class Fitted:
    """The best weights by validation, and how the training went."""

    weights: dict[str, torch.Tensor]
    error_px: float
    steps: int
    seconds: float
    curve: list[dict[str, float]] = field(default_factory=list)
    parts: int = 1  # into how many parts a batch had to be divided to fit into memory


class _State:
    """All that changes while a stage trains, and that a checkpoint keeps."""

    def __init__(self, learner: Learner):
        self.learner, self.best = learner, learner.average
        self.best_error_px, self.since_best = math.inf, 0

    def checkpoint(self, stage: str, clock: Clock) -> bytes:
        return Checkpoint(
            stage, clock.steps, clock.seconds, clock.budget.seconds, clock.budget.steps, self.best_error_px,
            self.since_best, 0.0, {**self.learner.tensors(), **prefixed("best", self.best)},
        ).to_bytes()  # fmt: skip

    def restore(self, saved: Checkpoint) -> None:
        self.learner.restore(saved.tensors)
        device = self.learner.plan.device
        self.best = {k: v.to(device) for k, v in under("best", saved.tensors).items()}
        self.best_error_px, self.since_best = saved.best_error_px, saved.evaluations_since_best


@dataclass(frozen=True, eq=False)
class Stage:
    """A network with what it learns from and what it is judged by. Never test frames."""

    name: str
    network: Network
    batches: Batches
    validation: Sequence[Item]


def fit(
    stage: Stage, plan: Plan, clock: Clock, events: Events, resume: Checkpoint | None = None, team: Team = ALONE
) -> Fitted:
    """Trains until the clock is over or `events` cancels; a step whose loss is not finite is left out."""
    learner = Learner(stage.network, plan, team)
    state = _State(learner)
    if resume is not None:
        state.restore(resume)
    curve: list[dict[str, float]] = []
    error, evaluated, checkpoint_at = math.nan, _evaluations(clock), time.monotonic() + CHECKPOINT_SECONDS
    worst: list[Misplaced] = []
    adapts = plan.device == "cpu" and team.size == 1 and clock.budget.steps is None
    threads = Threads(plan.threads if adapts else 1, torch.get_num_threads())
    stream = stage.batches.stream(clock.steps, plan.workers, team.rank, team.size)
    try:
        for batch in stream:
            began = time.monotonic()
            loss = learner.step(batch, clock.steps, learning_rate_factor(clock.steps, clock.fraction))
            threads.stepped(time.monotonic() - began)
            if clock.steps == 0:  # until here, frames were decoded and arithmetic was prepared
                clock.begin()
            clock.steps += 1
            if team.rank == 0 and (_evaluations(clock) > evaluated or clock.over):
                if evaluated < JUDGED_FROM <= _evaluations(clock):
                    state.best_error_px = math.inf
                evaluated = _evaluations(clock)
                error, worst = _evaluate(state, stage)
                curve.append({"step": clock.steps, "seconds": clock.seconds, "loss": loss, "error_px": error})
                if state.since_best >= PATIENCE:
                    clock.finish_from(COOL_DOWN)
                    evaluated, state.since_best = _evaluations(clock), 0
            left = clock.seconds_left
            events.progress(Progress(stage.name, clock.fraction, clock.steps, loss, error, left, worst, threads.fewer))
            abandoned = events.abandoned()
            stop = team.agree(clock, abandoned or clock.over or events.cancelled())
            if abandoned:
                events.checkpoint(state.checkpoint(stage.name, clock))
                raise Cancelled("the training was cancelled", fix="It can be gone on with.", code="cancelled")
            if stop:
                break
            if (began := time.monotonic()) >= checkpoint_at:
                events.checkpoint(state.checkpoint(stage.name, clock))
                checkpoint_at = next_checkpoint(began, time.monotonic())
    finally:
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    return Fitted(state.best, state.best_error_px, clock.steps, clock.seconds, curve, learner.parts.count)


def next_checkpoint(began: float, ended: float) -> float:
    """When the checkpoint after one that was made between these times is due."""
    return ended + max(CHECKPOINT_SECONDS, (ended - began) / CHECKPOINT_SHARE)


def learning_rate_factor(steps: int, fraction: float) -> float:
    """Linear warm-up, then constant, then a cosine to zero from COOL_DOWN on."""
    warm = min(1.0, (steps + 1) / WARM_UP_STEPS)
    cooling = max(0.0, (fraction - COOL_DOWN) / (1 - COOL_DOWN))
    return warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, cooling)))


def _evaluations(clock: Clock) -> int:
    return int(clock.fraction / EVALUATE_EVERY)


def _evaluate(state: _State, stage: Stage) -> tuple[float, list[Misplaced]]:
    """Mean error of the averaged weights on the validation frames, and the worst; keeps them if they are the best."""
    learner = state.learner
    module, plan = learner.network.module, learner.plan
    training = {k: v.detach().clone() for k, v in module.state_dict().items()}
    module.load_state_dict(learner.average)
    at_once = max(1, plan.batch_size // learner.parts.count)
    batches = plain_batches(stage.validation, stage.batches.images, at_once)
    misplaced: list[Misplaced] = []
    error = validation_error(learner.network, batches, plan.device, misplaced.append)
    module.load_state_dict(training)
    if error < 0.99 * state.best_error_px:
        state.since_best = 0
    else:
        state.since_best += 1
    if math.isnan(error) or error <= state.best_error_px:  # without validation frames the last is the best
        state.best_error_px = error
        state.best = {k: v.clone() for k, v in learner.average.items()}
    return error, _worst(misplaced)


def _worst(misplaced: Sequence[Misplaced]) -> list[Misplaced]:
    """The worst frames, each once: with its worst animal, where every animal is looked at alone."""
    frames: dict[FrameKey, Misplaced] = {}
    for one in sorted(misplaced, key=lambda m: -m.error_px):
        frames.setdefault(one.key, one)
    return list(frames.values())[:WORST]


@torch.inference_mode()
def validation_error(
    network: Network,
    batches: Iterator[Batch],
    device: str,
    found: Callable[[Misplaced], object] = lambda _: None,
) -> float:
    """Mean distance in frame pixels between labelled points and what is decoded (the nearest of several animals).

    Where animals differ in size these are pixels at a typical one (`Item.weight`).
    `found` is told of every item that has a labelled point.
    """
    network.module.eval()
    errors = []
    for batch in batches:
        decoded = network.decode(network.outputs(torch.from_numpy(batch.images).to(device))).cpu().numpy()
        for item, poses in zip(batch.items, decoded):
            decoded_xy = item.view.inverse(poses[..., :2].astype(np.float64))  # (N', K, 2)
            own = []
            for points, states in zip(item.points, item.states):
                nearest = np.linalg.norm(decoded_xy - points, axis=-1).min(axis=0)  # (K,)
                own.append(item.weight * nearest[states >= State.OCCLUDED])
            errors += own
            if sum(map(len, own)):
                found(Misplaced(item.key, float(np.concatenate(own).mean()), decoded_xy))
    every = np.concatenate(errors) if errors else np.zeros(0)
    return float(every.mean()) if len(every) else math.nan
