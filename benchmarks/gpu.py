"""How fast a GPU trains: the time of a step by network, batch and precision; and how fast threads prepare pictures.

    python benchmarks/gpu.py [--networks unet mobilenetv2 resnet50] [--batches 8 16 32 64] [--side 192] [--device cuda]

A step is the one of `training/learner.py`, recorded as a CUDA graph as in a training, and with its commands given one
by one, which shows how much of it is waiting for them. Made-up pictures; the mean of 30 steps after 10.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from unittest.mock import patch

import numpy as np
import torch

from krolik.networks import build
from krolik.networks.spec import NetworkSpec
from krolik.poses import FrameKey, State
from krolik.process import prepare
from krolik.training import recording
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batch, Batches, Item
from krolik.training.fingerprint import DataFingerprint, Headings
from krolik.training.image_cache import ImageCache
from krolik.training.learner import Learner
from krolik.training.machine import measure_machine
from krolik.training.plan import Settings, decide
from krolik.views import View

KEYPOINTS, STEPS, FIRST = 8, 30, 10
NEVER = 10**9
TURNS = Headings(0.2, 0.5, 20.0, 20.0)
SHARES = (0.16, 0.2, 0.23)
DATA = DataFingerprint(100, ((640, 480),), 1, 150.0, 130.0, SHARES, 1.3, 0.3, TURNS, 0.0, 0, (100,) * KEYPOINTS)


def step_of(name: str, side: int, batch: int, bf16: bool, device: str) -> Callable[[], object]:
    """A step of training on made-up pictures."""
    precision = "bfloat16" if bf16 else "float32"
    settings = Settings(name, pipeline="whole", input_px=side, batch_size=batch, overrides={"precision": precision})
    plan = replace(decide(DATA, measure_machine(), settings), device=device)
    learner = Learner(build(NetworkSpec(name, KEYPOINTS, (side, side), plan.sigma_px, plan.width)), plan)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (batch, side, side, 3), np.uint8)
    points = rng.uniform(0, side, (batch, 1, KEYPOINTS, 2)).astype(np.float32)
    made = Batch(images, points, np.full(points.shape[:3], State.VISIBLE, np.int8))
    return lambda: learner.step(made, 100, 1.0)


def milliseconds(step: Callable[[], object]) -> float:
    for _ in range(FIRST):
        step()
    started = time.perf_counter()
    for _ in range(STEPS):
        step()  # each ends with a number on the host, so nothing is still under way
    return 1e3 * (time.perf_counter() - started) / STEPS


def pictures_per_second(side: int, workers: int) -> float:
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    points = np.full((1, KEYPOINTS, 2), 240.0, np.float32)
    states = np.full((1, KEYPOINTS), State.VISIBLE, np.int8)
    item = Item(FrameKey("v", 0), View.crop((320.0, 240.0), (side, side), 1.0), points, states)
    images = ImageCache(lambda key: image)
    stream = Batches([item] * 64, images, AugmentationRanges(), np.arange(KEYPOINTS), 8, 0).stream(0, workers)
    for _ in range(10):
        next(stream)
    started = time.perf_counter()
    for _ in range(100):
        next(stream)
    rate = 800 / (time.perf_counter() - started)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    return rate


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["unet", "mobilenetv2", "resnet50"])
    parser.add_argument("--batches", nargs="+", type=int, default=[8, 16, 32, 64])
    parser.add_argument("--side", type=int, default=192, help="of a picture, in pixels")
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    cuda = arguments.device == "cuda"
    print(torch.cuda.get_device_name() if cuda else "cpu", torch.__version__)
    for workers in (1, 2, 4, 8):
        print(f"{workers} threads prepare {pictures_per_second(arguments.side, workers):.0f} pictures/s")
    for name in arguments.networks:
        for batch in arguments.batches:
            for bf16 in (False, True):
                wanted = name, arguments.side, batch, bf16, arguments.device
                said = f"{name} batch {batch} {'bfloat16' if bf16 else 'float32'}: "
                if cuda:
                    said += f"recorded {milliseconds(step_of(*wanted)):.1f} ms a step, one by one "
                with patch.object(recording, "PLAIN", NEVER):
                    print(f"{said}{milliseconds(step_of(*wanted)):.1f} ms", flush=True)


if __name__ == "__main__":
    main()
