"""What makes a frame alike to another: what the network sees of the animal, not where in the frame that is."""

import numpy as np

from krolik.actions.doubting import _picture
from krolik.inference.poser import Poser
from krolik.sampling.thumbnails import thumbnail
from krolik.video import Frame
from tests.inference.test_pipeline import SpotModel, picture


def pose_at(x: float, y: float, score: float = 1.0) -> np.ndarray:
    return np.array([[x + 7, y, score], [x - 7, y, score]])


def test_the_same_animal_elsewhere_looks_the_same():
    poser = Poser(SpotModel())  # pyright: ignore
    here, there = Frame(picture((60, 60))), Frame(picture((130, 100)))
    np.testing.assert_array_equal(_picture(here, pose_at(60, 60), poser), _picture(there, pose_at(130, 100), poser))
    assert np.abs(thumbnail(here) - thumbnail(there)).max() > 0.01


def test_where_no_animal_is_the_frame_is_looked_at():
    poser, frame = Poser(SpotModel()), Frame(picture((60, 60)))  # pyright: ignore
    for nothing in (np.full((2, 3), np.nan), pose_at(60, 60, 0.0)):
        np.testing.assert_array_equal(_picture(frame, np.nan_to_num(nothing, nan=0.0), poser), thumbnail(frame))
