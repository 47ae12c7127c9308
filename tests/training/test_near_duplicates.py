"""Test frames that show nothing new: by the labels first, then by the pixels."""

from dataclasses import replace

import numpy as np
import pytest

from krolik.poses import FrameKey, State
from krolik.training.near_duplicates import ALIKE, near_duplicates
from krolik.training.training_set import Sample

EXTENT = 80.0
BODY = np.array([[40, 0], [25, -12], [25, 12], [-40, 0]], np.float32)


def sample(i: int, *places: tuple[float, float], keypoints: int = 4) -> Sample:
    points = np.array([BODY[:keypoints] + place for place in places], np.float32).reshape(-1, keypoints, 2)
    return Sample(FrameKey("v", i), (640, 480), points, np.full(points.shape[:2], State.VISIBLE, np.int8))


class Pictures(dict):
    """Random pixels for each frame, and how many were asked for."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng

    def __missing__(self, key):
        self[key] = self.rng.integers(0, 256, (48, 64, 3)).astype(np.uint8)
        return self[key]

    def copied(self, key: FrameKey, of: FrameKey) -> None:
        """As compression would change it."""
        noise = self.rng.normal(0, ALIKE / 2, (48, 64, 3))
        self[key] = np.clip(self[of] + noise, 0, 255).astype(np.uint8)


TRAIN = [sample(i, (100 + 60 * i, 100), (100, 300)) for i in range(5)]


def seen(test, pictures, train=TRAIN):
    return near_duplicates(train, test, EXTENT, pictures.__getitem__)


def test_the_same_animal_in_the_same_place_and_light(rng):
    pictures = Pictures(rng)
    twin, other = sample(99, (103, 296), (222, 97)), sample(98, (103, 296), (222, 97))
    pictures.copied(twin.key, TRAIN[2].key)
    (finding,) = seen([twin, other], pictures)
    assert finding.frames == (twin.key,) and finding.what.startswith("1 of 2 test frames")
    assert seen([other], pictures) == []


def test_a_small_animal_elsewhere_is_a_new_picture(rng):
    """Though the frames are the same to the eye; and their pixels are not even loaded."""
    pictures = Pictures(rng)
    moved = sample(99, (103, 296), (222, 120))
    pictures.copied(moved.key, TRAIN[2].key)
    loaded = len(pictures)
    assert seen([moved], pictures) == [] and len(pictures) == loaded


def test_points_that_only_one_of_both_has_do_not_count(rng):
    pictures = Pictures(rng)
    twin = sample(99, (100, 300), (220, 100))
    points, states = twin.points.copy(), twin.states.copy()
    points[0, 2:], states[0, 2:] = np.nan, State.ABSENT
    pictures.copied(twin.key, TRAIN[2].key)
    assert seen([replace(twin, points=points, states=states)], pictures)


@pytest.mark.parametrize("moved", [1, 20])
def test_animals_of_one_keypoint(rng, moved):
    pictures = Pictures(rng)
    train, twin = [sample(0, (100, 100), keypoints=1)], sample(9, (100 + moved, 100), keypoints=1)
    pictures.copied(twin.key, train[0].key)
    assert bool(near_duplicates(train, [twin], 0.0, pictures.__getitem__)) == (moved == 1)


def test_nothing_to_compare(rng):
    assert seen([], Pictures(rng)) == [] and seen([sample(9)], Pictures(rng)) == []
    assert seen(TRAIN, Pictures(rng), []) == []
