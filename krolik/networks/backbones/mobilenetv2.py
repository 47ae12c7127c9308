"""MobileNetV2 (Sandler et al., CVPR 2018, arXiv:1801.04381) with a feature pyramid, or with DeepLabCut's head.

Layers are named `stem`, `blocks.{i}.{expand,depthwise,project}`, each a convolution with weight and bias, so that
checkpoints with folded batch normalisation load by name. Padding is TensorFlow's SAME (a stride of 2 on an even size
pads 0 at the top and left, 1 at the bottom and right), as those checkpoints were trained with.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

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
DILATED_FROM = 13  # the block whose stride DeepLabCut takes away; those behind it are dilated
PYRAMID = 48


def rounded(channels: float) -> int:
    """Channels as a multiple of 4 (the half-width checkpoint has 12 where multiples of 8 would give 16)."""
    return max(8, 4 * int(channels / 4 + 0.5))


class Convolution(nn.Module):
    """Convolution with SAME padding, optional batch normalisation, optional ReLU6; `weight` and `bias` as named.

    `dilation` spreads the kernel's taps, for a stage whose stride was taken away.
    """

    dilation = 1

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, norm: bool, active: bool):
        super().__init__()
        plain = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups)
        nn.init.kaiming_normal_(plain.weight, mode="fan_out", nonlinearity="relu")
        self.weight, self.bias = plain.weight, nn.Parameter(torch.zeros(outputs))
        self.norm = nn.BatchNorm2d(outputs) if norm else nn.Identity()
        self.kernel, self.stride, self.groups, self.active = kernel, stride, groups, active

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self._every_second(x) if self._slow_strided(x) else self._convolved(x))
        return functional.relu6(x) if self.active else x

    def _convolved(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride == 2:
            x, padding = functional.pad(x, (0, 1, 0, 1)), 0
        else:
            padding = self.kernel // 2 * self.dilation
        return functional.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _slow_strided(self, x: torch.Tensor) -> bool:
        """Whether the CPU's gradient of this layer is slow: depthwise, of stride 2, in bfloat16."""
        return self.stride == 2 and self.groups > 1 and x.dtype == torch.bfloat16 and x.device.type == "cpu"

    def _every_second(self, x: torch.Tensor) -> torch.Tensor:
        """The same as `_convolved`: all four times as many places, of which every second in both directions is kept.

        On a CPU with bfloat16 that takes a third of the time or less, forth and back.
        """
        dense = functional.conv2d(x, self.weight, self.bias, 1, self.kernel // 2, 1, self.groups)
        # indexing by ::2 would copy as slowly as the convolution computes
        pairs = dense.permute(0, 2, 3, 1).unflatten(1, (-1, 2)).unflatten(3, (-1, 2))  # (B, H/2, 2, W/2, 2, C)
        return pairs[:, :, 1, :, 1].permute(0, 3, 1, 2)


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


class Body(nn.Module):
    """The stem and the 17 blocks. `deepest` 16 takes the last stride away and dilates what follows instead."""

    body_prefixes = ("stem.", "blocks.")

    def __init__(self, width: float, norm: bool, deepest: int = 32):
        super().__init__()
        current = rounded(32 * width)
        self.stem = Convolution(3, current, 3, 2, 1, norm, True)
        blocks: list[Block] = []
        self.widths: list[int] = []
        at = 2
        for expansion, base, repeats, stride in STAGES:
            for repeat in range(repeats):
                own = stride if repeat == 0 and at * stride <= deepest else 1
                at *= own
                block = Block(current, rounded(base * width), expansion, own, norm)
                if len(blocks) > DILATED_FROM and deepest < 32:
                    block.depthwise.dilation = 2
                blocks.append(block)
                current = rounded(base * width)
                self.widths.append(current)
        self.blocks = nn.ModuleList(blocks)

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What each block puts out."""
        x = self.stem(x)
        out = []
        for block in self.blocks:
            x = block(x)
            out.append(x)
        return out


class MobileNetV2(Body):
    """(B, 3, H, W) in -1..1 → (B, channels, H / 4, W / 4), by a feature pyramid (Lin et al., CVPR 2017)."""

    stride, multiple = 4, 32

    def __init__(self, width: float, channels: int, norm: bool):
        super().__init__(width, norm)
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(self.widths[tap], PYRAMID, 1, bias=False), nn.BatchNorm2d(PYRAMID)) for tap in TAPS
        )
        self.smooth = nn.Sequential(
            nn.Conv2d(PYRAMID, PYRAMID, 3, padding=1, bias=False), nn.BatchNorm2d(PYRAMID), nn.ReLU(inplace=True)
        )
        self.head = nn.Conv2d(PYRAMID, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        taps = [features[tap] for tap in TAPS]
        x = self.lateral[-1](taps[-1])
        for lateral, tap in zip(list(self.lateral)[-2::-1], taps[-2::-1]):
            x = functional.interpolate(x, scale_factor=2.0) + lateral(tap)
        return self.head(self.smooth(x))


class DeconvolvedMobileNetV2(Body):
    """(B, 3, H, W) in -1..1 → (B, channels, H / 8, W / 8): DeepLabCut's head on a body of output stride 16."""

    stride, multiple = 8, 32

    def __init__(self, width: float, channels: int, norm: bool):
        super().__init__(width, norm, deepest=16)
        self.head = nn.ConvTranspose2d(self.widths[-1], channels, 3, 2, 1, 1)
        nn.init.normal_(self.head.weight, std=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x)[-1])


def mobilenetv2(width: float, channels: int, normalized: bool) -> MobileNetV2:
    """MobileNetV2 of any width multiplier; `normalized` is off when pretrained weights will be loaded."""
    return MobileNetV2(width, channels, normalized)


def mobilenetv2_deconv(width: float, channels: int, normalized: bool) -> DeconvolvedMobileNetV2:
    """The same body as DeepLabCut takes it: dilated, with one learnt doubling of the resolution."""
    return DeconvolvedMobileNetV2(width, channels, normalized)
