"""How pictures are scaled for bodies whose checkpoints were trained on ImageNet with its mean and deviation."""

from __future__ import annotations

import torch
from torch import nn

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's red, green, blue in 0..1


class ImageNetColors(nn.Module):
    """(B, 3, H, W) in -1..1 → zero mean and unit deviation over ImageNet."""

    def __init__(self):
        super().__init__()
        mean, deviation = torch.tensor(MEAN), torch.tensor(DEVIATION)
        self.register_buffer("gain", (0.5 / deviation).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", ((0.5 - mean) / deviation).view(1, 3, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gain, shift = self.get_buffer("gain"), self.get_buffer("shift")
        return x * gain + shift
