"""Frames of another size than those of training are looked at as the model is surest of them."""

import dataclasses
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from krolik.errors import InvalidFile
from krolik.evaluation.calibration import Calibration
from krolik.inference.fitting import LOOKED_AT, fit_to_frames, fit_to_video
from krolik.inference.poser import Poser
from krolik.inference.sureness import FEWEST
from krolik.inference.zoom import STEP, from_another_distance
from krolik.scales import Scales
from krolik.video import Frame
from tests.inference.test_pipeline import SIZE, Clip, SpotModel, picture

CENTRE = (90, 70)
SPOT = 9  # pixels of a spot of `picture`


class SizedModel(SpotModel):
    """It knows spots of one size, and is the less sure of others the larger or smaller they are."""

    zooms, brightened = {}, None
    spot = SPOT  # as large as it learnt them

    def __init__(self, *sizes, which="crop"):
        super().__init__(which=which)
        self.description = dataclasses.replace(self.description, frame_sizes=sizes)
        self.seen = 0

    def zoomed(self, zooms):
        other = SizedModel(*self.description.frame_sizes, which=self.description.pipeline)
        other.zooms, other.spot = zooms, self.spot
        return other

    def uncalibrated(self):
        return self

    def scales(self, size):
        return Scales(64, self.zooms.get(size, 1.0))

    def pose(self, images):
        self.seen += 1
        poses = super().pose(images)
        for pose, image in zip(poses, images, strict=True):
            for channel in (0, 1):
                lit = max(1, int((image[..., channel] > 128).sum()))
                pose[channel, 2] *= min(lit / self.spot, self.spot / lit)
        return poses


def shown(factor: float) -> Frame:
    """The picture with everything so many times as large."""
    size = (round(SIZE[0] * factor), round(SIZE[1] * factor))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST
    return Frame(cv2.resize(picture(CENTRE), size, interpolation=how))


class Folder(Clip):
    def __getitem__(self, i):
        return self.pictures[i]


@pytest.mark.parametrize("factor", [0.5, 2, 3])
def test_the_same_scene_in_another_size(factor):
    model, frame = SizedModel(SIZE), shown(factor)
    fitted = fit_to_frames(model, [frame])  # pyright: ignore
    assert fitted.zooms == {frame.size: pytest.approx(1 / factor, rel=0.01)}
    pose = Poser(fitted)(frame)
    np.testing.assert_allclose(pose[0, 0, :2] / factor, (CENTRE[0] + 7, CENTRE[1]), atol=1.6)
    assert pose[0, :, 2].min() > 0.5 > Poser(model)(frame)[0, :, 2].min()  # pyright: ignore


def test_a_part_of_the_scene_is_as_large_as_it_was():
    model = SizedModel(SIZE)
    part = Frame(np.ascontiguousarray(picture(CENTRE)[20:120, 30:155]))
    assert fit_to_frames(model, [part]) is model  # pyright: ignore


@pytest.mark.parametrize(("sizes", "which"), [
    ((SIZE, (400, 320)), "crop"),  # learnt from
    (((210, 165),), "crop"),  # nearly learnt from
    ((), "crop"),  # an older model does not say
    (((100, 80), (50, 40), (150, 120), (20, 16)), "crop"),  # so many sizes that it is bound to none
    (((100, 80),), "whole"),  # a frame always fills the view
])  # fmt: skip
def test_nothing_is_looked_at_where_there_is_no_choice(sizes, which):
    model = SizedModel(*sizes, which=which)
    assert fit_to_frames(model, [shown(1)]) is model and not model.seen  # pyright: ignore
    assert fit_to_video(model, Folder([shown(1)])) is model and not model.seen  # pyright: ignore


class Film(Folder):
    """A film with a keyframe every tenth frame, which tells what was decoded."""

    def __init__(self, pictures):
        super().__init__(pictures)
        self.size, self.decoded = pictures[0].size, []
        self.index = SimpleNamespace(keyframes=np.arange(0, len(pictures), 10))

    def __getitem__(self, i):
        self.decoded.append(i)
        if i == 10:
            raise InvalidFile("it cannot be decoded", self.path)
        return super().__getitem__(i)


