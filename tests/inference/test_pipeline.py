"""Posing consecutive frames: following, finding again, blocks that do not depend on each other."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from krolik.inference import pipeline
from krolik.inference.appearance import Appearance
from krolik.inference.look import Look, doubtful
from krolik.inference.model import ModelDescription
from krolik.inference.poser import Poser, _inside
from krolik.skeleton import Skeleton
from krolik.video import Frame

BONES = Skeleton.of(["head", "tail"])
SIZE = (200, 160)


class SpotModel:
    """Stands for a trained model: finds bright red (head) and green (tail) spots; the locator finds blue haze."""

    zooms = {}
    places = 0  # that the locator names; 0: as many as there are animals

    def __init__(self, animals: int = 1, which: str = "crop"):
        self.description = ModelDescription("spots", BONES, which, (64, 64), 1.0, (100, 80), animals, {}, {})
        self.skeleton = BONES
        self.located = 0

    def pose(self, images):
        out = []
        for image in images:
            points = []
            for channel in (0, 1):
                weight = image[..., channel].astype(float)
                y, x = np.unravel_index(weight.argmax(), weight.shape)
                points.append((x, y, weight.max() / 255))
            out.append(points)
        return np.array(out, np.float32)

    def poses(self, image):
        return self.pose(image[None])

    def scales(self, size):
        return self.description.scales

    def locate(self, image):
        self.located += 1
        weight, peaks = image[..., 2].astype(float), []
        for _ in range(self.places or self.description.animals):
            y, x = np.unravel_index(weight.argmax(), weight.shape)
            peaks.append((x, y, weight.max() / 255))
            weight[max(0, y - 20) : y + 20, max(0, x - 20) : x + 20] = 0
        return np.array(peaks, np.float32)


def picture(*centres) -> np.ndarray:
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for x, y in centres:
        image[max(0, y - 8) : y + 8, max(0, x - 8) : x + 8, 2] = 200
        image[y - 1 : y + 2, x + 6 : x + 9, 0] = 255
        image[y - 1 : y + 2, x - 8 : x - 5, 1] = 255
    return image


class Clip:
    """Frames from pictures; None where a frame cannot be decoded."""

    path, name, index, rate, size = Path("clip"), "clip", None, Fraction(25), SIZE

    def __init__(self, pictures):
        self.pictures = pictures

    def __len__(self):
        return len(self.pictures)

    def frames(self, start=0, stop=None):
        for i in range(start, stop):
            yield i, None if self.pictures[i] is None else Frame(self.pictures[i])


def head(i: int) -> tuple[int, int]:
    return 40 + i, 60 + i // 3


def test_the_crop_follows_and_the_locator_runs_only_when_lost():
    model = SpotModel()
    poser = Poser(model)  # pyright: ignore
    for i in range(60):
        pose = poser(Frame(picture(head(i))))
        np.testing.assert_allclose(pose[0, 0, :2], np.array(head(i)) + (7, 0), atol=1.6)
    assert model.located == 1
    gone = poser(Frame(picture()))
    assert gone.shape == (1, 2, 3) and (gone[..., 2] < 0.2).all()
    pose = poser(Frame(picture((150, 30))))  # it appears elsewhere
    np.testing.assert_allclose(pose[0, 0, :2], (157, 30), atol=1.6)


class ManyPlaces(SpotModel):
    """Its locator names three places."""

    places = 3


def with_decoy(centre, decoy) -> np.ndarray:
    """The animal, and a brighter haze with something that is half like it."""
    image = picture(centre)
    x, y = decoy
    image[y - 8 : y + 8, x - 8 : x + 8, 2] = 250
    image[y - 1 : y + 2, x + 6 : x + 9, 0] = image[y - 1 : y + 2, x - 8 : x - 5, 1] = 90
    return image


def test_a_rival_place_that_is_surer_wins():
    poser = Poser(ManyPlaces())  # pyright: ignore
    pose = poser(Frame(with_decoy((50, 60), (150, 110))))
    np.testing.assert_allclose(pose[0, 0, :2], (57, 60), atol=1.6)


def test_a_mistake_is_left_when_the_animal_appears():
    model = ManyPlaces()
    poser = Poser(model)  # pyright: ignore
    decoy = with_decoy((50, 60), (150, 110))
    decoy[40:80, 30:75] = 0  # the animal is not there yet
    assert abs(poser(Frame(decoy))[0, 0, 0] - 157) < 2
    for _ in range(8):
        pose = poser(Frame(with_decoy((50, 60), (150, 110))))
    np.testing.assert_allclose(pose[0, 0, :2], (57, 60), atol=1.6)
    located = model.located
    for _ in range(20):  # sure of it now: nothing more to look for
        poser(Frame(with_decoy((50, 60), (150, 110))))
    assert model.located == located


def with_shadows(animals, shadows) -> np.ndarray:
    """Animals, and what looks enough like one to be taken for it where nothing else is."""
    image = picture(*animals)
    for x, y in shadows:
        image[y - 1 : y + 2, x + 6 : x + 9, 0] = image[y - 1 : y + 2, x - 8 : x - 5, 1] = 150
    return image


@pytest.mark.parametrize("leap", [(12, 9), (-20, 0)])
def test_an_animal_that_leaps_is_looked_for_elsewhere(leap):
    """In pictures that do not follow each other a crop where the animal was may show something else."""
    model = SpotModel()
    poser = Poser(model)  # pyright: ignore
    poser(Frame(picture((50, 60))))
    shadow = (50 + leap[0], 60 + leap[1])
    pose = poser(Frame(with_shadows([(150, 110)], [shadow])))
    np.testing.assert_allclose(pose[0, 0, :2], (157, 110), atol=1.6)
    located = model.located
    for i in range(10):  # and once there, it is followed
        poser(Frame(with_shadows([(150 + i, 110)], [shadow])))
    assert model.located == located


def test_of_two_alike_the_one_that_was_followed_counts():
    """A model for one animal, and two in the film: it stays with the one it began with, however fast that is."""
    poser = Poser(ManyPlaces())  # pyright: ignore
    poser(Frame(picture((150, 120))))
    for i in range(1, 5):  # the other one, whose place the locator names first, comes in
        pose = poser(Frame(picture((50 + 12 * i, 40), (150 - 12 * i, 120))))
        np.testing.assert_allclose(pose[0, 0, :2], (157 - 12 * i, 120), atol=1.6)


def test_several_animals_that_leap_are_looked_for_elsewhere():
    poser = Poser(SpotModel(animals=2))  # pyright: ignore
    poser(Frame(picture((50, 40), (150, 40))))
    poses = poser(Frame(with_shadows([(50, 120), (150, 120)], [(62, 49), (140, 49)])))
    np.testing.assert_allclose(sorted(poses[:, 0, 0]), (57, 157), atol=1.6)
    np.testing.assert_allclose(poses[:, 0, 1], 120, atol=1.6)


def test_of_several_the_one_that_leaps_is_kept_where_no_other_is_found():
    model = SpotModel(animals=2)
    poser = Poser(model)  # pyright: ignore
    before = poser(Frame(picture((50, 40), (150, 120))))
    model.locate = lambda image: np.zeros((0, 3), np.float32)
    after = poser(Frame(picture((62, 49), (150, 120))))
    np.testing.assert_allclose(sorted(after[:, 0, 0]), (69, 157), atol=1.6)
    assert (before[:, 0, 0] < 100).tolist() == (after[:, 0, 0] < 100).tolist()


class Lost(SpotModel):
    """Its locator learnt nothing."""

    def locate(self, image):
        self.located += 1
        return np.array([(95.0, 5.0, 0.05), (5.0, 75.0, 0.04)], np.float32)


def test_what_the_locator_does_not_know_is_found_all_the_same(monkeypatch):
    pose = Poser(Lost())(Frame(picture((50, 80))))  # pyright: ignore
    np.testing.assert_allclose(pose[0, 0, :2], (57, 80), atol=1.6)
    monkeypatch.setattr("krolik.inference.poser.MOST_CROPS", 3)  # of a frame that is too large for that,
    monkeypatch.setattr("krolik.inference.poser.AROUND", 4)  # what is near the locator's best place, (190, 10)
    assert (Poser(Lost())(Frame(picture((50, 80))))[..., 2] < 0.2).all()  # pyright: ignore
    pose = Poser(Lost())(Frame(picture((148, 40))))  # pyright: ignore
    np.testing.assert_allclose(pose[0, 0, :2], (155, 40), atol=1.6)


def test_in_pictures_that_do_not_follow_each_other_it_is_searched_in_each():
    poser = Poser(Lost())  # pyright: ignore
    for place in ((50, 80), (150, 120), (40, 30), (160, 40)):
        pose = poser(Frame(picture(place)))  # pyright: ignore
        np.testing.assert_allclose(pose[0, 0, :2], (place[0] + 7, place[1]), atol=1.6)


def test_a_frame_without_an_animal_is_seldom_searched():
    model = Lost()
    seen = []
    plain = model.pose
    model.pose = lambda images: (seen.append(len(images)), plain(images))[1]
    poser = Poser(model)  # pyright: ignore
    for _ in range(64):
        assert (poser(Frame(picture()))[..., 2] < 0.2).all()
    assert sum(seen) < 64 * 2 + 2 * 50


@pytest.mark.parametrize(("scores", "doubt"), [((0.9, 0.8, 0.1, 0.0), False), ((0.4, 0.4, 0.2, 0.3), True)])
def test_half_of_an_animal_may_be_hidden(scores, doubt):
    assert doubtful(np.column_stack([np.zeros((4, 2)), scores])) == doubt


def test_places_outside_of_the_frame_are_no_places():
    outside, inside = (np.array([230.0, 20.0]), 0.9), (np.array([50.0, 60.0]), 0.2)
    assert _inside([outside, inside], SIZE) == [inside]
    assert _inside([outside], SIZE) == [outside]


def test_several_animals_keep_their_places():
    poser = Poser(SpotModel(animals=2))  # pyright: ignore
    tracks = []
    for i in range(40):
        poses = poser(Frame(picture((40 + i, 60), (150 - i, 120))))
        tracks.append(poses[:, 0, 0])
    steps = np.abs(np.diff(np.array(tracks), axis=0))
    assert (steps < 3).all()


def apart(i: int) -> np.ndarray:
    """Two animals that walk past each other."""
    return picture((40 + i, 50), (150 - i, 120))


def test_animals_that_were_lost_are_who_they_were():
    poser = Poser(SpotModel(animals=2))  # pyright: ignore
    before = poser(Frame(apart(0)))
    poser(Frame(picture()))
    after = poser(Frame(picture((44, 52), (146, 118))))
    np.testing.assert_allclose(after[:, 0, :2], before[:, 0, :2], atol=8)
    poser.model.locate = lambda image: SpotModel.locate(poser.model, image)[::-1]  # pyright: ignore
    poser(Frame(picture()))
    again = poser(Frame(picture((44, 52), (146, 118))))
    np.testing.assert_allclose(again[:, 0, :2], before[:, 0, :2], atol=8)


@pytest.mark.parametrize("jumped", [0, 1])
def test_of_two_crops_on_one_animal_the_one_that_jumped_lets_go(jumped):
    poser = Poser(SpotModel(animals=2))  # pyright: ignore
    stays = 1 - jumped
    poser._last[stays], poser._last[jumped] = (Look(np.array([[x, 60.0, 0.9]] * 2), 1.0) for x in (100.0, 70.0))
    looks: list[Look | None] = [Look(np.array([[109, 60, 0.9], [95, 60, 0.9]], np.float32), 1.0) for _ in range(2)]
    poser._now = list(looks)
    poser._drop_doubles(looks)
    assert looks[jumped] is None and poser._now[jumped] is None
    assert looks[stays] is not None and poser._now[stays] is not None


def test_one_of_two_is_missing():
    poser = Poser(SpotModel(animals=2))  # pyright: ignore
    poses = poser(Frame(picture((60, 60))))
    there = np.isfinite(poses[:, 0, 0])
    assert there.sum() == 1
    assert (poses[~there][..., 2] == 0).all()


def blocks(model, clip, start, stop):
    return list(pipeline.predict_blocks(model, clip, start, stop, lambda i: None))  # pyright: ignore


def test_a_row_for_every_frame_and_blocks_at_multiples(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 16)
    pictures = [picture(head(i)) for i in range(50)]
    pictures[20] = None
    made = blocks(SpotModel(), Clip(pictures), 5, 50)
    assert [(b.start, b.stop) for b in made] == [(5, 16), (16, 32), (32, 48), (48, 50)]
    assert [i for b in made for i in np.flatnonzero(~b.decoded) + b.start] == [20]
    row = made[1]
    assert np.isnan(row.xy[4]).all() and (row.score[4] == 0).all()


def test_going_on_gives_the_same(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 16)
    clip = Clip([picture(head(i)) for i in range(48)])
    whole, rest = blocks(SpotModel(), clip, 0, 48), blocks(SpotModel(), clip, 16, 48)
    for a, b in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)


class Shuffled(SpotModel):
    """Its locator names the animals in another order each time."""

    def locate(self, image):
        found = super().locate(image)
        return found[::-1] if self.located % 2 else found


def test_who_is_who_goes_on_from_block_to_block(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 16)
    clip = Clip([apart(i) for i in range(48)])
    whole = blocks(Shuffled(animals=2), clip, 0, 48)
    heads = np.concatenate([b.xy for b in whole])[:, :, 0, 0]
    assert (np.abs(np.diff(heads, axis=0)) < 3).all()
    rest = list(pipeline.predict_blocks(Shuffled(animals=2), clip, 16, 48, lambda i: None, whole[0]))  # pyright: ignore
    for a, b in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)


class Named(Shuffled):
    """Knows the lower animal by its looks, and names it first."""

    def __init__(self):
        super().__init__(animals=2)
        looks = Appearance(("lower", "upper"), 16.0, (0.0,), (1.0,), ((0.0,), (0.0,)), (0.0, 0.0), 1.0, 10)
        self.description = replace(self.description, appearance=looks)

    def says(self, frame, poses):
        lower = np.where(poses[:, 0, 1] > SIZE[1] / 2, 1.0, -1.0)
        lower[np.isnan(poses[:, 0, 1])] = 0.0
        return np.stack([lower, -lower], axis=1)

    def span_px(self, size):
        return 16.0


def test_named_animals_come_in_the_order_of_their_names(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 16)
    pictures = [apart(i) for i in range(48)]
    pictures[20] = None
    whole = blocks(Named(), Clip(pictures), 0, 48)
    heads = np.concatenate([b.xy for b in whole])[:, :, 0, 1]
    assert (np.delete(heads, 20, axis=0) > SIZE[1] / 2).tolist() == [[True, False]] * 47
    rest = list(pipeline.predict_blocks(Named(), Clip(pictures), 16, 48, lambda i: None, whole[0]))  # pyright: ignore
    for a, b in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(a.xy, b.xy)
    one = pipeline.predict_frame(Named(), Frame(apart(0)))  # pyright: ignore[reportArgumentType]
    assert one[0, 0, 1] > SIZE[1] / 2 > one[1, 0, 1]


def test_named_animals_in_a_stretch_that_cannot_be_decoded(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 16)
    made = blocks(Named(), Clip([apart(0), *[None] * 40, apart(1)]), 0, 42)
    assert [len(b) for b in made] == [16, 16, 10] and np.isnan(made[1].xy).all()
    assert (
        (made[0].xy[0, :, 0, 1] > SIZE[1] / 2).tolist()
        == (made[2].xy[-1, :, 0, 1] > SIZE[1] / 2).tolist()
        == [True, False]
    )


class InAnyOrder(SpotModel):
    """Sees whole frames: left and right of their middle, in another order each time; either may lack green."""

    def __init__(self):
        super().__init__(2, "whole")
        self.description = replace(self.description, multiple=1)  # frames as they are

    def poses(self, image):
        self.located += 1
        half = image.shape[1] // 2
        found = [self.pose(image[None, :, side : side + half])[0] + (side, 0, 0) for side in (0, half)]
        lost = [pose[1, 2] == 0 for pose in found]
        found = np.where(np.array(lost)[:, None, None], np.nan, found)
        return found[::-1] if self.located % 2 else found


def test_who_is_who_in_whole_frames(monkeypatch):
    monkeypatch.setattr(pipeline, "BLOCK", 16)
    pictures = [apart(i) for i in range(40)]
    for i in range(20, 25):
        pictures[i] = pictures[i].copy()
        pictures[i][:, SIZE[0] // 2 :] = 0  # the right one hides
    found = blocks(InAnyOrder(), Clip(pictures), 0, 40)
    heads = np.concatenate([b.xy for b in found])[:, :, 0, 0]
    scores = np.concatenate([b.score for b in found])[:, :, 0]
    seen = heads[0] < SIZE[0] // 2
    assert seen.sum() == 1
    left, right = heads[:, seen].ravel(), heads[:, ~seen].ravel()
    assert (left < SIZE[0] // 2).all() and (np.abs(np.diff(left)) < 3).all()
    assert np.isnan(right[20:25]).all() and (scores[20:25, ~seen] == 0).all()
    assert (np.delete(right, range(20, 25)) >= SIZE[0] // 2).all()


def test_errors_of_the_decoder_come_out():
    class Broken(Clip):
        def frames(self, start=0, stop=None):
            yield from list(super().frames(0, 2))
            raise OSError("cable pulled")

    with pytest.raises(OSError, match="cable pulled"):
        blocks(SpotModel(), Broken([picture(head(i)) for i in range(9)]), 0, 9)
