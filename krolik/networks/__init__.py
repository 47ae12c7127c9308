"""Networks: each an adapter pair (targets, decoding) around a module. Importing this pulls in no torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from krolik.errors import InvalidSetting

if TYPE_CHECKING:
    from krolik.networks.network import Network
    from krolik.networks.proportions import Proportions
    from krolik.networks.spec import NetworkSpec

HEATMAP, OFFSET = "krolik.networks.heatmap:Heatmap", "krolik.networks.heatmap_offset:HeatmapOffset"


@dataclass(frozen=True)
class Entry:
    """A name that `--network` takes: who builds the module, which family encodes and decodes for it, what it is."""

    backbone: str  # "module:function" in krolik.networks.backbones
    family: str
    about: str
    body: str | None = None  # how the names of its body's checkpoints begin; None if it has no pretrained body
    width: float = 1.0  # the width multiplier if nobody wishes another


NETWORKS = {
    "unet": Entry("unet:unet", OFFSET, "Krolik's own: small, dense, the fastest to train on a CPU"),
    "mobilenetv2": Entry(
        "mobilenetv2:mobilenetv2", OFFSET, "a pretrained body with a feature pyramid", "mobilenetv2", 0.5
    ),
    "mobilenetv2_deconv": Entry(
        "mobilenetv2:mobilenetv2_deconv", OFFSET, "DeepLabCut's MobileNetV2", "mobilenetv2", 0.5
    ),
    "resnet18": Entry("resnet:resnet18", OFFSET, "DeepLabCut's head on ResNet-18", "resnet18"),
    "resnet34": Entry("resnet:resnet34", OFFSET, "DeepLabCut's head on ResNet-34", "resnet34"),
    "resnet50": Entry("resnet:resnet50", OFFSET, "DeepLabCut's ResNet-50", "resnet50"),
    "sleap_single": Entry("sleap_unet:single_animal", HEATMAP, "SLEAP's U-Net for whole frames"),
    "sleap_centered": Entry("sleap_unet:centered_instance", HEATMAP, "SLEAP's U-Net for crops"),
    "stacked_densenet": Entry("stacked_densenet:stacked_densenet", HEATMAP, "DeepPoseKit's StackedDenseNet"),
    "stacked_hourglass": Entry("stacked_hourglass:stacked_hourglass", HEATMAP, "DeepPoseKit's StackedHourglass"),
    "fastpose": Entry("fastpose:fastpose", HEATMAP, "AlphaTracker's network for crops", "fastpose"),
}


def entry(name: str) -> Entry:
    """What is known of a network. Raises InvalidSetting if none has the name."""
    if name not in NETWORKS:
        raise InvalidSetting(f"no network is named {name!r}", "--network", f"There are: {', '.join(NETWORKS)}.")
    return NETWORKS[name]


def _load(place: str):
    module, name = place.split(":")
    return getattr(import_module(module), name)


def build(spec: NetworkSpec, proportions: Proportions | None = None) -> Network:
    """The network that a spec describes, with fresh weights. Raises InvalidSetting for an input it cannot take."""
    known = entry(spec.network)
    family = _load(known.family)
    make = _load(f"krolik.networks.backbones.{known.backbone}")
    module = make(spec.width, family.channels(spec.keypoints), spec.normalized)
    if any(side % module.multiple for side in spec.input_size):
        width, height = spec.input_size
        raise InvalidSetting(f"{spec.network} cannot take an input of {width}×{height}", "--input",
                             f"Its sides must be multiples of {module.multiple}.")  # fmt: skip
    return family(spec, module, proportions)
