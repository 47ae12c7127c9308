"""Each sign is strong where that is wrong which it looks for, and silent where nothing is."""

import numpy as np
import pytest

from krolik.evaluation import doubts
from krolik.evaluation.shape import Shape
from tests.evaluation.test_shape import BONES, MOUSE, labels, turned

FRAMES = 40


@pytest.fixture
def walk(rng):
    """(F, 1, 4, 2) of a mouse that walks and turns, and sure scores."""
    poses = [turned(MOUSE, 3 * i, (100 + 4 * i, 200 + 2 * i)) for i in range(FRAMES)]
    return np.array(poses)[:, None] + rng.normal(0, 0.3, (FRAMES, 1, 4, 2)), np.full((FRAMES, 1, 4), 0.95)


@pytest.fixture
def shape(rng):
    return Shape.of(labels(rng), BONES)


def around(xy):
    nothing = np.full_like(xy[:1], np.nan)
    return np.concatenate([nothing, xy[:-1]]), np.concatenate([xy[1:], nothing])


def every(xy, score, shape):
    before, after = around(xy)
    return [
        doubts.low_confidence(score, np.ones(4)), *doubts.strange_limbs(xy, score, shape, BONES.edge_positions),
        doubts.wrong_sides(xy, score, shape), doubts.jumps(before, xy, after, score, shape.body_px),
        doubts.swapped_sides(before, xy, [(1, 2)], shape.body_px),
        doubts.mirrored_differs(xy, xy, score, shape.body_px),
        doubts.rival_peaks(score, np.full_like(score, 0.01)), doubts.novelty(np.full(FRAMES, 0.05), 0.05),
        doubts.rarely_labelled(score, np.full(4, 100), 100),
    ]  # fmt: skip


def test_a_good_prediction_raises_no_doubt(walk, shape):
    total = doubts.total(every(*walk, shape))
    assert total.shape == (FRAMES,) and total.max() < 0.15
    assert all(doubts.reasons(every(*walk, shape), i) == () for i in range(FRAMES))


def spoilt(kind, xy, score):
    if kind == "confidence":
        score[20, 0, 3] = 0.05
    elif kind == "limb":
        xy[20, 0, 3] += 3 * (xy[20, 0, 3] - xy[20, 0, 0])
    elif kind == "jump":
        xy[20] += 80
    elif kind == "sides":
        xy[20, 0, [1, 2]] = xy[20, 0, [2, 1]]
    return xy, score


@pytest.mark.parametrize("kind", ["confidence", "limb", "jump", "sides"])
def test_what_is_wrong_stands_out_and_is_named(walk, shape, kind):
    xy, score = spoilt(kind, *walk)
    signs = every(xy, score, shape)
    total = doubts.total(signs)
    assert total.argmax() == 20 and total[20] > 0.3 and np.delete(total, [19, 20, 21]).max() < 0.15
    found = doubts.reasons(signs, 20)
    assert kind in {r.kind for r in found}
    if kind in ("confidence", "limb"):
        assert next(r for r in found if r.kind == kind).keypoint == 3


def test_a_keypoint_that_is_often_absent_may_be_unsure_but_not_undecided():
    present = np.array([1.0, 0.2])
    sure_absent, undecided = (np.array([[[0.95, s]]]) for s in (0.03, 0.5))
    low, high = (doubts.low_confidence(s, present).severity[0] for s in (sure_absent, undecided))
    assert low < 0.2 < high


def test_animals_that_are_not_there_are_no_doubt():
    score = np.array([[[0.95, 0.95], [0.0, 0.0]]])
    assert doubts.low_confidence(score, np.ones(2)).severity[0] < 0.1
    assert doubts.low_confidence(np.zeros((1, 2, 2)), np.ones(2)).severity[0] > 0.5  # none is


def test_rivals_mirrors_novelty_and_rare_keypoints():
    best, second = np.full((2, 1, 2), 0.8), np.array([[[0.01, 0.02]], [[0.01, 0.78]]])
    rivals = doubts.rival_peaks(best, second)
    assert rivals.severity[0] == 0 and rivals.severity[1] > 0.8 and rivals.keypoint[1] == 1
    xy = np.zeros((2, 1, 2, 2))
    other = xy.copy()
    other[1, 0, 0] = 50
    mirror = doubts.mirrored_differs(xy, other, best, 60)
    assert mirror.severity[0] == 0 and mirror.severity[1] > 0.5 and mirror.value[1] == pytest.approx(70.7, abs=0.1)
    assert doubts.novelty(np.array([0.05, 0.5]), 0.05).severity.tolist() == [0, 1]
    rare = doubts.rarely_labelled(best, np.array([100, 2]), 100)
    assert rare.severity[0] > 0.5 and rare.keypoint[0] == 1
