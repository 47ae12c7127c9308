"""ResNet (He et al., CVPR 2016, arXiv:1512.03385) with DeepLabCut's head: one learnt doubling of the resolution.

DeepLabCut (Mathis et al., Nature Neuroscience 2018) takes the body at an output stride of 16, its last stage dilated
instead of strided, and reads heatmaps and location refinement from transposed convolutions at stride 8.

Layers are named as in torchvision (`conv1`, `bn1`, `layer1.0.conv1`, ...), so that its public checkpoints load by name.
The stride of a bottleneck is in its 3×3 layer, as there.
"""

from __future__ import annotations

import torch
from torch import nn

from krolik.networks.backbones.normalization import ImageNetColors

STRIDE = 8
DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
WIDTHS = (64, 128, 256, 512)


class Basic(nn.Module):
    """Two 3×3 layers beside a shortcut."""

    EXPANSION = 1

    def __init__(self, inputs: int, width: int, stride: int, dilation: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = shortcut(inputs, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """Narrow by a 1×1, filter by a 3×3, widen fourfold by a 1×1, beside a shortcut."""

    EXPANSION = 4

    def __init__(self, inputs: int, width: int, stride: int, dilation: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = shortcut(inputs, 4 * width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x))))))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """The way around a block that changes the shape; None where nothing needs to change."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """(B, 3, H, W) in -1..1 → (B, channels, H / 8, W / 8)."""

    stride, multiple = STRIDE, 32
    body_prefixes = ("conv1.", "bn1.", "layer")

    def __init__(self, depth: int, width: float, channels: int, dilated: bool = True):
        super().__init__()
        block = Basic if depth < 50 else Bottleneck
        widths = [max(8, 8 * round(w * width / 8)) for w in WIDTHS]
        self.colors = ImageNetColors()
        self.conv1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        current = widths[0]
        for number, (blocks, own) in enumerate(zip(DEPTHS[depth], widths), 1):
            last = number == 4
            stride = 1 if number == 1 or (last and dilated) else 2
            dilation = 2 if last and dilated else 1
            stage = []
            for i in range(blocks):
                stage.append(block(current, own, stride if i == 0 else 1, dilation if i else 1))
                current = own * block.EXPANSION
            self.add_module(f"layer{number}", nn.Sequential(*stage))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.head = nn.ConvTranspose2d(current, channels, 3, 2, 1, 1)
        nn.init.normal_(self.head.weight, std=0.01)

    def body(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(self.colors(x)))))
        for number in range(1, 5):
            x = getattr(self, f"layer{number}")(x)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


def resnet18(width: float, channels: int, normalized: bool) -> ResNet:
    """11.2 M parameters and 1.8 G multiply-adds at 224², before the head and without dilation."""
    return ResNet(18, width, channels)


def resnet34(width: float, channels: int, normalized: bool) -> ResNet:
    """21.3 M parameters and 3.7 G multiply-adds at 224², before the head and without dilation."""
    return ResNet(34, width, channels)


def resnet50(width: float, channels: int, normalized: bool) -> ResNet:
    """23.5 M parameters and 4.1 G multiply-adds at 224², before the head and without dilation."""
    return ResNet(50, width, channels)
