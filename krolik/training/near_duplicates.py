"""Test frames that look like a training frame: what is measured on them is too good to be true.

Legend: F frames, M animals at most in a frame, N animals of one frame, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from krolik.poses import FrameKey
from krolik.training.findings import Finding
from krolik.training.training_set import Sample

MOVED = 0.1  # of an animal's extent: one that moved or bent so far on average is a new picture of it
MOVED_PX = 2.0  # at least: small animals are not labelled more exactly
THUMBNAIL = 32
ALIKE = 2.0  # mean difference of two thumbnails, in grey levels: compression alone makes about 1
MOST_COMPARED = 100  # test frames that are looked at, evenly taken: decoding them costs training time


def near_duplicates(
    train: Sequence[Sample], test: Sequence[Sample], extent_px: float, load: Callable[[FrameKey], np.ndarray]
) -> list[Finding]:
    """At most one finding, with the test frames whose animals were learnt in the same place, pose and light.

    A small animal hardly changes a thumbnail, so the labels are compared first, then the pixels of the nearest frame.
    extent_px: how long an animal is. load: the pixels of a frame, (H, W, 3) uint8.
    """
    tested = [test[i] for i in np.linspace(0, len(test) - 1, min(len(test), MOST_COMPARED)).round().astype(int)]
    tested = [sample for sample in tested if np.isfinite(sample.points).any()]
    if not train or not tested:
        return []
    poses, alike = _stacked(train), []
    for sample in tested:
        apart = _apart(sample.points, poses)
        nearest = int(apart.argmin())
        if apart[nearest] <= max(MOVED_PX, MOVED * extent_px):
            shown, learnt = (_thumbnail(load(key)) for key in (sample.key, train[nearest].key))
            if np.abs(shown - learnt).mean() < ALIKE:
                alike.append(sample.key)
    if not alike:
        return []
    return [Finding("near-duplicates", f"{len(alike)} of {len(tested)} test frames look like a training frame",
                    "Their errors are too small to be true of other frames; "
                    "split by blocks of time (--split blocks) or by video.",
                    tuple(alike))]  # fmt: skip


def _stacked(samples: Sequence[Sample]) -> np.ndarray:
    """(F, M, K, 2): all poses, NaN where there is no animal or no point."""
    most = max(1, *(len(sample.points) for sample in samples))
    out = np.full((len(samples), most, *samples[0].points.shape[1:]), np.nan, np.float32)
    for row, sample in zip(out, samples):
        row[: len(sample.points)] = sample.points
    return out


def _apart(animals: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """(N, K, 2) and (F, M, K, 2) → (F,): how far the animal that moved most is from the nearest one of each frame.

    In pixels, the mean over the keypoints that both have; infinite where they share none.
    """
    most = np.zeros(len(poses))
    for animal in animals:
        if np.isfinite(animal).any():
            distances = np.linalg.norm(poses - animal, axis=-1)  # (F, M, K)
            shared = np.isfinite(distances)
            total, times = np.where(shared, distances, 0).sum(axis=-1), shared.sum(axis=-1)
            mean = np.where(times > 0, total / np.maximum(times, 1), np.inf)
            most = np.maximum(most, mean.min(axis=1))
    return most


def _thumbnail(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(image, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA).astype(np.int16)
