"""Some of many, at even steps."""

from hypothesis import given
from hypothesis import strategies as st

from krolik.sampling.evenly import evenly


@given(st.integers(0, 500), st.integers(2, 60))
def test_even_steps_from_the_first_to_the_last(count, most):
    places = evenly(count, most).tolist()
    assert len(places) == min(count, most) and places == sorted(set(places))
    if places:
        steps = {b - a for a, b in zip(places, places[1:])}
        assert (places[0], places[-1]) == (0, count - 1)
        assert max(steps, default=0) - min(steps, default=0) <= 1
