"""Rows that are those of names: through crossings, losses, leaps, and blocks that follow each other."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from krolik.inference.naming import named, order_of
from krolik.poses import Predictions

SPAN = 20.0
SHAPE = np.array([[-10.0, 0.0], [10.0, 0.0]])  # two keypoints


def block(*animals: np.ndarray, start: int = 0) -> Predictions:
    """Rows of middles (F, 2); NaN where an animal is not there. The score tells the animal."""
    xy = (np.stack(animals, axis=1)[:, :, None] + SHAPE).astype(np.float32)
    score = np.broadcast_to(np.arange(1, len(animals) + 1)[None, :, None] / 10, xy.shape[:3]).astype(np.float32)
    return Predictions(start, xy, score, np.ones(len(xy), bool))


def walk(x0: float, x1: float, y: float, frames: int = 100) -> np.ndarray:
    return np.stack([np.linspace(x0, x1, frames), np.full(frames, y)], axis=1)


def speaking(frames: int, strength: float = 1.0) -> np.ndarray:
    """(F, 2, 2): rows 0 and 1 look like names 0 and 1."""
    return np.broadcast_to(strength * np.array([[1.0, -1.0], [-1.0, 1.0]]), (frames, 2, 2)).copy()


def swapped(found: Predictions, from_: int) -> Predictions:
    """Rows 0 and 1 changed places from a frame on."""
    xy, score = found.xy.copy(), found.score.copy()
    xy[from_:, [0, 1]], score[from_:, [0, 1]] = xy[from_:, [1, 0]], score[from_:, [1, 0]]
    return replace(found, xy=xy, score=score)


APART = block(walk(0, 300, 50), walk(300, 0, 200))
MEETING = block(walk(0, 300, 100), walk(300, 0, 102))  # they run over each other in the middle


def test_rows_come_in_the_order_of_names():
    told = named(APART, speaking(100)[:, ::-1], None, SPAN)
    np.testing.assert_array_equal(told.xy, APART.xy[:, ::-1])
    np.testing.assert_array_equal(told.score, APART.score[:, ::-1])


def test_those_that_changed_places_as_they_met_change_back():
    mistaken, said = swapped(MEETING, 50), speaking(100)
    said[50:] = said[50:, ::-1]
    told = named(mistaken, said, None, SPAN)
    wrong = (told.score[:, 0, 0] != MEETING.score[:, 0, 0]).sum()
    assert wrong <= 3  # of the frames in which one lies on the other


def test_a_few_frames_that_look_otherwise_change_nothing():
    said = speaking(100)
    said[20:30] = said[20:30, ::-1]  # in a dark corner
    np.testing.assert_array_equal(named(APART, said, None, SPAN).score, APART.score)


def test_pictures_that_do_not_follow_each_other_speak_for_themselves():
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 1000, (40, 2, 2))
    apart = block(places[:, 0], places[:, 1])
    said, turned = speaking(40), rng.random(40) < 0.5
    said[turned] = said[turned, ::-1]
    told = named(apart, said, None, SPAN)
    near = np.linalg.norm(np.diff(places, axis=0), axis=2).min(axis=1) < SPAN  # by chance
    assert not near.any()
    np.testing.assert_array_equal(told.score[:, 0, 0] == np.float32(0.2), turned)


def test_one_that_is_away_comes_back_as_itself():
    first = walk(0, 300, 50)
    first[40:60] = np.nan
    away = block(first, walk(300, 0, 200))
    mistaken, said = swapped(away, 60), speaking(100)
    said[60:] = said[60:, ::-1]
    said[40:60, 0] = 0
    told = named(mistaken, said, None, SPAN)
    np.testing.assert_array_equal(told.score[:, 0, 0], np.float32(0.1))


def test_a_block_goes_on_from_the_one_before():
    before = block(walk(0, 100, 50, 10), walk(300, 200, 200, 10))
    after = block(walk(100, 150, 50, 10), walk(200, 150, 200, 10), start=10)
    nothing = np.zeros((10, 2, 2))
    np.testing.assert_array_equal(named(after, nothing, before, SPAN).score, after.score)
    doubtful = speaking(10, 0.5)[:, ::-1]  # less than what the block before says
    np.testing.assert_array_equal(named(after, doubtful, before, SPAN).score, after.score)
    sure = speaking(10, 5.0)[:, ::-1]
    np.testing.assert_array_equal(named(after, sure, before, SPAN).score, after.score[:, ::-1])


def test_animals_without_a_name_come_last():
    three = block(walk(0, 300, 50), walk(300, 0, 200), walk(0, 300, 400))
    said = np.zeros((100, 3, 2))
    said[:, 2], said[:, 0] = (1, -1), (-1, 1)  # the third is the first name, the first the second
    assert named(three, said, None, SPAN).score[:, :, 0].tolist() == [np.float32([0.3, 0.1, 0.2]).tolist()] * 100
    assert order_of(said[0]).tolist() == [2, 0, 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(2, 4), st.booleans())
def test_nothing_is_lost_or_made_up(seed, frames, animals, known):
    rng = np.random.default_rng(seed)
    middles = [rng.uniform(0, 60, (frames, 2)) for _ in range(animals)]
    for one in middles:
        one[rng.random(frames) < 0.3] = np.nan
    given_, before = block(*middles), block(*[m[::-1] for m in middles]) if known else None
    names = int(rng.integers(2, animals + 1))
    told = named(given_, rng.normal(0, 2, (frames, animals, names)), before, SPAN)
    for was, now in zip(given_.score[..., 0], told.score[..., 0], strict=True):
        assert sorted(was.tolist()) == sorted(now.tolist())
    rows = (told.score[..., 0] * 10).round().astype(int) - 1
    np.testing.assert_array_equal(told.xy, given_.xy[np.arange(frames)[:, None], rows])
