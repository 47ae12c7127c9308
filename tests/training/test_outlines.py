"""What stands out before a background that stays tells how large animals are."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from krolik.poses import FrameKey, State
from krolik.skeleton import Skeleton
from krolik.training.fingerprint import measure_data
from krolik.training.outlines import outlined_extent
from krolik.training.training_set import Sample

WIDTH, HEIGHT = 400, 300
LONG, WIDE = 60, 24  # an animal's, px


class Film:
    """Frames before one background, each with dark animals whose noses are labelled."""

    def __init__(self, angles_deg: Sequence[float], seed: int = 0, animals: int = 1, moving: bool = False,
                 sizes: Sequence[float] = (1.0,), grey: int = 10):  # fmt: skip
        rng = np.random.default_rng(seed)
        floor = cv2.GaussianBlur(rng.normal(0, 1, (2 * HEIGHT, 2 * WIDTH)), (0, 0), 10)
        floor = np.interp(floor, (floor.min(), floor.max()), (60, 245)).astype(np.uint8)
        self.images, self.samples = [], []
        for number, angle in enumerate(angles_deg):
            left, top = rng.integers(0, (WIDTH, HEIGHT)) if moving else (WIDTH // 2, HEIGHT // 2)
            image = floor[top : top + HEIGHT, left : left + WIDTH] + rng.integers(0, 5, (HEIGHT, WIDTH), np.uint8)
            noses = []
            for animal in range(animals):
                size = sizes[(number + animal) % len(sizes)]
                middle = rng.uniform((60, 60), (WIDTH - 60, HEIGHT - 60))
                if animals > 1:  # each in a half of its own
                    middle[0] = rng.uniform(60, WIDTH / 2 - 60) + animal * WIDTH / 2
                axes = (round(size * LONG / 2), round(size * WIDE / 2))
                cv2.ellipse(image, middle.round().astype(int).tolist(), axes, angle, 0, 360, grey, -1)
                turn = np.radians(angle)
                noses.append(middle + 0.45 * size * LONG * np.array([np.cos(turn), np.sin(turn)]))
            self.images.append(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB))
            points = np.array(noses, np.float32)[:, None]
            states = np.full((animals, 1), State.VISIBLE, np.int8)
            self.samples.append(Sample(FrameKey("film", number), (WIDTH, HEIGHT), points, states))

    def load(self, key: FrameKey) -> np.ndarray:
        return self.images[key.index]


EVERY_WAY = [37.0 * i for i in range(40)]


@pytest.mark.parametrize(("animals", "frames"), [(1, 40), (2, 40), (1, 12)])
def test_a_nose_alone_tells_by_the_outline_how_large_the_animal_is(animals, frames):
    film = Film(EVERY_WAY[:frames], animals=animals)
    found = outlined_extent(film.samples, film.load)
    assert found == pytest.approx(0.8 * LONG, rel=0.1)  # most of it


def test_a_fingerprint_has_what_the_nose_alone_does_not_tell():
    film, bones = Film(EVERY_WAY), Skeleton.of(["nose"])
    blind, seen = measure_data(film.samples, bones), measure_data(film.samples, bones, film.load)
    assert not blind.sized and blind.partial and seen.sized and seen.outlined and not seen.partial
    assert seen.extent_px == outlined_extent(film.samples, film.load)
    assert seen.shares[1] == pytest.approx(seen.extent_px / WIDTH) and seen.typical_extent_px == seen.extent_px


def test_an_animal_that_fits_into_what_is_assumed_is_shown_with_as_much_around_it():
    film, bones = Film(EVERY_WAY, sizes=(0.5,)), Skeleton.of(["nose"])
    assert outlined_extent(film.samples, film.load) == pytest.approx(0.8 * 0.5 * LONG, rel=0.15)
    seen = measure_data(film.samples, bones, film.load)
    assert seen == measure_data(film.samples, bones) and not seen.outlined and seen.extent_px == 0.15 * WIDTH


@pytest.mark.parametrize(("frames", "more"), [
    (40, {"moving": True, "grey": 110}),  # a camera in a hand, before which the floor moves as well
    (8, {}),  # too few for a background
    (40, {"sizes": (0.5, 2.0)}),  # no size is that of all
])  # fmt: skip
def test_what_is_no_outline_of_the_animals_tells_nothing(frames, more):
    film = Film(EVERY_WAY[:frames], **more)
    assert outlined_extent(film.samples, film.load) is None


def test_what_stands_out_elsewhere_is_not_the_animal():
    """A door that opens, a hand: the labelled animal itself hardly moves."""
    film = Film(EVERY_WAY)
    moved = [Sample(s.key, s.frame_size, (s.points + (WIDTH / 2, 0)) % (WIDTH, HEIGHT), s.states) for s in film.samples]
    assert outlined_extent(moved, film.load) is None


def test_pixels_are_looked_at_only_where_points_show_no_size():
    """Decoding frames takes time."""
    film = Film(EVERY_WAY)

    def load(key: FrameKey) -> np.ndarray:
        raise AssertionError(key)

    points, states = np.float32([[[0, 0], [9, 9]]]), np.full((1, 2), State.VISIBLE, np.int8)
    whole = [Sample(s.key, s.frame_size, points, states) for s in film.samples]
    assert measure_data(whole, Skeleton.of(["a", "b"]), load).outlined is False
