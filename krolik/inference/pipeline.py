"""From a video to predictions: decoding in one thread, posing in another, blocks of frames out.

Legend: F frames, N animals, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from krolik.inference.ahead import ahead
from krolik.inference.identity import continued, in_order, order_after
from krolik.inference.model import PoseModel
from krolik.inference.naming import named, order_of
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
    that ends where the new one begins: `before`, for the first. Where animals have names that their looks tell, they
    come in the order of these. `done` is told the number of each frame when it is
    finished.
    """
    poser = Poser(model)
    width, height = video.size
    depth = int(np.clip(AHEAD_BYTES // max(1, width * height * 3), 2, 16))
    frames = ahead(video.frames(start, stop), depth)
    poses: list[np.ndarray | None] = []
    said: list[np.ndarray | None] = []  # for whom each animal's looks speak, where that is known
    naming = model.description.appearance is not None
    first = start
    try:
        for i, frame in frames:
            if not poses:
                poser.reset()
                first = i
            pose = None if frame is None else poser(frame)
            poses.append(pose)
            said.append(model.says(frame, pose) if naming and frame is not None and pose is not None else None)
            done(i)
            if (i + 1) % BLOCK == 0 or i + 1 == stop:
                block = _block(first, poses, model)
                before = _named(block, said, before, model.span_px(video.size)) if naming else continued(block, before)
                yield before
                poses, said = [], []
    finally:
        frames.close()


def predict_frame(model: PoseModel, frame: Frame) -> np.ndarray:
    """(N, K, 3): the poses in a single frame; animals that have names come in their order."""
    poses = Poser(model)(frame)
    return poses if model.description.appearance is None else poses[order_of(model.says(frame, poses))]


def _named(
    block: Predictions, said: list[np.ndarray | None], before: Predictions | None, span_px: float
) -> Predictions:
    """The block with each animal in the row of its name, by what was said of the frames that could be decoded."""
    known = [one for one in said if one is not None]
    if not known:
        return continued(block, before)
    evidence = np.stack([np.zeros_like(known[0]) if one is None else one for one in said])
    order = order_after(before, block)
    if order is not None:
        block, evidence = in_order(block, order), evidence[:, order]
    return named(block, evidence, before, span_px)


def _block(start: int, poses: list[np.ndarray | None], model: PoseModel) -> Predictions:
    shape = (max(1, model.description.animals), len(model.skeleton), 3)
    empty = np.full(shape, np.nan, np.float32)
    stacked = np.stack([empty if pose is None else pose for pose in poses])
    score = np.nan_to_num(stacked[..., 2], nan=0.0)
    return Predictions(start, stacked[..., :2], score, np.array([pose is not None for pose in poses]))
