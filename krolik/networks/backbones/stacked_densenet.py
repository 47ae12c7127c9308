"""The stacked DenseNet of DeepPoseKit (Graving et al., eLife 2019): densely connected, SELU, no batch normalisation.

A front end down to a quarter of the input gives first maps; a dense U-Net then works on its features and those maps,
and gives the final ones. Convolutions have biases and LeCun's initialisation (Klambauer et al., NeurIPS 2017).
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

STRIDE = 4
GROWTH = 48
LEVELS = 4  # halvings below the output: an input of 192 pixels goes down to 3


def selu(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution and SELU."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)
    nn.init.normal_(convolution.weight, std=1 / math.sqrt(inputs * kernel**2))
    nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
    return nn.Sequential(convolution, nn.SELU(inplace=True))


class Dense(nn.Module):
    """Puts `growth` new channels beside the old ones: 1×1, 3×3."""

    def __init__(self, inputs: int, growth: int):
        super().__init__()
        self.layers = nn.Sequential(selu(inputs, growth, 1), selu(growth, growth, 3))
        self.channels = inputs + growth

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([x, self.layers(x)], dim=1)


class Down(nn.Module):
    """Max-pooling by `factor`, then half the channels."""

    def __init__(self, inputs: int, factor: int = 2):
        super().__init__()
        self.factor, self.channels = factor, inputs // 2
        self.layer = selu(inputs, self.channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(functional.max_pool2d(x, self.factor))


class Up(nn.Module):
    """Half the channels, then channels become places: a quarter of them at twice the resolution."""

    def __init__(self, inputs: int):
        super().__init__()
        narrowed = 4 * round(inputs / 2 / 4)
        self.channels = narrowed // 4
        self.layer = selu(inputs, narrowed, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.pixel_shuffle(self.layer(x), 2)


class FrontEnd(nn.Module):
    """From the picture to a quarter of its resolution; every level is also pooled straight to the output."""

    def __init__(self, growth: int):
        super().__init__()
        self.first = selu(3, growth, 7, 2)
        self.dense1 = Dense(growth + 12, growth)
        self.side = Down(self.dense1.channels)
        self.down = Down(self.dense1.channels)
        self.dense2 = Dense(self.down.channels, 2 * growth)
        self.narrow_side = selu(self.side.channels, self.side.channels // 2, 1)
        self.narrow = selu(self.dense2.channels, self.dense2.channels // 2, 1)
        self.channels = self.side.channels // 2 + self.dense2.channels // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.dense1(torch.cat([self.first(x), functional.pixel_unshuffle(x, 2)], dim=1))
        return torch.cat([self.narrow_side(self.side(x)), self.narrow(self.dense2(self.down(x)))], dim=1)


class DenseUNet(nn.Module):
    """Down and up again: dense blocks on every level, narrowed skips, the deepest level included."""

    def __init__(self, inputs: int, growth: int, levels: int):
        super().__init__()
        self.down, self.dense, self.narrow = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        self.beside = selu(inputs, inputs // 2, 1)
        current, widths = inputs, []
        for level in range(levels):
            down = Down(current)
            dense = Dense(down.channels, growth * (2 if level in (0, levels - 1) else 3))
            current = dense.channels
            self.down.append(down)
            self.dense.append(dense)
            self.narrow.append(selu(current, current // 2, 1))
            widths.append(current)
        self.back, self.up = nn.ModuleList(), nn.ModuleList()
        for width in reversed(widths):
            back = Dense(current + width // 2, 3 * growth)
            up = Up(back.channels)
            self.back.append(back)
            self.up.append(up)
            current = up.channels
        self.last = Dense(current + inputs // 2, 2 * growth)
        self.channels = self.last.channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        skips = [self.beside(x)]
        for down, dense, narrow in zip(self.down, self.dense, self.narrow):
            x = dense(down(x))
            skips.append(narrow(x))
        for back, up in zip(self.back, self.up):
            x = up(back(torch.cat([x, skips.pop()], dim=1)))
        return self.last(torch.cat([x, skips.pop()], dim=1))


class StackedDenseNet(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, 2 * channels, H / 4, W / 4): the front end's maps, then the final ones."""

    stride, multiple = STRIDE, 64

    def __init__(self, growth: int, channels: int, levels: int = LEVELS):
        super().__init__()
        self.front = FrontEnd(growth)
        self.first_head = nn.Conv2d(self.front.channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        joined = self.front.channels + channels
        self.dense = DenseUNet(joined, growth, levels)
        self.head = nn.Conv2d(self.dense.channels + joined, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.front(x)
        first = self.first_head(features)
        joined = torch.cat([features, self.norm(first)], dim=1)
        return torch.cat([first, self.head(torch.cat([self.dense(joined), joined], dim=1))], dim=1)


def stacked_densenet(width: float, channels: int, normalized: bool) -> StackedDenseNet:
    """A growth of 48 channels at width 1, as published."""
    return StackedDenseNet(max(8, 8 * round(GROWTH * width / 8)), channels)
