"""Another animal lies where it says, under the one that is meant, and changes no label."""

from dataclasses import replace

import numpy as np
import pytest

from krolik.poses import FrameKey, State
from krolik.scales import Scales
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batches, crop_items
from krolik.training.image_cache import ImageCache
from krolik.training.neighbours import DISTANCE, FEWEST, SOFT, WIDER, fill_outline, laid_beside, random_neighbour
from krolik.training.training_set import Sample
from krolik.views import View

RANGES = AugmentationRanges(rotation_deg=180, mirror=True, neighbour_chance=1.0, noise_chance=0.0)
BODY = np.array([[-20, 0], [0, 8], [0, -8], [20, 0]], float)
BASE = View.crop((300, 200), (128, 96), 0.5)
GREY, THEIRS = 60, 200  # grey levels


def laid(rng, middle=(64.0, 48.0)):
    """A neighbour beside a body in a grey picture; the neighbour's frame is brighter."""
    own = BODY + middle
    neighbour = random_neighbour(own, BASE, 2 * BODY + (290, 205), RANGES, rng)
    seen = neighbour.view.warp(np.full((400, 600, 3), THEIRS, np.uint8))
    picture = np.full((96, 128, 3), GREY, np.uint8)
    return own, neighbour, laid_beside(picture, own, neighbour, seen)


def test_what_is_seen_of_it_is_its_outline(rng):
    shown = 0
    for _ in range(30):
        _, neighbour, mixed = laid(rng)
        points = neighbour.points + neighbour.corner
        mask = np.zeros((96, 128), np.float32)
        fill_outline(mask, points, WIDER * neighbour.extent + SOFT + 2, 1.0)  # lines are rounded to pixels
        assert (mixed[mask == 0] == GREY).all()  # and nothing else of its frame
        shown += int((mixed[..., 0] > 190).sum())
        assert mixed.shape == (96, 128, 3) and mixed.max() <= THEIRS
    assert shown > 30 * 100


def test_the_one_that_is_meant_lies_on_top(rng):
    for _ in range(30):
        own, _, mixed = laid(rng)
        inside = np.zeros((96, 128), np.float32)
        fill_outline(inside, own, 0, 1.0)
        assert inside.sum() > 300 and (mixed[inside == 1] == GREY).all()


def test_it_is_whole_in_its_view_and_as_far_away_as_it_may_be(rng):
    distances = []
    for _ in range(200):
        own, neighbour, _ = laid(rng)
        side, wider = neighbour.view.size[0], WIDER * neighbour.extent
        assert (neighbour.points >= wider).all() and (neighbour.points <= side - 1 - wider).all()
        points = neighbour.points + neighbour.corner
        apart = (points.min(axis=0) + points.max(axis=0) - own.min(axis=0) - own.max(axis=0)) / 2
        distances.append(np.linalg.norm(apart) / neighbour.extent)
    # the outline is around its box in the frame, which has another middle than its box in the picture
    assert DISTANCE[0] - 0.2 < min(distances) < 0.5 and 1.0 < max(distances) < DISTANCE[1] + 0.2


def test_one_that_lies_outside_of_the_picture_changes_nothing(rng):
    assert (laid(rng, (600.0, 48.0))[2] == GREY).all()


def samples(rng, animals=1, frames=6) -> list[Sample]:
    out = []
    for i in range(frames):
        points = np.stack([2 * BODY + rng.uniform(200, 1000, 2) for _ in range(animals)]).astype(np.float32)
        out.append(Sample(FrameKey("v", i), (1200, 1200), points, np.full((animals, 4), State.VISIBLE, np.int8)))
    return out


def made(found: list[Sample], ranges: AugmentationRanges, loaded: list[FrameKey] | None = None) -> Batches:
    def load(key: FrameKey) -> np.ndarray:
        if loaded is not None:
            loaded.append(key)
        return np.random.default_rng(key.index).integers(0, 256, (1200, 1200, 3), np.uint8)

    items = crop_items(found, (64, 64), Scales(64, 0.5))
    return Batches(items, ImageCache(load), ranges, np.arange(4), 4, 0)


@pytest.mark.parametrize("animals", [1, 2])
def test_a_batch_with_neighbours_has_the_labels_of_one_without(rng, animals):
    found = samples(rng, animals)
    loaded: list[FrameKey] = []
    plain, with_them = made(found, replace(RANGES, neighbour_chance=0.0)), made(found, RANGES, loaded)
    for step in range(12):
        one, other = plain.batch(step), with_them.batch(step)
        np.testing.assert_array_equal(one.points, other.points)
        np.testing.assert_array_equal(one.states, other.states)
        assert (one.images != other.images).any(axis=(1, 2, 3)).mean() >= 0.5
        np.testing.assert_array_equal(other.images, with_them.batch(step).images)
    assert len(loaded) == len(set(loaded)) == len(found)  # what is seen of the others is kept as well


def test_a_point_far_away_makes_no_huge_view(rng):
    points = 2 * BODY + (290, 205)
    points[0] -= 5000
    neighbour = random_neighbour(BODY + 64, BASE, points, RANGES, rng)
    assert max(neighbour.view.size) <= 1.3 * np.hypot(*BASE.size)
    seen = neighbour.view.warp(np.full((400, 600, 3), THEIRS, np.uint8))
    assert laid_beside(np.full((96, 128, 3), GREY, np.uint8), BODY + 64, neighbour, seen).shape == (96, 128, 3)


def test_animals_of_too_few_points_have_none(rng):
    found = samples(rng)
    few = np.arange(4) < FEWEST - 1
    bare = [replace(s, points=np.where(few[:, None], s.points, np.nan).astype(np.float32),
                    states=np.where(few, s.states, State.UNKNOWN).astype(np.int8)) for s in found]  # fmt: skip
    mixed = made([found[0], *bare[1:]], RANGES)
    alone = made([found[0], *bare[1:]], replace(RANGES, neighbour_chance=0.0))
    for step in range(6):
        one, other = alone.batch(step), mixed.batch(step)
        few_points = np.isfinite(one.points[:, 0]).all(axis=-1).sum(axis=-1) < FEWEST
        changed = (one.images != other.images).any(axis=(1, 2, 3))
        assert few_points.any() and not changed[few_points].any()
    assert not made(bare, RANGES)._donors
