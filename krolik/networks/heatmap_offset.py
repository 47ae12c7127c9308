"""Heatmaps with sub-pixel offsets: where a keypoint roughly is, and from each cell near it the way to it.

The idea of location refinement is DeeperCut's (Insafutdinov et al., ECCV 2016, arXiv:1605.03170); the heatmap here is
trained as a probability (weighted binary cross-entropy), so its peak can serve as a confidence.

Legend: B batch, N animals, K keypoints, h w cells. Cell (i, j) has its centre at view pixel ((i + 0.5) * stride - 0.5).
"""

from __future__ import annotations

from types import ModuleType

import torch
from torch.nn import functional

from krolik.networks.network import Loss, NetworkSpec
from krolik.poses import State

PEAK_WEIGHT = 20.0  # how much more a cell on the keypoint counts than one on the background
OFFSET_WEIGHT = 0.05
OFFSET_REACH = 2.0  # in sigmas: cells this near to the keypoint learn the way to it


class HeatmapOffset:
    """K heatmaps and 2 K offset maps (in units of sigma) on the backbone's output grid."""

    def __init__(self, spec: NetworkSpec, backbone: ModuleType):
        self.spec = spec
        self.stride: int = backbone.STRIDE
        self.module = backbone.module(spec.width, 3 * spec.keypoints, spec.normalized)
        final_bias = self.module.head.bias
        with torch.no_grad():  # a background of confidence 0.02, offsets of zero
            final_bias.zero_()
            final_bias[: spec.keypoints] = -4.0

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        # (B, H, W, 3) uint8 -> (B, 3, H, W) in -1..1; the permuted tensor is already channels-last in memory
        return self.module((images.permute(0, 3, 1, 2).float() - 127.5) / 127.5)

    def _cells(self, outputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """View coordinates of the cells: x (w,), y (h,)."""
        height, width = outputs.shape[-2:]
        device = outputs.device
        return (torch.arange(width, device=device) + 0.5) * self.stride - 0.5, (
            torch.arange(height, device=device) + 0.5
        ) * self.stride - 0.5

    def loss(self, outputs: torch.Tensor, points: torch.Tensor, states: torch.Tensor) -> Loss:
        outputs = outputs.float()
        keypoints, sigma = self.spec.keypoints, self.spec.sigma_px
        xs, ys = self._cells(outputs)
        located = (states == State.OCCLUDED) | (states == State.VISIBLE)  # (B, N, K)
        safe = torch.where(located[..., None], points, torch.full_like(points, 1e6))
        dx = (safe[..., 0, None] - xs) / sigma  # (B, N, K, w)
        dy = (safe[..., 1, None] - ys) / sigma  # (B, N, K, h)
        squared = dx.square()[..., None, :] + dy.square()[..., None]  # (B, N, K, h, w)
        nearest, owner = squared.min(dim=1)  # (B, K, h, w): the animal whose keypoint is nearest to the cell
        target = torch.exp(-0.5 * nearest)

        logits, offsets = outputs[:, :keypoints], outputs[:, keypoints:].unflatten(1, (keypoints, 2))
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        heat_loss = (cross_entropy * (1 + PEAK_WEIGHT * target)).mean(dim=(2, 3))  # (B, K)

        wanted = torch.stack(
            [
                dx[..., None, :].expand(squared.shape).gather(1, owner[:, None])[:, 0],
                dy[..., None].expand(squared.shape).gather(1, owner[:, None])[:, 0],
            ],
            dim=2,
        )  # (B, K, 2, h, w)
        near = (nearest < OFFSET_REACH**2)[:, :, None]
        misses = functional.smooth_l1_loss(offsets, wanted.clamp(-9, 9), reduction="none") * near
        offset_loss = misses.sum(dim=(2, 3, 4)) / near.sum(dim=(2, 3, 4)).clamp(min=1)
        known = (states != State.UNKNOWN).all(dim=1).float()  # (B, K)
        return Loss(heat_loss + OFFSET_WEIGHT * offset_loss, known)

    def decode(self, outputs: torch.Tensor) -> torch.Tensor:
        outputs = outputs.float()
        keypoints, animals = self.spec.keypoints, self.spec.animals
        xs, ys = self._cells(outputs)
        heat = torch.sigmoid(outputs[:, :keypoints])
        if animals > 1:  # only the highest cell of each neighbourhood may be a peak
            peak = functional.max_pool2d(heat, 5, stride=1, padding=2)
            heat = heat * (heat >= peak)
        confidence, cell = heat.flatten(2).topk(animals, dim=2)  # (B, K, N)
        offsets = outputs[:, keypoints:].unflatten(1, (keypoints, 2)).flatten(3)  # (B, K, 2, h*w)
        chosen = offsets.gather(3, cell[:, :, None].expand(-1, -1, 2, -1)) * self.spec.sigma_px  # (B, K, 2, N)
        row = torch.div(cell, xs.shape[0], rounding_mode="floor")
        column = cell - row * xs.shape[0]
        x = column.float() * self.stride + (self.stride - 1) / 2 + chosen[:, :, 0]
        y = row.float() * self.stride + (self.stride - 1) / 2 + chosen[:, :, 1]
        return torch.stack([x, y, confidence], dim=3).transpose(1, 2)  # (B, N, K, 3)
