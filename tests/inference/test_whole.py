"""How whole frames are seen, by Krolik's networks and by those of other frameworks."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from krolik.inference.model import ModelDescription
from krolik.skeleton import template

SIZES = st.tuples(st.integers(20, 900), st.integers(20, 900))


def about(**other) -> ModelDescription:
    return ModelDescription(
        "m", template("mouse"), "whole", (256, 192), other.pop("scale", 1.0), (0, 0), 1, {}, {}, **other
    )


def test_krolik_fits_a_frame_into_its_input():
    assert about().whole((640, 480)).size == (256, 192)


@given(SIZES, st.sampled_from([1, 16, 32]), st.sampled_from([0.5, 0.75, 1.0]))
def test_others_see_a_frame_as_it_is_or_smaller_from_its_corner_on(size, multiple, scale):
    view = about(multiple=multiple, scale=scale).whole(size)
    assert all(side % multiple == 0 and side >= int(whole * scale) for side, whole in zip(view.size, size))
    assert all(side < int(whole * scale) + multiple for side, whole in zip(view.size, size))
    # the corner of the first pixel, half a pixel from its centre, stays the corner
    assert np.allclose(view.apply(np.array([-0.5, -0.5])), -0.5)
    assert np.isclose(view.scale, scale)


@given(SIZES, SIZES)
def test_others_bring_frames_to_one_size_with_their_proportions(size, matched):
    view = about(multiple=1, matched=matched).whole(size)
    assert view.size == matched
    right_below = view.apply(np.array(size) - 0.5)
    assert (right_below <= np.array(matched) - 0.5 + 1e-6).all()
    assert np.isclose(right_below, np.array(matched) - 0.5).any()


@given(st.integers(0, 64), st.none() | SIZES)
def test_a_description_survives(multiple, matched):
    written = about(multiple=multiple, matched=matched)
    again = ModelDescription.from_json(written.to_json())
    assert (again.multiple, again.matched) == (multiple, matched)
    assert again.whole((640, 480)).size == written.whole((640, 480)).size
