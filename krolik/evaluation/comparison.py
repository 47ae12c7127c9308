"""Several answers to the same frames, measured by the same labels; differences over the points that both found.

Legend: F frames, A the most animals of one, K keypoints. Rows of frames with fewer animals are filled with NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from krolik.evaluation.intervals import interval_of_mean
from krolik.evaluation.metrics import Criteria, KeypointMetrics, Metrics, matched, measure, without_nan


@dataclass(frozen=True, eq=False)
class Answered:
    """What one answer is worth. errors: (F, A, K) px. behind: its mean error minus the best one's, over points of both.

    Intervals are 95 %, by bootstrap over frames. The best one is behind nothing: None. extra: animals that are none of
    the labelled ones.
    """

    name: str
    kind: str  # "model", "predictions" or "labels"
    metrics: Metrics
    errors: np.ndarray
    predicted: Sequence[np.ndarray]  # of each frame (N, K, 3), in the order of its labelled animals
    extra: int
    interval: tuple[float, float] = (float("nan"), float("nan"))
    behind: float | None = None
    behind_interval: tuple[float, float] = (float("nan"), float("nan"))
    best: bool = False

    @property
    def overall(self) -> KeypointMetrics:
        return self.metrics.overall

    def to_json(self) -> dict:
        return without_nan({
            "name": self.name, "kind": self.kind, "best": self.best, "mean_error_px_95": list(self.interval),
            "behind_px": self.behind, "behind_px_95": list(self.behind_interval), "extra_animals": self.extra,
            **self.metrics.to_json(),
        })  # fmt: skip


def answered(
    name: str, kind: str, points: Sequence[np.ndarray], states: Sequence[np.ndarray], found: Sequence[np.ndarray],
    keypoints: Sequence[str], criteria: Criteria,
) -> Answered:  # fmt: skip
    """points: of each frame (N, K, 2), states (N, K) of State, found (P, K, 3) x, y, score; animals are matched."""
    chosen, extra = [], 0
    for labelled, poses in zip(points, found):
        there = poses[np.isfinite(poses[..., 0]).any(axis=1)]
        chosen.append(matched(labelled, there))
        extra += len(there) - int(np.isfinite(chosen[-1][..., 0]).any(axis=1).sum())
    animals = max((len(one) for one in points), default=0)
    errors = np.full((len(points), animals, len(keypoints)), np.nan)
    for row, labelled, predicted in zip(errors, points, chosen):
        row[: len(labelled)] = np.linalg.norm(labelled - predicted[..., :2], axis=-1)
    every = np.concatenate
    metrics = measure(every(points), every(states), every(chosen), keypoints, criteria)
    return Answered(name, kind, metrics, errors, chosen, extra, interval_of_mean(errors))


def ranked(answers: Sequence[Answered]) -> list[Answered]:
    """The same, each against the one with the least mean error over the points that all found.

    Where no point was found by all, against the one with the least error over its own.
    """
    shared = np.isfinite([a.errors for a in answers]).all(axis=0)
    mean = lambda a: float(a.errors[shared].mean()) if shared.any() else a.overall.mean_error_px  # noqa: E731
    known = [a for a in answers if np.isfinite(a.overall.mean_error_px)]
    best = min(known, key=mean) if known else None
    return [_against(one, best) for one in answers]


def _against(one: Answered, best: Answered | None) -> Answered:
    if best is None or one is best:
        return replace(one, best=one is best)
    apart = one.errors - best.errors
    behind = float(np.nanmean(apart)) if np.isfinite(apart).any() else None
    return replace(one, behind=behind, behind_interval=interval_of_mean(apart))
