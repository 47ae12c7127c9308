"""SLEAP's U-Net (Pereira et al., Nature Methods 2022; its "medium" profiles) for confidence maps.

Encoder blocks of two 3×3 layers with ReLU and a max-pooling, a middle block, decoder blocks of bilinear upsampling,
concatenation and two 3×3 layers. No batch normalisation. The profiles differ in filters and output stride:

| profile | filters | rate | deepest stride | output stride |
|---|---|---|---|---|
| single animal | 16 | 2 | 16 | 2 |
| centred instance | 24 | 2 | 16 | 4 |
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def pair(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3×3 layers, each with ReLU."""
    layers = []
    for a, b in ((inputs, outputs), (outputs, outputs)):
        convolution = nn.Conv2d(a, b, 3, padding=1)
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
        layers += [convolution, nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class SleapUNet(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, channels, H / stride, W / stride)."""

    def __init__(self, filters: int, rate: float, deepest: int, stride: int, channels: int):
        super().__init__()
        self.stride, self.multiple = stride, deepest
        levels = deepest.bit_length() - 1
        widths = [int(filters * rate**level) for level in range(levels + 1)]
        self.down = nn.ModuleList(pair(a, b) for a, b in zip([3, *widths], widths[:-1]))
        self.middle = pair(widths[-2], widths[-1])
        kept = stride.bit_length() - 1  # levels that the decoder leaves out
        upwards = range(levels - 1, kept - 1, -1)
        self.up = nn.ModuleList(pair(widths[level + 1] + widths[level], widths[level]) for level in upwards)
        self.head = nn.Conv2d(widths[kept], channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = []
        for block in self.down:
            skips.append(block(x))
            x = functional.max_pool2d(skips[-1], 2)
        x = self.middle(x)
        for block in self.up:
            x = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = block(torch.cat([skips.pop(), x], dim=1))
        return self.head(x)


def single_animal(width: float, channels: int, normalized: bool) -> SleapUNet:
    """The profile for whole frames with one animal."""
    return SleapUNet(max(4, round(16 * width)), 2, 16, 2, channels)


def centered_instance(width: float, channels: int, normalized: bool) -> SleapUNet:
    """The profile for crops around one animal."""
    return SleapUNet(max(4, round(24 * width)), 2, 16, 4, channels)
