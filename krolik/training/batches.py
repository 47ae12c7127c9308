"""Batches for training: a pure function of (seed, step), prepared ahead in threads of their own.

Legend: B batch, N animals (padded with unknown), K keypoints, H W view pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from krolik.poses import FrameKey, State
from krolik.scales import Scales
from krolik.training.augmentation import AugmentationRanges, random_lights, random_views, reach, relit
from krolik.training.image_cache import ImageCache
from krolik.training.neighbours import FEWEST, laid_beside, located, random_neighbour
from krolik.training.training_set import Sample
from krolik.views import View

AHEAD = 3
BRIGHT_BORDER = 0.3  # of the pictures have something else than black beyond their frame's edges
COMMON = 0.3  # a keypoint that is labelled in this part of the frames is not rare


@dataclass(frozen=True, eq=False)
class Item:
    """A frame seen through a base view, with the points to be found in it. points (N, K, 2), states (N, K).

    weight: what a pixel of the frame counts in errors (see `Scales.weight`).
    """

    key: FrameKey
    view: View
    points: np.ndarray
    states: np.ndarray
    weight: float = 1.0


@dataclass(frozen=True, eq=False)
class Batch:
    """images (B, H, W, 3) uint8; points (B, N, K, 2) float32 in view pixels; states (B, N, K) int8.

    views: what each shows of the frame of its item; `items` are in the same order.
    """

    images: np.ndarray
    points: np.ndarray
    states: np.ndarray
    views: Sequence[View] = ()
    items: Sequence[Item] = ()


def whole_frame_items(samples: Sequence[Sample], size: tuple[int, int]) -> list[Item]:
    """Each frame once, fitted into `size`."""
    return [Item(s.key, View.fit(s.frame_size, size), s.points, s.states) for s in samples]


def crop_items(samples: Sequence[Sample], size: tuple[int, int], scales: Scales) -> list[Item]:
    """Each animal once, at the middle of a crop that fits it."""
    items = []
    for sample in samples:
        for animal in range(len(sample.points)):
            box, extent = sample.box(animal), sample.extent(animal)
            if box is not None and extent is not None:
                centre = (float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2)
                view = View.crop(centre, size, scales.fitting(extent, sample.frame_size))
                weight = scales.weight(extent, sample.frame_size)
                items.append(Item(sample.key, view, sample.points[animal, None], sample.states[animal, None], weight))
    return items


def locator_items(samples: Sequence[Sample], size: tuple[int, int], scales: Scales) -> list[Item]:
    """Each frame once, on a thumbnail; the only keypoint is the centre of each animal's box."""
    items = []
    for sample in samples:
        boxes = [b for b in (sample.box(a) for a in range(len(sample.points))) if b is not None]
        points = np.array([[(b[:2] + b[2:]) / 2] for b in boxes], np.float32).reshape(-1, 1, 2)
        states = np.full(points.shape[:2], State.VISIBLE, np.int8)
        weight = float(sample.weights(scales).mean()) if boxes else 1.0
        items.append(Item(sample.key, View.fit(sample.frame_size, size), points, states, weight))
    return items


def located_points(items: Sequence[Item]) -> np.ndarray:
    """(A, K, 2) of all animals of the items, in view pixels; NaN where a keypoint has no place."""
    seen = [np.where((i.states >= State.OCCLUDED)[..., None], i.view.apply(i.points), np.nan) for i in items]
    animals = [points for frame in seen for points in frame if np.isfinite(points).any()]
    return np.stack(animals) if animals else np.zeros((0, 0, 2))


def repeats(items: Sequence[Item], limit: float) -> np.ndarray:
    """How often each item is seen per epoch, from 1 to `limit`: more often where it shows a rare keypoint.

    Repeat-factor sampling (Gupta et al., CVPR 2019, arXiv:1908.03195): the square root of how much rarer than
    `COMMON` the item's rarest keypoint is.
    """
    located = np.array([(i.states >= State.OCCLUDED).any(axis=0) for i in items])  # (items, K)
    share = located.mean(axis=0)
    factors = np.sqrt(COMMON / np.maximum(share, 1e-9)).clip(1, max(1.0, limit))
    return np.where(located, factors, 1.0).max(axis=1)


def repeated(items: Sequence[Item], limit: float) -> list[Item]:
    """The items of one epoch: each as often as `repeats` says, rounded so that the total is right."""
    ends = np.round(np.cumsum(repeats(items, limit))).astype(int)
    counts = np.maximum(1, np.diff(ends, prepend=0))
    return [item for item, count in zip(items, counts) for _ in range(count)]


