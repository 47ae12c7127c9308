"""Networks: each an adapter pair (targets, decoding) around a module. Importing this pulls in no torch."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from krolik.errors import InvalidSetting

if TYPE_CHECKING:
    from krolik.networks.network import Network, NetworkSpec

# The names that `--network` takes: the backbone's module, and the family that encodes and decodes for it.
NETWORKS = {
    "unet": ("krolik.networks.backbones.unet", "krolik.networks.heatmap_offset:HeatmapOffset"),
    "mobilenetv2": ("krolik.networks.backbones.mobilenetv2", "krolik.networks.heatmap_offset:HeatmapOffset"),
}


def check_name(name: str) -> str:
    """The name itself. Raises InvalidSetting if no network has it."""
    if name not in NETWORKS:
        raise InvalidSetting(f"no network is named {name!r}", fix=f"There are: {', '.join(NETWORKS)}.")
    return name


def build(spec: NetworkSpec) -> Network:
    """The network that a spec describes, with fresh weights."""
    backbone, family = NETWORKS[check_name(spec.network)]
    module, class_name = family.split(":")
    return getattr(import_module(module), class_name)(spec, import_module(backbone))
