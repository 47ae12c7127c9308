"""A film in another light is seen in that of the training where the model is surer of it so."""

import dataclasses

import numpy as np
import pytest

from krolik.evaluation.calibration import Calibration
from krolik.inference.fitting import fit_to_frames, fit_to_video
from krolik.inference.poser import Poser
from krolik.inference.sureness import FEWEST
from krolik.light import levels, lit
from krolik.video import Frame
from tests.inference.test_pipeline import SIZE
from tests.inference.test_zoom import Folder, SizedModel, from_nearer


def scene(near: float) -> np.ndarray:
    """The animal on a ground that is not all of one grey."""
    ground = np.linspace(0, 100, SIZE[0]).astype(np.uint8)[None, :, None]
    return np.maximum(from_nearer(near).rgb, ground)


class LightModel(SizedModel):
    """Sees spots of red and green that are as light as those it learnt: other ones it is the less sure of."""

    table = None

    def __init__(self, light=True, which="crop"):
        super().__init__(SIZE, which=which)
        learnt = levels([scene(1)])
        if light:
            self.description = dataclasses.replace(self.description, light=tuple(map(tuple, learnt.tolist())))
        self.tried = 0

    def zoomed(self, zooms):
        other = self.copied()
        other.zooms = zooms
        return other

    def evened(self, film, table):
        other = self.copied()
        other.brightened, other.table = film, table
        self.tried += 1
        return other

    def copied(self):
        other = LightModel(which=self.description.pipeline)
        other.description, other.zooms, other.table = self.description, self.zooms, self.table
        other.brightened = self.brightened
        return other

    def pose(self, images):
        return super().pose(images if self.table is None else lit(images, self.table))

    def locate(self, image):
        return super().locate(image if self.table is None else lit(image, self.table))


def darker(factor: float, near: float = 1) -> Frame:
    return Frame((scene(near) * factor).astype(np.uint8))


def test_a_dark_film_is_seen_as_light_as_those_of_training():
    model, frames = LightModel(), [darker(0.4)] * FEWEST
    fitted = fit_to_frames(model, frames)  # pyright: ignore
    assert fitted.brightened is not None and not fitted.zooms
    assert Poser(fitted)(frames[0])[..., 2].min() > 0.9 > 0.5 > Poser(model)(frames[0])[..., 2].max()  # pyright: ignore


@pytest.mark.parametrize("frames", [[darker(0.4)] * (FEWEST - 1), [darker(1)] * FEWEST])
def test_few_frames_and_those_that_are_as_light_stay(frames):
    model = LightModel()
    assert fit_to_frames(model, frames) is model  # pyright: ignore


def test_nothing_is_tried_where_the_model_says_that_nearly_all_is_right():
    model = LightModel()
    model.description = dataclasses.replace(model.description, calibration=Calibration(5.0, 5.0, 2.0, 100))
    assert fit_to_frames(model, [darker(1)] * FEWEST) is model and not model.tried  # pyright: ignore


def test_models_that_do_not_know_their_light():
    model = LightModel(light=False)
    assert fit_to_frames(model, [darker(0.4)] * FEWEST).brightened is None  # pyright: ignore


def test_nearer_and_darker():
    model, frames = LightModel(), [darker(0.4, near=2)] * FEWEST
    fitted = fit_to_frames(model, frames)  # pyright: ignore
    assert fitted.brightened is not None and 0.7 < fitted.zooms[SIZE] * 2 < 1.45


def test_a_film_of_whole_frames_is_looked_at_for_its_light():
    model = LightModel(which="whole")
    assert fit_to_video(model, Folder([darker(0.4)] * 30)).brightened is not None  # pyright: ignore