class Batches:
    """An endless, seeded sequence of augmented batches; `batch(step)` depends on nothing but the seed and the step."""

    def __init__(
        self,
        items: Sequence[Item],
        images: ImageCache,
        ranges: AugmentationRanges,
        mirrored: np.ndarray,
        batch_size: int,
        seed: int,
    ):
        self.items, self.images, self.ranges, self.mirrored = items, images, ranges, mirrored
        self.batch_size, self.seed = batch_size, seed
        expect(items, images, ranges)
        self._points, self._states = padded(items)
        # whose picture may be laid beside others': one animal each, large enough
        lone = self._points.shape[1] == 1 and ranges.neighbour_chance > 0
        self._donors = [i for i, own in enumerate(self._points[:, 0]) if lone and len(located(own)) >= FEWEST]
        self._order = lru_cache(maxsize=4)(self._shuffled)  # the threads that prepare are at most an epoch or two apart

    def batch(self, step: int) -> Batch:
        first = step * self.batch_size
        chosen = [self._place(position) for position in range(first, first + self.batch_size)]
        rng = np.random.default_rng((self.seed, 1, step))
        views = random_views([self.items[place].view for place in chosen], self.ranges, rng)
        points, states = through(views, self._points[chosen]), self._states[chosen]
        images = self._images(chosen, views, points, rng)
        flipped = [self.items[place].view.mirrors != view.mirrors for place, view in zip(chosen, views)]
        points[flipped], states[flipped] = points[flipped][:, :, self.mirrored], states[flipped][:, :, self.mirrored]
        return Batch(images, points, states, views, [self.items[place] for place in chosen])

    def _place(self, position: int) -> int:
        """Every item once per epoch, each epoch in an order of its own."""
        epoch, place = divmod(position, len(self.items))
        return int(self._order(epoch)[place])

    def _shuffled(self, epoch: int) -> np.ndarray:
        return np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.items))

    def _images(
        self, chosen: Sequence[int], views: Sequence[View], points: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        borders = np.where(rng.random(len(views)) < BRIGHT_BORDER, rng.integers(0, 256, len(views)), 0).tolist()
        lights = random_lights(len(views), self.ranges, rng)
        keys = [self.items[place].key for place in chosen]
        pictures = [self.images.warp(key, view, border) for key, view, border in zip(keys, views, borders)]
        if self._donors:
            alone = rng.random(len(views)) >= self.ranges.neighbour_chance
            pictures = [p if one else self._accompanied(p, own[0], border, rng)
                        for p, own, border, one in zip(pictures, points, borders, alone)]  # fmt: skip
        return np.stack([relit(picture, light, rng) for picture, light in zip(pictures, lights)])

    def _accompanied(self, picture: np.ndarray, own: np.ndarray, border: int, rng: np.random.Generator) -> np.ndarray:
        """The picture with another animal beside the one whose points (K, 2) are `own`, if those have an outline."""
        own, donor = located(own), self._donors[int(rng.integers(len(self._donors)))]
        if len(own) < FEWEST:
            return picture
        item = self.items[donor]
        neighbour = random_neighbour(own, item.view, located(self._points[donor, 0]), self.ranges, rng)
        return laid_beside(picture, own, neighbour, self.images.warp(item.key, neighbour.view, border))

    def stream(self, start: int, workers: int = 1, rank: int = 0, team: int = 1) -> Iterator[Batch]:
        """Batches from step `start` on; the next few are prepared in so many other threads while one is in use.

        Of a team of processes, each gets every batch of that number whose place is its rank.
        """
        import cv2

        ahead, threads = AHEAD + workers - 1, cv2.getNumThreads()
        if workers > 1:
            cv2.setNumThreads(1)  # each picture is small: threads of its own only get into the others' way
        with ThreadPoolExecutor(workers, "batches") as pool:
            waiting = [pool.submit(self.batch, step * team + rank) for step in range(start, start + ahead)]
            try:
                while True:
                    batch = waiting.pop(0).result()
                    start += 1
                    waiting.append(pool.submit(self.batch, (start + ahead - 1) * team + rank))
                    yield batch
            finally:
                for future in waiting:
                    future.cancel()
                cv2.setNumThreads(threads)


def expect(items: Sequence[Item], images: ImageCache, ranges: AugmentationRanges) -> None:
    """Tells the cache what augmented, or plain, views of the items will need."""
    for item in {id(item): item for item in items}.values():
        images.expect(item.key, reach(item.view, ranges))


def plain_batches(items: Sequence[Item], images: ImageCache, batch_size: int) -> Iterator[Batch]:
    """Every item once, as it is: for validation."""
    for first in range(0, len(items), batch_size):
        group = items[first : first + batch_size]
        (points, states), views = padded(group), [item.view for item in group]
        pixels = np.stack([images.warp(item.key, item.view) for item in group])
        yield Batch(pixels, through(views, points), states, views, group)


def padded(items: Sequence[Item]) -> tuple[np.ndarray, np.ndarray]:
    """points (I, N, K, 2) float32 in frame pixels, states (I, N, K) int8: all items, filled up to as many animals."""
    animals = max(1, *(len(item.points) for item in items))
    keypoints = items[0].states.shape[1]
    points = np.full((len(items), animals, keypoints, 2), np.nan, np.float32)
    # a filled-up animal is absent, not unknown: the frame's other places are background all the same
    states = np.full((len(items), animals, keypoints), State.ABSENT, np.int8)
    for i, item in enumerate(items):
        points[i, : len(item.points)] = item.points
        states[i, : len(item.states)] = item.states
        if not len(item.states):
            continue
        # unless every labelled animal leaves the keypoint unknown
        unknown = (item.states == State.UNKNOWN).any(axis=0)
        states[i, len(item.states) :, unknown] = State.UNKNOWN
    return points, states


def through(views: Sequence[View], points: np.ndarray) -> np.ndarray:
    """Frame points (B, N, K, 2) as points of one view each, float32."""
    matrices = np.stack([view.matrix for view in views])[:, None]
    return (points @ matrices[..., :2].swapaxes(-1, -2) + matrices[..., None, :, 2]).astype(np.float32)
