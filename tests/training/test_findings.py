"""What is said of labels before training: each finding where it is true, silence where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from krolik.poses import FrameKey, State
from krolik.skeleton import Skeleton
from krolik.training.findings import examine
from krolik.training.fingerprint import Headings, measure_data
from krolik.training.training_set import Sample

MOUSE = Skeleton.of(["nose", "left_ear", "right_ear", "tail"])
BODY = np.array([[40, 0], [25, -12], [25, 12], [-40, 0]], float)


def frames(count: int, rng) -> list[Sample]:
    out = []
    for i in range(count):
        angle = rng.uniform(-np.pi, np.pi)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (BODY @ turn.T + rng.uniform(100, 300, 2))[None].astype(np.float32)
        out.append(Sample(FrameKey("v", i), (640, 480), points, np.full((1, 4), State.VISIBLE, np.int8)))
    return out


def found(samples) -> dict:
    return {f.code: f for f in examine(measure_data(samples, MOUSE), samples, MOUSE)}


def test_good_labels_are_passed_in_silence(rng):
    assert found(frames(30, rng)) == {}


def test_rare_and_missing_keypoints(rng):
    samples = frames(30, rng)
    thinned = []
    for i, sample in enumerate(samples):
        states = sample.states.copy()
        states[0, 3] = State.UNKNOWN
        if i >= 3:
            states[0, 0] = State.UNKNOWN
        points = np.where((states >= State.OCCLUDED)[..., None], sample.points, np.nan)
        thinned.append(replace(sample, states=states, points=points))
    seen = found(thinned)
    assert seen["never-labelled"].what == "never labelled in a training frame: tail"
    assert seen["few-labels"].what == "fewer than 5 training frames show: nose (3)"


def test_exchanged_sides_are_found_by_frame(rng):
    samples = frames(30, rng)
    for i in (4, 17):
        swapped = samples[i].points[:, [0, 2, 1, 3]]
        samples[i] = replace(samples[i], points=swapped)
    seen = found(samples)
    assert seen["sides"].frames == (FrameKey("v", 4), FrameKey("v", 17))
    assert "2 frame(s)" in seen["sides"].what


def test_pairs_at_both_ends_of_the_body_are_judged_one_by_one(rng):
    """Seen from the tail the ears turn one way, seen from the nose the hind paws turn the other way."""
    bones = Skeleton.of(["nose", "left_ear", "right_ear", "tail", "left_paw", "right_paw"])
    ends = [[25, -12], [25, 12], [-30, -15], [-30, 15]]
    samples = frames(30, rng)
    for i, sample in enumerate(samples):
        nose, tail = sample.points[0, 0], sample.points[0, 3]
        ahead = (nose - tail) / np.linalg.norm(nose - tail)
        middle, across = (nose + tail) / 2, np.array([-ahead[1], ahead[0]])
        left_ear, right_ear, left, right = (middle + x * ahead + y * across for x, y in ends)
        paws = (right, left) if i == 7 else (left, right)
        points = np.array([[nose, left_ear, right_ear, tail, *paws]], np.float32)
        samples[i] = replace(sample, points=points, states=np.full((1, 6), State.VISIBLE, np.int8))
    found = {f.code: f for f in examine(measure_data(samples, bones), samples, bones)}
    assert found["sides"].frames == (FrameKey("v", 7),)


def test_an_animal_seen_from_both_sides_is_no_mistake(rng):
    samples = [replace(s, points=s.points[:, [0, 2, 1, 3]]) if i % 2 else s for i, s in enumerate(frames(30, rng))]
    assert "sides" not in found(samples)


def test_an_animal_seen_from_the_side_has_no_constant_sides(rng):
    samples = [replace(s, points=s.points[:, [0, 2, 1, 3]]) if i < 3 else s for i, s in enumerate(frames(30, rng))]
    data = measure_data(samples, MOUSE)
    assert [f.code for f in examine(data, samples, MOUSE)] == ["sides"]
    assert examine(replace(data, headings=Headings(0.0, 0.0, 360.0, 360.0)), samples, MOUSE) == []


def test_labels_on_the_border(rng):
    samples = frames(20, rng)
    for i in range(8):
        points = samples[i].points.copy()
        points[0, 0] = (639, 100)
        samples[i] = replace(samples[i], points=points)
    assert found(samples)["border"].what == "8 of 80 labels lie on the frame's border"


def test_a_small_animal_and_few_frames(rng):
    samples = [replace(s, frame_size=(1920, 1080)) for s in frames(3, rng)]
    seen = found(samples)
    assert "only 3 frame(s) to train on" in seen["few-frames"].what
    assert "small-animal" in seen


@pytest.mark.parametrize("states", [State.UNKNOWN, State.ABSENT])
def test_no_animal_with_both_sides_says_nothing(rng, states):
    samples = []
    for sample in frames(12, rng):
        own = sample.states.copy()
        own[0, 1] = states
        points = np.where((own >= State.OCCLUDED)[..., None], sample.points, np.nan)
        samples.append(replace(sample, states=own, points=points))
    assert "sides" not in found(samples)
