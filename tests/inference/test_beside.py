"""Animals that touch: found although the locator sees one, and told apart afterwards."""

import cv2
import numpy as np
import pytest

from krolik.inference.look import Look
from krolik.inference.poser import Poser
from krolik.video import Frame
from tests.inference.test_pipeline import SpotModel, picture


class Touching(SpotModel):
    """Its locator sees one animal where there are two; its poses are of the animal in the middle of a crop."""

    places = 1

    def __init__(self):
        super().__init__(animals=2)
        self.crops = 0

    def pose(self, images):
        self.crops += len(images)
        return np.stack([self._middlemost(image) for image in images])

    @staticmethod
    def _middlemost(image) -> np.ndarray:
        spots = [cv2.connectedComponentsWithStats((image[..., c] > 100).astype(np.uint8))[3][1:] for c in (0, 1)]
        middle = (np.array(image.shape[1::-1]) - 1) / 2
        animals = [(red, green) for red in spots[0] for green in spots[1] if np.abs(red - green - (14, 0)).max() < 1.5]
        if not animals:
            return np.zeros((2, 3), np.float32)
        chosen = min(animals, key=lambda a: np.linalg.norm((a[0] + a[1]) / 2 - middle))
        return np.column_stack([np.array(chosen), (0.9, 0.9)]).astype(np.float32)


def middles(poses) -> list[list[float]]:
    """The middle of each animal's two points, by the place in the table; nothing for one that is not there."""
    return [pose[:, :2].mean(axis=0).round().tolist() if pose[0, 2] else [] for pose in poses]


def near(found, wanted) -> bool:
    return len(found) == len(wanted) and np.abs(np.array(found) - wanted).max() < 2.5


def test_one_that_touches_another_is_found_though_the_locator_sees_one():
    poses = Poser(Touching())(Frame(picture((60, 80), (86, 80))))  # pyright: ignore
    assert near(sorted(middles(poses)), [[60, 80], [86, 80]])


def test_an_animal_alone_stays_alone_and_is_no_trouble():
    model = Touching()
    poser = Poser(model)  # pyright: ignore
    for i in range(300):
        poses = poser(Frame(picture((50 + i // 4, 80))))
        assert sum(bool(middle) for middle in middles(poses)) == 1
    assert model.crops < 1.5 * 300


def test_one_that_was_lost_beside_another_is_found_as_soon_as_it_is_seen():
    poser = Poser(Touching())  # pyright: ignore
    for _ in range(10):
        before = middles(poser(Frame(picture((60, 80), (86, 80)))))
    gone = middles(poser(Frame(picture((60, 80)))))
    assert sorted(map(bool, gone)) == [False, True]
    assert near(middles(poser(Frame(picture((60, 80), (86, 80))))), before)


@pytest.mark.parametrize("apart", [(79, 87), (81, 89)])  # what was held goes on with the one, then with the other
def test_who_is_who_when_two_that_lay_on_each_other_part(apart):
    """While only one is seen it may become the other; where both were before says so."""
    poser = Poser(Touching())  # pyright: ignore
    for places in ((70, 98), (75, 93), (79, 89)):
        before = [x for x, _ in middles(poser(Frame(picture(*((x, 80) for x in places)))))]
    assert sorted(map(bool, middles(poser(Frame(picture((84, 80))))))) == [False, True]
    after = [x for x, _ in middles(poser(Frame(picture(*((x, 80) for x in apart)))))]
    assert sorted(after) == list(apart) and (after[0] < after[1]) == (before[0] < before[1])


def test_a_pose_that_lies_on_another_animal_has_little_of_its_own():
    pose = np.array([[10, 10, 0.8], [30, 10, 0.6]], np.float32)
    turned = Look(pose[::-1].copy(), 1.0)
    np.testing.assert_allclose(Look(pose, 1.0).own([], 3), 0.7, rtol=1e-6)
    assert Look(pose, 1.0).own([turned], 3) == 0
    half = Look(pose + np.array([20, 0, 0], np.float32), 1.0)
    np.testing.assert_allclose(Look(pose, 1.0).own([half], 3), 0.4)
