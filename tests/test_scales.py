"""The ladder of sizes that animals are looked at in."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from krolik.scales import KEPT, MARGIN, MOST, STEP, Scales, ladder

SIZE = (640, 480)
SHARES = st.floats(0.01, 1)


def of(least: float, most: float) -> Scales:
    return Scales(192, 1.0, ladder(least, most))


@given(SHARES, SHARES)
def test_the_ladder_covers_all_sizes_in_even_steps(least, most):
    assume(1.05 * least < most)
    spans = ladder(least, most)
    assert spans[-1] == pytest.approx(MARGIN * most, abs=1e-4) and len(spans) <= MOST
    lowest = max(least, most / STEP**MOST)  # of animals a hundredth as large as others, most of the steps would be
    factors = [b / a for a, b in zip((MARGIN * lowest, *spans), spans)]
    assert all(f == pytest.approx(factors[0], rel=0.03) for f in factors) and factors[0] < STEP * 1.03
    assert len(spans) == 1 or most / lowest > STEP ** (len(spans) - 1)  # no more steps than are needed


@given(SHARES, SHARES, st.floats(0.001, 1.5))
def test_the_largest_scale_that_shows_the_animal_with_room(least, most, share):
    assume(1.05 * least < most)
    scales, extent = of(least, most), share * SIZE[0]
    chosen = scales.fitting(extent, SIZE)
    larger = [s for s in scales.of(SIZE) if s > chosen]
    assert all(MARGIN * extent * s > 192 for s in larger)
    assert MARGIN * extent * chosen <= 192 * 1.002 or chosen == min(scales.of(SIZE))
    assert scales.fits(extent, chosen, SIZE)


def test_a_step_is_kept_until_another_fits_clearly_better():
    scales = of(0.1, 0.4)
    small, large = scales.of(SIZE)[:2]
    edge = 192 / MARGIN / small  # the largest that the smallest step holds
    assert scales.fits(edge * 1.05, small, SIZE) and scales.fits(edge / 1.05, large, SIZE)
    assert not scales.fits(edge * KEPT * 1.01, small, SIZE) and not scales.fits(edge / KEPT / 1.01, large, SIZE)


@given(st.floats(0, 5000))
def test_without_a_ladder_there_is_one_scale(extent):
    scales = Scales(192, 1.25)
    assert scales.of(SIZE) == [1.25] == [scales.fitting(extent, SIZE)]
    assert scales.fits(extent, 1.25, SIZE) and scales.weight(extent, SIZE) == 1


def test_a_pixel_counts_by_how_large_the_animal_is():
    """The same scene in frames of half the size: a pixel there is two of a full one."""
    scales = Scales(192, 1.0, ladder(0.2, 0.25))
    assert scales.weight(50, (320, 240)) == pytest.approx(2 * scales.weight(100, (640, 480)))
