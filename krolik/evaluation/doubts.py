"""Where a model is likely to be wrong, and why: one function per sign, with a severity from 0 to 1 for each frame.

Frames that follow each other show jumps and swapped sides; single frames show low confidence, strange limbs and
poses; looking twice shows rivals of a peak and what changes when the picture is mirrored.

Legend: F frames, N animals, K keypoints. Points are NaN and scores 0 where there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from krolik.evaluation.shape import Shape

# How much each sign says, from 0 to 1
WEIGHTS = {
    "confidence": 1.0,
    "mirror": 0.8,
    "sides": 0.8,
    "jump": 0.7,
    "limb": 0.6,
    "peaks": 0.4,
    "rare": 0.5,
    "pose": 0.5,
    "novel": 0.4,
}
SAID = 0.15  # signs weaker than this are not given as reasons
MOST_REASONS = 3
SURE = 0.2  # points of a lower score are not looked at for their place


@dataclass(frozen=True, eq=False)
class Sign:
    """severity: (F,) 0..1. keypoint: (F,) int, the position of the keypoint that shows it most, -1 for none.

    value: (F,) what is said of it: a probability, pixels, or how many times more than usual.
    """

    kind: str
    severity: np.ndarray
    keypoint: np.ndarray
    value: np.ndarray


@dataclass(frozen=True)
class Reason:
    """Why a frame is worth a look; `keypoint` is a position, -1 for none."""

    kind: str
    severity: float
    keypoint: int
    value: float


def total(signs: Iterable[Sign]) -> np.ndarray:
    """(F,): all signs together, 0..1, as if each were an independent chance of an error."""
    trust = 1.0
    for sign in signs:
        trust = trust * (1 - WEIGHTS[sign.kind] * sign.severity)
    return np.asarray(1 - trust)


def reasons(signs: Iterable[Sign], at: int, most: int = MOST_REASONS) -> tuple[Reason, ...]:
    """The strongest signs of one frame."""
    found = [
        Reason(s.kind, float(s.severity[at]), int(s.keypoint[at]), float(s.value[at]))
        for s in signs
        if WEIGHTS[s.kind] * s.severity[at] > SAID
    ]
    return tuple(sorted(found, key=lambda r: -WEIGHTS[r.kind] * r.severity)[:most])


def ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, a line between; NaN counts as nothing."""
    return np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0, 1)


def _strongest(kind: str, severity: np.ndarray, value: np.ndarray) -> Sign:
    """The keypoint with the highest severity, out of (F, N, K)."""
    frames = len(severity)
    flat = severity.reshape(frames, -1)
    if not flat.shape[1]:
        return Sign(kind, np.zeros(frames), np.full(frames, -1), np.zeros(frames))
    best = flat.argmax(axis=1)
    rows = np.arange(frames)
    return Sign(kind, flat[rows, best], best % severity.shape[-1], value.reshape(frames, -1)[rows, best])


def low_confidence(score: np.ndarray, present: np.ndarray) -> Sign:
    """score: (F, N, K) calibrated. present: (K,) how often the keypoint is there at all in the labels, 0..1.

    Where a keypoint is often absent, a low score is no wonder; an undecided one always is.
    """
    doubt = np.minimum(1 - score, np.maximum(present, score))
    if score.shape[1] > 1:  # animals that are not there are no doubt
        seen = np.asarray((score > SURE).any(axis=2))
        seen[:, 0] |= ~seen.any(axis=1)
        doubt = doubt * seen[..., None]
        mean = doubt.sum(axis=(1, 2)) / np.maximum(1, seen.sum(axis=1)) / score.shape[2]
    else:
        mean = doubt.mean(axis=(1, 2))
    worst = _strongest("confidence", doubt, score)
    return Sign("confidence", 0.6 * mean + 0.4 * worst.severity, worst.keypoint, worst.value)


def strange_limbs(xy: np.ndarray, score: np.ndarray, shape: Shape, edges: Iterable[tuple[int, int]]) -> list[Sign]:
    """Edges of the skeleton that are far too long or short, and poses whose distances are strange altogether.

    The value of a limb is how many times the usual length it has.
    """
    frames, animals, keypoints = score.shape
    points = np.where((score > SURE)[..., None], xy, np.nan)
    off = shape.strangeness(points)  # (F, N, P)
    wanted = {tuple(sorted(e)) for e in edges}
    is_limb = np.array([tuple(sorted(p)) in wanted for p in shape.pairs.tolist()], bool)
    severity, factor = np.zeros((frames, animals, keypoints)), np.ones((frames, animals, keypoints))
    length = np.linalg.norm(points[..., shape.pairs[:, 0], :] - points[..., shape.pairs[:, 1], :], axis=-1)
    ratio = np.nan_to_num(length / np.exp(shape.mean), nan=1.0)
    for place in np.flatnonzero(is_limb):
        found, end = ramp(off[..., place], 2.5, 6.0), shape.pairs[place, 1]
        stronger = found > severity[..., end]
        severity[..., end] = np.where(stronger, found, severity[..., end])
        factor[..., end] = np.where(stronger, ratio[..., place], factor[..., end])
    known = np.isfinite(off).sum(axis=2)
    overall = np.nansum(np.minimum(off, 8.0), axis=2) / np.maximum(known, 1)  # (F, N)
    overall = np.where(known >= 3, overall, 0).max(axis=1, initial=0)
    pose = Sign("pose", ramp(overall, 1.5, 4.0), np.full(frames, -1), overall)
    return [_strongest("limb", severity, factor), pose]


