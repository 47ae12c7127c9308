"""Every strategy: exact count, only free frames, seeded, within the range; and what each is for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krolik.errors import InvalidSetting
from krolik.sampling import NAMES, Wish, choose
from krolik.sampling.diverse import glitches
from krolik.sampling.strategy import CANDIDATES, PIXELS
from krolik.video import Frame


class Film:
    """A video of drawn frames, and how often each was looked at."""

    name = "film"
    index = None

    def __init__(self, draw, length: int):
        self.draw, self.length, self.decoded = draw, length, 0

    def __len__(self):
        return self.length

    def frames(self, start=0, stop=None):
        for i in range(start, min(stop or self.length, self.length)):
            self.decoded += 1
            yield i, Frame(self.draw(i))


def walk(i: int) -> np.ndarray:
    """A bright square that goes around, on grey."""
    image = np.full((48, 64, 3), 90, np.uint8)
    x, y = int(24 + 20 * np.cos(i / 15)), int(20 + 15 * np.sin(i / 15))
    image[y : y + 8, x : x + 8] = 240
    return image


@pytest.mark.parametrize("strategy", NAMES)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_exact_count_of_free_frames(strategy, data):
    length = data.draw(st.integers(1, 80))
    taken = data.draw(st.sets(st.integers(0, length - 1), max_size=length - 1))
    start = data.draw(st.integers(0, length - 1))
    step = data.draw(st.integers(1, 4))
    free = set(range(start, length, step)) - taken
    if not free:
        return
    count = data.draw(st.integers(1, len(free)))
    film = Film(walk, length)
    wish = Wish(count, strategy, start, None, step, seed=data.draw(st.integers(0, 5)))
    chosen = choose(film, wish, taken)
    assert chosen == sorted(set(chosen)) and len(chosen) == count and set(chosen) <= free
    assert choose(film, wish, taken) == chosen
    assert film.decoded == 0 or PIXELS[strategy]


@pytest.mark.parametrize("strategy", NAMES)
def test_more_than_there_are_is_refused(strategy):
    with pytest.raises(InvalidSetting, match="3 frames are free to be selected, 4 are wanted"):
        choose(Film(walk, 10), Wish(4, strategy), set(range(7)))


@pytest.mark.parametrize("strategy", ["random", "kmeans", "motion", "diverse"])
def test_another_seed_may_choose_others(strategy):
    film = Film(walk, 300)
    found = {tuple(choose(film, Wish(6, strategy, seed=s), set())) for s in range(6)}
    assert len(found) > 1


def test_uniform_is_truly_even():
    assert choose(Film(walk, 100), Wish(4, "uniform"), set()) == [12, 37, 62, 87]
    gaps = np.diff(choose(Film(walk, 1000), Wish(37, "uniform"), set()))
    assert gaps.max() - gaps.min() <= 1


def test_random_has_no_favourites():
    counts = np.bincount(np.concatenate([choose(Film(walk, 10), Wish(3, "random", seed=s), set()) for s in range(600)]))
    assert counts.min() > 120 and counts.max() < 240


def test_motion_goes_where_something_moves():
    film = Film(lambda i: walk(i if 200 <= i < 300 else 200), 1000)
    chosen = np.array(choose(film, Wish(20, "motion"), set()))
    assert ((chosen >= 199) & (chosen <= 301)).mean() > 0.8


def scenes(i: int) -> np.ndarray:
    """Mostly one sleeping animal; short scenes of other poses; a flash of one frame."""
    if i == 777:
        return np.full((48, 64, 3), 255, np.uint8)
    pose = {3: 1, 5: 2, 8: 3}.get(i // 100, 0) if i % 100 < 10 else 0
    image = np.full((48, 64, 3), 90, np.uint8)
    image[8:20, 5 + 14 * pose : 15 + 14 * pose] = 230
    return image


def pose_of(i: int) -> int:
    return {3: 1, 5: 2, 8: 3}.get(i // 100, 0) if i % 100 < 10 else 0


@pytest.mark.parametrize("seed", range(3))
def test_diverse_finds_rare_poses_and_leaves_out_the_glitch(seed):
    chosen = choose(Film(scenes, 1000), Wish(8, "diverse", seed=seed), set())
    assert {pose_of(i) for i in chosen} == {0, 1, 2, 3}
    assert 777 not in chosen
    even = choose(Film(scenes, 1000), Wish(8, "uniform"), set())
    assert len({pose_of(i) for i in even}) < 4  # which even sampling misses


def test_diverse_takes_no_near_duplicates_and_spreads_over_time():
    chosen = np.array(choose(Film(walk, 2000), Wish(20, "diverse"), set()))
    places = np.array([[np.cos(i / 15), np.sin(i / 15)] for i in chosen])
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(20) * 9
    near = np.abs(chosen[:, None] - chosen[None]) + np.eye(20, dtype=int) * 9999
    assert not ((apart < 0.1) & (near < 50)).any()
    assert np.histogram(chosen, 4, (0, 2000))[0].min() >= 2


def test_diverse_keeps_away_from_what_is_labelled():
    taken = {i for i in range(1000) if pose_of(i) in (1, 2)}
    chosen = choose(Film(scenes, 1000), Wish(3, "diverse"), taken)
    assert 3 in {pose_of(i) for i in chosen}


def test_a_film_without_any_change_gives_frames_spread_over_time():
    chosen = np.array(choose(Film(lambda i: walk(0), 400), Wish(5, "diverse"), set()))
    assert np.diff(chosen).min() >= 40


def test_a_glitch_is_one_frame_that_resembles_neither_neighbour():
    features = np.zeros((9, 4), np.float32)
    features[4] = 1
    assert np.flatnonzero(glitches(features)).tolist() == [4]
    features[5:] = 1  # a cut is none
    assert not glitches(features).any()


def test_long_videos_are_thinned_so_that_memory_does_not_grow():
    film = Film(lambda i: walk(0), 5 * CANDIDATES)
    seen = []
    choose(film, Wish(3, "kmeans"), set(), seen.append)
    assert film.decoded == 5 * CANDIDATES  # one pass
    assert seen == sorted(seen) and seen[0] >= 0 and seen[-1] < 1


def test_stopping_stops():
    def stop(fraction):
        raise KeyboardInterrupt

    film = Film(walk, 500)
    with pytest.raises(KeyboardInterrupt):
        choose(film, Wish(3), set(), stop)
    assert film.decoded < 500


@pytest.mark.parametrize("values, match", [
    ({"count": 0}, "0 frames cannot be selected"), ({"strategy": "magic"}, "no strategy is named 'magic'"),
    ({"start": 5, "stop": 5}, "holds no frames"), ({"step": 0}, "holds no frames"), ({"start": -1}, "holds no frames"),
])  # fmt: skip
def test_wishes_that_make_no_sense(values, match):
    with pytest.raises(InvalidSetting, match=match):
        replace(Wish(1), **values)
