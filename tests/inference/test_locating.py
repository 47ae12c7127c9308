"""Hills of a locator that has learnt for a short time are low, and animals are under them all the same."""

from dataclasses import replace

import numpy as np
import pytest

from krolik.inference.locating import sure_enough
from krolik.inference.model import LOCATOR_SURE
from krolik.inference.poser import Poser
from krolik.video import Frame
from tests.inference.test_pipeline import SpotModel, apart

MIDDLES = np.array([[40.0, 50.0], [150.0, 120.0]])


class Hardly(SpotModel):
    """Its locator's hills are so high over animals."""

    def __init__(self, height: float):
        super().__init__(animals=2)
        self.height = height

    def locate(self, image):
        found = super().locate(image)
        found[:, 2] *= self.height / 0.784  # of the haze
        return found


def test_low_hills_are_looked_at():
    model, frame = Hardly(0.03), Frame(apart(0))
    assert np.isnan(Poser(model)(frame)).any(axis=2).all()  # pyright: ignore[reportArgumentType]
    sure = sure_enough(model, [(frame, MIDDLES)])  # pyright: ignore[reportArgumentType]
    assert 0 < sure < 0.01
    model.description = replace(model.description, locator_sure=sure)
    assert np.isfinite(Poser(model)(frame)).all()  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("height", "expected"), [(0.95, LOCATOR_SURE), (0.9, LOCATOR_SURE), (0.45, LOCATOR_SURE / 2)])
def test_one_that_has_learnt_enough_keeps_the_usual_one(height, expected):
    model = Hardly(height)
    assert sure_enough(model, [(Frame(apart(0)), MIDDLES)]) == pytest.approx(expected, rel=0.05)  # pyright: ignore


def test_hills_elsewhere_say_nothing():
    model, frame = Hardly(0.03), Frame(apart(0))
    assert sure_enough(model, [(frame, MIDDLES + 60)]) == LOCATOR_SURE  # pyright: ignore[reportArgumentType]
    assert sure_enough(model, []) == LOCATOR_SURE  # pyright: ignore[reportArgumentType]