def wrong_sides(xy: np.ndarray, score: np.ndarray, shape: Shape) -> Sign:
    """Left and right lie the other way round than in the labels; the keypoint is the left one."""
    points = np.where((score > SURE)[..., None], xy, np.nan)
    wrong = shape.wrong_sides(points)  # (F, N, T)
    severity = np.zeros(score.shape)
    for place, (left, _, _) in enumerate(shape.triples.tolist()):
        severity[..., left] = np.maximum(severity[..., left], wrong[..., place])
    return _strongest("sides", severity, np.ones_like(severity))


def rarely_labelled(score: np.ndarray, counts: np.ndarray, labelled: int) -> Sign:
    """Frames that seem to show a keypoint with few labels. counts: (K,) its labels; labelled: all animals."""
    rare = counts < max(5, 0.15 * labelled)
    severity = ramp(score, 0.1, 0.5) * rare * (1 - 0.5 * np.minimum(counts / max(5, 0.15 * labelled), 1))
    return _strongest("rare", severity, np.broadcast_to(counts.astype(float), score.shape))


def usual_step(before: np.ndarray, xy: np.ndarray, score: np.ndarray) -> float:
    """How far sure points (F, N, K, 2) usually go from the frame before: the median in pixels, NaN without any."""
    went = np.linalg.norm(xy - before, axis=-1)[score > SURE]
    went = went[np.isfinite(went)]
    return float(np.median(went)) if len(went) else np.nan


def jumps(before: np.ndarray, xy: np.ndarray, after: np.ndarray, score: np.ndarray, body_px: float) -> Sign:
    """Points (F, N, K, 2) that leave and come back, or go farther than an animal can; beside them the frames around.

    The value is how far, in pixels.
    """
    came, goes = np.linalg.norm(xy - before, axis=-1), np.linalg.norm(after - xy, axis=-1)
    across = np.linalg.norm(after - before, axis=-1)
    excess = np.minimum(came, goes) - 0.5 * across
    severity = np.maximum(ramp(excess / body_px, 0.1, 0.5), ramp(came / body_px, 0.6, 1.5)) * (score > SURE)
    return _strongest("jump", severity, np.nan_to_num(came))


def swapped_sides(before: np.ndarray, xy: np.ndarray, pairs: Iterable[tuple[int, int]], body_px: float) -> Sign:
    """Left and right (F, N, K, 2) that would fit the frame before far better if they changed places."""
    severity = np.zeros(xy.shape[:3])
    for left, right in pairs:
        step = lambda a, b: np.linalg.norm(xy[..., a, :] - before[..., b, :], axis=-1)  # noqa: E731
        gain = step(left, left) + step(right, right) - step(left, right) - step(right, left)
        apart = np.linalg.norm(xy[..., left, :] - xy[..., right, :], axis=-1)
        clear = np.nan_to_num(apart) > 0.05 * body_px
        severity[..., left] = ramp(gain / np.maximum(apart, 1e-6), 0.5, 1.5) * clear
    return _strongest("sides", severity, np.ones_like(severity))


def rival_peaks(best: np.ndarray, second: np.ndarray) -> Sign:
    """best, second: (F, N, K) raw scores of the chosen peak and of each map's second one. The value is the second."""
    share = second / np.maximum(best, 1e-6) * ramp(second, 0.02, 0.15)
    return _strongest("peaks", ramp(share, 0.5, 1.0), second)


def mirrored_differs(xy: np.ndarray, other: np.ndarray, score: np.ndarray, body_px: float) -> Sign:
    """other: (F, N, K, 2) what the model says of the mirrored picture, mirrored back. The value is pixels."""
    apart = np.linalg.norm(xy - other, axis=-1)
    severity = ramp(apart / body_px, 0.05, 0.4) * (0.3 + 0.7 * (score > SURE))
    worst = _strongest("mirror", severity, np.nan_to_num(apart))
    mean = severity.reshape(len(severity), -1).mean(axis=1)
    return Sign("mirror", 0.5 * mean + 0.5 * worst.severity, worst.keypoint, worst.value)


def novelty(nearest: np.ndarray, usual: float) -> Sign:
    """nearest: (F,) how unlike the most similar labelled frame a picture is; usual: that among labelled frames."""
    ratio = nearest / max(usual, 1e-6)
    return Sign("novel", ramp(ratio, 1.0, 3.0), np.full(len(nearest), -1), ratio)
