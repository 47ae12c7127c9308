"""How large animals are beside each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.training.sizes import relative_sizes, spread

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


def test_half_labelled_animals_are_as_large_as_whole_ones():
    animals = np.stack([BODY] * 6)
    animals[3:, :2] = np.nan
    np.testing.assert_allclose(relative_sizes(animals), 1)
    assert spread(relative_sizes(animals)) == 1


@pytest.mark.parametrize("points", [
    np.zeros((5, 1, 2)), np.zeros((5, 3, 2)), np.full((5, 3, 2), np.nan), np.zeros((5, 0, 2))])  # fmt: skip
def test_animals_without_two_points_apart_do_not_differ(points):
    assert spread(relative_sizes(points)) == 1
