"""Views and light stray as far as they may, and do to a picture what they say."""

from dataclasses import replace

import numpy as np
import pytest

from krolik.training.augmentation import AugmentationRanges, Light, random_lights, random_views, relit
from krolik.views import View

RANGES = AugmentationRanges(rotation_deg=40, scale=(0.8, 1.2), shift=0.1, mirror=True)
PLAIN = Light(gain=1.0, bias=0.0, blur=0.0, noise=0.0)


@pytest.fixture
def image(rng):
    return rng.integers(0, 256, (60, 80, 3), np.uint8)


def test_views_stray_within_their_ranges(rng):
    bases = [View.crop((50, 40), (64, 48), 0.5), View.crop((90, 10), (64, 48), 0.25)] * 300
    views = random_views(bases, RANGES, rng)
    scales = np.array([view.scale / base.scale for base, view in zip(bases, views)])
    assert 0.8 <= scales.min() < 0.82 and 1.18 < scales.max() <= 1.2
    middles = np.array([view.apply(base.inverse(np.array([31.5, 23.5]))) for base, view in zip(bases, views)])
    strayed = np.abs(middles - [31.5, 23.5]).max(axis=0)
    farthest = 1.2 * np.hypot(6.4, 4.8)  # a tenth of each side, turned and enlarged
    assert (strayed > [6, 4]).all() and (strayed <= farthest).all()
    assert 0.4 < np.mean([view.mirrors for view in views]) < 0.6
    assert not any(view.mirrors for view in random_views(bases, replace(RANGES, mirror=False), rng))
    turns = [np.degrees(np.arctan2(v.matrix[1, 0], v.matrix[1, 1])) for v in views]
    assert 35 < np.abs(turns).max() <= 40


def test_lights_are_as_often_blurred_and_noisy_as_wanted(rng):
    lights = random_lights(2000, AugmentationRanges(gain=(0.5, 1.5), blur_chance=0.2, noise_chance=0.4), rng)
    assert 0.15 < np.mean([light.blur > 0 for light in lights]) < 0.25
    assert 0.35 < np.mean([light.noise > 0 for light in lights]) < 0.45
    gains = [light.gain for light in lights]
    assert 0.5 <= min(gains) < 0.52 and 1.48 < max(gains) <= 1.5


def test_a_plain_light_changes_nothing(image, rng):
    np.testing.assert_array_equal(relit(image, PLAIN, rng), image)


def test_gain_is_around_the_middle_grey_and_bias_in_grey_levels(image, rng):
    seen = relit(image, Light(1.3, -20.0, 0.0, 0.0), rng)
    wanted = np.clip((image - 127.5) * 1.3 + 127.5 - 20, 0, 255)
    assert seen.dtype == np.uint8 and np.abs(seen - wanted).max() <= 0.51


def test_noise_is_as_strong_as_it_says_and_changes_no_mean(rng):
    grey = np.full((60, 80, 3), 100, np.uint8)
    changed = relit(grey, replace(PLAIN, noise=8.0), rng).astype(float) - 100
    assert 6 < changed.std() < 10 and abs(changed.mean()) < 2
    darker = relit(grey, Light(0.5, 10.0, 0.0, 8.0), rng).astype(float)
    assert 6 < darker.std() < 10 and abs(darker.mean() - 123.75) < 2


def test_blur_averages_neighbours(image, rng):
    seen = relit(image, replace(PLAIN, blur=1.5), rng)
    assert seen.shape == image.shape and seen.std() < image.std() / 2 and abs(seen.mean() - image.mean()) < 1
