"""What learns: a network with its optimizer and the moving average of its weights, one step at a time."""

from __future__ import annotations

import torch

from krolik.networks.network import Network, Truth
from krolik.networks.pretrained import body_parameters
from krolik.training.batches import Batch
from krolik.training.checkpoint import optimizer_tensors, prefixed, restore_optimizer, under
from krolik.training.memory import Parts, is_exhausted
from krolik.training.plan import Plan
from krolik.training.recording import Recorded
from krolik.training.team import Alone, Team

GRADIENT_LIMIT = 5.0
ALONE = Alone()


class Learner:
    """A network on the plan's device. `average` has the weights that are judged and kept."""

    def __init__(self, network: Network, plan: Plan, team: Team = ALONE):
        self.network, self.plan, self.team = network, plan, team
        network.module.to(plan.device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.optimizer = _optimizer(network, plan)
        self._now = network.module.state_dict()  # the tensors themselves, which stay where they are
        self.average = {k: v.detach().clone() for k, v in self._now.items()}
        self.parts = Parts(plan.batch_size)
        # a locator has one keypoint, whatever the plan's keypoints weigh
        weights = plan.keypoint_weights if len(plan.keypoint_weights) == network.spec.keypoints else (1.0,)
        self._keypoint_weights = torch.tensor(weights, device=plan.device)
        self._pace = _dial(0.0, plan.device)
        self._recorded = Recorded() if plan.device == "cuda" and team.size == 1 else None

    def step(self, batch: Batch, steps: int, factor: float) -> float:
        """The loss of one step of the optimizer, the one after `steps`, at `factor` times the learning rates.

        Where a batch does not fit into memory, it is taken in parts. A loss that is not finite changes no weight.
        """
        self.network.module.train()
        for group in self.optimizer.param_groups:
            group["lr"] = _turned(group["lr"], group["base_lr"] * factor)
        self._pace = _turned(self._pace, 1 - min(self.plan.average_decay, (2 + steps) / (11 + steps)))
        while True:
            try:
                loss = float(self._computed(batch))
                break
            except (RuntimeError, MemoryError) as error:
                if not is_exhausted(error):
                    raise
                self.optimizer.zero_grad(set_to_none=True)
                self.parts.halve(self.plan.device)
        return loss

    def _computed(self, batch: Batch) -> torch.Tensor:
        arrays = batch.images, batch.points, batch.states
        if self._recorded is not None and self.parts.count == 1:
            return self._recorded(self._learn, *arrays)
        return self._learn(*(torch.from_numpy(array) for array in arrays))

    def _learn(self, images: torch.Tensor, points: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """Adds up the gradients of all parts of a batch, takes the step, and moves the average after it; the loss."""
        self.optimizer.zero_grad(set_to_none=True)
        device, total = self.plan.device, torch.zeros((), device=self.plan.device)
        for part in self.parts.slices(len(images)):
            seen, truth = images[part].to(device), Truth(points[part].to(device), states[part].to(device))
            with torch.autocast(device, torch.bfloat16, enabled=self.plan.precision == "bfloat16"):
                outputs = self.network.outputs(seen)
            loss = self.network.loss(outputs, truth).mean(self._keypoint_weights) * (len(seen) / len(images))
            loss.backward()
            total = total + loss.detach()
        parameters = list(self.network.module.parameters())
        self.team.average(parameters)
        norm = torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_LIMIT)
        # the fused optimizer leaves out a step with this number at 1, without the processor's asking for it
        self.optimizer.found_inf = (~(total.isfinite() & norm.isfinite())).float()  # pyright: ignore
        self.optimizer.step()
        for name, now in self._now.items():
            if now.is_floating_point():
                self.average[name].lerp_(now, self._pace)
            else:
                self.average[name].copy_(now)
        return total

    def tensors(self) -> dict[str, torch.Tensor]:
        """All that a checkpoint needs."""
        return {
            **prefixed("weights", self._now),
            **prefixed("average", self.average),
            **prefixed("optimizer", optimizer_tensors(self.optimizer)),
        }

    def restore(self, tensors: dict[str, torch.Tensor]) -> None:
        """The inverse of `tensors`."""
        self.network.module.load_state_dict(under("weights", tensors))
        self.average = {k: v.to(self.plan.device) for k, v in under("average", tensors).items()}
        restore_optimizer(self.optimizer, under("optimizer", tensors))


def _optimizer(network: Network, plan: Plan) -> torch.optim.Optimizer:
    """AdamW; a pretrained body learns more gently; biases and norms do not decay."""
    body = {id(p) for p in body_parameters(network.module)}
    groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for parameter in network.module.parameters():
        rate = plan.body_learning_rate if id(parameter) in body else plan.learning_rate
        decay = plan.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return torch.optim.AdamW(
        [
            {"params": p, "lr": _dial(rate, plan.device), "base_lr": rate, "weight_decay": decay}
            for (rate, decay), p in groups.items()
        ],
        fused=True, capturable=plan.device == "cuda",
    )  # fmt: skip


def _dial(value: float, device: str) -> float | torch.Tensor:
    """A number that changes from step to step: on a GPU a tensor, where recorded commands find its present value."""
    return torch.tensor(value, device=device) if device == "cuda" else value


def _turned(dial: float | torch.Tensor, value: float) -> float | torch.Tensor:
    return dial.fill_(value) if isinstance(dial, torch.Tensor) else value
