"""What is kept of frames shows the same as the whole frames, and each frame is loaded once."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.poses import FrameKey
from krolik.process import memory_bytes, peak_memory_bytes
from krolik.training import image_cache
from krolik.training.augmentation import AugmentationRanges, random_views, reach
from krolik.training.image_cache import CACHE_BYTES, ImageCache, Part, cache_bytes
from krolik.views import View

KEY = FrameKey("v", 0)


class Store:
    """Frames of random pixels, and which were asked for."""

    def __init__(self, *shape: int):
        self.image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        self.asked: list[int] = []

    def __call__(self, key: FrameKey) -> np.ndarray:
        self.asked.append(key.index)
        return self.image


def test_frames_are_kept_within_the_limit():
    store = Store(10, 10, 3)
    cache, view = ImageCache(store, limit=750), View.crop((5, 5), (4, 4))
    for i in (0, 1, 0, 2, 0, 1):
        cache.warp(FrameKey("v", i), view)
    assert store.asked == [0, 1, 2, 1]


def test_frames_of_which_nothing_is_expected_are_kept_as_they_are_seen():
    """A frame that is seen small is kept small, and a smaller view is made of that without loading it again."""
    store = Store(64, 64, 3)
    cache = ImageCache(store, limit=3 * 16 * 16)
    for scale in (0.25, 0.125, 0.25, 0.2):
        view = View.crop((30, 30), (16, 16), scale, 20)
        np.testing.assert_array_equal(cache.warp(KEY, view, 7), view.warp(store.image, 7))
    assert len(store.asked) == 1
    view = View.crop((30, 30), (16, 16), 0.6)
    np.testing.assert_array_equal(cache.warp(KEY, view), view.warp(store.image))
    assert len(store.asked) == 2


@given(
    place=st.tuples(st.floats(-40, 380), st.floats(-40, 260)),
    size=st.tuples(st.integers(8, 64), st.integers(8, 64)),
    scale=st.floats(0.1, 3),
    turn=st.floats(-180, 180),
    seed=st.integers(0, 99),
)
def test_strayed_views_see_in_their_parts_what_they_see_in_the_frame(place, size, scale, turn, seed):
    """Wherever a crop lies, over the edge of the frame as well, and however far it strays."""
    ranges = AugmentationRanges(rotation_deg=180, mirror=True)
    store, rng = Store(233, 341, 3), np.random.default_rng(seed)
    cache, base = ImageCache(store), View.crop(place, size, scale, turn)
    cache.expect(KEY, reach(base, ranges))
    for view in (base, *random_views([base] * 6, ranges, rng)):
        seen, wanted = cache.warp(KEY, view, 9), view.warp(store.image, 9)
        # OpenCV rounds places to a 32nd of a pixel: a different origin may round one in many the other way
        assert (seen != wanted).mean() < 0.01
    assert len(store.asked) == 1


def test_all_expected_parts_of_a_frame_are_kept_at_its_first_view():
    store = Store(480, 640, 3)
    cache = ImageCache(store, limit=500_000)  # about half of a frame
    animals = [View.crop(place, (64, 64), 1.0) for place in ((100, 100), (500, 300))]
    thumbnail = View.fit((640, 480), (64, 64))
    for index in range(2):
        for view in (*animals, thumbnail):
            cache.expect(FrameKey("v", index), reach(view, AugmentationRanges()))
    for view in (thumbnail, *animals, thumbnail, *animals):
        for index in range(2):
            np.testing.assert_array_equal(cache.warp(FrameKey("v", index), view), view.warp(store.image))
    assert store.asked == [0, 1]


def test_parts_that_cover_a_frame_many_times_are_kept_as_one():
    store = Store(100, 100, 3)
    cache = ImageCache(store, limit=2 * 30_000)
    views = [View.crop((50 + i, 50), (64, 64), 1.0) for i in range(20)]
    for index in range(2):
        for view in views:
            cache.expect(FrameKey("v", index), reach(view, AugmentationRanges()))
    for view in views:
        for index in range(2):
            np.testing.assert_array_equal(cache.warp(FrameKey("v", index), view), view.warp(store.image))
    assert store.asked == [0, 1]


def test_a_view_that_nobody_expected_is_right_all_the_same():
    store = Store(100, 100, 3)
    cache = ImageCache(store)
    cache.expect(KEY, [Part((0, 0, 20, 20))])
    for place in ((10, 10), (80, 80), (10, 10)):
        view = View.crop(place, (16, 16), 1.0)
        np.testing.assert_array_equal(cache.warp(KEY, view), view.warp(store.image))


def test_another_process_expects_the_same():
    cache = ImageCache(np.zeros)  # any function that another process knows by its name
    cache.expect(KEY, [Part((0, 0, 20, 20))])
    assert pickle.loads(pickle.dumps(cache))._expected == cache._expected


@pytest.mark.parametrize(("box", "kept"), [((-5, 8, 12, 99), (0, 8, 12, 50)), ((60, 0, 70, 10), (0, 0, 40, 50))])
def test_a_box_beyond_the_frame(box, kept):
    assert Part(box).clipped(40, 50) == kept


@pytest.mark.parametrize(("memory", "kept"), [(4 << 30, 512 << 20), (64 << 30, CACHE_BYTES), (None, CACHE_BYTES)])
def test_small_machines_keep_less(monkeypatch, memory, kept):
    monkeypatch.setattr(image_cache, "memory_bytes", lambda: memory)
    assert cache_bytes() == kept


def test_the_memory_of_this_machine_is_known():
    memory, peak = memory_bytes(), peak_memory_bytes()
    assert memory is not None and peak is not None and peak < memory < 1 << 50
