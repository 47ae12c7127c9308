"""Fitting the confidence of a trained network on its validation frames, each seen through many views.

A tenth of twenty frames is two: their plain views would say little of when the network errs. Views that stray half as
far as in training (but turn as far) show more cases of frames that it never learnt, hardly harder than a video's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from krolik.evaluation.calibration import Calibration, fit
from krolik.networks.network import Network
from krolik.poses import State
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batches, Item
from krolik.training.image_cache import ImageCache

POINTS = 600  # enough for a curve of two parameters
MOST_VIEWS = 16


@torch.inference_mode()
def calibrate(
    network: Network,
    items: Sequence[Item],
    images: ImageCache,
    ranges: AugmentationRanges,
    within_px: float,
    seed: int,
) -> Calibration | None:
    """The curve from the network's raw confidence to the probability of lying within `within_px` frame pixels.

    None where there are no validation frames, or too few points on them.
    """
    labelled = sum(int((i.states != State.UNKNOWN).sum()) for i in items)
    if not labelled:
        return None
    views = min(MOST_VIEWS, max(1, round(POINTS / labelled)))
    keypoints = items[0].states.shape[1]
    batches = Batches(items, images, _halved(ranges), np.arange(keypoints), len(items), seed)
    network.module.eval()
    device = next(network.module.parameters()).device
    scores, right = [], []
    for number in range(views):
        batch = batches.batch(number)
        for first in range(0, len(items), 8):
            part = slice(first, first + 8)
            seen = torch.from_numpy(batch.images[part]).to(device)
            found = network.decode(network.outputs(seen))[:, 0].cpu().numpy()  # (B, K, 3)
            for item, pose, points, states, view in zip(
                batch.items[part], found, batch.points[part], batch.states[part], batch.views[part], strict=True
            ):
                judged = (states[0] != State.UNKNOWN) & inside(points[0], states[0], view.size)
                errors = np.linalg.norm(pose[:, :2] - points[0], axis=-1) * item.weight / view.scale
                scores.append(pose[judged, 2])
                right.append((np.nan_to_num(errors, nan=np.inf) <= within_px)[judged])
    return fit(np.concatenate(scores), np.concatenate(right), within_px)


def _halved(ranges: AugmentationRanges) -> AugmentationRanges:
    """Half as far in everything but rotation, without neighbours, and never mirrored: the names hold for every view."""
    low, high = (value**0.5 for value in ranges.scale)
    dark, light = (value**0.5 for value in ranges.gain)
    return replace(
        ranges, mirror=False, scale=(low, high), shift=ranges.shift / 2, gain=(dark, light), bias=ranges.bias / 2,
        noise_chance=ranges.noise_chance / 2, blur_chance=ranges.blur_chance / 2, neighbour_chance=0.0,
    )  # fmt: skip


def inside(points: np.ndarray, states: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(K,) bool: not pushed out of the view; a point without coordinates is judged all the same."""
    located = states >= State.OCCLUDED
    within = ((points >= 0) & (points <= np.array(size) - 1)).all(axis=-1)
    return np.where(located, within, True)
