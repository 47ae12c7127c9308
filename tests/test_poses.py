import numpy as np
import pytest

from krolik.errors import InvalidLabels
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, Predictions, State
from krolik.skeleton import Skeleton


def test_states_and_points_agree():
    animal = Instance(np.array([[1, 2], [3, 4], [5, 6], [7, 8]]), np.array([3, 2, 1, 0]), "a")
    assert animal.located.tolist() == [True, True, False, False]
    assert np.isnan(animal.points[2:]).all()
    assert Instance.of(np.array([[1, 2], [np.nan, np.nan]])).states.tolist() == [State.VISIBLE, State.UNKNOWN]


def test_a_visible_point_needs_coordinates():
    with pytest.raises(InvalidLabels, match="keypoint 1 has a state that needs coordinates"):
        Instance(np.array([[1, 2], [np.nan, 4]]), np.array([3, 3]))
    with pytest.raises(InvalidLabels):
        Instance(np.array([[np.inf, 2]]), np.array([3]))


def test_labels_refuse_doubles_and_wrong_sizes():
    skeleton, frame = Skeleton.of(["a"]), LabeledFrame(FrameKey("v", 3), ())
    with pytest.raises(InvalidLabels, match="v, frame 3: the frame is labelled twice"):
        Labels(skeleton, (frame, frame))
    wrong = LabeledFrame(FrameKey("v", 3), (Instance(np.ones((2, 2)), np.array([3, 3])),))
    with pytest.raises(InvalidLabels, match="2 points for a skeleton of 1"):
        Labels(skeleton, (wrong,))


def test_labels_show_how_much_they_hold_instead_of_every_point():
    animal = Instance(np.ones((2, 2)), np.array([3, 3]))
    frames = tuple(LabeledFrame(FrameKey("v", i), (animal, animal)) for i in range(200))
    assert repr(Labels(Skeleton.of(["a", "b"]), frames)) == "Labels(200 frames, 400 animals, keypoints: a, b)"


def block(start: int, frames: int) -> Predictions:
    return Predictions(start, np.ones((frames, 1, 2, 2)), np.ones((frames, 1, 2)), np.ones(frames, bool))


def test_predictions_join_without_gaps():
    assert len(Predictions.concatenate([block(4, 3), block(7, 2)])) == 5
    with pytest.raises(InvalidLabels, match="jump from frame 6 to frame 8"):
        Predictions.concatenate([block(4, 3), block(8, 2)])
