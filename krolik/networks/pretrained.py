"""Pretrained bodies: which part of a network a checkpoint fills, and filling it."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from krolik.errors import InvalidFile


def body_names(module: torch.nn.Module) -> list[str]:
    """The names of all that a checkpoint of the body fills; none for a network without a pretrained body."""
    prefixes: tuple[str, ...] = getattr(module, "body_prefixes", ())
    counters = ".num_batches_tracked"
    return [name for name in module.state_dict() if name.startswith(prefixes) and not name.endswith(counters)]


def body_parameters(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters among them, to be trained more gently than the rest."""
    names = set(body_names(module))
    return [parameter for name, parameter in module.named_parameters() if name in names]


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises InvalidFile, also for values that are not finite."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidFile(f"not a readable safetensors file ({error})", path) from error
    for name, tensor in tensors.items():
        if tensor.dtype.is_floating_point and not torch.isfinite(tensor).all():
            raise InvalidFile(f"{name} holds values that are not finite", path)
    return tensors


def load_body(module: torch.nn.Module, path: Path) -> None:
    """Fills the body of a network (all but what leads to its head) from a checkpoint.

    Raises InvalidFile when the file is no checkpoint, holds values that are not finite, or fits another width.
    """
    tensors, own = read(path), module.state_dict()
    # without normalisation the checkpoint has it folded in; with it, it brings its statistics along
    wanted = [name for name in body_names(module) if ".norm." not in name]
    missing = [name for name in wanted if name not in tensors]
    if missing or not wanted:
        raise InvalidFile(f"no weights for this network (it lacks {missing[0] if missing else 'a body'})", path)
    for name in wanted:
        if tensors[name].shape != own[name].shape:
            have, need = tuple(tensors[name].shape), tuple(own[name].shape)
            raise InvalidFile(f"weights of another width: {name} is {have}, not {need}", path, "Set --width to fit.")
        own[name].copy_(tensors[name].float())
