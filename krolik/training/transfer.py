"""Going on from an earlier model: its weights, and of its head what belongs to keypoints of the same name."""

from __future__ import annotations

import torch
from safetensors.torch import load as load_tensors
from torch import nn

from krolik.networks.network import Network
from krolik.training.origin import Origin


def transfer(network: Network, origin: Origin, stage: str, names: list[str], own: list[str]) -> int:
    """Fills a network from a stage of an earlier model; how many keypoints of `names` it knew (`own` are its names).

    Layers of the same shape are taken over. Heads are taken over channel by channel, for keypoints of the same name;
    the others keep their first weights.
    """
    tensors = _tensors(origin, stage)
    state, heads = network.module.state_dict(), _heads(network.module)
    for name, value in tensors.items():
        head = next((h for h in heads if name.startswith(f"{h}.")), None)
        if head is None and name in state and state[name].shape == value.shape:
            state[name].copy_(value)
    known = [(names.index(n), own.index(n)) for n in names if n in own]
    family = type(network)
    for to, source in known:
        into = family.keypoint_channels(len(names), to)  # pyright: ignore[reportAttributeAccessIssue]
        out_of = family.keypoint_channels(len(own), source)  # pyright: ignore[reportAttributeAccessIssue]
        for head, layer in heads.items():
            old = {part: tensors.get(f"{head}.{part}") for part in ("weight", "bias")}
            _copy_channels(layer, old, into, out_of)
    return len(known)


def _tensors(origin: Origin, stage: str) -> dict[str, torch.Tensor]:
    """The weights of a stage, by their names in its module."""
    prefix = f"{stage}."
    return {k.removeprefix(prefix): v for k, v in load_tensors(origin.weights).items() if k.startswith(prefix)}


def _heads(module: nn.Module) -> dict[str, nn.Conv2d | nn.ConvTranspose2d]:
    """The layers whose output channels are keypoints, by name."""
    return {n: m for n, m in module.named_modules() if "head" in n and isinstance(m, (nn.Conv2d, nn.ConvTranspose2d))}


def _copy_channels(
    layer: nn.Conv2d | nn.ConvTranspose2d, old: dict[str, torch.Tensor | None], into: list[int], out_of: list[int]
) -> None:
    channels = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
    weight, bias = old["weight"], old["bias"]
    with torch.no_grad():
        if weight is not None and weight.select(channels, 0).shape == layer.weight.select(channels, 0).shape:
            for to, source in zip(into, out_of):
                layer.weight.select(channels, to).copy_(weight.select(channels, source))
                if bias is not None and layer.bias is not None:
                    layer.bias[to] = bias[source]
