"""What the table writers are given: labels or predictions with all that a row of a table says.

Legend: F frames, N animals, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from krolik.poses import FrameKey, Labels, Predictions, State
from krolik.skeleton import Skeleton

STATE_NAMES = {s: s.name.lower() for s in State}
STATES_BY_NAME = {name: s for s, name in STATE_NAMES.items()}


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Labels with the name and (where known) the place of each video, and the time of each frame in seconds."""

    labels: Labels
    video_names: dict[str, str]  # by the video part of the frame keys
    video_paths: dict[str, str]
    image_names: dict[str, tuple[str, ...]]  # of image folders only
    time_s: Callable[[FrameKey], float]


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions of one video, read block by block so that memory does not grow with the video."""

    skeleton: Skeleton
    video: str
    model: str  # the model's identity: name and short hash
    times_s: np.ndarray  # (frames of the video,)
    blocks: Callable[[], Iterator[Predictions]]


def block_arrays(table: PredictionTable, block: Predictions) -> dict[str, np.ndarray]:
    """A block in long form: one entry per (frame, animal, keypoint), in that order."""
    frames, animals, keypoints = block.score.shape
    index = np.arange(block.start, block.stop)
    return {
        "frame": np.repeat(index, animals * keypoints),
        "time_s": np.repeat(np.round(table.times_s[index], 6), animals * keypoints),
        "animal": np.tile(np.repeat(np.arange(animals), keypoints), frames),
        "keypoint": np.tile(np.arange(keypoints), frames * animals),
        "x": block.xy[..., 0].ravel(),
        "y": block.xy[..., 1].ravel(),
        "score": block.score.ravel(),
        "decoded": np.repeat(block.decoded, animals * keypoints),
    }


def all_blocks(tables: Sequence[PredictionTable]) -> Iterator[tuple[PredictionTable, Predictions]]:
    for table in tables:
        for block in table.blocks():
            yield table, block
