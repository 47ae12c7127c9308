"""MobileNetV2 (Sandler et al., CVPR 2018, arXiv:1801.04381) with a feature pyramid down to a quarter of the input.

Layers are named `stem`, `blocks.{i}.{expand,depthwise,project}`, each a convolution with weight and bias, so that
checkpoints with folded batch normalisation load by name. Padding is TensorFlow's SAME (a stride of 2 on an even size
pads 0 at the top and left, 1 at the bottom and right), as those checkpoints were trained with.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

STRIDE = 4
DEEPEST = 32
# (expansion, channels, repeats, stride) of the publication's table 2
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
TAPS = (2, 5, 12, 16)  # the last blocks at strides 4, 8, 16, 32
PYRAMID = 48


def rounded(channels: float) -> int:
    """Channels as a multiple of 4 (the half-width checkpoint has 12 where multiples of 8 would give 16)."""
    return max(8, 4 * int(channels / 4 + 0.5))


class Convolution(nn.Module):
    """Convolution with SAME padding, optional batch normalisation, optional ReLU6; `weight` and `bias` as named."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, norm: bool, active: bool):
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups)
        nn.init.kaiming_normal_(plain.weight, mode="fan_out", nonlinearity="relu")
        self.weight, self.bias = plain.weight, nn.Parameter(torch.zeros(outputs))
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.kernel, self.stride, self.groups, self.active = kernel, stride, groups, active

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride == 2:
            x, padding = functional.pad(x, (0, 1, 0, 1)), 0
        else:
            padding = self.kernel // 2
        x = self.norm(functional.conv2d(x, self.weight, self.bias, self.stride, padding, 1, self.groups))
        return functional.relu6(x) if self.active else x


class Block(nn.Module):
    """Inverted residual: widen by a 1×1, filter each channel by a 3×3, project back linearly."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, norm: bool):
        super().__init__()
        hidden = inputs * expansion
        if expansion != 1:
            self.expand = Convolution(inputs, hidden, 1, 1, 1, norm, True)
        self.depthwise = Convolution(hidden, hidden, 3, stride, hidden, norm, True)
        self.project = Convolution(hidden, outputs, 1, 1, 1, norm, False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.expand(x) if hasattr(self, "expand") else x
        out = self.project(self.depthwise(hidden))
        return x + out if self.residual else out


class MobileNetV2(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, channels, H / 4, W / 4)."""

    def __init__(self, width: float, channels: int, norm: bool):
        super().__init__()
        current = rounded(32 * width)
        self.stem = Convolution(3, current, 3, 2, 1, norm, True)
        blocks, tapped = [], []
        for expansion, base, repeats, stride in STAGES:
            for repeat in range(repeats):
                blocks.append(Block(current, rounded(base * width), expansion, stride if repeat == 0 else 1, norm))
                current = rounded(base * width)
                if len(blocks) - 1 in TAPS:
                    tapped.append(current)
        self.blocks = nn.ModuleList(blocks)
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, PYRAMID, 1, bias=False), nn.BatchNorm2d(PYRAMID)) for c in tapped
        )
        self.smooth = nn.Sequential(
            nn.Conv2d(PYRAMID, PYRAMID, 3, padding=1, bias=False), nn.BatchNorm2d(PYRAMID), nn.ReLU(inplace=True)
        )
        self.head = nn.Conv2d(PYRAMID, channels, 1)

    def body_parameters(self) -> list[nn.Parameter]:
        """What a pretrained checkpoint fills, to be trained more gently than the rest."""
        return [*self.stem.parameters(), *self.blocks.parameters()]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        taps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                taps.append(x)
        x = self.lateral[-1](taps[-1])
        for lateral, tap in zip(list(self.lateral)[-2::-1], taps[-2::-1]):
            x = functional.interpolate(x, scale_factor=2.0) + lateral(tap)
        return self.head(self.smooth(x))


def module(width: float, channels: int, normalized: bool) -> MobileNetV2:
    """MobileNetV2 of any width multiplier; `normalized` is off when pretrained weights will be loaded."""
    return MobileNetV2(width, channels, normalized)
