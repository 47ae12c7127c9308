"""Which of its peaks a keypoint lies on: the one whose distances to the other keypoints are those of a labelled animal.

Where a network takes a paw for another paw, or for that of a neighbour, the right place is mostly the second or third
peak of its map. The distances between keypoints, which turning and mirroring leave as they are, tell which. So animals
were described by pictorial structures (Fischler and Elschlager, IEEE Transactions on Computers 1973; Felzenszwalb and
Huttenlocher, IJCV 2005); here every pair of keypoints counts, each misfit is bounded, so that a lost point cannot drag
others along, and a few rounds of mean-field updates decide (Krähenbühl and Koltun, NIPS 2011, arXiv:1210.5644).
Two keypoints that are nearer to each other than the labels show are mostly on one and the same place, as both wings on
the one that lies folded while the other is spread; so that costs them much more than a distance that no label shows.

Legend: B batch, K keypoints, P peaks of a keypoint, A labelled animals.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch

PEAKS = 3  # so many of each keypoint's are looked at
LEAST = 0.1  # a peak lower than this part of the highest one is noise
FEWEST = 4  # in fewer animals a pair of keypoints was not measured
FLOOR = 0.15  # of the animal's extent: no distance is known better
BOUND = 2.0  # of a misfit: 2 standard deviations, since animals take poses that no label shows
NEAREST = 2  # percent of the labelled animals have two keypoints nearer to each other
TOLERANCE, FULL = 0.9, 0.72  # of that distance: nearer than this costs something, nearer than that the whole
CROWDED = 2.0  # what it costs
ROUNDS, KEPT, TEMPERATURE = 8, 0.5, 0.25  # of a belief, so much is kept in each round, or two would flee to and fro


@dataclass(frozen=True, eq=False)
class Proportions:
    """Distances between keypoints, (K, K) float32 in view pixels: mean, spread, hardly ever less than `nearest`.

    known: 1 where they are, else 0.
    """

    mean: np.ndarray
    spread: np.ndarray
    nearest: np.ndarray
    known: np.ndarray

    @classmethod
    def measured(cls, points: np.ndarray) -> Proportions | None:
        """Those of labelled animals (A, K, 2), NaN where there is no label; None if there are too few to tell.

        With two keypoints neither can say which of them is wrong, so there must be three.
        """
        if len(points) < FEWEST or points.shape[1] < 3:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of pairs that no animal shows
            extent = np.nanmedian((np.nanmax(points, axis=1) - np.nanmin(points, axis=1)).max(axis=1))
            distances = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)  # (A, K, K)
            mean, variance = np.nanmean(distances, axis=0), np.nanvar(distances, axis=0)
            nearest = np.nanpercentile(distances, NEAREST, axis=0)
        count = np.isfinite(distances).sum(axis=0)
        known = (count >= FEWEST) & ~np.eye(len(count), dtype=bool)
        floor = (FLOOR * extent) ** 2
        if not known.any() or not floor > 0:
            return None
        spread = np.sqrt((variance * count + floor) / np.maximum(count - 1, 1) + floor)  # of few animals: more
        kept = (mean, 0), (spread, 1), (nearest, 0), (known, 0)
        return cls(*(np.where(known, values, other).astype(np.float32) for values, other in kept))

    def choose(self, points: torch.Tensor, heights: torch.Tensor) -> torch.Tensor:
        """Which of the peaks at points (B, K, P, 2), of heights (B, K, P), the highest first, fits best: (B, K)."""
        keypoints, peaks = len(self.mean), points.shape[2]
        mean, spread, nearest, known = (
            torch.from_numpy(a.repeat(peaks, axis=0).repeat(peaks, axis=1)).to(points.device)
            for a in (self.mean, self.spread, self.nearest, self.known)
        )  # (K P, K P)
        flat = points.flatten(1, 2)
        distances = (flat[:, :, None] - flat[:, None]).square().sum(dim=3).sqrt()
        misfits = ((distances - mean) / spread).square().div(2).clamp(max=BOUND) * known
        sure = heights[..., :1]  # how much a keypoint has to say to the others
        voters = (torch.from_numpy(self.known).to(points.device) @ sure).clamp(min=1e-6)  # (B, K, 1)
        full, start = FULL * nearest, TOLERANCE * nearest
        crowded = CROWDED * ((start - distances) / (start - full).clamp(min=1e-6)).clamp(0, 1)
        costs = misfits / voters.repeat_interleave(peaks, dim=1) + crowded
        likely = heights.clamp(1e-3, 0.98)
        evidence = torch.where(heights < LEAST * sure, -50.0, likely.log() - (1 - likely).log() / 2)
        belief = torch.softmax(evidence / TEMPERATURE, dim=2)
        for _ in range(ROUNDS):
            votes = (costs @ (belief * sure).flatten(1)[..., None]).unflatten(1, (keypoints, peaks))[..., 0]
            belief = KEPT * belief + (1 - KEPT) * torch.softmax((evidence - votes) / TEMPERATURE, dim=2)
        return belief.argmax(dim=2)
