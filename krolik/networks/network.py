"""What every network offers to training.

Legend: B batch, N animals, K keypoints, H W view pixels, h w cells of the output grid.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol

import torch


@dataclass(frozen=True)
class NetworkSpec:
    """Enough to build a network again. Sizes in view pixels; `animals` is how many it decodes from one view."""

    network: str
    keypoints: int
    input_size: tuple[int, int]  # (width, height)
    sigma_px: float
    width: float = 1.0
    animals: int = 1
    normalized: bool = True  # batch normalisation in the backbone; off for pretrained weights that have it folded in

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> NetworkSpec:
        return cls(**{**value, "input_size": tuple(value["input_size"])})


@dataclass(frozen=True)
class Loss:
    """per_keypoint: (B, K), already masked; weight: (B, K), 0 where the label is unknown."""

    per_keypoint: torch.Tensor
    weight: torch.Tensor

    @property
    def mean(self) -> torch.Tensor:
        return (self.per_keypoint * self.weight).sum() / self.weight.sum().clamp(min=1.0)


class Network(Protocol):
    """An adapter pair around a module: labels become targets inside `loss`, outputs become poses in `decode`."""

    spec: NetworkSpec
    module: torch.nn.Module

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, H, W, 3) uint8 RGB → raw outputs, whatever the family understands."""
        ...

    def loss(self, outputs: torch.Tensor, points: torch.Tensor, states: torch.Tensor) -> Loss:
        """points (B, N, K, 2) float32 in view pixels, states (B, N, K) of State."""
        ...

    def decode(self, outputs: torch.Tensor) -> torch.Tensor:
        """(B, animals, K, 3) float32: x, y in view pixels, confidence 0..1."""
        ...
