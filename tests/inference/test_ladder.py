"""Animals of unlike sizes: each is looked at in the size that fits it, and followed while it grows and shrinks."""

import dataclasses

import cv2
import numpy as np
import pytest

from krolik.inference.fitting import fit_to_frames
from krolik.inference.poser import Poser
from krolik.video import Frame
from tests.inference.test_pipeline import SIZE, picture
from tests.inference.test_zoom import CENTRE, SizedModel, shown

SIDE = 24


class LadderModel(SizedModel):
    """Knows spots of one size in crops of 24 px, which it takes in two sizes: as they are, and half as large."""

    def __init__(self, animals=1):
        super().__init__(SIZE)
        spans = (SIDE / SIZE[0], 2 * SIDE / SIZE[0])
        self.description = dataclasses.replace(
            self.description, input_size=(SIDE, SIDE), spans=spans, animals=animals, scale=1.0
        )

    def scales(self, size):
        return self.description.scales

    def locate(self, image):
        return super().locate(cv2.GaussianBlur(image, (0, 0), 3))  # its peak is the middle of the haze


def larger(factor: float, *centres) -> Frame:
    """A frame of the usual size with animals so many times as large about the first centre."""
    (x, y), around = centres[0], np.array(centres[0])
    moved = [tuple(np.round(around + (np.array(c) - around) / factor).astype(int).tolist()) for c in centres]
    matrix = np.array([[factor, 0, (1 - factor) * x], [0, factor, (1 - factor) * y]], float)
    return Frame(cv2.warpAffine(picture(*moved), matrix, SIZE, flags=cv2.INTER_NEAREST))


@pytest.mark.parametrize("factor", [0.9, 1, 2, 2.2])
def test_a_single_frame_is_looked_at_in_every_size(factor):
    pose = Poser(LadderModel())(larger(factor, CENTRE))  # pyright: ignore
    np.testing.assert_allclose(pose[0, 0, :2], (CENTRE[0] + 7 * factor, CENTRE[1]), atol=2.1 * factor)
    assert pose[0, :, 2].min() > 0.5


def test_an_animal_that_comes_nearer_is_followed():
    model = LadderModel()
    poser = Poser(model)  # pyright: ignore
    for i in range(40):
        factor = 1 + 1.2 * np.sin(np.pi * i / 39)
        pose = poser(larger(factor, CENTRE))
        np.testing.assert_allclose(pose[0, 0, :2], (CENTRE[0] + 7 * factor, CENTRE[1]), atol=2.1 * factor)
        assert pose[0, :, 2].min() > 0.4
    assert model.located <= 2  # for the first frame, and where it is half sure between the two sizes
    assert model.seen < 40 * 1.5  # a frame is looked at in two sizes only where the animal is between them


@pytest.mark.parametrize("factor", [1, 2])
def test_several_animals_are_looked_at_in_every_size(factor):
    centres = [(60, 60), (140, 90)]
    poses = Poser(LadderModel(animals=2))(larger(factor, *centres))  # pyright: ignore
    heads = poses[np.argsort(poses[:, 0, 0]), 0, :2]
    np.testing.assert_allclose(heads, np.array(centres) + (7 * factor, 0), atol=2.1 * factor)


@pytest.mark.parametrize("factor", [0.5, 3])
def test_frames_of_another_size_need_no_trial(factor):
    """A step is a part of the frame, whatever its size."""
    model, frame = LadderModel(), shown(factor)
    assert fit_to_frames(model, [frame]) is model and not model.seen  # pyright: ignore
    pose = Poser(model)(frame)  # pyright: ignore
    np.testing.assert_allclose(pose[0, 0, :2] / factor, (CENTRE[0] + 7, CENTRE[1]), atol=2.1)
    assert pose[0, :, 2].min() > 0.5
