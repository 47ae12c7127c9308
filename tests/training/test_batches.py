"""Batches are a function of the seed and the step; points follow the pixels through every augmentation."""

import numpy as np
import pytest

from krolik.poses import FrameKey, State
from krolik.scales import Scales
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import (
    Batches,
    Item,
    crop_items,
    located_points,
    locator_items,
    padded,
    plain_batches,
    whole_frame_items,
)
from krolik.training.image_cache import ImageCache
from krolik.training.training_set import Sample
from krolik.views import View

SIZE = (200, 150)
RANGES = AugmentationRanges(rotation_deg=180, mirror=True, noise_chance=0, blur_chance=0, gain=(1, 1.001), bias=0)
COLORS = np.eye(3) * 255


def sample(i: int, rng) -> Sample:
    points = rng.uniform(55, 95, (1, 3, 2)).astype(np.float32)
    return Sample(FrameKey("v", i), SIZE, points, np.full((1, 3), State.VISIBLE, np.int8))


def picture(one: Sample) -> np.ndarray:
    """A black frame with a coloured blob at each point: red, green, blue."""
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    image = np.zeros((*x.shape, 3))
    for (px, py), color in zip(one.points[0], COLORS):
        image += np.exp(-((x - px) ** 2 + (y - py) ** 2) / 18)[..., None] * color
    return image.astype(np.uint8)


def batches(samples, seed=0, size=(128, 128)) -> Batches:
    by_key = {s.key: picture(s) for s in samples}
    return Batches(
        crop_items(samples, size, Scales(size[0], 1.0)),
        ImageCache(by_key.__getitem__),
        RANGES,
        np.array([0, 2, 1]),
        4,
        seed,
    )


def test_points_follow_pixels(rng):
    made = batches([sample(i, rng) for i in range(5)])
    mirrored = 0
    for step in range(6):
        batch = made.batch(step)
        for image, points, view in zip(batch.images, batch.points, batch.views):
            flipped = np.linalg.det(view.matrix[:, :2]) < 0
            mirrored += flipped
            for k, (x, y) in enumerate(points[0]):
                if 3 < x < 124 and 3 < y < 124:
                    # mirroring swaps the names of left and right, so the colours change places
                    channel = [0, 2, 1][k] if flipped else k
                    weight = image[..., channel].astype(float)
                    top = np.unravel_index(weight.argmax(), weight.shape)
                    assert np.hypot(top[1] - x, top[0] - y) < 1.6
    assert 4 < mirrored < 20


def test_seeded_and_independent_of_history(rng):
    samples = [sample(i, rng) for i in range(5)]
    first, again, other = batches(samples), batches(samples), batches(samples, seed=1)
    stream = again.stream(3)
    streamed = next(stream)
    stream.close()
    np.testing.assert_array_equal(first.batch(3).images, streamed.images)
    assert not np.array_equal(first.batch(3).points, other.batch(3).points)


def test_every_item_once_per_epoch(rng):
    made = batches([sample(i, rng) for i in range(7)])
    for epoch in range(3):
        assert {made._place(position) for position in range(7 * epoch, 7 * epoch + 7)} == set(range(7))


def test_items(rng):
    two = Sample(FrameKey("v", 0), SIZE, rng.uniform(0, 99, (2, 3, 2)).astype(np.float32), np.full((2, 3), 3, np.int8))
    none = Sample(FrameKey("v", 1), SIZE, np.zeros((0, 3, 2), np.float32), np.zeros((0, 3), np.int8))
    assert [len(i.points) for i in crop_items([two, none], (64, 64), Scales(64, 1.0))] == [1, 1]
    centres = locator_items([two, none], (64, 64), Scales(64, 1.0))
    assert [i.points.shape for i in centres] == [(2, 1, 2), (0, 1, 2)]
    np.testing.assert_allclose(centres[0].points[0, 0], (two.points[0].min(axis=0) + two.points[0].max(axis=0)) / 2)
    assert len(whole_frame_items([two, none], (64, 64))) == 2


def test_padding_is_absent_unless_unknown():
    view = View.fit(SIZE, (64, 64))
    full = Item(FrameKey("v", 0), view, np.ones((2, 2, 2), np.float32), np.array([[3, 0], [3, 3]], np.int8))
    empty = Item(FrameKey("v", 1), view, np.zeros((0, 2, 2), np.float32), np.zeros((0, 2), np.int8))
    half = Item(FrameKey("v", 2), view, np.ones((1, 2, 2), np.float32), np.array([[3, 0]], np.int8))
    wanted = [[[3, 0], [3, 3]], [[1, 1], [1, 1]], [[3, 0], [1, 0]]]
    assert padded([full, empty, half])[1].tolist() == wanted
    images = ImageCache(lambda _: np.zeros((SIZE[1], SIZE[0], 3), np.uint8))
    batch = next(plain_batches([full, empty, half], images, 3))
    assert batch.states.tolist() == wanted
    np.testing.assert_allclose(batch.points[0], view.apply(full.points), rtol=1e-6)
    assert np.isnan(batch.points[1]).all() and np.isnan(batch.points[2, 1]).all()
    made = Batches([full, empty, half], images, AugmentationRanges(), np.arange(2), 3, 0)
    assert sorted(made.batch(5).states.tolist()) == sorted(wanted)


def test_located_points_are_those_of_the_view_without_what_has_no_place(rng):
    """In crops at half the size distances halve; an unknown point is NaN, an animal without points is none."""
    seen, bare = sample(0, rng), sample(1, rng)
    seen.states[0, 2], bare.states[:] = State.UNKNOWN, State.ABSENT
    points = located_points([*crop_items([seen], (128, 128), Scales(128, 0.5)), *whole_frame_items([bare], (128, 128))])
    assert points.shape == (1, 3, 2) and np.isnan(points[0, 2]).all()
    apart = np.linalg.norm(seen.points[0, 0] - seen.points[0, 1])
    np.testing.assert_allclose(np.linalg.norm(points[0, 0] - points[0, 1]), apart / 2, rtol=1e-4)
    assert located_points([]).shape[0] == 0


def test_a_batch_names_its_items_in_their_order(rng):
    """Whoever judges a batch needs to know which item is which: they come in a random order."""
    made = batches([sample(i, rng) for i in range(5)])
    batch, shuffled = made.batch(2), False
    for item, points, view in zip(batch.items, batch.points, batch.views, strict=True):
        seen = view.apply(item.points)
        np.testing.assert_allclose(np.sort(points, axis=1), np.sort(seen, axis=1), atol=1e-3)
        shuffled |= item is not made.items[0]
    assert shuffled


def test_animals_of_unlike_sizes_look_alike_in_their_crops(rng):
    """The same scene in frames of half and of three times the width: the same view, and a pixel counts accordingly."""
    scene = sample(0, rng)
    scales = Scales(128, 1.0, (0.5, 0.8))
    sizes = [(scene, 1.0)]
    for factor in (0.5, 3.0):
        size = tuple(round(side * factor) for side in scene.frame_size)
        larger = Sample(FrameKey("v", len(sizes)), (size[0], size[1]), scene.points * np.float32(factor), scene.states)
        sizes.append((larger, factor))
    items = crop_items([one for one, _ in sizes], (128, 128), scales)
    for item, (_, factor) in zip(items, sizes, strict=True):
        np.testing.assert_allclose(item.view.apply(item.points), items[0].view.apply(items[0].points), atol=0.02)
        assert item.weight == pytest.approx(items[0].weight / factor)
    located = locator_items([one for one, _ in sizes], (64, 64), scales)
    assert [i.weight for i in located] == pytest.approx([i.weight for i in items])
