"""Who is who when animals are looked for anew: each keeps the place in the table that it had before.

Legend: F frames, N animals, K keypoints.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from krolik.poses import Predictions

NEVER_SEEN = 1e9  # pixels: farther than any animal that was seen


def continued(block: Predictions, before: Predictions | None) -> Predictions:
    """The block with its animals in the order in which the block before it ended.

    Each pose that the new block begins with goes on from the pose that is nearest to it in the mean of its keypoints,
    for all animals together the least distance (Kuhn, Naval Research Logistics 1955). An animal that was not seen in
    the block before takes a place that is left.
    """
    order = order_after(before, block)
    return block if order is None else in_order(block, order)


def in_order(block: Predictions, order: np.ndarray) -> Predictions:
    """The block with its animals in another order, (N,)."""
    return replace(block, xy=block.xy[:, order], score=block.score[:, order])


def order_after(before: Predictions | None, block: Predictions) -> np.ndarray | None:
    """Which animal of a block goes on from each of the block before, (N,); None where nothing can be gone on from."""
    if before is None or block.score.shape[1] < 2 or before.score.shape[1] != block.score.shape[1]:
        return None
    return nearest(_first_seen(before.xy[::-1]), _first_seen(block.xy))


def nearest(before: np.ndarray, now: np.ndarray) -> np.ndarray:
    """Which of the animals now (N, K, 2) goes on from each of those before, (N, K, 2); NaN for one that is not there.

    For all together the mean distance of their keypoints is the least.
    """
    from scipy.optimize import linear_sum_assignment

    apart = np.linalg.norm(before[:, None] - now[None], axis=-1).mean(axis=-1)  # (N, N)
    _, order = linear_sum_assignment(np.nan_to_num(apart, nan=NEVER_SEEN))
    return order


def _first_seen(xy: np.ndarray) -> np.ndarray:
    """(F, N, K, 2) → (N, K, 2): each animal in the first frame that has it; NaN where none has."""
    there = np.isfinite(xy).all(axis=(2, 3))
    return xy[there.argmax(axis=0), np.arange(xy.shape[1])]
