"""From a video to predictions: decoding in one thread, posing in another, blocks of frames out.

Legend: F frames, N animals, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from krolik.inference.ahead import ahead
from krolik.inference.identity import continued
from krolik.inference.model import PoseModel
from krolik.inference.poser import Poser
from krolik.poses import BLOCK, Predictions
from krolik.video import Frame, Video

AHEAD_BYTES = 64 << 20


def predict_blocks(
    model: PoseModel,
    video: Video,
    start: int,
    stop: int,
    done: Callable[[int], None],
    before: Predictions | None = None,
) -> Iterator[Predictions]:
    """Predictions of frames start to stop - 1, in blocks that end at multiples of BLOCK.

    Where a block begins, the animals are looked for anew, so that blocks do not depend on each other: the same frame
    gets the same prediction whether the run was interrupted between blocks or not. Who is who is taken from the block
    that ends where the new one begins: `before`, for the first. `done` is told the number of each frame when it is
    finished.
    """
    poser = Poser(model)
    width, height = video.size
    depth = int(np.clip(AHEAD_BYTES // max(1, width * height * 3), 2, 16))
    frames = ahead(video.frames(start, stop), depth)
    poses: list[np.ndarray | None] = []
    first = start
    try:
        for i, frame in frames:
            if not poses:
                poser.reset()
                first = i
            poses.append(None if frame is None else poser(frame))
            done(i)
            if (i + 1) % BLOCK == 0 or i + 1 == stop:
                before = continued(_block(first, poses, model), before)
                yield before
                poses = []
    finally:
        frames.close()


def predict_frame(model: PoseModel, frame: Frame) -> np.ndarray:
    """(N, K, 3): the poses in a single frame."""
    return Poser(model)(frame)


def _block(start: int, poses: list[np.ndarray | None], model: PoseModel) -> Predictions:
    shape = (max(1, model.description.animals), len(model.skeleton), 3)
    empty = np.full(shape, np.nan, np.float32)
    stacked = np.stack([empty if pose is None else pose for pose in poses])
    score = np.nan_to_num(stacked[..., 2], nan=0.0)
    return Predictions(start, stacked[..., :2], score, np.array([pose is not None for pose in poses]))
