"""How fast a GPU trains: the time of a step by network, batch and precision; and how fast threads prepare pictures.

    python benchmarks/gpu.py [--networks unet mobilenetv2 resnet50] [--batches 8 16 32 64] [--side 192] [--device cuda]

A step is what `training/learner.py` does: pictures to the device, forwards, loss, backwards, the gradients' norm, AdamW,
the average of the weights; beside it the same step recorded as a CUDA graph, which shows how much of it is waiting for
commands. Made-up pictures; the mean of 30 steps after 5.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from krolik.networks import build, entry
from krolik.networks.network import NetworkSpec, Truth
from krolik.poses import FrameKey, State
from krolik.process import prepare
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batches, Item
from krolik.training.training_set import ImageCache
from krolik.views import View

KEYPOINTS, STEPS = 8, 30


class Training:
    """A network, its optimizer and a batch on the device."""

    def __init__(self, name: str, side: int, batch: int, bf16: bool, device: str, graphed: bool = False):
        self.network = build(NetworkSpec(name, KEYPOINTS, (side, side), 5.0, entry(name).width))
        self.network.module.to(device, memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
        rate = torch.tensor(1e-3, device=device) if graphed else 1e-3
        self.optimizer = torch.optim.AdamW(self.network.module.parameters(), lr=rate, fused=True, capturable=graphed)
        self.average = {k: v.detach().clone() for k, v in self.network.module.state_dict().items()}
        self.follow, self.bf16, self.device = get_ema_multi_avg_fn(0.99), bf16, device
        rng = np.random.default_rng(0)
        images = rng.integers(0, 255, (batch, side, side, 3), np.uint8)
        points = rng.uniform(0, side, (batch, 1, KEYPOINTS, 2)).astype(np.float32)
        self.host = [torch.from_numpy(a) for a in (images, points, np.full(points.shape[:3], State.VISIBLE, np.int8))]
        self.batch = [tensor.to(device) for tensor in self.host]

    def upload(self) -> None:
        for there, here in zip(self.batch, self.host):
            there.copy_(here, non_blocking=True)

    def compute(self) -> torch.Tensor:
        images, points, states = self.batch
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.bf16):
            outputs = self.network.outputs(images)
        loss = self.network.loss(outputs, Truth(points, states)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.module.parameters(), 5.0)
        self.optimizer.step()
        now = self.network.module.state_dict()
        moving = [name for name, value in now.items() if value.is_floating_point()]
        with torch.no_grad():
            self.follow([self.average[n] for n in moving], [now[n] for n in moving], 1)
        return loss.detach()

    def step(self) -> None:
        self.upload()
        float(self.compute())

    def graph(self) -> Callable[[], None]:
        """The same step, its commands recorded once."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(4):
                self.compute()
        torch.cuda.current_stream().wait_stream(stream)
        self.host = [tensor.pin_memory() for tensor in self.host]
        recorded = torch.cuda.CUDAGraph()
        with torch.cuda.graph(recorded):
            loss = self.compute()

        def replay() -> None:
            self.upload()
            recorded.replay()
            float(loss)

        return replay


def milliseconds(step: Callable[[], None]) -> float:
    for _ in range(5):
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
    stream = Batches([item], images, AugmentationRanges(), np.arange(KEYPOINTS), 8, 0).stream(0, workers)
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
                plain = milliseconds(Training(*wanted).step)
                said = f"{name} batch {batch} {'bfloat16' if bf16 else 'float32'}: {plain:.1f} ms a step"
                if cuda:
                    said += f", as a graph {milliseconds(Training(*wanted, graphed=True).graph()):.1f} ms"
                print(said, flush=True)


if __name__ == "__main__":
    main()
