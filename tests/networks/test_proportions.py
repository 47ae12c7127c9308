"""Which of its peaks a keypoint lies on: what distances tell, and that decoding, in torch and as ONNX, follows them."""

from __future__ import annotations

import warnings

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from krolik.networks import build, peaks
from krolik.networks.export import to_onnx
from krolik.networks.proportions import PEAKS, Proportions
from krolik.networks.spec import NetworkSpec

KEYPOINTS = 5


def animals(count: int = 12, bend: float = 3.0, seed: int = 0) -> np.ndarray:
    """(A, K, 2): one shape of about 100 pixels, each time turned, moved and bent a little."""
    rng = np.random.default_rng(seed)
    shape = np.array([[0, 0], [30, -15], [30, 15], [70, -25], [100, 10]], float)
    turns = rng.uniform(0, 2 * np.pi, count)
    rotations = np.array([[[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]] for t in turns])
    return shape @ rotations + rng.uniform(50, 150, (count, 1, 2)) + rng.normal(0, bend, (count, KEYPOINTS, 2))


def rivals(pose: np.ndarray, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Peaks (1, K, P, 2) with the right place first, and heights (1, K, P) that say so."""
    elsewhere = np.random.default_rng(seed).uniform(0, 200, (KEYPOINTS, PEAKS - 1, 2))
    points = np.concatenate([pose[:, None], elsewhere], axis=1)[None].astype(np.float32)
    return torch.from_numpy(points), torch.tensor([0.9, 0.3, 0.1]).expand(1, KEYPOINTS, PEAKS).contiguous()


def measured(points: np.ndarray) -> Proportions:
    found = Proportions.measured(points)
    assert found is not None
    return found


@given(seed=st.integers(0, 10**6), keypoint=st.integers(0, KEYPOINTS - 1), mirror=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_keypoint_on_a_wrong_place_finds_its_own(seed, keypoint, mirror):
    """However the animal lies, and mirrored: distances stay what they are."""
    pose = animals(1, seed=seed)[0] * ([-1, 1] if mirror else [1, 1])
    points, heights = rivals(pose, seed)
    wrong = torch.tensor(pose[keypoint] + [90.0, -90.0], dtype=torch.float32)
    points[0, keypoint, 0], points[0, keypoint, 1] = wrong, points[0, keypoint, 0].clone()
    heights[0, keypoint] = torch.tensor([0.5, 0.4, 0.1])
    chosen, _ = measured(animals()).choose(points, heights)
    assert chosen[0, keypoint] == 1
    assert [int(c) for i, c in enumerate(chosen[0]) if i != keypoint] == [0] * (KEYPOINTS - 1)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_pose_that_fits_stays(seed):
    points, heights = rivals(animals(1, seed=seed)[0], seed)
    assert measured(animals()).choose(points, heights)[0].eq(0).all()


def test_a_lost_point_drags_no_other_along():
    """Where none of its peaks fits, the keypoint keeps its highest, and so do all others."""
    points, heights = rivals(animals(1)[0])
    points[0, 2] = torch.tensor([[900.0, 900.0], [-900.0, 0.0], [0.0, 900.0]])
    assert measured(animals()).choose(points, heights)[0].eq(0).all()


def swung(pose: np.ndarray, keypoint: int, about: int, degrees: float) -> np.ndarray:
    """Where a keypoint of (K, 2) lies after it turned about another one."""
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return pose[about] + (pose[keypoint] - pose[about]) @ rotation


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_two_keypoints_do_not_share_a_place(seed):
    """Both wings on the one that lies folded: the pose that all labels show, if it were not for the other wing."""
    labelled = animals(20, bend=1.0, seed=seed)
    labelled[:, 3] = [swung(pose, 4, 0, -10) for pose in labelled]
    pose = labelled[0].copy()
    folded, pose[4] = pose[4].copy(), swung(pose, 4, 0, 50)
    points, heights = rivals(pose, seed)
    points[0, 4, 0], points[0, 4, 1] = torch.from_numpy(np.stack([pose[3] + 3, pose[4]]))
    heights[0, 4] = torch.tensor([0.6, 0.5, 0.05])
    proportions = measured(labelled)
    assert proportions.choose(points, heights)[0][0].tolist() == [0, 0, 0, 0, 1]
    points[0, 4, 0] = torch.from_numpy(folded)  # as far apart as labels show
    assert proportions.choose(points, heights)[0].eq(0).all()


def test_keypoints_that_labels_show_in_one_place_stay_there():
    labelled = animals(20)
    labelled[:, 4] = labelled[:, 3] + np.random.default_rng(0).normal(0, 20, (20, 2))
    labelled[:3, 4] = labelled[:3, 3] + 0.5  # paws that cross
    pose = labelled[0]
    points, heights = rivals(pose)
    heights[0, 4] = torch.tensor([0.6, 0.5, 0.05])
    assert measured(labelled).choose(points, heights)[0].eq(0).all()


def test_a_limb_in_a_pose_that_no_label_shows_is_found():
    """Most of the others say that it lies elsewhere, where next to nothing is seen; its own place is seen clearly."""
    pose = animals(1, bend=0)[0]
    usual, pose[4] = pose[4].copy(), swung(pose, 4, 2, 90)
    points, heights = rivals(pose)
    points[0, 4, 1] = torch.from_numpy(usual)
    heights[0, 4] = torch.tensor([0.8, 0.15, 0.05])
    assert measured(animals(50)).choose(points, heights)[0].eq(0).all()


@given(seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_rare_pose_that_labels_show_is_as_good_as_any(seed):
    """One labelled animal in twelve holds its limb away: where the map says so, so it is."""
    labelled = animals(48, bend=1.0, seed=seed)
    usual = labelled[0, 4].copy()
    labelled[:4, 4] = [swung(pose, 4, 2, 90) for pose in labelled[:4]]
    points, heights = rivals(labelled[0], seed)
    points[0, 4, 1] = torch.from_numpy(usual)
    heights[0, 4] = torch.tensor([0.75, 0.45, 0.05])
    assert measured(labelled).choose(points, heights)[0].eq(0).all()


def test_noise_is_no_peak():
    """A place that fits perfectly but was hardly seen is not taken."""
    pose = animals(1)[0]
    points, heights = rivals(pose)
    points[0, 4, 1], points[0, 4, 0] = points[0, 4, 0].clone(), torch.tensor([500.0, 500.0])
    heights[0, 4] = torch.tensor([0.9, 0.05, 0.01])
    assert measured(animals()).choose(points, heights)[0][0, 4] == 0


@pytest.mark.parametrize("height", [-0.02, 0.0, 1.2], ids=["below", "nothing", "above"])
def test_heights_beyond_probabilities_do_no_harm(height):
    """Maps that were learnt by squared errors stray a little beyond 0 and 1."""
    points, heights = rivals(animals(1)[0])
    chosen, sure = measured(animals()).choose(points, heights / 0.9 * height)
    assert torch.isfinite(sure).all() and (sure >= 0).all() and (sure <= 1).all()
    assert height <= 0 or chosen.eq(0).all()


def test_missing_labels_are_no_distances():
    points = animals(10)
    points[:7, 4] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = measured(points)
    assert found.known[4].sum() == found.known[:, 4].sum() == 0  # three animals show it: too few
    assert found.known[:4, :4].sum() == 12
    assert all(np.isfinite(a).all() for a in vars(found).values())


@pytest.mark.parametrize(
    "points",
    [np.zeros((0, 5, 2)), animals(3), animals(9)[:, :2], np.full((9, 5, 2), np.nan), np.full((9, 5, 2), 7.0)],
    ids=["none", "few", "two keypoints", "unlabelled", "all in one place"],
)
def test_too_little_to_tell(points):
    assert Proportions.measured(points) is None


def test_few_animals_say_less():
    """The same bending, measured on five animals, excludes less beyond what they show than measured on fifty."""
    few, many = measured(animals(5, bend=5.0)), measured(animals(50, bend=5.0))
    assert few.slack.mean() > 1.05 * many.slack.mean()


@pytest.mark.parametrize("name", ["unet", "sleap_centered"])
def test_decoding_follows_them_in_torch_and_onnx(name):
    """A map with a higher peak on a wrong place is decoded at the right one, by both."""
    torch.manual_seed(0)
    spec = NetworkSpec(name, KEYPOINTS, (192, 192), 5.0, 0.25)
    pose = animals(1)[0] - animals(1)[0].mean(axis=0) + 96
    plain, fitted = build(spec), build(spec, measured(animals()))
    stride: int = plain.stride  # pyright: ignore[reportAttributeAccessIssue]
    heat = torch.zeros(1, KEYPOINTS, 192 // stride, 192 // stride) - (8 if name == "unet" else 0)
    cells = np.round(pose / stride).astype(int)
    for k, (x, y) in enumerate(cells):
        heat[0, k, y, x] = 2.0 if name == "unet" else 0.8
    heat[0, 4, cells[4][1], cells[4][0]], heat[0, 4, 3, 3] = (0.0, 1.0) if name == "unet" else (0.5, 0.7)
    outputs = torch.cat([heat, torch.zeros_like(heat.repeat(1, 2, 1, 1))], dim=1) if name == "unet" else heat
    first, other = plain.decode(outputs)[0, 0].numpy(), fitted.decode(outputs)[0, 0].numpy()
    assert np.linalg.norm(first[4, :2] - pose[4]) > 30
    assert np.linalg.norm(other[:, :2] - pose, axis=1).max() < 2 * stride
    height = peaks.second(fitted.heat(outputs))[0, 4]  # of the peak that was chosen
    assert 0.2 * height < other[4, 2] < height < first[4, 2]  # the confidence is less, as another peak is higher
    assert other[:4, 2] == pytest.approx(first[:4, 2], rel=1e-3)  # where no other rivals, it is the height

    fitted.module.eval()
    images = np.random.default_rng(0).integers(0, 255, (3, 192, 192, 3), np.uint8)
    with torch.inference_mode():
        wanted = fitted.decode(fitted.outputs(torch.from_numpy(images))).numpy()
    found = onnxruntime.InferenceSession(to_onnx(fitted)).run(["poses"], {"images": images})[0]
    np.testing.assert_allclose(np.asarray(found), wanted, atol=0.05)
