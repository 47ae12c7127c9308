"""What tells animals apart by their looks."""

import json

import numpy as np
import pytest

from krolik.inference.appearance import Appearance, features, learn
from krolik.skeleton import Skeleton
from krolik.video import Frame

BONES = Skeleton.of(["head", "tail"], [("head", "tail")])
SPAN = 40.0


def scene(rng, light: dict[str, int], size: dict[str, float]) -> tuple[Frame, dict[str, np.ndarray]]:
    """A frame with an animal of each name at a random place and heading: so light, and so large."""
    image = rng.integers(190, 210, (200, 400, 3)).astype(np.uint8)
    places = {}
    for number, name in enumerate(light):
        middle = np.array([100 + 200 * number, 100.0]) + rng.uniform(-30, 30, 2)
        turn, half = rng.uniform(0, 2 * np.pi), size[name] / 2 * rng.uniform(0.95, 1.05)
        along = half * np.array([np.cos(turn), np.sin(turn)])
        for step in np.linspace(-1, 1, 60):
            x, y = np.round(middle + step * along).astype(int)
            image[y - 4 : y + 5, x - 4 : x + 5] = light[name] + rng.integers(-8, 9)
        places[name] = np.stack([middle + along, middle - along])
    return Frame(image), places


def taught(light: dict[str, int], size: dict[str, float], frames: int = 12) -> Appearance:
    rng = np.random.default_rng(0)
    seen, names, numbers = [], [], []
    for number in range(frames):
        frame, places = scene(rng, light, size)
        for name, points in places.items():
            seen.append(features(frame.warp, points, BONES, SPAN))
            names.append(name)
            numbers.append(number)
    return learn(np.stack(seen), names, np.array(numbers), BONES, SPAN)


ALIKE = {"dark": 60, "pale": 60}
AS_LARGE = {"dark": 40.0, "pale": 40.0}


@pytest.mark.parametrize(
    ("light", "size"),
    [({"dark": 60, "pale": 130}, AS_LARGE), (ALIKE, {"dark": 40.0, "pale": 60.0})],
)
def test_colours_or_sizes_tell_them_apart(light, size):
    found = taught(light, size)
    assert found.names == ("dark", "pale") and found.right == 1.0 and found.frames == 12
    frame, places = scene(np.random.default_rng(1), light, size)
    said = found.says(np.stack([features(frame.warp, p, BONES, SPAN) for p in places.values()]))
    assert (said.argmax(axis=1) == [0, 1]).all()
    np.testing.assert_allclose(said.sum(axis=1), 0, atol=1e-9)


def test_those_that_are_alike_are_not_told_apart():
    assert taught(ALIKE, AS_LARGE, 40).right < 0.75


def test_nothing_speaks_where_nothing_is_known():
    found = taught({"dark": 60, "pale": 130}, AS_LARGE)
    frame, _ = scene(np.random.default_rng(1), ALIKE, AS_LARGE)
    nothing = features(frame.warp, np.full((2, 2), np.nan), BONES, SPAN)
    assert np.isnan(nothing).all() and (found.says(nothing) == 0).all()
    half = features(frame.warp, np.array([[100.0, 100.0], [np.nan, np.nan]]), BONES, SPAN)
    assert np.isfinite(half).sum() == 3  # the colour at one point
    assert np.isfinite(found.says(half)).all()


def test_a_place_at_the_frames_edge():
    frame, _ = scene(np.random.default_rng(1), ALIKE, AS_LARGE)
    found = features(frame.warp, np.array([[-20.0, 5.0], [2.0, 250.0]]), BONES, SPAN)
    assert np.isfinite(found).all()


def test_it_is_kept_as_json():
    found = taught({"dark": 60, "pale": 130}, AS_LARGE)
    assert Appearance.from_json(json.loads(json.dumps(found.to_json()))) == found
    for broken in ({**found.to_json(), "bias": [1.0]}, {**found.to_json(), "mean": found.mean[1:]}):
        with pytest.raises(ValueError, match="do not fit together"):
            Appearance.from_json(broken)
