"""How large animals are beside each other, whatever their posture and whichever of their points are labelled.

Legend: M animals, K keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ALIKE = 2.0  # largest to smallest of animals that one scale suits (openfield 1.3, flies13 1.2, reaching 1.4)


def relative_sizes(points: np.ndarray) -> np.ndarray:
    """(M, K, 2), NaN where there is no point → (M,): 1 for a usual animal, and where fewer than two points tell.

    An animal's size is the median, over pairs of its points, of their distance by what is usual for the pair.
    """
    first, second = np.triu_indices(points.shape[1], 1)
    lengths = np.linalg.norm(points[:, first] - points[:, second], axis=-1)  # (M, pairs)
    lengths = lengths[:, (lengths > 0).any(axis=0)]
    told = np.isfinite(lengths).any(axis=1)
    sizes = np.ones(len(points))
    if told.any():
        lengths = lengths[told]
        usual = np.nanmedian(np.where(lengths > 0, lengths, np.nan), axis=0)
        sizes[told] = np.nanmedian(lengths / usual, axis=1)
    return np.where(sizes > 0, sizes, 1.0)


def size_spread(points: np.ndarray, extents: Sequence[float]) -> float:
    """How many times as large as the smallest animals the largest are. points: (M, K, 2), NaN where there is no point.

    extents: of whole animals (see `framing.py`), as far as they are known. Of two measures the lesser: the sizes above,
    which are also unlike where parts move far against each other (a hand and a joystick), and the extents, which are
    also unlike where animals curl up.
    """
    measured = np.array([extent for extent in extents if extent > 0])
    return min(_spread(relative_sizes(points)), _spread(measured)) if len(measured) else 1.0


def _spread(sizes: np.ndarray) -> float:
    """95th percentile by the 5th."""
    low, high = np.percentile(sizes, (5, 95))
    return float(high / low)
