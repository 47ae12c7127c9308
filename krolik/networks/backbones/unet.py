"""A small U-Net of dense 3×3 convolutions, made for training on two CPU cores.

Ronneberger et al., MICCAI 2015 (arXiv:1505.04597) for the shape; here additive skips, one convolution per decoder
level, and an output at a quarter of the input's resolution. All widths are multiples of 16: on a CPU's vector units
a layer of 26 channels takes longer than one of 32.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

WIDTHS = (16, 32, 48, 64, 96, 128)  # at strides 2, 4, 8, 16, 32, 64


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class UNet(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, channels, H / 4, W / 4)."""

    stride, multiple = 4, 64  # the input's sides must be multiples of the latter

    def __init__(self, widths: tuple[int, ...], channels: int):
        super().__init__()
        self.stem = convolution(3, widths[0], 2)
        self.down = nn.ModuleList(
            nn.Sequential(convolution(a, b, 2), convolution(b, b)) for a, b in zip(widths, widths[1:])
        )
        upwards = list(zip(widths[:0:-1], widths[-2:0:-1]))
        self.lateral = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in upwards)
        self.up = nn.ModuleList(convolution(b, b) for _, b in upwards)
        self.head = nn.Conv2d(widths[1], channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = skips.pop()
        for lateral, block in zip(self.lateral, self.up):
            x = block(functional.interpolate(lateral(x), scale_factor=2.0) + skips.pop())
        return self.head(x)


def unet(width: float, channels: int, normalized: bool) -> UNet:
    """A U-Net whose widths are multiplied by `width` and rounded to multiples of 16."""
    return UNet(tuple(max(16, 16 * round(w * width / 16)) for w in WIDTHS), channels)
