"""The rows of a block in the order of the block before."""

from itertools import permutations

import numpy as np
import pytest

from krolik.inference.identity import continued
from krolik.poses import Predictions

PLACES = np.array([[10.0, 10.0], [60.0, 10.0], [10.0, 80.0]])


def block(start: int, *frames: np.ndarray) -> Predictions:
    """Animals of two keypoints at each frame's places; NaN for one that is not there."""
    centres = np.stack(frames)
    xy = np.stack([centres - 2, centres + 2], axis=2).astype(np.float32)
    return Predictions(start, xy, np.isfinite(xy[..., 0]).astype(np.float32), np.ones(len(frames), bool))


def without(animal: int, places: np.ndarray = PLACES) -> np.ndarray:
    out = places.copy()
    out[animal] = np.nan
    return out


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_each_animal_keeps_its_row(order):
    before, after = block(0, PLACES, PLACES + 1), block(2, (PLACES + 2)[list(order)], (PLACES + 3)[list(order)])
    found = continued(after, before)
    np.testing.assert_array_equal(found.xy, block(2, PLACES + 2, PLACES + 3).xy)
    assert found.start == 2 and found.score.shape == after.score.shape


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_animal_that_is_away_for_some_frames(order):
    before, after = block(0, PLACES, without(1)), block(2, without(2)[list(order)], (PLACES + 3)[list(order)])
    np.testing.assert_array_equal(continued(after, before).xy, block(2, without(2), PLACES + 3).xy)


def test_one_that_was_never_seen_takes_the_row_that_is_left():
    before, after = block(0, without(0), without(0)), block(2, PLACES[[1, 0, 2]])
    np.testing.assert_array_equal(continued(after, before).xy, block(2, PLACES).xy)


def test_nothing_to_go_on_from():
    after = block(2, PLACES)
    assert continued(after, None) is after
    assert continued(after, block(0, PLACES[:2])) is after
