"""Locks of this computer's processes: who is alive, who has the device. The system frees them when a process ends."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from pathlib import Path

from filelock import FileLock, Timeout

from krolik.folders import state_folder
from krolik.project import ProjectFile


def host() -> str:
    """This computer's name, by which a job of another one is told apart."""
    return platform.node() or "unknown"


def life_lock(file: ProjectFile, job: int) -> FileLock:
    """What a job's process holds while it lives. It belongs to this project at this place, not to copies of it."""
    place = hashlib.sha256(f"{file.path.resolve()} {file.get('uuid')}".encode()).hexdigest()[:16]
    return _lock(f"{place}-{job}")


def device_lock(lane: str) -> FileLock:
    """What the one job has that uses a lane of this computer: trainings share no device."""
    devices = os.environ.get("CUDA_VISIBLE_DEVICES", "all")
    return _lock(f"{lane}-{re.sub(r'[^A-Za-z0-9]+', '_', f'{host()}-{devices}')}")


def _lock(name: str) -> FileLock:
    folder = state_folder() / "jobs"
    folder.mkdir(parents=True, exist_ok=True)
    return FileLock(folder / f"{name}.lock", thread_local=False)


def is_held(lock: FileLock) -> bool:
    """Whether some process holds it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def log_path(file: ProjectFile, job: int) -> Path:
    """Where the output of a job's process goes: what a crash says that the row could not."""
    return Path(life_lock(file, job).lock_file).with_suffix(".log")
