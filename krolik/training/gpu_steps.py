"""What a GPU's steps cost, measured with the network itself: by that, its batch and its precision are chosen.

Many small steps learn most per minute. But a large GPU may need hardly longer for 32 pictures than for 8, if they are
prepared as fast; for a small one, and for threads that are slow to prepare them, every picture costs.
"""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from krolik.networks import build
from krolik.networks.spec import NetworkSpec
from krolik.poses import FrameKey, State
from krolik.training.arithmetic import steady_arithmetic
from krolik.training.batches import Batch, Batches, Item
from krolik.training.image_cache import ImageCache
from krolik.training.learner import Learner
from krolik.training.machine import remembered
from krolik.training.plan import Plan, choose_precision
from krolik.training.recording import PLAIN
from krolik.views import View

SIZES = (8, 16, 32)  # with 64, the fewer steps cost more than the further pictures gain (docs/benchmarks.md)
WORTH = 1.4  # of two sizes the larger is taken if its steps take less than so many times as long
FIRST = PLAIN + 1  # steps that do not count: the last of them is recorded
TIMES, FEWEST, LONG_SECONDS = 10, 2, 1.0  # of so many the fastest counts; of fewer once they take long
MANY = 1000  # steps, of which these would be the first
FRAMES = 64  # in an epoch: its order, too, takes time to be made


def measured_batch_size(plan: Plan, spec: NetworkSpec) -> tuple[int, str]:
    """The size for this plan on its GPU, and the reason. Remembered, so that the same training is the same again."""
    key = f"batch {_gpu()} {plan.precision} threads {plan.workers} {spec.to_json()}"
    size = int(remembered(key, lambda: float(_largest_worthwhile(plan, spec))))
    return size, f"measured here: of {', '.join(map(str, SIZES))} the largest whose steps are hardly slower"


def measured_precision(plan: Plan, spec: NetworkSpec) -> tuple[str, str]:
    """The precision for this plan on a GPU that has both, and the reason. Remembered, too."""
    key = f"bfloat16 {_gpu()} {spec.to_json()}"
    return choose_precision(remembered(key, lambda: _bf16_speedup(plan, spec)))


def _gpu() -> str:
    return f"{torch.cuda.get_device_name()} torch {torch.__version__}"


def _largest_worthwhile(plan: Plan, spec: NetworkSpec) -> int:
    best, before, preparing = SIZES[0], float("inf"), _seconds_of_a_picture(plan)
    for size in SIZES:
        learning, whole = _seconds_of_a_step(spec, replace(plan, batch_size=size))
        seconds = max(learning, size * preparing)
        if not whole or seconds > WORTH * before:
            break
        best, before = size, seconds
    return best


def _bf16_speedup(plan: Plan, spec: NetworkSpec) -> float:
    few = replace(plan, batch_size=SIZES[0])
    (plain, _), (short, _) = (_seconds_of_a_step(spec, replace(few, precision=p)) for p in ("float32", "bfloat16"))
    return plain / short


def _seconds_of_a_step(spec: NetworkSpec, plan: Plan) -> tuple[float, bool]:
    """The fastest of a few steps, recorded as those of a training are, and whether a batch fits undivided into memory.

    Raises StorageError where not even one picture fits into memory.
    """
    with steady_arithmetic(plan.device):
        learner, batch, taken = Learner(build(spec), plan), _made_up(spec, plan), []
        while len(taken) < FIRST + TIMES and (len(taken) < FIRST + FEWEST or sum(taken) < LONG_SECONDS):
            started = time.perf_counter()
            learner.step(batch, MANY, 1.0)  # its loss is read, so it is over
            taken.append(time.perf_counter() - started)
    whole = learner.parts.count == 1
    del learner
    torch.cuda.empty_cache()
    return min(taken[FIRST:]), whole


def _made_up(spec: NetworkSpec, plan: Plan) -> Batch:
    """Noise, with every keypoint in the middle."""
    width, height = plan.input_size
    images = np.random.default_rng(0).integers(0, 256, (plan.batch_size, height, width, 3), np.uint8)
    points = np.full((plan.batch_size, 1, spec.keypoints, 2), min(plan.input_size) / 2, np.float32)
    return Batch(images, points, np.full(points.shape[:3], State.VISIBLE, np.int8))


def _seconds_of_a_picture(plan: Plan) -> float:
    """How long the plan's threads need for one, together."""
    width, height = plan.input_size
    frame = np.random.default_rng(0).integers(0, 256, (2 * height, 2 * width, 3), np.uint8)
    view = View.crop((width, height), plan.input_size)
    # an animal half as large as the picture, which may be laid beside others
    points = np.array([[[-0.25, 0], [0.25, 0], [0, 0.25]]], np.float32) * min(plan.input_size) + (width, height)
    item = Item(FrameKey("", 0), view, points.astype(np.float32), np.full((1, 3), State.VISIBLE, np.int8))
    images = ImageCache(lambda _: frame)
    batches = Batches([item] * FRAMES, images, plan.augmentation, np.arange(3), SIZES[0], 0)
    stream = batches.stream(0, plan.workers)
    for _ in range(TIMES):
        next(stream)
    started = time.perf_counter()
    for _ in range(2 * TIMES):
        next(stream)
    seconds = time.perf_counter() - started
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    return seconds / (2 * TIMES * SIZES[0])
