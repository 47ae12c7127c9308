"""What every network offers to training.

Legend: B batch, N animals, K keypoints, H W view pixels, h w cells of the output grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from krolik.networks.proportions import Proportions
from krolik.networks.spec import NetworkSpec
from krolik.poses import State


@dataclass(frozen=True, eq=False)
class Truth:
    """What a network shall find in a batch. points: (B, N, K, 2) in view pixels; states: (B, N, K) of State."""

    points: torch.Tensor
    states: torch.Tensor

    @property
    def located(self) -> torch.Tensor:
        """(B, N, K) bool: has coordinates."""
        return (self.states == State.OCCLUDED) | (self.states == State.VISIBLE)

    @property
    def known(self) -> torch.Tensor:
        """(B, K) float: 0 where some animal's label is unknown, so that nothing there may be called background."""
        return (self.states != State.UNKNOWN).all(dim=1).float()

    def differences(self, xs: torch.Tensor, ys: torch.Tensor, unit: float) -> tuple[torch.Tensor, torch.Tensor]:
        """From cells at xs (w,) and ys (h,) to the points, in `unit` pixels: (B, N, K, w) and (B, N, K, h)."""
        safe = torch.where(self.located[..., None], self.points, torch.full_like(self.points, 1e6))
        return (safe[..., 0, None] - xs) / unit, (safe[..., 1, None] - ys) / unit

    def squared_distances(self, xs: torch.Tensor, ys: torch.Tensor, unit: float) -> torch.Tensor:
        """(B, N, K, h, w): from each cell to the point, squared, in `unit` pixels; huge where there is none."""
        dx, dy = self.differences(xs, ys, unit)
        return dx.square()[..., None, :] + dy.square()[..., None]


def cell_centres(size: tuple[int, int], stride: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """View coordinates of the cells of a grid of size (w, h): x (w,), y (h,)."""
    width, height = size
    return tuple((torch.arange(n, device=device) + 0.5) * stride - 0.5 for n in (width, height))  # pyright: ignore


@dataclass(frozen=True, eq=False)
class Loss:
    """per_keypoint: (B, K), already masked; known: (B, K), 0 where the label is unknown."""

    per_keypoint: torch.Tensor
    known: torch.Tensor

    def mean(self, weights: torch.Tensor | None = None) -> torch.Tensor:
        """Over the batch first, keypoint by keypoint, then over the keypoints.

        A keypoint counts by its weight in `weights` (K,), 1 each by default, and by the square root of the part of the
        batch that it is labelled in. Were all keypoints to count the same, a single picture with a rare one would
        outshout all others, and both were learnt worse; were all points to count the same, it would hardly be learnt.
        """
        counts = self.known.sum(dim=0)
        means = (self.per_keypoint * self.known).sum(dim=0) / counts.clamp(min=1.0)
        shares = (counts / max(1, len(self.known))).sqrt() * (1.0 if weights is None else weights)
        return (means * shares).sum() / shares.sum().clamp(min=1e-6)


class Network(Protocol):
    """An adapter pair around a module: labels become targets inside `loss`, outputs become poses in `decode`.

    With proportions, `decode` chooses among each keypoint's peaks the one that fits the others.
    """

    spec: NetworkSpec
    module: torch.nn.Module
    proportions: Proportions | None

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        """Images (B, H, W, 3) uint8 RGB → raw outputs, whatever the family understands."""
        ...

    def loss(self, outputs: torch.Tensor, truth: Truth) -> Loss:
        """How far the outputs are from the labels, per picture and keypoint."""
        ...

    def decode(self, outputs: torch.Tensor) -> torch.Tensor:
        """(B, animals, K, 3) float32: x, y in view pixels, confidence 0..1."""
        ...

    def heat(self, outputs: torch.Tensor) -> torch.Tensor:
        """(B, K, h, w) float32: what peaks are looked for in, 0..1 as in `decode`."""
        ...
