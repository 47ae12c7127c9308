"""AlphaTracker's network for crops of one animal (Chen et al., 2020): AlphaPose's FastPose (Fang et al., TPAMI 2022).

A ResNet-101 body whose first block of each stage weighs its channels (squeeze and excitation, Hu et al., CVPR 2018),
then pixel shuffle and two dense upsampling convolutions (Wang et al., WACV 2018) to a quarter of the input.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from krolik.networks.backbones.normalization import ImageNetColors

STRIDE = 4
BLOCKS = (3, 4, 23, 3)


class Excitation(nn.Module):
    """Weighs channels by what the whole picture says of them."""

    def __init__(self, channels: int, reduction: int = 1):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(inplace=True),
            nn.Linear(channels // reduction, channels),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.layers(x.mean(dim=(2, 3)))[:, :, None, None]


class Block(nn.Module):
    """A bottleneck, weighed where it begins a stage."""

    def __init__(self, inputs: int, width: int, stride: int, first: bool):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.se = Excitation(outputs) if first else nn.Identity()
        self.downsample = (
            nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
            if first
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        return torch.relu(self.se(self.bn3(self.conv3(out))) + self.downsample(x))


def dense_upsampling(inputs: int, outputs: int) -> nn.Sequential:
    """A 3×3 layer whose channels become places: `outputs` / 4 channels at twice the resolution."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.PixelShuffle(2),
    )


class FastPose(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, channels, H / 4, W / 4)."""

    stride, multiple = STRIDE, 32
    body_prefixes = ("conv1.", "bn1.", "layer")

    def __init__(self, width: float, channels: int, blocks: tuple[int, ...] = BLOCKS):
        super().__init__()
        base = max(8, 8 * round(64 * width / 8))
        self.colors = ImageNetColors()
        self.conv1, self.bn1 = nn.Conv2d(3, base, 7, 2, 3, bias=False), nn.BatchNorm2d(base)
        current = base
        for number, count in enumerate(blocks, 1):
            own = base * 2 ** (number - 1)
            stage = [Block(current, own, 1 if number == 1 else 2, True)]
            stage += [Block(4 * own, own, 1, False) for _ in range(count - 1)]
            current = 4 * own
            self.add_module(f"layer{number}", nn.Sequential(*stage))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.stages = len(blocks)
        self.duc1 = dense_upsampling(current // 4, current // 2)
        self.duc2 = dense_upsampling(current // 8, current // 4)
        self.head = nn.Conv2d(current // 16, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(torch.relu(self.bn1(self.conv1(self.colors(x)))), 3, 2, 1)
        for number in range(1, self.stages + 1):
            x = getattr(self, f"layer{number}")(x)
        x = functional.pixel_shuffle(x, 2)
        return self.head(self.duc2(self.duc1(x)))


def fastpose(width: float, channels: int, normalized: bool) -> FastPose:
    """The size that AlphaTracker trains, at width 1."""
    return FastPose(width, channels)
