"""Processes that train one network together, and the one that trains alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch

from krolik.training.budget import Budget, Clock


class Team(Protocol):
    """The processes of a training. The first leads: it alone evaluates, reports and keeps checkpoints."""

    rank: int
    size: int

    def average(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Makes the gradients of all processes their mean."""
        ...

    def agree(self, clock: Clock, stop: bool) -> bool:
        """Gives every process the leader's clock, and the leader's word on whether to stop."""
        ...


class Alone:
    """A team of one."""

    rank, size = 0, 1

    def average(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Nothing to do."""

    def agree(self, clock: Clock, stop: bool) -> bool:
        return stop


class Together:
    """A team whose processes speak through Lightning Fabric."""

    def __init__(self, fabric):
        self._fabric = fabric
        self.rank, self.size = fabric.global_rank, fabric.world_size

    def average(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.reshape(-1) for g in gradients])
        means = self._fabric.all_reduce(flat, reduce_op="mean").split([g.numel() for g in gradients])
        for gradient, mean in zip(gradients, means):
            gradient.copy_(mean.view_as(gradient))

    def agree(self, clock: Clock, stop: bool) -> bool:
        budget = clock.budget
        now = [clock.seconds, budget.seconds or 0.0, float(budget.steps or 0), float(stop)]
        told = torch.tensor(now, dtype=torch.float64, device=self._fabric.device)
        torch.distributed.broadcast(told, src=0)
        seconds, budget_seconds, budget_steps, stopped = told.tolist()
        if self.rank:
            clock.set(seconds, Budget(budget_seconds or None, int(budget_steps) or None))
        return bool(stopped)