@pytest.mark.parametrize("frames", [200, 40, 3])
def test_a_dozen_frames_of_a_film_are_looked_at_keyframes_of_a_long_one(frames):
    film = Film([shown(2)] * frames)
    assert fit_to_video(SizedModel(SIZE), film).zooms == {film.size: 0.5}  # pyright: ignore
    assert len(film.decoded) == min(LOOKED_AT, frames) == len(set(film.decoded))
    assert frames < 200 or all(i % 10 == 0 for i in film.decoded)


def test_pictures_of_several_sizes_in_one_folder():
    model = SizedModel(SIZE)
    frames = [shown(1), shown(2), shown(0.5), shown(2)]
    fitted = fit_to_video(model, Folder(frames))  # pyright: ignore
    assert fitted.zooms == {frames[1].size: 0.5, frames[2].size: 2.0}


def from_nearer(factor: float, place=CENTRE) -> Frame:
    """A frame of the usual size whose camera shows the animal so many times as large, at `place`."""
    (x, y), (left, top) = place, CENTRE
    matrix = np.array([[factor, 0, x - factor * left], [0, factor, y - factor * top]], float)
    return Frame(cv2.warpAffine(picture(CENTRE), matrix, SIZE, flags=cv2.INTER_NEAREST))


@pytest.mark.parametrize(("factor", "learnt"), [(2, 1), (3, 1), (1, 2)])
def test_a_camera_that_is_nearer_or_farther(factor, learnt):
    """Than when the model learnt animals that were so many times as large as in `picture`."""
    model, frames = SizedModel(SIZE), [from_nearer(factor)] * FEWEST
    model.spot *= learnt**2
    fitted = fit_to_frames(model, frames)  # pyright: ignore
    assert 0.7 < fitted.zooms[SIZE] * factor / learnt < 1.45
    pose = Poser(fitted)(frames[0])
    np.testing.assert_allclose(pose[0, 0, :2], (CENTRE[0] + 7 * factor, CENTRE[1]), atol=1.6 * factor)
    assert pose[0, :, 2].mean() > 0.5 > Poser(model)(frames[0])[0, :, 2].mean()  # pyright: ignore


@pytest.mark.parametrize("sure", [False, True])
def test_a_camera_that_is_where_it_was(sure):
    """Where the model says that nearly all is right, no other size is tried."""
    model = SizedModel(SIZE)
    curve = Calibration(5.0, 5.0, 2.0, 100) if sure else None
    model.description = dataclasses.replace(model.description, calibration=curve)
    tried = []
    model.zoomed = lambda zooms: tried.append(zooms) or SizedModel.zoomed(model, zooms)
    assert fit_to_frames(model, [from_nearer(1)] * FEWEST) is model  # pyright: ignore
    assert bool(tried) != sure


EMPTY = Frame(np.zeros((SIZE[1], SIZE[0], 3), np.uint8))


@pytest.mark.parametrize("frames", [[from_nearer(2)] * (FEWEST - 1), [EMPTY] * 12])
def test_few_frames_or_nothing_in_them_tell_of_no_other_camera(frames):
    model = SizedModel(SIZE)
    assert fit_to_frames(model, frames) is model  # pyright: ignore


def test_a_little_more_certainty_is_no_other_camera():
    """Of an animal that is hard to see, one size or another is a little surer by chance."""
    sureness = {0.5: 0.2, 1 / STEP: 0.405, 1.0: 0.4, STEP: 0.41, 2.0: 0.42, 2 * STEP: 0.3}
    near = lambda zoom: sureness[min(sureness, key=lambda z: abs(z - zoom))]  # noqa: E731
    assert from_another_distance(1.0, near) == 1
    assert from_another_distance(1.0, lambda zoom: near(zoom) + 0.1 * (zoom > 1.9)) == pytest.approx(2)
    assert from_another_distance(1.0, lambda zoom: 0.9 if zoom == 1 else 0.92) == 1
    assert from_another_distance(1.0, lambda zoom: 0.01 if zoom == 1 else 0.03) == 1
