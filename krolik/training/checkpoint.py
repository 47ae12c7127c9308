"""A training as bytes, to go on from exactly: weights, their average, the optimizer's state, the clock.

The format is safetensors with a JSON header; nothing in it can run code.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields

import torch
from safetensors.torch import load, save


@dataclass
class Checkpoint:
    """Where a stage stands. `tensors` holds everything that is a tensor, under a prefix per owner."""

    stage: str
    steps: int
    seconds: float
    budget_seconds: float | None  # the stage's budget, which early stopping may have shortened
    budget_steps: int | None
    best_error_px: float
    evaluations_since_best: int
    earlier_seconds: float  # of the stages before
    tensors: dict[str, torch.Tensor] = field(repr=False)

    @property
    def total_seconds(self) -> float:
        return self.earlier_seconds + self.seconds

    def to_bytes(self) -> bytes:
        header = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tensors"}
        return save({k: v.contiguous() for k, v in self.tensors.items()}, {"krolik": json.dumps(header)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["krolik"])
        return cls(**header, tensors=load(data))


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The state of each parameter, by the parameter's place in the groups."""
    state = optimizer.state_dict()["state"]
    return {f"{place}.{name}": torch.as_tensor(v) for place, values in state.items() for name, v in values.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """The inverse of `optimizer_tensors`.

    Moments get their parameter's memory layout: the fused optimizer walks through both as through one.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        place, name = key.split(".", 1)
        parameter = parameters[int(place)]
        fits = value.shape == parameter.shape
        state.setdefault(int(place), {})[name] = torch.empty_like(parameter).copy_(value) if fits else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}/{name}": value.detach().clone() for name, value in tensors.items()}


def under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of one owner, without its prefix."""
    return {name.removeprefix(prefix + "/"): v for name, v in tensors.items() if name.startswith(prefix + "/")}
