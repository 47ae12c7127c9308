"""What labelled animals look like says which poses are strange, wherever they are and however they are turned."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from krolik.evaluation.shape import Shape
from krolik.skeleton import Skeleton

BONES = Skeleton.of(["nose", "left_ear", "right_ear", "tail"], [("nose", "left_ear"), ("nose", "tail")])
MOUSE = np.array([[0, 0], [-10, 12], [10, 12], [0, 60]], float)


def turned(points: np.ndarray, degrees: float, shift=(0.0, 0.0)) -> np.ndarray:
    a = np.radians(degrees)
    return points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) + np.asarray(shift)


def labels(rng, count=30, noise=0.5) -> np.ndarray:
    return np.array([turned(MOUSE, rng.uniform(0, 360), rng.uniform(0, 500, 2)) + rng.normal(0, noise, (4, 2))
                     for _ in range(count)])  # fmt: skip


@given(degrees=st.floats(0, 360), x=st.floats(-1e3, 1e3), y=st.floats(-1e3, 1e3))
def test_a_turned_and_moved_animal_is_not_strange(degrees, x, y):
    shape = Shape.of(labels(np.random.default_rng(0)), BONES)
    pose = turned(MOUSE, degrees, (x, y))
    assert np.nanmax(shape.strangeness(pose)) < 1
    assert not shape.wrong_sides(pose).any()
    mirrored = pose[[0, 2, 1, 3]]  # left is called right
    assert shape.wrong_sides(mirrored).any()


def test_a_limb_of_double_length_is_strange(rng):
    shape = Shape.of(labels(rng), BONES)
    pose = MOUSE.copy()
    pose[3] *= 2.5
    off = shape.strangeness(pose)
    tail = [i for i, pair in enumerate(shape.pairs.tolist()) if 3 in pair]
    assert off[tail].min() > 4
    assert abs(shape.body_px - 60) < 15


def test_what_was_hardly_labelled_says_nothing(rng):
    few = labels(rng, 30)
    few[3:, 3] = np.nan  # the tail in three labels only
    shape = Shape.of(few, BONES)
    assert not any(3 in pair for pair in shape.pairs.tolist())
    assert np.isfinite(shape.strangeness(MOUSE)).all()
    nothing = Shape.of(np.full((2, 4, 2), np.nan), BONES)
    assert len(nothing.pairs) == 0 and nothing.body_px > 0 and nothing.strangeness(MOUSE).shape == (0,)


def test_animals_that_show_one_point_each_are_as_long_as_is_assumed(rng):
    lone = labels(rng, 30)
    lone[:, 1:] = np.nan
    assert Shape.of(lone, BONES, 90.0).body_px == 90
    lone[0, 1] = lone[0, 0] + (0, 40)
    assert Shape.of(lone, BONES, 90.0).body_px != 90


def test_seen_from_the_side_no_side_is_a_rule(rng):
    both = labels(rng, 40)
    both[::2] = both[::2][:, [0, 2, 1, 3]]
    assert len(Shape.of(both, BONES).triples) == 0
