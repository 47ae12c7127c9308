"""Heatmaps with sub-pixel offsets: where a keypoint roughly is, and from each cell near it the way to it.

The idea of location refinement is DeeperCut's (Insafutdinov et al., ECCV 2016, arXiv:1605.03170); the heatmap here is
trained as a probability (weighted binary cross-entropy), so its peak can serve as a confidence.

Legend: B batch, N animals, K keypoints, h w cells. Cell (i, j) has its centre at view pixel ((i + 0.5) * stride - 0.5).
"""

from __future__ import annotations

import torch
from torch.nn import functional

from krolik.networks import peaks
from krolik.networks.network import Loss, Truth, cell_centres
from krolik.networks.proportions import Proportions
from krolik.networks.spec import NetworkSpec

PEAK_WEIGHT = 20.0  # how much more a cell on the keypoint counts than one on the background
OFFSET_WEIGHT = 0.05
OFFSET_REACH = 2.0  # in sigmas: cells this near to the keypoint learn the way to it
BACKGROUND = -4.0  # the first logit everywhere: a background of confidence 0.02


class HeatmapOffset:
    """K heatmaps and 2 K offset maps (in units of sigma) on the backbone's output grid."""

    def __init__(self, spec: NetworkSpec, module: torch.nn.Module, proportions: Proportions | None = None):
        self.spec, self.module, self.proportions = spec, module, proportions
        self.stride: int = module.stride  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType]
        bias: torch.Tensor = module.head.bias  # pyright: ignore
        with torch.no_grad():  # background everywhere, offsets of zero
            bias.zero_()
            bias[: spec.keypoints] = BACKGROUND

    @staticmethod
    def channels(keypoints: int) -> int:
        """Output channels for so many keypoints."""
        return 3 * keypoints

    @staticmethod
    def keypoint_channels(keypoints: int, keypoint: int) -> list[int]:
        """The output channels that belong to one keypoint."""
        return [keypoint, keypoints + 2 * keypoint, keypoints + 2 * keypoint + 1]

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        # (B, H, W, 3) uint8 -> (B, 3, H, W) in -1..1; the permuted tensor is already channels-last in memory
        return self.module((images.permute(0, 3, 1, 2).float() - 127.5) / 127.5)

    def encode(self, truth: Truth, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Targets on a grid of size (w, h): heat (B, K, h, w), offsets (B, K, 2, h, w), and where offsets count."""
        xs, ys = cell_centres(size, self.stride, truth.points.device)
        dx, dy = truth.differences(xs, ys, self.spec.sigma_px)
        squared = dx.square()[..., None, :] + dy.square()[..., None]  # (B, N, K, h, w)
        nearest, owner = squared.min(dim=1)  # (B, K, h, w): the animal whose keypoint is nearest to the cell
        wanted = torch.stack(
            [
                dx[..., None, :].expand(squared.shape).gather(1, owner[:, None])[:, 0],
                dy[..., None].expand(squared.shape).gather(1, owner[:, None])[:, 0],
            ],
            dim=2,
        )
        return torch.exp(-0.5 * nearest), wanted.clamp(-9, 9), nearest < OFFSET_REACH**2

    def loss(self, outputs: torch.Tensor, truth: Truth) -> Loss:
        outputs = outputs.float()
        keypoints = self.spec.keypoints
        heat, wanted, near = self.encode(truth, (outputs.shape[-1], outputs.shape[-2]))
        logits, offsets = outputs[:, :keypoints], outputs[:, keypoints:].unflatten(1, (keypoints, 2))
        cross_entropy = functional.binary_cross_entropy_with_logits(logits, heat, reduction="none")
        heat_loss = (cross_entropy * (1 + PEAK_WEIGHT * heat)).mean(dim=(2, 3))  # (B, K)
        near = near[:, :, None]
        misses = functional.smooth_l1_loss(offsets, wanted, reduction="none") * near
        offset_loss = misses.sum(dim=(2, 3, 4)) / near.sum(dim=(2, 3, 4)).clamp(min=1)
        return Loss(heat_loss + OFFSET_WEIGHT * offset_loss, truth.known)

    def heat(self, outputs: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(outputs.float()[:, : self.spec.keypoints])

    def decode(self, outputs: torch.Tensor) -> torch.Tensor:
        outputs, keypoints, width = outputs.float(), self.spec.keypoints, outputs.shape[-1]
        offsets = outputs[:, keypoints:].unflatten(1, (keypoints, 2)).flatten(3)  # (B, K, 2, h*w)

        def places(cells: torch.Tensor) -> torch.Tensor:
            chosen = offsets.gather(3, cells[:, :, None].expand(-1, -1, 2, -1)) * self.spec.sigma_px  # (B, K, 2, P)
            row = torch.div(cells, width, rounding_mode="floor")
            corners = torch.stack([cells - row * width, row], dim=2).float()
            return (corners * self.stride + (self.stride - 1) / 2 + chosen).transpose(2, 3)

        return peaks.poses(self.heat(outputs), self.spec.animals, self.proportions, places)
