"""What the planner measures of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from krolik.poses import State
from krolik.skeleton import Skeleton
from krolik.training.training_set import Sample


@dataclass(frozen=True)
class DataFingerprint:
    """Sizes in frame pixels. extent_px: 95th percentile of the longer side of the box around an animal's points."""

    frames: int
    frame_sizes: tuple[tuple[int, int], ...]
    animals: int  # the most in one frame
    extent_px: float
    typical_extent_px: float
    wandering: float  # spread of the animal's place (standard deviation), as a fraction of the frame's longer side
    vertical_headings: float  # how often the body points up or down the picture, whichever is rarer
    pairs: int
    labelled: tuple[int, ...]  # per keypoint: frames with coordinates

    def to_json(self) -> dict:
        return asdict(self)


def measure_data(samples: Sequence[Sample], skeleton: Skeleton) -> DataFingerprint:
    """Needs at least one sample with one located point."""
    boxes, places = [], []
    for sample in samples:
        for animal in range(len(sample.points)):
            box = sample.box(animal)
            if box is not None:
                boxes.append(float(max(box[2:] - box[:2])))
                places.append((box[:2] + box[2:]) / 2 / max(sample.frame_size))
    located = [(s.states >= State.OCCLUDED).any(axis=0) for s in samples]
    return DataFingerprint(
        frames=len(samples),
        frame_sizes=tuple(sorted({s.frame_size for s in samples})),
        animals=max(len(s.points) for s in samples),
        extent_px=float(np.percentile(boxes, 95)),
        typical_extent_px=float(np.median(boxes)),
        wandering=float(np.std(places, axis=0).max()),
        vertical_headings=vertical_headings(samples),
        pairs=len(skeleton.pairs),
        labelled=tuple(int(n) for n in np.sum(located, axis=0)),
    )


def vertical_headings(samples: Sequence[Sample]) -> float:
    """How often the body points up or down the picture, whichever is rarer: 0.25 for an animal that turns everywhere.

    An animal seen from the side looks left and right, one seen from above also towards and away from the camera's foot.
    The body's direction is that between the two keypoints that are farthest from each other on average.
    """
    points = np.concatenate([s.points if s.framing is None else s.framing for s in samples])  # (M, K, 2)
    between = points[:, :, None] - points[:, None]  # (M, K, K, 2)
    lengths = np.linalg.norm(between, axis=-1)
    seen = np.isfinite(lengths)
    mean = np.where(seen, lengths, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    mean[seen.sum(axis=0) < 0.5 * len(points)] = 0.0
    tail, head = np.unravel_index(int(mean.argmax()), mean.shape)
    vectors = between[:, head, tail]
    vectors = vectors[np.isfinite(vectors).all(axis=1)]
    if tail == head or len(vectors) == 0:
        return 0.0
    angles = np.arctan2(vectors[:, 1], vectors[:, 0])
    return float(min((np.abs(angles - towards) < np.pi / 4).mean() for towards in (-np.pi / 2, np.pi / 2)))
