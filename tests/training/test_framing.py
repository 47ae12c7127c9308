"""Whole animals from partial labels: exact where the shape is rigid, harmless where nothing can be known."""

import numpy as np
import pytest

from krolik.poses import FrameKey, State
from krolik.training.framing import lay, mean_shape, with_whole_boxes
from krolik.training.training_set import Sample

BODY = np.array([[40, 0], [25, -12], [25, 12], [-60, 0]], float)


def placed(angle: float, scale: float, where, mirror: bool = False) -> np.ndarray:
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shape = BODY * (1, -1) if mirror else BODY
    return shape @ turn.T + where


def sample(points: np.ndarray, known) -> Sample:
    states = np.where(known, State.VISIBLE, State.UNKNOWN).astype(np.int8)[None]
    shown = np.where(np.array(known)[:, None], points, np.nan).astype(np.float32)[None]
    return Sample(FrameKey("v", int(points[0, 0] * 1e3)), (640, 480), shown, states)


@pytest.fixture
def herd(rng):
    return [placed(rng.uniform(-np.pi, np.pi), 1.0, rng.uniform(100, 400, 2)) for _ in range(30)]


def test_a_rarely_labelled_tail_is_inside_the_box(herd):
    """The tail is labelled in 3 frames of 30; in the others the box holds it all the same."""
    samples = with_whole_boxes([sample(points, [True, True, True, i < 3]) for i, points in enumerate(herd)])
    for points, one in zip(herd, samples):
        box = one.box(0)
        assert box is not None
        np.testing.assert_allclose(box, [*points.min(axis=0), *points.max(axis=0)], atol=3)
        assert np.isnan(one.points[0, 3]).all() == (one.states[0, 3] == State.UNKNOWN)  # labels stay as they are


def test_the_unlabelled_tail_of_a_large_animal_is_far_away(rng):
    """A camera that comes nearer: four times as large an animal has four times as long a tail."""
    herd = [placed(rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 2), rng.uniform(300, 600, 2)) for _ in range(40)]
    samples = with_whole_boxes([sample(points, [True, True, True, i < 8]) for i, points in enumerate(herd)])
    for points, one in zip(herd, samples):
        box = one.box(0)
        assert box is not None
        size = np.ptp(points, axis=0).max()
        np.testing.assert_allclose(box, [*points.min(axis=0), *points.max(axis=0)], atol=0.1 * size)


def test_complete_labels_are_left_alone(herd):
    samples = [sample(points, [True] * 4) for points in herd]
    assert with_whole_boxes(samples) == samples
    assert samples[0].framing is None


def test_absent_points_are_not_made_up(herd):
    whole = sample(herd[0], [True] * 4)
    states = np.array([[3, 3, 3, State.ABSENT]], np.int8)
    points = whole.points.copy()
    points[0, 3] = np.nan
    partly = [*(sample(p, [True, True, False, True]) for p in herd[1:]), Sample(whole.key, (640, 480), points, states)]
    framed = with_whole_boxes(partly)[-1]
    assert framed.framing is not None and np.isnan(framed.framing[0, 3]).all()


def test_a_single_point_and_none(herd):
    lonely = sample(herd[0], [True, False, False, False])
    empty = sample(herd[1], [False] * 4)
    framed = with_whole_boxes([lonely, empty, *(sample(p, [True] * 4) for p in herd[2:])])
    box = framed[0].box(0)
    assert box is not None and (box[:2] == box[2:]).all()
    assert framed[1].box(0) is None
    assert np.isnan(mean_shape(np.full((3, 4, 2), np.nan))).all()


@pytest.mark.parametrize("mirror", [False, True])
def test_shapes_are_laid_onto_turned_and_mirrored_ones(mirror):
    target = placed(1.2, 1.0, (200, 150), mirror)
    found = lay(BODY, target)
    assert found is not None
    np.testing.assert_allclose(found, target, atol=1e-6)


def test_a_noisy_head_does_not_stretch_the_body(rng):
    target = placed(0.3, 1.0, (200, 150)) + rng.normal(0, 1.5, (4, 2))
    target[3] = np.nan
    found = lay(BODY, target)
    assert found is not None
    length = np.linalg.norm(found[3] - found[0])
    assert 90 < length < 110  # of 100
