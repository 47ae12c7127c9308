"""How large animals are beside each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.training.sizes import ALIKE, relative_sizes, size_spread

BODY = np.array([[0, 0], [40, 10], [90, 0], [60, 30]], float)


@given(st.lists(st.floats(0.2, 5), min_size=1, max_size=12), st.integers(0, 2**31))
def test_sizes_do_not_depend_on_place_and_heading(factors, seed):
    rng = np.random.default_rng(seed)
    animals = []
    for factor in factors:
        turn = rng.uniform(-np.pi, np.pi)
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        animals.append(factor * BODY @ rotation.T + rng.uniform(0, 500, 2))
    np.testing.assert_allclose(relative_sizes(np.stack(animals)), np.array(factors) / np.median(factors), rtol=1e-6)


def extents(animals: np.ndarray) -> list[float]:
    return [float(np.ptp(a[np.isfinite(a[:, 0])], axis=0).max()) if np.isfinite(a).any() else 0.0 for a in animals]


def test_half_labelled_animals_are_as_large_as_whole_ones():
    animals = np.stack([BODY] * 6)
    animals[3:, :2] = np.nan
    np.testing.assert_allclose(relative_sizes(animals), 1)
    assert size_spread(animals, extents(animals)) == 1


@pytest.mark.parametrize("points", [
    np.zeros((5, 1, 2)), np.zeros((5, 3, 2)), np.full((5, 3, 2), np.nan), np.zeros((5, 0, 2))])  # fmt: skip
def test_animals_without_two_points_apart_do_not_differ(points):
    assert size_spread(points, extents(points)) == 1


def test_parts_that_move_against_each_other_are_no_other_size(rng):
    """A hand that goes to and from a joystick, before a camera that stands still; the tongue is far from both."""
    animals = np.stack([[(rng.uniform(0, 80), 0), (85, 0), (100, 0), (40, 200)] for _ in range(60)])
    sizes = relative_sizes(animals[:, :3])
    assert np.percentile(sizes, 95) / np.percentile(sizes, 5) > ALIKE
    assert size_spread(animals[:, :3], extents(animals)) < 1.5


def test_animals_that_are_near_and_far_are_of_other_sizes(rng):
    animals = np.exp(rng.uniform(np.log(0.5), np.log(2), 60))[:, None, None] * BODY
    assert size_spread(animals, extents(animals)) > 3 > ALIKE
