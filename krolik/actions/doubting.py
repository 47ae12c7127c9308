"""Looking for the frames of a video where a model is likely to be wrong.

First over all that it has predicted of the video, without a pixel; then a second look at the most doubtful frames: the
picture as it is and mirrored, the rivals of each peak, how unlike the labelled frames it is. Of a video that is not
predicted yet, frames at even steps get the second look.

Legend: F frames, N animals, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from krolik.actions.samples import load_pixels
from krolik.errors import InvalidFile, NotFound
from krolik.evaluation import doubts
from krolik.evaluation.doubts import Sign
from krolik.evaluation.shape import Shape
from krolik.inference.model import PoseModel
from krolik.inference.poser import Poser
from krolik.poses import FrameKey, LabeledFrame, Predictions, State
from krolik.project import ProjectFile, labels, predictions
from krolik.sampling.thumbnails import distances, thumbnail
from krolik.scales import ASSUMED
from krolik.skeleton import Skeleton
from krolik.video import Frame, Video

FOLLOWING = 0.25  # of the animal's extent: frames between which points usually go farther show no movement to judge by
MOST_SEEN = 400  # labelled frames whose pictures are compared, evenly taken: decoding them takes seconds


@dataclass(frozen=True, eq=False)
class Knowledge:
    """What the labels say: what animals look like, how often each keypoint is there, and the labelled pictures.

    present, counts: (K,) how often a keypoint has a place, among what is known of it and in all. thumbnails: (L, D).
    """

    skeleton: Skeleton
    shape: Shape
    present: np.ndarray
    counts: np.ndarray
    animals: int
    thumbnails: np.ndarray
    usual: float

    @classmethod
    def of(cls, file: ProjectFile, labelled: Sequence[LabeledFrame], skeleton: Skeleton) -> Knowledge:
        """From labelled frames whose pixels are in the project; never test frames."""
        instances = [i for f in labelled for i in f.instances]
        states = np.array([i.states for i in instances]).reshape(-1, len(skeleton))
        points = np.array([i.points for i in instances]).reshape(-1, len(skeleton), 2)
        counts = (states >= State.OCCLUDED).sum(axis=0)
        present = (counts + 1) / ((states != State.UNKNOWN).sum(axis=0) + 1)
        seen = labelled[:: -(-len(labelled) // MOST_SEEN)]
        pictures = np.array([thumbnail(Frame(load_pixels(file, f.key))) for f in seen])
        near = [np.delete(distances(pictures, p), i).min() for i, p in enumerate(pictures)] if len(pictures) > 1 else []
        usual = float(np.median(near)) if near else 0.05
        sizes = labels.frame_sizes(file)
        assumed = ASSUMED * float(np.median([max(sizes[f.key]) for f in labelled])) if labelled else 1.0
        shape = Shape.of(points, skeleton, assumed)
        return cls(skeleton, shape, present, counts, len(instances), pictures, usual)

    def alone(self, xy: np.ndarray, score: np.ndarray) -> list[Sign]:
        """The signs that a frame shows by itself. xy: (F, N, K, 2), score: (F, N, K)."""
        return [
            doubts.low_confidence(score, self.present),
            *doubts.strange_limbs(xy, score, self.shape, self.skeleton.edge_positions),
            doubts.wrong_sides(xy, score, self.shape),
            doubts.rarely_labelled(score, self.counts, self.animals),
        ]

    def beside(self, before: np.ndarray, xy: np.ndarray, after: np.ndarray, score: np.ndarray) -> list[Sign]:
        """The signs that a frame shows beside its neighbours."""
        position = self.skeleton.position
        pairs = [(position[a], position[b]) for a, b in self.skeleton.pairs]
        return [
            doubts.jumps(before, xy, after, score, self.shape.body_px),
            doubts.swapped_sides(before, xy, pairs, self.shape.body_px),
        ]


@dataclass(frozen=True, eq=False)
class Doubtful:
    """Frames of one video with a second look. frames: (C,); pictures: (C, D) thumbnails; poses: (C, N, K, 3)."""

    video: str
    frames: np.ndarray
    pictures: np.ndarray
    poses: np.ndarray
    signs: list[Sign]


@dataclass(frozen=True, eq=False)
class PredictedDoubts:
    """Over all that a run has predicted of a video: frame numbers (F,), and how doubtful each is, (F,) 0..1.

    following: whether the frames show a movement. Those of a folder may not, nor those of a film with a frame a minute:
    then a point that is far from where it was says nothing.
    """

    frames: np.ndarray
    severity: np.ndarray
    following: bool


def predicted_doubts(file: ProjectFile, run: int, video: str, knowledge: Knowledge) -> PredictedDoubts:
    """What the stored predictions say by themselves and beside their neighbours, without a pixel."""
    frames, alone, beside, steps = [], [], [], []
    for block, before, after in _with_neighbours(predictions.blocks(file, run, video)):
        alone.append(np.where(block.decoded, doubts.total(knowledge.alone(block.xy, block.score)), 0.0))
        signs = knowledge.beside(before, block.xy, after, block.score)
        beside.append(np.where(block.decoded, doubts.total(signs), 0.0))
        steps.append(doubts.usual_step(before, block.xy, block.score))
        frames.append(np.arange(block.start, block.stop))
    known = [s for s in steps if np.isfinite(s)]
    following = bool(known) and float(np.median(known)) < FOLLOWING * knowledge.shape.body_px
    severity = np.concatenate(alone)
    if following:
        severity = 1 - (1 - severity) * (1 - np.concatenate(beside))
    return PredictedDoubts(np.concatenate(frames), severity, following)


def _with_neighbours(blocks: Iterator[Predictions]) -> Iterator[tuple[Predictions, np.ndarray, np.ndarray]]:
    """Each block with the points of the frames before and after each of its frames; NaN where there are none."""
    last: np.ndarray | None = None
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        nothing = np.full_like(block.xy[:1], np.nan)
        joined = following is not None and following.start == block.stop
        first = last if last is not None else nothing
        end = following.xy[:1] if joined and following is not None else nothing
        yield block, np.concatenate([first, block.xy[:-1]]), np.concatenate([block.xy[1:], end])
        last = block.xy[-1:] if joined else None
        block = following


@dataclass(frozen=True, eq=False)
class Watched:
    """An open video with its id, and the run that has predictions of it; None: they are made when they are needed.

    following: whether the predictions show a movement.
    """

    video: Video
    identity: str
    run: int | None
    following: bool = False


def second_look(
    file: ProjectFile,
    watched: Watched,
    frames: Sequence[int],
    model: PoseModel,
    knowledge: Knowledge,
    done: Callable[[int], None],
) -> Doubtful:
    """All signs of chosen frames. `done` is told after each frame how many were looked at.

    Frames that cannot be decoded are left out.
    """
    video, identity, run = watched.video, watched.identity, watched.run
    looks: list[_Look] = []
    for number, index in enumerate(frames):
        block = None if run is None else predictions.block_at(file, run, identity, index)
        with suppress(InvalidFile, NotFound):
            looks.append(_look(video[index], index, model, knowledge, block))
        done(number + 1)
    shape = (0, max(1, model.description.animals), len(model.skeleton), 3)
    poses = np.array([look.pose for look in looks]).reshape(len(looks), *shape[1:])
    xy, score = poses[..., :2], poses[..., 2]
    signs = knowledge.alone(xy, score)
    if run is not None and watched.following and looks:
        around = [_around(file, run, identity, look.frame, look.pose[..., :2]) for look in looks]
        before, after = (np.array([pair[i] for pair in around]) for i in range(2))
        signs += knowledge.beside(before, xy, after, score)
    if looks:
        mirrored = np.array([look.mirrored for look in looks])
        signs.append(doubts.mirrored_differs(xy, mirrored, score, knowledge.shape.body_px))
        signs.append(doubts.rival_peaks(*(np.array([look.rivals[i] for look in looks]) for i in range(2))))
        nearest = [distances(knowledge.thumbnails, look.picture).min() for look in looks]
        signs.append(doubts.novelty(np.array(nearest), knowledge.usual))
    pictures = np.array([look.picture for look in looks])
    return Doubtful(identity, np.array([look.frame for look in looks], np.int64), pictures, poses, signs)


@dataclass(frozen=True, eq=False)
class _Look:
    """What was seen of one frame. pose: (N, K, 3); mirrored: (N, K, 2); rivals: two of (N, K)."""

    frame: int
    pose: np.ndarray
    mirrored: np.ndarray
    rivals: tuple[np.ndarray, np.ndarray]
    picture: np.ndarray


def _look(frame: Frame, index: int, model: PoseModel, knowledge: Knowledge, block: Predictions | None) -> _Look:
    poser = Poser(model)
    if block is None:
        pose = poser(frame)
    else:
        row = index - block.start
        pose = np.dstack([block.xy[row], block.score[row]])
    other = _unmirrored(Poser(model)(Frame(np.ascontiguousarray(frame.rgb[:, ::-1]))), frame.size[0], model.skeleton)
    return _Look(index, pose, _nearest(pose, other), _rivals(frame, pose, poser, model), thumbnail(frame))


def _unmirrored(pose: np.ndarray, width: int, skeleton: Skeleton) -> np.ndarray:
    """(N, K, 2): points of the mirrored picture at their places in the picture itself."""
    swapped = pose[:, skeleton.mirrored()]
    return np.stack([width - 1 - swapped[..., 0], swapped[..., 1]], axis=-1)


def _nearest(pose: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N, K, 2): of the animals found in the mirrored picture, for each animal the one that it must be."""
    chosen = []
    for animal in pose[..., :2]:
        apart = np.array([np.nan_to_num(np.linalg.norm(animal - o, axis=-1), nan=1e6).mean() for o in others])
        chosen.append(others[int(apart.argmin())])
    return np.array(chosen)


def _rivals(frame: Frame, pose: np.ndarray, poser: Poser, model: PoseModel) -> tuple[np.ndarray, np.ndarray]:
    best, second = np.zeros(pose.shape[:2]), np.zeros(pose.shape[:2])
    for animal, points in enumerate(pose):
        view = poser.window(frame, points)
        found = None if view is None else model.rivals(frame.warp(view)[None])
        if found is not None:
            best[animal], second[animal] = found[0][0], found[1][0]
    return best, second


def _around(file: ProjectFile, run: int, video: str, frame: int, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points of the frames before and after one, (N, K, 2) each; NaN where they are not predicted."""
    found = []
    for index in (frame - 1, frame + 1):
        key = FrameKey(video, index)
        block = predictions.block_at(file, run, *key) if index >= 0 else None
        found.append(np.full_like(own, np.nan) if block is None else block.xy[index - block.start])
    return found[0], found[1]
