"""Which way round left and right lie: seen from above always the same, whichever way the body points."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from krolik.poses import FrameKey
from krolik.skeleton import Skeleton
from krolik.training.training_set import Sample

FEWEST = 5  # animals with a pair and its reference that tell what is usual


def sides(samples: Sequence[Sample], skeleton: Skeleton) -> list[tuple[FrameKey, bool]]:
    """For every animal and symmetric pair that shows it: whether left and right lie as they mostly do for that pair.

    What is judged is the turn from "pair to reference" to "left to right", where the reference is the keypoint of no
    pair that is farthest from this one on average.
    """
    position = skeleton.position
    pairs = [(position[a], position[b]) for a, b in skeleton.pairs]
    unpaired = [k for k in range(len(skeleton)) if not any(k in pair for pair in pairs)]
    found: list[tuple[FrameKey, bool]] = []
    if not unpaired:
        return found
    keys = [s.key for s in samples for _ in s.points]
    points = np.concatenate([s.points for s in samples]).astype(float)  # (M, K, 2)
    for left, right in pairs:
        towards = points[:, unpaired] - (points[:, left] + points[:, right])[:, None] / 2  # (M, U, 2)
        lengths = np.linalg.norm(towards, axis=-1)
        seen = np.isfinite(lengths)
        if seen.sum(axis=0).max() < FEWEST:
            continue
        mean = np.where(seen, lengths, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        axis = towards[:, int(np.where(seen.sum(axis=0) < FEWEST, -1, mean).argmax())]
        across = points[:, right] - points[:, left]
        turns = axis[:, 0] * across[:, 1] - axis[:, 1] * across[:, 0]
        told = np.isfinite(turns) & (turns != 0)
        usual = 1.0 if np.sign(turns[told]).sum() >= 0 else -1.0
        found += [(keys[i], bool(np.sign(turns[i]) == usual)) for i in np.flatnonzero(told)]
    return found
