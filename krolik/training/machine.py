"""What the machine is and what it does fast: measured, not assumed."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

from krolik.errors import StorageError
from krolik.files import replacing
from krolik.folders import cache_folder

MEASURE_SECONDS = 1.5
REMEMBERED = "machine.json"  # in the cache: a choice that is measured anew each time could differ from run to run
LEAST_MEASURED = 5


@dataclass(frozen=True)
class MachineFingerprint:
    """bf16_speedup: how many times faster a training step is in bfloat16 than in float32, measured in a second.

    It is 0 where the processor can only emulate bfloat16.
    """

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
    """Takes a second or two the first time; then what was measured on this machine is remembered."""
    torch, cores = _torch_build(), core_count()
    gpu = _gpu() if torch.cuda or torch.hip else ""
    device, name = ("cuda", gpu) if gpu else ("cpu", platform.processor() or platform.machine())
    key = f"{device} {name} {_processor()} cores {cores} torch {torch.__version__}"
    return MachineFingerprint(cores, device, name, remembered(key, lambda: _bf16_speedup(device, cores)))


def _torch_build():
    """What torch was built for (`__version__`, `cuda`, `hip`), without the second or two that importing it takes."""
    found = find_spec("torch")
    assert found is not None and found.submodule_search_locations  # it is installed with Krolik
    place = Path(found.submodule_search_locations[0]) / "version.py"
    spec = spec_from_file_location("torch_version", place)
    assert spec is not None and spec.loader is not None  # as for every .py file
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _gpu() -> str:
    """The name of the GPU that torch would use; "" if it finds none."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def remembered(key: str, measure: Callable[[], float]) -> float:
    """What was measured under this key on this machine, now or earlier."""
    known = _remembered()
    if key not in known:
        known[key] = measure()
        _remember(known)
    return known[key]


def _processor() -> str:
    """What tells one processor from another, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def _remembered() -> dict[str, float]:
    try:
        found = json.loads((cache_folder() / REMEMBERED).read_text("utf-8"))
        return {str(k): float(v) for k, v in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _remember(known: dict[str, float]) -> None:
    with suppress(StorageError), replacing(cache_folder() / REMEMBERED) as partial:
        partial.write_text(json.dumps(known), "utf-8")


def _bf16_in_hardware(device: str) -> bool:
    """Whether bfloat16 is more than an emulation; emulated, it can be a hundred times slower."""
    import torch

    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if platform.machine().lower() in ("arm64", "aarch64"):
        return True  # to be measured
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def _bf16_speedup(device: str, cores: int) -> float:
    """Seconds of a step in float32 over seconds in bfloat16; 0 where the hardware has no bfloat16.

    The two take turns and the fastest of each counts, so that other programs on the machine do not decide.
    """
    import torch
    from torch import nn

    if not _bf16_in_hardware(device):
        return 0.0
    torch.set_num_threads(cores)
    module = nn.Sequential(
        nn.Conv2d(16, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1), nn.Conv2d(32, 8, 1)
    ).to(device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    images = torch.zeros(4, 16, 64, 64, device=device).contiguous(memory_format=torch.channels_last)

    def seconds(enabled: bool) -> float:
        started = time.perf_counter()
        with torch.autocast(device, torch.bfloat16, enabled=enabled):
            module(images).float().square().mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    times: dict[bool, list[float]] = {False: [], True: []}
    deadline = time.perf_counter() + MEASURE_SECONDS
    while len(times[True]) < LEAST_MEASURED or time.perf_counter() < deadline:
        for enabled, measured in times.items():
            measured.append(seconds(enabled))
    return min(times[False]) / min(times[True])
