"""Smoothing: less noise, no lag, nothing pulled in at the ends, gaps bridged up to a limit; pieces join seamlessly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krolik.errors import InvalidSetting
from krolik.inference import smoothing
from krolik.inference.smoothing import METHODS, PIECE, Smoothing, smooth, smoothed
from krolik.poses import BLOCK, Predictions

FILTERS = METHODS[1:]


def walk(rng, frames=600, noise=1.5):
    """A smooth way (F, 2, 2) and the same with noise."""
    t = np.arange(frames)[:, None]
    way = np.stack(
        [200 + 100 * np.sin(t / 40 + np.array([0, 1])), 150 + 80 * np.cos(t / 55 + np.array([0, 2]))], axis=2
    )
    return way, way + rng.normal(0, noise, way.shape)


@pytest.mark.parametrize("method", FILTERS)
def test_noise_falls_and_nothing_lags(method, rng):
    way, seen = walk(rng)
    out, score = smooth(seen, np.full(seen.shape[:2], 0.9), Smoothing(method, 7))
    before, after = (np.linalg.norm(x - way, axis=2).mean() for x in (seen, out))
    assert after < 0.7 * before
    shifted = [np.linalg.norm(out[10 + d : 590 + d] - way[10:590], axis=2).mean() for d in (-2, -1, 0, 1, 2)]
    assert np.argmin(shifted) == 2  # neither early nor late
    assert (score == np.float32(0.9)).all()


@pytest.mark.parametrize("method", FILTERS)
def test_a_straight_way_stays_straight_up_to_its_ends(method):
    way = np.arange(40.0)[:, None, None] * np.array([3.0, -2.0]) + 100
    out, _ = smooth(way, np.ones((40, 1)), Smoothing(method, 9))
    tolerance = 1e-3 if method != "one-euro" else 0.6
    np.testing.assert_allclose(out, way, atol=tolerance)


def test_an_outlier_of_low_confidence_counts_less(rng):
    way, seen = walk(rng, noise=0.5)
    seen[300, 0] += 60
    sure = np.full(seen.shape[:2], 0.9)
    unsure = sure.copy()
    unsure[300, 0] = 0.05
    off = [np.linalg.norm(smooth(seen, s, Smoothing("kalman", 5))[0][300, 0] - way[300, 0]) for s in (sure, unsure)]
    assert off[1] < 0.5 * off[0]


def test_gaps_are_bridged_up_to_a_limit():
    way = np.arange(30.0)[:, None, None] * np.array([1.0, 2.0])
    score = np.full((30, 1), 0.8)
    score[5:8], score[15:20] = 0.1, 0.0
    seen = way.copy()
    seen[5:8] += 50
    seen[15:20] = np.nan
    out, kept = smooth(seen, score, Smoothing("none", fill=3, threshold=0.2))
    np.testing.assert_allclose(out[5:8], way[5:8], atol=1e-4)
    assert (kept[5:8] == np.float32(0.8)).all()
    assert np.isnan(out[15:20]).all() and (kept[15:20] == 0).all()
    np.testing.assert_allclose(out[:5], way[:5])


@settings(max_examples=25, deadline=None)
@given(method=st.sampled_from(FILTERS), seed=st.integers(0, 1000), holes=st.floats(0, 0.9), frames=st.integers(1, 80))
def test_points_are_where_there_was_evidence(method, seed, holes, frames):
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 500, (frames, 3, 2))
    xy[rng.random((frames, 3)) < holes] = np.nan
    score = np.where(np.isfinite(xy[..., 0]), rng.uniform(0.1, 1, (frames, 3)), 0)
    out, kept = smooth(xy, score, Smoothing(method, 5))
    assert (np.isfinite(out) == np.isfinite(xy)).all()
    assert ((kept > 0) == (score > 0)).all()
    finite = out[np.isfinite(out)]
    assert ((finite > -1000) & (finite < 1500)).all()


@pytest.mark.parametrize("method", FILTERS)
def test_pieces_join(method, rng):
    frames = 2 * PIECE + 700
    way, seen = walk(rng, frames)
    score = rng.uniform(0.5, 1, seen.shape[:2]).astype(np.float32)
    starts = range(0, frames, BLOCK)
    blocks = [
        Predictions(s, seen[s : s + BLOCK, None].astype(np.float32), score[s : s + BLOCK, None],
                    np.ones(min(BLOCK, frames - s), bool))
        for s in starts
    ]  # fmt: skip
    wish = Smoothing(method, 5, fill=4)
    found = Predictions.concatenate(smoothed(iter(blocks), wish))
    whole, _ = smooth(seen.astype(np.float32), score, wish)
    assert len(found) == frames
    assert np.abs(found.xy[:, 0] - whole).max() < 0.3  # jitter is measured piece by piece


@pytest.mark.parametrize("method", FILTERS)
def test_pieces_side_by_side_are_smoothed_as_each_alone(method, rng, monkeypatch):
    frames = 4 * PIECE
    xy = walk(rng, frames)[1].astype(np.float32)[:, None]
    xy[rng.random(xy.shape[:3]) < 0.05] = np.nan
    score = rng.random(xy.shape[:3]).astype(np.float32)
    blocks = [Predictions(s, xy[s : s + BLOCK], score[s : s + BLOCK], np.ones(len(xy[s : s + BLOCK]), bool))
              for s in range(0, frames, BLOCK)]  # fmt: skip
    del blocks[11]  # so that pieces are of different lengths
    wish = Smoothing(method, 7, 3, 0.1)
    together = list(smoothed(iter(blocks), wish))
    monkeypatch.setattr(smoothing, "TRACKS", 1)
    alone = list(smoothed(iter(blocks), wish))
    assert [b.start for b in together] == [b.start for b in blocks]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_array_equal(one.xy, other.xy)
        np.testing.assert_array_equal(one.score, other.score)


def test_nothing_is_smoothed_across_missing_frames(rng):
    def block(start, value):
        return Predictions(start, np.full((10, 1, 1, 2), value, np.float32), np.ones((10, 1, 1), np.float32),
                           np.ones(10, bool))  # fmt: skip

    found = list(smoothed([block(0, 5.0), block(500, 50.0)], Smoothing("kalman", 5)))
    np.testing.assert_allclose(found[0].xy, 5)
    np.testing.assert_allclose(found[1].xy, 50)


def test_what_changes_nothing_changes_nothing(rng):
    block = Predictions(0, rng.random((5, 1, 2, 2)), rng.random((5, 1, 2)), np.ones(5, bool))
    assert list(smoothed([block], Smoothing())) == [block]


@pytest.mark.parametrize("text", ["mean", "median:x", "median:1", "kalman:9999"])
def test_bad_wishes(text):
    with pytest.raises(InvalidSetting):
        Smoothing.parse(text)
