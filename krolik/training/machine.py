"""What the machine is and what it does fast: measured, not assumed."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class MachineFingerprint:
    """bf16_speedup: how many times faster a training step is in bfloat16 than in float32, measured in a second."""

    cores: int
    device: str  # "cpu" or "cuda"
    device_name: str
    bf16_speedup: float

    def to_json(self) -> dict:
        return asdict(self)


def core_count() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def measure_machine() -> MachineFingerprint:
    """Takes about a second."""
    import torch

    cores = core_count()
    torch.set_num_threads(cores)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    return MachineFingerprint(cores, device, name, _bf16_speedup(device))


def _bf16_speedup(device: str) -> float:
    """Seconds of a step in float32 over seconds in bfloat16. The slower one is given up after half a second."""
    import torch
    from torch import nn

    module = nn.Sequential(
        nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1), nn.Conv2d(32, 8, 1)
    ).to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    images = torch.zeros(4, 16, 64, 64, device=device).contiguous(memory_format=torch.channels_last)

    def seconds_per_step(enabled: bool) -> float:
        times = []
        deadline = time.perf_counter() + 0.5
        while len(times) < 12 and (time.perf_counter() < deadline or len(times) < 2):
            started = time.perf_counter()
            with torch.autocast(device, torch.bfloat16, enabled=enabled):
                module(images).float().square().mean().backward()
            if device == "cuda":
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
        return min(times)

    return seconds_per_step(False) / seconds_per_step(True)
