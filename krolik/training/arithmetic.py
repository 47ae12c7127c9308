"""How the numbers of a training are computed: without denormals, and on a GPU the same each time."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def steady_arithmetic(device: str) -> Iterator[None]:
    """For the time of a training; afterwards arithmetic is what it was.

    Numbers too small to matter slow a processor down a hundredfold: they become zero. On a GPU the same seed gives the
    same model, too, wherever there is a way to compute that repeats.
    """
    torch.set_flush_denormal(True)
    repeatable, memory = device == "cuda", torch.utils.deterministic
    filled: bool = memory.fill_uninitialized_memory  # pyright: ignore[reportAttributeAccessIssue]
    if repeatable:
        torch.use_deterministic_algorithms(True, warn_only=True)
        # nothing here reads what it did not write
        memory.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic.*")
            yield
    finally:
        torch.set_flush_denormal(False)
        if repeatable:
            torch.use_deterministic_algorithms(False)
            memory.fill_uninitialized_memory = filled  # pyright: ignore[reportAttributeAccessIssue]
