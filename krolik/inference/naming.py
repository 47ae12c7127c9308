"""Which row of a table is which named animal: by what they look like, and by where each was just before.

Animals are followed from frame to frame; while one is followed without doubt, all its frames speak for its name
together. Where it came close to another one they speak less for each other; where it was lost, or leapt, not at all.

Legend: F frames, N animals (rows), C names; the first C rows of what comes out are those of the names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from krolik.poses import Predictions

TRUST, MOST = 0.2, 3.0  # what one frame of many alike counts; nats that it speaks for a name at most
CLOSE = 0.9  # what stays of earlier frames' word at each frame in which another animal was as near
APART = 0.5  # of a usual animal: so much farther than the animal itself another one must have been
LEAP = 1.0  # and so far an animal goes in a frame at most
BEFORE = 3.0  # nats that speak for the names in which the block before ended
KEPT = 1.0  # and for those of the frame before


def named(block: Predictions, evidence: np.ndarray, before: Predictions | None, span_px: float) -> Predictions:
    """The block with each animal in the row of its name.

    evidence: (F, N, C) nats. before: what was named so far. span_px: a usual animal's extent.
    """
    held = _continuity(block.xy, None if before is None else before.xy[-1], span_px)
    said = TRUST * np.clip(_square(evidence), -MOST, MOST)
    start = BEFORE * np.eye(said.shape[1]) if before is not None else np.zeros(said.shape[1:])
    forward, backward = _gathered(said, held, start), _gathered(said[::-1], _reversed(held), np.zeros(said.shape[1:]))
    together = forward + backward[::-1] - said
    order = np.stack(list(_orders(together, held, before is not None)))
    at = np.arange(len(order))[:, None]
    return replace(block, xy=block.xy[at, order], score=block.score[at, order])


def order_of(evidence: np.ndarray) -> np.ndarray:
    """Which row comes first, second, ... of a single frame, by its evidence (N, C) alone: (N,)."""
    return _assigned(_square(evidence[None])[0])


def _square(evidence: np.ndarray) -> np.ndarray:
    """(F, N, C) → (F, N, N): for rows without a name nothing speaks."""
    missing = evidence.shape[1] - evidence.shape[2]
    return np.pad(evidence, ((0, 0), (0, 0), (0, missing)))


def _continuity(xy: np.ndarray, last: np.ndarray | None, span_px: float) -> np.ndarray:
    """(F, N): how far what is known of a row in the frame before holds for it in this frame, 0 to 1."""
    frames, animals = xy.shape[:2]
    there = np.asarray(np.isfinite(xy).all(axis=(2, 3)))
    held = np.zeros((frames, animals))
    seen = np.full(xy.shape[1:], np.nan) if last is None else last.astype(float)
    was_there = np.isfinite(seen).all(axis=(1, 2))
    for t in range(frames):
        apart = np.linalg.norm(seen[:, None] - xy[t][None], axis=-1).mean(axis=-1)  # (before, now)
        stayed = np.diagonal(apart)
        others = np.where(np.eye(animals, dtype=bool) | np.isnan(apart), np.inf, apart).min(axis=0)
        with np.errstate(invalid="ignore"):
            followed = was_there & there[t] & (stayed <= LEAP * span_px)
            held[t] = np.where(followed, np.where(others - stayed > APART * span_px, 1.0, CLOSE), 0.0)
        seen = np.where(there[t][:, None, None], xy[t], seen)
        was_there = there[t]
    return held


def _reversed(held: np.ndarray) -> np.ndarray:
    """The same as seen from the last frame: what holds between a frame and the one after it."""
    return np.concatenate([np.zeros((1, held.shape[1])), held[:0:-1]])


def _gathered(said: np.ndarray, held: np.ndarray, start: np.ndarray) -> np.ndarray:
    """(F, N, N): what was said of each row up to each frame, as far as it holds there."""
    out, known = np.empty_like(said), start
    for t in range(len(said)):
        out[t] = known = held[t][:, None] * known + said[t]
    return out


def _orders(together: np.ndarray, held: np.ndarray, known: bool) -> Iterator[np.ndarray]:
    """For each frame the row of each name; the names of the frame before are kept unless more speaks for others."""
    animals = together.shape[1]
    kept = np.eye(animals) if known else np.zeros((animals, animals))
    for t in range(len(together)):
        order = _assigned(together[t] + KEPT * held[t][:, None] * kept)
        kept = np.zeros((animals, animals))
        kept[order, np.arange(animals)] = 1
        yield order


def _assigned(evidence: np.ndarray) -> np.ndarray:
    from scipy.optimize import linear_sum_assignment

    rows, names = linear_sum_assignment(-evidence)
    return rows[np.argsort(names)]
