"""What the planner measures of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from krolik.poses import FrameKey, State
from krolik.scales import ASSUMED, FEW_KEYPOINTS
from krolik.skeleton import Skeleton
from krolik.training.outlines import outlined_extent
from krolik.training.sides import sides
from krolik.training.sizes import ALIKE, size_spread
from krolik.training.training_set import Sample

TOP_VIEW = 0.08  # the body points up in this part of the frames and down in as many
STEEP, TURNED_DEG, ONE_WAY_ROUND = 0.15, 240.0, 0.95  # or left and right tell, of an animal that was seen to turn
MIDDLE = 0.05  # nobody films animals so well centred (openfield 0.41, reaching 0.24); whoever cuts them out does
AROUND = 2.0  # animals: so much a crop around a single point shows, which may be at either end
STRAY = 0.01  # of the headings may lie in what counts as a gap


@dataclass(frozen=True)
class Headings:
    """Where the body points in the pictures."""

    vertical: float  # how often up or down, whichever is rarer: 0.25 for an animal that turns everywhere
    steep: float  # how often up or down
    gap_deg: float  # the widest angle between directions that it (nearly) never points to
    unseen_deg: float  # the same for the animals that show a keypoint, of the keypoint for which it is widest


@dataclass(frozen=True)
class DataFingerprint:
    """Sizes in frame pixels. extent_px: 95th percentile of the longer side of the box around an animal's points.

    shares: 5th, 50th, 95th percentile of that side as a part of the frame's longer one. size_spread: how many times as
    large as the smallest animals the largest are in pixels (95th to 5th percentile), whatever their posture. All these
    are of outlines where no animal shows two points and these say that it is large, else `ASSUMED`: then it is not
    `sized`.
    """

    frames: int
    frame_sizes: tuple[tuple[int, int], ...]
    animals: int  # the most in one frame
    extent_px: float
    typical_extent_px: float
    shares: tuple[float, float, float]
    size_spread: float
    off_middle: float  # how far animals are from their frame's middle, 95th percentile, as a part of its longer side
    headings: Headings
    one_way_round: float  # part of the animals and pairs whose left and right lie as they mostly do; 0: nothing to tell
    pairs: int
    labelled: tuple[int, ...]  # per keypoint: frames with coordinates
    sized: bool = True
    outlined: bool = False  # whether it is by their outlines

    @property
    def shown_px(self) -> float:
        """What a crop around an animal's points has to show: around a point at its one end also the other end."""
        return AROUND * self.extent_px if self.outlined else self.extent_px

    @property
    def partial(self) -> bool:
        """Whether the extents may be those of a part of the animal, such as its head."""
        return len(self.labelled) <= FEW_KEYPOINTS and not self.outlined

    @property
    def cut_out(self) -> bool:
        """Whether each picture was cut out around an animal, so that another one may be in it beside the one meant."""
        return self.animals == 1 and self.off_middle <= MIDDLE

    @property
    def varied(self) -> bool:
        """Whether animals differ so much in size that no scale suits all of them."""
        return self.size_spread > ALIKE and self.shares[2] > self.shares[0] > 0

    @property
    def from_above(self) -> bool:
        """Whether the camera looks down (or up) at the animal, so that it may point anywhere in a picture.

        It points up and down the picture, or it does one of these, turns far, and left and right never change sides.
        """
        seen = self.headings
        turns = seen.steep >= STEEP and seen.gap_deg <= TURNED_DEG
        return seen.vertical >= TOP_VIEW or (turns and self.one_way_round >= ONE_WAY_ROUND)

    def to_json(self) -> dict:
        return asdict(self)


def measure_data(
    samples: Sequence[Sample], skeleton: Skeleton, load: Callable[[FrameKey], np.ndarray] | None = None
) -> DataFingerprint:
    """Needs at least one sample with one located point.

    load: the pixels of a frame, (H, W, 3) uint8 RGB; with it outlines are looked at where points do not show a size.
    """
    boxes, longest, off = [], [], []
    for sample in samples:
        for animal in range(len(sample.points)):
            box, extent = sample.box(animal), sample.extent(animal)
            if box is not None and extent is not None:
                boxes.append(extent)
                longest.append(max(sample.frame_size))
                middle = (np.array(sample.frame_size) - 1) / 2
                off.append(float(np.abs((box[:2] + box[2:]) / 2 - middle).max() / max(sample.frame_size)))
    spread = size_spread(np.concatenate([s.points for s in samples]), boxes)
    labelled = max(boxes) > 0
    whole = 0.0 if labelled or load is None else outlined_extent(samples, load) or 0.0
    outlined = AROUND * whole > ASSUMED * max(longest)  # a crop that shows less than is assumed shows too little
    if not labelled:
        boxes = [whole if outlined else ASSUMED * side for side in longest]
    shares = [box / side for box, side in zip(boxes, longest)]
    located = [(s.states >= State.OCCLUDED).any(axis=0) for s in samples]
    return DataFingerprint(
        frames=len(samples),
        frame_sizes=tuple(sorted({s.frame_size for s in samples})),
        animals=max(len(s.points) for s in samples),
        extent_px=float(np.percentile(boxes, 95)),
        typical_extent_px=float(np.median(boxes)),
        shares=tuple(np.percentile(shares, (5, 50, 95)).tolist()),
        size_spread=spread,
        off_middle=float(np.percentile(off, 95)),
        headings=measure_headings(samples),
        one_way_round=float(np.mean([usual for _, usual in sides(samples, skeleton)] or [0.0])),
        pairs=len(skeleton.pairs),
        labelled=tuple(int(n) for n in np.sum(located, axis=0)),
        sized=labelled or outlined,
        outlined=outlined,
    )


def measure_headings(samples: Sequence[Sample]) -> Headings:
    """Where the animals point: from the side left and right, from above also towards and away from the camera's foot.

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
    told = np.isfinite(vectors).all(axis=1)
    vectors = vectors[told]
    if tail == head or len(vectors) == 0:
        return Headings(0.0, 0.0, 360.0, 360.0)
    angles = np.arctan2(vectors[:, 1], vectors[:, 0])
    up, down = (float((np.abs(angles - towards) < np.pi / 4).mean()) for towards in (-np.pi / 2, np.pi / 2))
    located = np.concatenate([s.states for s in samples])[told] >= State.OCCLUDED  # (M', K)
    degrees = np.degrees(angles)
    unseen = max([_widest_gap(degrees[shown]) for shown in located.T if shown.any()], default=360.0)
    return Headings(min(up, down), up + down, _widest_gap(degrees), unseen)


def _widest_gap(angles: np.ndarray) -> float:
    """Degrees of the widest arc with at most `STRAY` of the angles inside."""
    inside = int(STRAY * len(angles))
    if inside + 1 >= len(angles):
        return 360.0
    around = np.concatenate([np.sort(angles), np.sort(angles) + 360])
    return float((around[inside + 1 :] - around[: -inside - 1]).max())
