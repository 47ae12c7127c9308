"""Which of its peaks a keypoint lies on: the one whose distances to the other keypoints are those of a labelled animal.

Where a network takes a paw for another paw, or for that of a neighbour, the right place is mostly the second or third
peak of its map. The distances between keypoints, which turning and mirroring leave as they are, tell which. So animals
were described by pictorial structures (Fischler and Elschlager, IEEE Transactions on Computers 1973; Felzenszwalb and
Huttenlocher, IJCV 2005). Here every pair of keypoints counts, and a few rounds of mean-field updates decide (Krähenbühl
and Koltun, NIPS 2011, arXiv:1210.5644). Distances that labels show cost nothing, however rare they are, and what others
cost is bounded, so that a lost point cannot drag others along and a pose that no label shows can be found.

Two keypoints on one and the same place are another matter: a network that knows folded wings finds both of them on the
one that still is. So each has to leave a place to the other, if it is seen elsewhere and labels show them apart.

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
SELDOM = 2  # percent of the labelled animals have a distance shorter than `nearest`, as many one longer than `farthest`
SLACK, FEW = 0.05, 5  # of the animal's extent: a standard deviation of the distances beyond; of so few animals more
BOUND = 4.0  # of what a distance costs at most, the mean over all others of an animal
SAME, WIDER = 0.1, 1.8  # two keypoints so near are on one place: of the extent, but of `nearest` at most so many times
SHARED = 2.0  # what it costs to share a place: as from half of that distance on
ROUNDS, KEPT, TEMPERATURE = 8, 0.5, 0.25  # of a belief, so much is kept in each round, or two would flee to and fro


@dataclass(frozen=True, eq=False)
class Proportions:
    """Distances between keypoints, (K, K) float32 in view pixels: labelled animals have `nearest` to `farthest`.

    slack: a standard deviation of what others have beyond that. same: so near, two keypoints are on one place. known:
    1 where labels show a distance often enough, else 0.
    """

    nearest: np.ndarray
    farthest: np.ndarray
    slack: np.ndarray
    same: np.ndarray
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
            ends = np.nanpercentile(distances, (SELDOM, 100 - SELDOM), axis=0)
        count = np.isfinite(distances).sum(axis=0)
        known = (count >= FEWEST) & ~np.eye(len(count), dtype=bool)
        if not known.any() or not extent > 0:
            return None
        nearest, farthest = np.where(known, ends, 0)
        slack = SLACK * extent * np.sqrt(1 + FEW / np.maximum(count, 1))
        same = np.minimum(SAME * extent, WIDER * nearest)
        return cls(*(values.astype(np.float32) for values in (nearest, farthest, slack, same, known)))

    def choose(self, points: torch.Tensor, heights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Which of the peaks at points (B, K, P, 2), of heights (B, K, P), the highest first, fits best: (B, K).

        And how sure that is beside the others, (B, K): 1 where there is no other.
        """
        sure = heights[..., :1].clamp(min=0)  # how much a keypoint has to say to the others
        likely = heights.clamp(1e-3, 0.98)
        evidence = torch.where(heights < LEAST * sure, -50.0, likely.log() - (1 - likely).log() / 2)
        costs = self._costs(points, sure)
        belief, votes = torch.softmax(evidence / TEMPERATURE, dim=2), torch.zeros_like(evidence)
        for _ in range(ROUNDS):
            votes = (costs @ (belief * sure).flatten(1)[..., None]).unflatten(1, tuple(points.shape[1:3]))[..., 0]
            belief = KEPT * belief + (1 - KEPT) * torch.softmax((evidence - votes) / TEMPERATURE, dim=2)
        chosen = belief.argmax(dim=2)
        return chosen, torch.softmax(evidence - votes, dim=2).gather(2, chosen[..., None])[..., 0]

    def _costs(self, points: torch.Tensor, sure: torch.Tensor) -> torch.Tensor:
        """What each peak says against each other one: (B, K P, K P). sure: (B, K, 1)."""
        steepness = self.known / (np.sqrt(2) * self.slack)  # in half squared standard deviations
        middle, half = (self.farthest + self.nearest) / 2, (self.farthest - self.nearest) / 2
        slope = np.where(self.same > 0, 2 * SHARED / np.maximum(self.same, 1e-6), 0)
        steepness, middle, half, slope = (self._of_peaks(a, points) for a in (steepness, middle, half, slope))
        x, y = points.flatten(1, 2).unbind(dim=2)
        right, down = x[:, :, None] - x[:, None], y[:, :, None] - y[:, None]
        distances = (right * right + down * down).sqrt()
        misfits = ((distances - middle).abs() - half).clamp(min=0) * steepness
        voters = (torch.from_numpy(self.known).to(points.device) @ sure).clamp(min=1e-6)  # (B, K, 1)
        share = (1 / voters).repeat_interleave(points.shape[2], dim=1)
        shared = (2 * SHARED * (slope > 0) - distances * slope).clamp(0, SHARED)
        return (misfits * misfits).clamp(max=BOUND) * share + shared

    @staticmethod
    def _of_peaks(of_keypoints: np.ndarray, points: torch.Tensor) -> torch.Tensor:
        """(K, K) → (K P, K P), for points (B, K, P, 2)."""
        repeated = of_keypoints.astype(np.float32).repeat(points.shape[2], axis=0).repeat(points.shape[2], axis=1)
        return torch.from_numpy(repeated).to(points.device)
