"""The stacked hourglass (Newell et al., ECCV 2016, arXiv:1603.06937) as in DeepPoseKit (Graving et al., eLife 2019).

Residual blocks with batch normalisation in front, down by max-pooling as often as the size halves evenly (here four
times below the output), up by bilinear interpolation, maps after every hourglass, each supervised and fed back.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

STRIDE = 4


def activated(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Batch normalisation in front of a convolution with ReLU, without bias."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return nn.Sequential(nn.BatchNorm2d(inputs), convolution, nn.ReLU(inplace=True))


class Residual(nn.Module):
    """1×1, 3×3, 1×1 with half the channels inside; both branches are normalised before they are added."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        half = outputs // 2
        self.branch = nn.Sequential(
            activated(inputs, half, 1), activated(half, half, 3), activated(half, outputs, 1), nn.BatchNorm2d(outputs)
        )
        matched: list[nn.Module] = [] if inputs == outputs else [nn.Conv2d(inputs, outputs, 1, bias=False)]
        self.shortcut = nn.Sequential(*matched, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.branch(x) + self.shortcut(x)


class Hourglass(nn.Module):
    """Down and up again, with a residual block on every skip."""

    def __init__(self, filters: int, levels: int):
        super().__init__()
        self.skips = nn.ModuleList(Residual(filters, filters) for _ in range(levels))
        self.down = nn.ModuleList(Residual(filters, filters) for _ in range(levels))
        self.middle = nn.Sequential(*(Residual(filters, filters) for _ in range(3)))
        self.around = Residual(filters, filters)
        self.norms = nn.ModuleList(nn.BatchNorm2d(filters) for _ in range(levels))
        self.up = nn.ModuleList(Residual(filters, filters) for _ in range(levels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for skip, down in zip(self.skips, self.down):
            skips.append(skip(x))
            x = functional.max_pool2d(down(x), 2)
        x = self.middle(x) + self.around(x)
        for norm, up in zip(self.norms, self.up):
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = up(norm(x) + skips.pop())
        return x


class StackedHourglass(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, stacks * channels, H / 4, W / 4): the maps of every stack, the last ones last."""

    stride, multiple = STRIDE, 64

    def __init__(self, filters: int, stacks: int, channels: int, levels: int = 4):
        super().__init__()
        self.front = nn.Sequential(
            nn.Conv2d(3, filters, 7, 2, 3),
            nn.ReLU(inplace=True),
            Residual(filters, filters),
            nn.MaxPool2d(2),
            Residual(filters, filters),
            Residual(filters, filters),
        )
        self.stacks = nn.ModuleList(Hourglass(filters, levels) for _ in range(stacks))
        self.features = nn.ModuleList(activated(filters, filters, 1) for _ in range(stacks))
        self.heads = nn.ModuleList(nn.Conv2d(filters, channels, 1) for _ in range(stacks))
        self.back = nn.ModuleList(nn.Conv2d(channels, filters, 1) for _ in range(stacks - 1))
        self.again = nn.ModuleList(nn.Conv2d(filters, filters, 1) for _ in range(stacks - 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.front(x)
        maps = []
        for i, hourglass in enumerate(self.stacks):
            inner = self.features[i](hourglass(x))
            maps.append(self.heads[i](inner))
            if i + 1 < len(self.stacks):
                x = x + self.again[i](inner) + self.back[i](maps[-1])
        return torch.cat(maps, dim=1)


def stacked_hourglass(width: float, channels: int, normalized: bool) -> StackedHourglass:
    """Two hourglasses of 64 channels at width 1, the size that DeepPoseKit's users train."""
    return StackedHourglass(max(8, 8 * round(64 * width / 8)), 2, channels)
