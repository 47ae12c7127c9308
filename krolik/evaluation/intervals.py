"""How sure a mean is: bootstrap over frames, because the points of one frame err together (Efron, 1979)."""

from __future__ import annotations

import numpy as np

RESAMPLES = 1000
SEED = 0


def interval_of_mean(errors: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """errors: (F, ...) one row per frame, NaN where there is no label. The interval of the mean over all labels.

    NaN for fewer than two frames with a label.
    """
    rows = errors.reshape(len(errors), -1)
    counts = np.isfinite(rows).sum(axis=1)
    sums = np.where(np.isfinite(rows), rows, 0).sum(axis=1)
    kept = counts > 0
    counts, sums = counts[kept], sums[kept]
    if len(sums) < 2:
        return float("nan"), float("nan")
    chosen = np.random.default_rng(SEED).integers(0, len(sums), (RESAMPLES, len(sums)))
    means = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
