import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krolik.evaluation import Criteria, match, measure
from krolik.poses import State


def test_known_errors():
    points = np.array([[[0, 0], [100, 0]], [[0, 0], [100, 0]], [[0, 0], [np.nan, np.nan]]], float)
    states = np.array([[3, 3], [2, 3], [3, 1]])
    predicted = np.array(
        [[[3, 4, 0.9], [100, 0, 0.9]], [[0, 10, 0.1], [np.nan, np.nan, 0]], [[0, 1, 0.9], [7, 7, 0.9]]]
    )
    metrics = measure(points, states, predicted, ["a", "b"], Criteria(0.2, (2, 5, 7.5)))
    a, b = metrics.keypoints
    assert (a.n, a.missed, a.invented) == (3, 1, 0)
    assert a.mean_error_px == pytest.approx((5 + 10 + 1) / 3)
    assert a.rmse_px == pytest.approx(np.sqrt((25 + 100 + 1) / 3))
    assert a.median_error_px == 5
    assert a.pck_px["5"] == a.pck_px["7.5"] == pytest.approx(2 / 3)
    assert (b.n, b.n_absent, b.missed, b.invented) == (2, 1, 1, 1)
    assert b.pck_px["2"] == 0.5  # a missed point is a wrong one
    assert metrics.body_length_px == 100
    assert a.pck_body["0.05"] == pytest.approx(2 / 3)
    assert metrics.overall.n == 5
    assert "NaN" not in json.dumps(metrics.to_json())


def test_never_labelled():
    metrics = measure(np.full((2, 1, 2), np.nan), np.zeros((2, 1), int), np.zeros((2, 1, 3)), ["a"], Criteria())
    assert metrics.overall.n == 0 and np.isnan(metrics.overall.mean_error_px)
    assert metrics.to_json()["overall"]["mean_error_px"] is None


def test_one_keypoint_has_no_body_length():
    points, states = np.array([[[0, 0]], [[9, 9]]], float), np.full((2, 1), State.VISIBLE)
    metrics = measure(points, states, np.array([[[0, 1, 0.9]], [[9, 9, 0.9]]]), ["a"], Criteria(0.2, (0.5, 2)))
    assert metrics.overall.pck_px == {"0.5": 0.5, "2": 1}
    assert metrics.to_json()["body_length_px"] is None
    assert set(metrics.to_json()["overall"]["pck_body"].values()) == {None}


@settings(deadline=None)
@given(st.permutations(range(4)), st.integers(0, 4))
def test_match_finds_the_permutation(order, missing):
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 500, (4, 3, 2))
    points[0, 1] = np.nan
    predicted = np.full((4, 3, 3), np.nan)
    predicted[list(order), :, :2] = np.nan_to_num(points, nan=9.0) + 1
    predicted[list(order)[:missing]] = np.nan
    assert match(points, predicted).tolist() == [-1 if i < missing else p for i, p in enumerate(order)]


def test_match_of_nothing():
    assert match(np.zeros((2, 3, 2)), np.zeros((0, 3, 3))).tolist() == [-1, -1]
    assert State.VISIBLE == 3
