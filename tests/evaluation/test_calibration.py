"""Confidence as a probability: fitted curves come true, small samples stay modest, the error is measured rightly."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from krolik.evaluation.calibration import EDGE, Calibration, Reliability, fit, reliability
from krolik.evaluation.intervals import interval_of_mean


def overconfident(rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores that claim too much: right with half the odds that they claim."""
    score = rng.uniform(0.05, 0.98, n)
    odds = 0.5 * score / (1 - score)
    return score, rng.uniform(size=n) < odds / (1 + odds)


def test_a_fitted_curve_comes_true(rng):
    curve = fit(*overconfident(rng, 4000), within_px=5.0)
    assert curve is not None and curve.n == 4000 and curve.within_px == 5.0
    score, right = overconfident(rng, 4000)
    before, after = reliability(score, right, 5.0).error, reliability(curve(score), right, 5.0).error
    assert before > 0.1 and after < 0.03


def test_too_few_points_give_no_curve():
    assert fit(np.full(7, 0.5), np.ones(7, bool), 5.0) is None


def test_a_small_faultless_sample_is_not_certainty():
    curve = fit(np.full(12, 0.9), np.ones(12, bool), 5.0)
    assert curve is not None
    assert 0.8 < curve(np.array([0.9]))[0] < 0.99


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0.05, 10), st.floats(-20, 20))
def test_probabilities_are_probabilities_and_keep_the_order(scores, gain, shift):
    score = np.sort(np.array(scores))
    probability = Calibration(gain, shift, 5.0, 10)(score)
    assert ((probability >= 0) & (probability <= 1)).all()
    assert (np.diff(probability) >= -1e-6).all()
    assert (probability[score == 0] == 0).all()


def test_absent_points_stay_absent():
    assert Calibration(1.0, 3.0, 5.0, 10)(np.array([0.0, EDGE]))[0] == 0


def test_expected_calibration_error_by_hand():
    found = reliability(np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, False, False, False]), 4.0)
    assert found.error == pytest.approx((2 * 0.45 + 2 * 0.15) / 4)
    assert found.counts[9] == 2 and found.counts[1] == 2 and found.n == 4
    back = Reliability.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    np.testing.assert_equal(back.__dict__, found.__dict__)


@pytest.mark.parametrize("n", [1, 12, 48, 500])
def test_what_chance_alone_would_show(rng, n):
    """Of claims that are exactly right; the claims of one bin count as their mean."""
    measured, expected = [], []
    for _ in range(400):
        claimed = np.round(rng.beta(4, 1, n), 1) + 0.02
        found = reliability(np.minimum(claimed, 0.99), rng.uniform(size=n) < np.minimum(claimed, 0.99), 5.0)
        measured.append(found.error)
        expected.append(found.by_chance)
    assert np.mean(expected) == pytest.approx(np.mean(measured), rel=0.08)
    assert np.isnan(reliability(np.zeros(0), np.zeros(0, bool), 5.0).by_chance)


def test_interval_of_a_mean_covers_it(rng):
    """The 95 % interval covers the true mean about that often, with points of one frame erring together."""
    hits = 0
    for _ in range(120):
        errors = rng.exponential(3.0, (30, 1)) + rng.exponential(1.0, (30, 4))
        low, high = interval_of_mean(errors)
        hits += low <= 4.0 <= high
    assert 0.85 < hits / 120 <= 1.0


def test_interval_of_too_little():
    assert np.isnan(interval_of_mean(np.array([[1.0, np.nan]]))).all()
    assert np.isnan(interval_of_mean(np.full((5, 2), np.nan))).all()
