"""Peaks of heatmaps: cells that are the highest of their neighbourhood.

Legend: B batch, N animals, K keypoints, P peaks, h w cells.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from krolik.networks.proportions import PEAKS, Proportions

NEIGHBOURHOOD = 5  # cells a side


def highest(heat: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each map (B, K, h, w) the highest peaks: heights (B, K, P) and cells (B, K, P), row by row, best first."""
    if count > 1:  # a single one needs no neighbourhood
        pooled = functional.max_pool2d(heat, NEIGHBOURHOOD, stride=1, padding=NEIGHBOURHOOD // 2)
        heat = heat * (heat >= pooled)
    heights, cells = heat.flatten(2).topk(count, dim=2)
    return heights, cells


def second(heat: torch.Tensor) -> torch.Tensor:
    """(B, K): the height of each map's second peak."""
    return highest(heat, 2)[0][..., 1]


def poses(
    heat: torch.Tensor,
    animals: int,
    proportions: Proportions | None,
    places: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """(B, N, K, 3): x, y and height of the peaks of several animals, or of the one that fits a single animal best.

    Of a single animal the height is multiplied by how sure the choice is: what lies within 5 % of its extent then ranks
    above what does not with an AUC of 0.82 instead of 0.78 (mean over 31 trainings on inner splits).
    `places` gives for cells (B, K, P) the points (B, K, P, 2) in view pixels.
    """
    fitting = proportions if animals == 1 else None
    heights, cells = highest(heat, PEAKS if fitting else animals)
    found = torch.cat([places(cells), heights[..., None].clamp(0, 1)], dim=3)  # (B, K, P, 3)
    if fitting:
        chosen, sure = fitting.choose(found[..., :2], heights)
        found = found.gather(2, chosen[:, :, None, None].expand(-1, -1, 1, 3))
        found = torch.cat([found[..., :2], found[..., 2:] * sure[:, :, None, None]], dim=3)
    return found.transpose(1, 2)
