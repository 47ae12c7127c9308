"""Where a whole animal is when only part of it is labelled: for framing crops and for the locator, never as a label.

A frame in which nobody labelled the tail still has a tail. A box around the labelled points alone would put the crop
on the head and leave the tail outside of it, so that a rarely labelled keypoint could not be found. Unknown points
are therefore placed by the mean shape of the labelled animals, laid on the labelled points by a similarity transform
(Umeyama, TPAMI 1991); the shape is the mean over all animals laid on each other (generalised Procrustes analysis;
Gower, Psychometrika 1975), with whatever points each of them has.

Legend: M animals in all frames together, N animals of one frame, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from krolik.poses import State
from krolik.training.sizes import ALIKE, relative_sizes, size_spread
from krolik.training.training_set import Sample

ROUNDS = 4
FEWEST = 2  # points that a shape can be laid on
HELD = 0.1  # how strongly a wholly shared shape keeps its size
MIRRORED = 0.5  # a mirrored fit must leave less than this part of what the plain one leaves


def with_whole_boxes(samples: Sequence[Sample]) -> list[Sample]:
    """The samples with places for framing (`Sample.framing`) where labels are unknown."""
    if not any((s.states == State.UNKNOWN).any() for s in samples):
        return list(samples)
    points = np.concatenate([s.points for s in samples]).astype(float)
    framed = _framed(samples, points, np.ones(len(points)))
    extents = [extent for s in framed for a in range(len(s.points)) if (extent := s.extent(a)) is not None]
    if size_spread(points, extents) <= ALIKE:
        return framed
    return _framed(samples, points, relative_sizes(points))


def _framed(samples: Sequence[Sample], points: np.ndarray, sizes: np.ndarray) -> list[Sample]:
    """With the shape that all points (M, K, 2) have in common, so many times as large (M,) for each animal."""
    shape, own = mean_shape(points / sizes[:, None, None]), iter(sizes)
    return [replace(s, framing=np.stack([_completed(p, t, next(own) * shape) for p, t in zip(s.points, s.states)]))
            if len(s.points) else s for s in samples]  # fmt: skip


def mean_shape(points: np.ndarray) -> np.ndarray:
    """(M, K, 2), NaN where there is no point → (K, 2): the mean of all animals laid on each other.

    NaN for keypoints that no animal has together with enough others.
    """
    counts = np.isfinite(points).all(axis=-1).sum(axis=-1)
    if not len(points) or counts.max() < FEWEST:
        return np.full(points.shape[1:], np.nan)
    shape = points[int(counts.argmax())]
    for _ in range(ROUNDS):
        laid = [fitted for animal in points if (fitted := lay(animal, shape)) is not None]
        stacked = np.stack(laid)
        seen = np.isfinite(stacked).all(axis=-1)
        total, times = np.where(np.expand_dims(seen, -1), stacked, 0).sum(axis=0), np.count_nonzero(seen, axis=0)
        shape = np.where(np.expand_dims(times, 1) > 0, total / np.expand_dims(np.maximum(times, 1), 1), np.nan)
    return shape


def _completed(points: np.ndarray, states: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """(K, 2): the labelled points, and the shape's for unknown ones; NaN where neither is to be had."""
    guessed = lay(shape, points)
    out = np.where((states >= State.OCCLUDED)[:, None], points, np.nan).astype(float)
    if guessed is not None:
        unknown = states == State.UNKNOWN
        out[unknown] = guessed[unknown]
    return out


def lay(points: np.ndarray, onto: np.ndarray) -> np.ndarray | None:
    """`points` (K, 2) moved, turned, scaled, and mirrored if that fits far better, onto what they share with `onto`.

    The scale is held near 1 by as much of the shape as is not shared: three points of a head tell the direction of the
    tail but not the length of the body. None if they share fewer than two points, or those lie in one place.
    """
    shared = np.isfinite(points).all(axis=1) & np.isfinite(onto).all(axis=1)
    if shared.sum() < FEWEST:
        return None
    source, target = points[shared], onto[shared]
    from_, to = source.mean(axis=0), target.mean(axis=0)
    spread = float(((source - from_) ** 2).sum())
    if spread < 1e-9:
        return None
    held = float(np.nansum((points - from_) ** 2)) - spread + HELD * spread
    # as complex numbers a similarity is one factor; a mirrored one is the factor of the conjugates
    z, w = _complex(source - from_), _complex(target - to)
    plain, mirrored = _fit(z, w, spread, held), _fit(z.conj(), w, spread, held)
    flip = mirrored[1] < MIRRORED * plain[1]
    moved = _complex(points - from_)
    moved = mirrored[0] * moved.conj() if flip else plain[0] * moved
    return np.column_stack([moved.real, moved.imag]) + to


def _fit(z: np.ndarray, w: np.ndarray, spread: float, held: float) -> tuple[complex, float]:
    """The factor that takes z to w, its length drawn towards 1, and what remains."""
    factor = np.vdot(z, w)
    length = abs(factor)
    if length < 1e-12:
        return 1.0 + 0.0j, float(np.abs(w - z).sum())
    scale = (length + held) / (spread + held)
    factor = factor / length * scale
    return complex(factor), float(np.abs(w - factor * z).sum())


def _complex(points: np.ndarray) -> np.ndarray:
    return points[:, 0] + 1j * points[:, 1]
