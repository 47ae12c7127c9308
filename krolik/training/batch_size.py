"""How many pictures a GPU trains on at a time: measured with the network itself, on made-up pictures.

A processor is best served by few pictures (many small steps learn most per minute). A large GPU needs as long for 32 as
for 8, since it waits for the next command most of the time; for a small one every picture costs.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from krolik.networks import build
from krolik.networks.network import Truth
from krolik.networks.spec import NetworkSpec
from krolik.poses import State
from krolik.training.machine import remembered
from krolik.training.memory import is_exhausted
from krolik.training.plan import Plan

SIZES = (8, 16, 32)  # with 64, the fewer steps cost more than the further pictures gain (docs/benchmarks.md)
WORTH = 1.4  # of two sizes the larger is taken if its steps take less than so many times as long
TIMES = 5


def measured_batch_size(plan: Plan, spec: NetworkSpec) -> tuple[int, str]:
    """The size for this plan on its GPU, and the reason. Remembered, so that the same training is the same again."""
    key = f"batch {torch.cuda.get_device_name()} torch {torch.__version__} {plan.precision} {spec.to_json()}"
    size = int(remembered(key, lambda: float(_largest_worthwhile(plan, spec))))
    return size, f"measured here: of {', '.join(map(str, SIZES))} the largest whose steps are hardly slower"


def _largest_worthwhile(plan: Plan, spec: NetworkSpec) -> int:
    network = build(spec)
    network.module.to(plan.device, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
    best, before = SIZES[0], float("inf")
    for size in SIZES:
        try:
            seconds = _seconds(network, plan, size)
        except (RuntimeError, MemoryError) as error:
            if not is_exhausted(error):
                raise
            break
        if seconds > WORTH * before:
            break
        best, before = size, seconds
    del network
    torch.cuda.empty_cache()
    return best


def _seconds(network, plan: Plan, size: int) -> float:
    """The fastest of a few times forwards and backwards."""
    width, height = plan.input_size
    images = torch.from_numpy(np.random.default_rng(0).integers(0, 255, (size, height, width, 3), np.uint8))
    points = torch.full((size, 1, network.spec.keypoints, 2), min(plan.input_size) / 2)
    states = torch.full(points.shape[:3], int(State.VISIBLE), dtype=torch.int8)
    taken = []
    for _ in range(TIMES):
        started = time.perf_counter()
        with torch.autocast(plan.device, torch.bfloat16, enabled=plan.precision == "bfloat16"):
            outputs = network.outputs(images.to(plan.device))
        truth = Truth(points.to(plan.device), states.to(plan.device))
        network.loss(outputs, truth).mean().backward()
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - started)
    return min(taken)
