"""The training loop: warm up, hold, cool down; of the last third, the best average of weights by validation wins."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from krolik.errors import Cancelled
from krolik.networks.network import Network, Truth
from krolik.networks.pretrained import body_parameters
from krolik.poses import FrameKey, State
from krolik.training.batches import Batch, Batches, Item, plain_batches
from krolik.training.budget import Clock
from krolik.training.checkpoint import Checkpoint, optimizer_tensors, prefixed, restore_optimizer, under
from krolik.training.memory import Parts, is_exhausted
from krolik.training.plan import Plan
from krolik.training.team import Alone, Team

WARM_UP_STEPS = 50
COOL_DOWN = 0.4  # from this fraction of the budget on, the learning rate falls to zero
EVALUATE_EVERY = 0.04  # of the budget
# the evaluation from which on the best counts: the learning rate has fallen, and what was better earlier was better by
# luck, which two validation frames have often; only a training that is stopped sooner keeps that
JUDGED_FROM = 17
PATIENCE = 8  # evaluations without a gain of 1 % before the cool-down begins early
CHECKPOINT_SECONDS = 20.0
GRADIENT_LIMIT = 5.0
WORST = 6  # validation frames that are told of


@dataclass(frozen=True)
class Progress:
    """What a progress bar shows. error_px: mean error on the validation frames, NaN before the first evaluation."""

    stage: str
    fraction: float
    steps: int
    loss: float
    error_px: float
    seconds_left: float
    worst: Sequence[Misplaced] = ()


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

    def __init__(self, network: Network, plan: Plan):
        self.network, self.decay = network, plan.average_decay
        network.module.to(plan.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.optimizer = _optimizer(network, plan)
        self.average = {k: v.detach().clone() for k, v in network.module.state_dict().items()}
        self.best = self.average
        self.best_error_px, self.since_best = math.inf, 0
        self.parts = Parts(plan.batch_size)
        # a locator has one keypoint, whatever the plan's keypoints weigh
        weights = plan.keypoint_weights if len(plan.keypoint_weights) == network.spec.keypoints else (1.0,)
        self.keypoint_weights = torch.tensor(weights, device=plan.device)

    def follow(self, steps: int) -> None:
        """Moves the average of the weights a little towards the weights."""
        decay = min(self.decay, (1 + steps) / (10 + steps))
        now = self.network.module.state_dict()
        moving = [name for name, value in now.items() if value.dtype.is_floating_point]
        with torch.no_grad():
            get_ema_multi_avg_fn(decay)([self.average[n] for n in moving], [now[n] for n in moving], steps)
            for name in now.keys() - set(moving):
                self.average[name].copy_(now[name])

    def checkpoint(self, stage: str, clock: Clock) -> bytes:
        tensors = {
            **prefixed("weights", self.network.module.state_dict()),
            **prefixed("average", self.average),
            **prefixed("best", self.best),
            **prefixed("optimizer", optimizer_tensors(self.optimizer)),
        }
        return Checkpoint(
            stage, clock.steps, clock.seconds, clock.budget.seconds, clock.budget.steps, self.best_error_px,
            self.since_best, 0.0, tensors,
        ).to_bytes()  # fmt: skip

    def restore(self, saved: Checkpoint) -> None:
        self.network.module.load_state_dict(under("weights", saved.tensors))
        device = self.keypoint_weights.device
        self.average, self.best = (
            {k: v.to(device) for k, v in under(name, saved.tensors).items()} for name in ("average", "best")
        )
        restore_optimizer(self.optimizer, under("optimizer", saved.tensors))
        self.best_error_px, self.since_best = saved.best_error_px, saved.evaluations_since_best


@dataclass(frozen=True, eq=False)
class Stage:
    """A network with what it learns from and what it is judged by. Never test frames."""

    name: str
    network: Network
    batches: Batches
    validation: Sequence[Item]


ALONE = Alone()


def fit(
    stage: Stage, plan: Plan, clock: Clock, events: Events, resume: Checkpoint | None = None, team: Team = ALONE
) -> Fitted:
    """Trains until the clock is over or `events` cancels; a step whose loss is not finite is left out."""
    state = _State(stage.network, plan)
    if resume is not None:
        state.restore(resume)
    curve: list[dict[str, float]] = []
    error, evaluated, saved_at = math.nan, _evaluations(clock), time.monotonic()
    worst: list[Misplaced] = []
    stream = stage.batches.stream(clock.steps, plan.workers, team.rank, team.size)
    try:
        for batch in stream:
            loss = step(state, batch, plan, clock, team)
            if team.rank == 0 and (_evaluations(clock) > evaluated or clock.over):
                if evaluated < JUDGED_FROM <= _evaluations(clock):
                    state.best_error_px = math.inf
                evaluated = _evaluations(clock)
                error, worst = _evaluate(state, stage, plan)
                curve.append({"step": clock.steps, "seconds": clock.seconds, "loss": loss, "error_px": error})
                if state.since_best >= PATIENCE:
                    clock.finish_from(COOL_DOWN)
                    evaluated, state.since_best = _evaluations(clock), 0
            left = clock.seconds_left
            events.progress(Progress(stage.name, clock.fraction, clock.steps, loss, error, left, worst))
            abandoned = events.abandoned()
            stop = team.agree(clock, abandoned or clock.over or events.cancelled())
            if abandoned:
                events.checkpoint(state.checkpoint(stage.name, clock))
                raise Cancelled("the training was cancelled", fix="It can be gone on with.", code="cancelled")
            if stop:
                break
            if time.monotonic() - saved_at > CHECKPOINT_SECONDS:
                events.checkpoint(state.checkpoint(stage.name, clock))
                saved_at = time.monotonic()
    finally:
        stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    return Fitted(state.best, state.best_error_px, clock.steps, clock.seconds, curve, state.parts.count)


def step(state: _State, batch: Batch, plan: Plan, clock: Clock, team: Team = ALONE) -> float:
    """One step of the optimizer; the loss. Where a batch does not fit into memory, it is taken in parts."""
    network = state.network
    network.module.train()
    factor = learning_rate_factor(clock.steps, clock.fraction)
    for group in state.optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    while True:
        try:
            value = _gradients(state, batch, plan)
            break
        except (RuntimeError, MemoryError) as error:
            if not is_exhausted(error):
                raise
            state.optimizer.zero_grad(set_to_none=True)
            state.parts.halve(plan.device)
    team.average(network.module.parameters())
    norm = torch.nn.utils.clip_grad_norm_(network.module.parameters(), GRADIENT_LIMIT)
    if math.isfinite(value) and bool(torch.isfinite(norm)):
        state.optimizer.step()
    clock.steps += 1
    state.follow(clock.steps)
    return value


def _gradients(state: _State, batch: Batch, plan: Plan) -> float:
    """Adds up the gradients of all parts of a batch; the loss."""
    state.optimizer.zero_grad(set_to_none=True)
    total = 0.0
    for part in state.parts.slices(len(batch.images)):
        images, points, states = (
            torch.from_numpy(a[part]).to(plan.device) for a in (batch.images, batch.points, batch.states)
        )
        with torch.autocast(plan.device, torch.bfloat16, enabled=plan.precision == "bfloat16"):
            outputs = state.network.outputs(images)
        loss = state.network.loss(outputs, Truth(points, states)).mean(state.keypoint_weights)
        loss = loss * (len(images) / len(batch.images))
        loss.backward()
        total += float(loss.detach())
    return total


def learning_rate_factor(steps: int, fraction: float) -> float:
    """Linear warm-up, then constant, then a cosine to zero from COOL_DOWN on."""
    warm = min(1.0, (steps + 1) / WARM_UP_STEPS)
    cooling = max(0.0, (fraction - COOL_DOWN) / (1 - COOL_DOWN))
    return warm * (0.5 + 0.5 * math.cos(math.pi * min(1.0, cooling)))


def _evaluations(clock: Clock) -> int:
    return int(clock.fraction / EVALUATE_EVERY)


def _optimizer(network: Network, plan: Plan) -> torch.optim.Optimizer:
    """AdamW; a pretrained body learns more gently; biases and norms do not decay."""
    body = {id(p) for p in body_parameters(network.module)}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in network.module.parameters():
        rate = plan.body_learning_rate if id(parameter) in body else plan.learning_rate
        decay = plan.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": p, "lr": rate, "base_lr": rate, "weight_decay": decay} for (rate, decay), p in groups.items()],
        fused=True,
    )


def _evaluate(state: _State, stage: Stage, plan: Plan) -> tuple[float, list[Misplaced]]:
    """Mean error of the averaged weights on the validation frames, and the worst; keeps them if they are the best."""
    module = state.network.module
    training = {k: v.detach().clone() for k, v in module.state_dict().items()}
    module.load_state_dict(state.average)
    at_once = max(1, plan.batch_size // state.parts.count)
    batches = plain_batches(stage.validation, stage.batches.load, at_once)
    misplaced: list[Misplaced] = []
    error = validation_error(state.network, batches, plan.device, misplaced.append)
    module.load_state_dict(training)
    if error < 0.99 * state.best_error_px:
        state.since_best = 0
    else:
        state.since_best += 1
    if math.isnan(error) or error <= state.best_error_px:  # without validation frames the last is the best
        state.best_error_px = error
        state.best = {k: v.clone() for k, v in state.average.items()}
    return error, sorted(misplaced, key=lambda m: -m.error_px)[:WORST]


@torch.inference_mode()
def validation_error(
    network: Network,
    batches: Iterator[tuple[Batch, Sequence[Item]]],
    device: str,
    found: Callable[[Misplaced], object] = lambda _: None,
) -> float:
    """Mean distance in frame pixels between labelled points and what is decoded (the nearest of several animals).

    `found` is told of every item that has a labelled point.
    """
    network.module.eval()
    errors = []
    for batch, items in batches:
        decoded = network.decode(network.outputs(torch.from_numpy(batch.images).to(device))).cpu().numpy()
        for item, poses in zip(items, decoded):
            decoded_xy = item.view.inverse(poses[..., :2].astype(np.float64))  # (N', K, 2)
            own = []
            for points, states in zip(item.points, item.states):
                nearest = np.linalg.norm(decoded_xy - points, axis=-1).min(axis=0)  # (K,)
                own.append(nearest[states >= State.OCCLUDED])
            errors += own
            if sum(map(len, own)):
                found(Misplaced(item.key, float(np.concatenate(own).mean()), decoded_xy))
    every = np.concatenate(errors) if errors else np.zeros(0)
    return float(every.mean()) if len(every) else math.nan
