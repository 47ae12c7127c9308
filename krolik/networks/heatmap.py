"""Heatmaps alone, with a sub-pixel peak: the family of SLEAP, DeepPoseKit and AlphaTracker.

Each keypoint is a Gaussian of height 1, learnt by a squared error in which a cell on the keypoint counts more than one
on the background. Networks that give maps at several depths (intermediate supervision; Newell et al., ECCV 2016) learn
from all of them; the last ones are decoded.

The peak's place between cells comes from a parabola through the logarithms of three neighbours in each direction, which
is exact for a Gaussian (Zhang et al., CVPR 2020, arXiv:1910.06278). DeepPoseKit finds the same place by an upsampled
Fourier transform (Guizar-Sicairos et al., Optics Letters 2008) in a hundred times the time; a test compares the two.

Legend: B batch, N animals, K keypoints, h w cells. Cell (i, j) has its centre at view pixel ((i + 0.5) * stride - 0.5).
"""

from __future__ import annotations

import torch

from krolik.networks import peaks
from krolik.networks.network import Loss, Truth, cell_centres
from krolik.networks.proportions import Proportions
from krolik.networks.spec import NetworkSpec

PEAK_WEIGHT = 20.0  # how much more a cell on the keypoint counts than one on the background
SCALE = 10.0  # the loss in the range of the other family's, so that one limit for gradients serves both
FLOOR = 1e-4  # what a logarithm is taken of at least


class Heatmap:
    """K maps of height 0..1 on the backbone's output grid, several times if it supervises several depths."""

    def __init__(self, spec: NetworkSpec, module: torch.nn.Module, proportions: Proportions | None = None):
        self.spec, self.module, self.proportions = spec, module, proportions
        self.stride: int = module.stride  # pyright: ignore[reportAttributeAccessIssue, reportAssignmentType]

    @staticmethod
    def channels(keypoints: int) -> int:
        """Output channels for so many keypoints, at each depth."""
        return keypoints

    @staticmethod
    def keypoint_channels(keypoints: int, keypoint: int) -> list[int]:
        """The output channels that belong to one keypoint."""
        return [keypoint]

    def outputs(self, images: torch.Tensor) -> torch.Tensor:
        return self.module((images.permute(0, 3, 1, 2).float() - 127.5) / 127.5)

    def encode(self, truth: Truth, size: tuple[int, int]) -> torch.Tensor:
        """Target maps (B, K, h, w) for a grid of size (w, h)."""
        xs, ys = cell_centres(size, self.stride, truth.points.device)
        squared = truth.squared_distances(xs, ys, self.spec.sigma_px)  # (B, N, K, h, w)
        return torch.exp(-0.5 * squared.min(dim=1).values)

    def loss(self, outputs: torch.Tensor, truth: Truth) -> Loss:
        outputs = outputs.float()
        target = self.encode(truth, (outputs.shape[-1], outputs.shape[-2]))
        misses = (outputs.unflatten(1, (-1, self.spec.keypoints)) - target[:, None]).square()
        weighted = misses * (1 + PEAK_WEIGHT * target[:, None])
        return Loss(SCALE * weighted.mean(dim=(1, 3, 4)), truth.known)

    def heat(self, outputs: torch.Tensor) -> torch.Tensor:
        return outputs.float()[:, -self.spec.keypoints :].clamp(0, 1)

    def decode(self, outputs: torch.Tensor) -> torch.Tensor:
        maps = outputs.float()[:, -self.spec.keypoints :]
        height, width = maps.shape[-2:]
        logs = maps.clamp(min=FLOOR).log().flatten(2)

        def places(cells: torch.Tensor) -> torch.Tensor:
            row = torch.div(cells, width, rounding_mode="floor")
            column = cells - row * width
            x = column.float() + _vertex(logs, cells, 1, (column > 0) & (column < width - 1))
            y = row.float() + _vertex(logs, cells, width, (row > 0) & (row < height - 1))
            return torch.stack([x, y], dim=3) * self.stride + (self.stride - 1) / 2

        return peaks.poses(maps, self.spec.animals, self.proportions, places)


def _vertex(logs: torch.Tensor, cell: torch.Tensor, step: int, inside: torch.Tensor) -> torch.Tensor:
    """Where, in cells from the middle, the parabola through it and its two neighbours peaks; 0 at the border."""
    last = logs.shape[2] - 1
    before, middle, after = (logs.gather(2, (cell + by).clamp(0, last)) for by in (-step, 0, step))
    bend = before - 2 * middle + after
    vertex = 0.5 * (before - after) / bend.clamp(max=-1e-6)
    return torch.where(inside, vertex.clamp(-0.5, 0.5), torch.zeros_like(vertex))
