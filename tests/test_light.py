"""Pictures of one film as light and dark as those of another."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.light import PERCENTILES, PIXELS, _some, levels, lit, table


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    rng = np.random.default_rng(0)
    picture = rng.normal((150, 120, 90), 25, (120, 160, 3))
    picture[40:80, 50:70] = rng.normal(60, 5, (40, 20, 3))  # a dark animal
    return np.clip(picture, 0, 255).astype(np.uint8)


CHANGES = {
    "dark": lambda x: 0.25 * x, "light": lambda x: x + 60, "flat": lambda x: 128 + 0.3 * (x - 128),
    "gamma": lambda x: 255 * (x / 255) ** 2, "tint": lambda x: x * (1.2, 1, 0.6),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_another_light_is_evened_out(scene, change):
    other = np.clip(CHANGES[change](scene.astype(float)), 0, 255).astype(np.uint8)
    before = np.abs(other.astype(float) - scene).mean()
    evened = lit(other, table(levels([other]), levels([scene])))
    after = np.abs(evened.astype(float) - scene).mean()
    assert evened.dtype == np.uint8 and evened.shape == scene.shape
    assert after < 3 < 10 < before


def test_the_same_light_changes_hardly_anything(scene):
    assert np.abs(lit(scene, table(levels([scene]), levels([scene]))).astype(float) - scene).mean() < 0.6


def levels_of(channels) -> np.ndarray:
    return np.sort(np.array(channels, float), axis=1)


LEVELS = st.lists(st.lists(st.integers(0, 255), min_size=len(PERCENTILES), max_size=len(PERCENTILES)),
                  min_size=3, max_size=3).map(levels_of)  # fmt: skip


@given(LEVELS, LEVELS)
def test_what_was_lighter_stays_at_least_as_light(ours, theirs):
    made = table(ours, theirs)
    assert made.shape == (256, 3) and made.dtype == np.uint8
    assert (np.diff(made.astype(int), axis=0) >= 0).all()


def test_black_film(scene):
    """Of one level only nothing can be told: it becomes the middle of the others, and nothing breaks."""
    black = np.zeros_like(scene)
    made = lit(black, table(levels([black]), levels([scene])))
    assert len(np.unique(made.reshape(-1, 3), axis=0)) == 1


def test_batches_and_single_pictures_alike(scene):
    changed = table(levels([scene // 3]), levels([scene]))
    batch = np.stack([scene, scene // 2])
    np.testing.assert_array_equal(lit(batch, changed)[1], lit(scene // 2, changed))


def test_of_a_large_picture_as_many_pixels_count_as_of_a_small_one(scene):
    """The same scene in 16 times as many pixels: the same levels, and no more to sort."""
    large = scene.repeat(16, axis=0).repeat(16, axis=1)
    assert len(_some(large)) < 1.2 * PIXELS
    np.testing.assert_allclose(levels([large])[:, 3:-3], levels([scene])[:, 3:-3], atol=4)
