"""Clusters of similar pictures, and of each cluster the frame nearest its centre."""

from __future__ import annotations

import numpy as np

from krolik.sampling.strategy import Candidates

DIMENSIONS = 32  # principal components that are clustered
ROUNDS = 30


def choose(candidates: Candidates, count: int, rng: np.random.Generator) -> np.ndarray:
    """See `Strategy`. Lloyd's algorithm from k-means++ seeds (Arthur and Vassilvitskii 2007), on free candidates."""
    from scipy.cluster.vq import kmeans2

    assert candidates.features is not None
    free = np.flatnonzero(~candidates.taken)
    features = principal(candidates.features[free])
    # pictures that are exactly the same would leave clusters empty; a hair of noise tells them apart
    noisy = features + rng.normal(0, 1e-6, features.shape)
    centres, labels = kmeans2(noisy, count, iter=ROUNDS, minit="++", rng=rng, missing="warn")
    chosen: list[int] = []
    for cluster in np.unique(labels):
        members = np.flatnonzero(labels == cluster)
        chosen.append(int(members[np.argmin(((noisy[members] - centres[cluster]) ** 2).sum(axis=1))]))
    while len(chosen) < count:  # an empty cluster: the candidate farthest from all that are chosen
        gaps = np.min([((noisy - noisy[c]) ** 2).sum(axis=1) for c in chosen], axis=0)
        gaps[chosen] = -1
        chosen.append(int(np.argmax(gaps)))
    return free[chosen]


def principal(features: np.ndarray) -> np.ndarray:
    """(C, ≤ DIMENSIONS) float64: the features along their principal components."""
    centred = features.astype(np.float64) - features.mean(axis=0)
    _, _, axes = np.linalg.svd(centred[:: max(1, len(centred) // 600)], full_matrices=False)
    return centred @ axes[:DIMENSIONS].T
