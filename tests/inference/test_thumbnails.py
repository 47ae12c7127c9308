"""What the locator looks at: animals about as large as it learnt them, and every place of the frame."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.inference.model import ModelDescription
from krolik.inference.poser import Poser
from krolik.inference.thumbnails import MOST_WINDOWS, SAME, middles, thumbnails
from krolik.video import Frame
from tests.inference.test_pipeline import BONES, SpotModel, picture

LEARNT = (640, 480)
ABOUT = ModelDescription("m", BONES, "crop", (192, 192), 1.0, (192, 128), 1, {}, {}, frame_sizes=(LEARNT,))


def scale_of(views) -> float:
    return views[0].scale


def test_a_frame_like_those_of_training_is_looked_at_whole():
    views = thumbnails(ABOUT, LEARNT, 1.0)
    assert len(views) == 1 and np.allclose(views[0].inverse(np.array([95.5, 63.5])), (319.5, 239.5))
    for about in (dataclasses.replace(ABOUT, frame_sizes=()), dataclasses.replace(ABOUT, spans=(0.2,))):
        assert len(thumbnails(about, (1920, 1080), 1.0)) == 1


@given(st.integers(64, 4000), st.integers(64, 4000), st.floats(0.33, 3))
def test_animals_are_as_large_as_they_were_learnt_and_no_place_is_left_out(width, height, zoom):
    views = thumbnails(ABOUT, (width, height), zoom)
    usual = scale_of(thumbnails(ABOUT, LEARNT, 1.0))
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1], [width / 2, height / 2]])
    for corner in corners:  # each is in some view
        seen = [view.apply(corner) for view in views]
        assert any(((p > -1) & (p < (192.5, 128.5))).all() for p in seen)
    larger = scale_of(views) / zoom / usual  # an animal of so many training pixels, beside those of training
    assert 1 <= len(views) <= MOST_WINDOWS and larger < SAME * 1.001
    if larger < 0.999 / SAME:  # the whole frame, as there would be too many windows
        windows = [len(middles(n, side / usual / zoom)) for n, side in zip((width, height), ABOUT.locator_size)]
        assert len(views) == 1 and windows[0] * windows[1] > MOST_WINDOWS


def test_the_same_scene_in_another_size_is_one_thumbnail():
    for factor in (0.25, 0.5, 2, 4):
        assert len(thumbnails(ABOUT, (int(640 * factor), int(480 * factor)), 1 / factor)) == 1


def test_a_part_of_the_scene_fills_a_part_of_the_thumbnail():
    """Half the width and height in as many pixels: twice as large in a thumbnail that it filled."""
    (view,) = thumbnails(ABOUT, (320, 240), 1.0)
    assert view.scale == pytest.approx(scale_of(thumbnails(ABOUT, LEARNT, 1.0)))


@given(st.floats(1, 5000), st.floats(16, 800))
def test_windows_cover_a_side(extent, side):
    found = np.array(middles(extent, side))
    if extent <= side:
        assert len(found) == 1
    else:
        assert found[0] == side / 2 and abs(found[-1] - (extent - side / 2)) < 1e-6
        assert (np.diff(found) <= side / 2 + 1e-6).all()


class NearSighted(SpotModel):
    """Its locator sees haze of about the size that it learnt: 16 px in frames of 200, so 8 px in thumbnails."""

    def locate(self, image):
        found = super().locate(image)
        lit = int((image[..., 2] > 60).sum())
        return found if 30 < lit < 130 else found * (1, 1, 0.01)


@pytest.mark.parametrize("place", [(30, 30), (370, 290), (250, 100)])
def test_a_small_animal_is_found_in_a_window(place):
    """Frames of twice the width, which show twice as much: the animal is as large as it was, its thumbnail is not."""
    model = NearSighted()
    model.description = dataclasses.replace(model.description, frame_sizes=((200, 160),))
    wide = np.zeros((320, 400, 3), np.uint8)
    part = picture((100, 80))[60:100, 70:130]
    x, y = max(0, min(400 - 60, place[0] - 30)), max(0, min(320 - 40, place[1] - 20))
    wide[y : y + 40, x : x + 60] = part
    pose = Poser(model)(Frame(wide))  # pyright: ignore
    np.testing.assert_allclose(pose[0, 0, :2], (x + 37, y + 20), atol=2)
    assert model.located > 4
