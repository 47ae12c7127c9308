"""One view moves pixels and points alike, and can be inverted."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from krolik.views import View, halved

views = st.builds(
    View.crop,
    st.tuples(st.floats(-50, 300), st.floats(-50, 200)),
    st.tuples(st.integers(16, 90), st.integers(16, 70)),
    st.floats(0.2, 3),
    st.floats(-180, 180),
    st.booleans(),
)
points = st.lists(st.tuples(st.floats(-100, 400), st.floats(-100, 400)), min_size=1, max_size=5).map(np.array)


@given(views, points)
def test_inverse(view, where):
    np.testing.assert_allclose(view.inverse(view.apply(where)), where, atol=1e-6)


@given(views, views, points)
def test_after_composes(first, second, where):
    np.testing.assert_allclose(second.after(first).apply(where), second.apply(first.apply(where)), atol=1e-6)


@given(st.tuples(st.floats(0, 300), st.floats(0, 200)), st.integers(10, 90), st.floats(0.2, 3))
def test_centre_is_in_the_middle(centre, side, scale):
    view = View.crop(centre, (side, side), scale, 33.0)
    np.testing.assert_allclose(view.apply(np.array(centre)), [(side - 1) / 2] * 2, atol=1e-6)


def test_mirror_keeps_nan_and_flips_x():
    view = View.crop((10, 10), (21, 21), mirror=True)
    moved = view.apply(np.array([[8.0, 9.0], [np.nan, np.nan]]))
    np.testing.assert_allclose(moved, [[12, 9], [np.nan, np.nan]])


def blob(place: tuple[float, float], size: tuple[int, int], sigma: float) -> np.ndarray:
    y, x = np.mgrid[: size[1], : size[0]]
    spot = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * sigma**2))
    return np.repeat((255 * spot)[..., None], 3, axis=2).astype(np.uint8)


def centre_of_mass(image: np.ndarray) -> np.ndarray:
    weight = image[..., 0].astype(float)
    y, x = np.mgrid[: weight.shape[0], : weight.shape[1]]
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


def test_pixels_go_where_points_go():
    place = (140.3, 101.7)
    for scale in (0.21, 0.34, 0.5, 0.77, 1.0, 1.9):
        image = blob(place, (320, 240), 8 / min(1, scale) * 0.6)
        for rotation in (0, 37, -120):
            view = View.crop((150, 95), (160, 130), scale, rotation, mirror=rotation == 37)
            seen = centre_of_mass(view.warp(image))
            assert np.linalg.norm(seen - view.apply(np.array(place))) < 0.12, (scale, rotation)


@given(st.integers(1, 40), st.integers(1, 30), st.integers(0, 3))
def test_halving_averages_two_by_two(width, height, times):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    wanted = image.astype(float)
    for _ in range(times):
        rows, columns = (max(1, side // 2) for side in wanted.shape[:2])
        wanted = wanted[: 2 * rows, : 2 * columns]
        deep, wide = wanted.shape[0] // rows, wanted.shape[1] // columns
        wanted = wanted.reshape(rows, deep, columns, wide, 3).mean(axis=(1, 3))
    seen = halved(image, times)
    assert seen.shape == wanted.shape
    assert np.abs(seen - wanted).max() <= times  # each time it is rounded


@given(views)
def test_a_halved_frame_is_seen_as_the_whole(view):
    image = np.random.default_rng(0).integers(0, 256, (201, 333, 3), np.uint8)
    for times in range(view.halvings + 1):
        np.testing.assert_array_equal(view.warp(halved(image, times), 9, times), view.warp(image, 9))


@given(st.data())
def test_what_a_view_does_not_show_need_not_be_halved(data):
    """The same as of the whole frame, over its edges and with sides that no halving divides."""
    width, height = data.draw(st.integers(8, 150)), data.draw(st.integers(8, 150))
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    place = data.draw(st.floats(-60, width + 60)), data.draw(st.floats(-60, height + 60))
    view = View.crop(place, (24, 16), data.draw(st.floats(0.13, 2)), data.draw(st.sampled_from([0, 31, 90, 180])))
    times = view.halvings
    matrix = view.matrix * 2**times
    matrix[:, 2] = view.apply(np.full(2, (2**times - 1) / 2))
    wanted = cv2.warpAffine(halved(image, times), matrix, view.size, flags=cv2.INTER_LINEAR, borderValue=(9, 9, 9))
    seen = view.warp(image, 9)
    # OpenCV rounds places: another origin may round one in many the other way
    assert (np.abs(seen.astype(int) - wanted) > 8).mean() < 0.01


def test_halvings():
    assert [View.crop((0, 0), (8, 8), scale).halvings for scale in (2, 1, 0.51, 0.5, 0.26, 0.25, 0.1)] == [
        0, 0, 0, 1, 1, 2, 3,
    ]  # fmt: skip


def test_fit_shows_the_whole_frame():
    view = View.fit((640, 480), (256, 128))
    corners = view.apply(np.array([[-0.5, -0.5], [639.5, 479.5]]))
    np.testing.assert_allclose(corners[:, 1], [-0.5, 127.5], atol=1e-9)
    assert corners[0, 0] > 0 and corners[1, 0] < 255
