"""How many pictures a GPU trains on at a time: measured with the network's own steps, on made-up pictures.

A processor is best served by few pictures (many small steps learn most per minute). A large GPU needs hardly longer for
32 than for 8, since it waits for the next command most of the time; for a small one every picture costs.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from krolik.networks import build
from krolik.networks.spec import NetworkSpec
from krolik.poses import State
from krolik.training.arithmetic import steady_arithmetic
from krolik.training.batches import Batch
from krolik.training.learner import Learner
from krolik.training.machine import remembered
from krolik.training.plan import Plan
from krolik.training.recording import PLAIN

SIZES = (8, 16, 32)  # with 64, the fewer steps cost more than the further pictures gain (docs/benchmarks.md)
WORTH = 1.4  # of two sizes the larger is taken if its steps take less than so many times as long
FIRST, TIMES = PLAIN + 3, 10  # steps that are not counted: the first of them record; and those of which the fastest is
MANY = 1000  # steps, of which these would be the first


def measured_batch_size(plan: Plan, spec: NetworkSpec) -> tuple[int, str]:
    """The size for this plan on its GPU, and the reason. Remembered, so that the same training is the same again."""
    key = f"steps {torch.cuda.get_device_name()} torch {torch.__version__} {plan.precision} {spec.to_json()}"
    size = int(remembered(key, lambda: float(_largest_worthwhile(plan, spec))))
    return size, f"measured here: of {', '.join(map(str, SIZES))} the largest whose steps are hardly slower"


def _largest_worthwhile(plan: Plan, spec: NetworkSpec) -> int:
    best, before = SIZES[0], float("inf")
    for size in SIZES:
        with steady_arithmetic(plan.device):
            seconds = _seconds(spec, replace(plan, batch_size=size))
        torch.cuda.empty_cache()
        if seconds is None or seconds > WORTH * before:
            break
        best, before = size, seconds
    return best


def _seconds(spec: NetworkSpec, plan: Plan) -> float | None:
    """The fastest of a few steps, recorded as those of a training are; None where a batch had to be divided.

    Raises StorageError where not even one picture fits into memory.
    """
    learner, batch = Learner(build(spec), plan), _made_up(spec, plan)
    taken = []
    for _ in range(FIRST + TIMES):
        started = time.perf_counter()
        learner.step(batch, MANY, 1.0)  # its loss is read, so it is over
        taken.append(time.perf_counter() - started)
    return min(taken[FIRST:]) if learner.parts.count == 1 else None


def _made_up(spec: NetworkSpec, plan: Plan) -> Batch:
    """Noise, with every keypoint in the middle."""
    width, height = plan.input_size
    images = np.random.default_rng(0).integers(0, 256, (plan.batch_size, height, width, 3), np.uint8)
    points = np.full((plan.batch_size, 1, spec.keypoints, 2), min(plan.input_size) / 2, np.float32)
    return Batch(images, points, np.full(points.shape[:3], State.VISIBLE, np.int8), [])
