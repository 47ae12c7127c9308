"""Model files: what is no model is refused in one sentence."""

import json
from dataclasses import replace

import numpy as np
import pytest

from krolik.errors import InvalidFile, NotFound
from krolik.inference.appearance import Appearance
from krolik.inference.model import ModelDescription, PoseModel, pack
from krolik.networks import build
from krolik.networks.export import to_onnx, with_metadata
from krolik.networks.spec import NetworkSpec
from krolik.skeleton import Skeleton
from krolik.video import Frame

BONES = Skeleton.of(["нос", "left_ear", "right_ear"])


@pytest.fixture(scope="module")
def pose() -> bytes:
    return to_onnx(build(NetworkSpec("unet", 3, (64, 64), 5.0, 0.5)))


@pytest.fixture(scope="module")
def locator() -> bytes:
    return to_onnx(build(NetworkSpec("unet", 1, (128, 64), 7.0, 0.5, animals=2)))


def describe(pipeline="crop") -> ModelDescription:
    return ModelDescription("m", BONES, pipeline, (64, 64), 1.5, (128, 64), 2, {"seed": 0}, {"split": "every:5"})


def test_one_file_carries_everything(tmp_path, pose, locator):
    (tmp_path / "m.onnx").write_bytes(pack(describe(), pose, locator))
    model = PoseModel.open(tmp_path / "m.onnx", 1)
    assert model.description == describe()
    assert model.pose(np.zeros((3, 64, 64, 3), np.uint8)).shape == (3, 3, 3)
    assert model.locate(np.zeros((64, 128, 3), np.uint8)).shape == (2, 3)
    assert model.identity.startswith("m@") and len(model.identity) == 10


def looks(features: int, names: int) -> Appearance:
    return Appearance(tuple("abc"[:names]), 40.0, (0.0,) * features, (1.0,) * features, ((0.5,) * features,) * names,
                      (0.0,) * names, 0.9, 12)  # fmt: skip


def test_looks_that_do_not_fit(pose, locator):
    seen = replace(describe(), appearance=looks(3 * 3 + 1, 2))
    model = PoseModel(pack(seen, pose, locator), 1)
    assert model.description == seen
    poses = np.full((2, 3, 3), 30.0, np.float32)
    assert model.says(Frame(np.zeros((80, 80, 3), np.uint8)), poses).shape == (2, 2)
    for broken in (looks(5, 2), looks(3 * 3 + 1, 3)):
        with pytest.raises(InvalidFile, match="description cannot be read"):
            PoseModel(pack(replace(describe(), appearance=broken), pose, locator), 1)


def test_what_is_no_model(tmp_path, pose):
    with pytest.raises(NotFound, match="no such model"):
        PoseModel.open(tmp_path / "gone.onnx", 1)
    for content in (b"", b"hello", pose[: len(pose) // 2]):
        (tmp_path / "x.onnx").write_bytes(content)
        with pytest.raises(InvalidFile, match="x.onnx: not an ONNX model that can be run"):
            PoseModel.open(tmp_path / "x.onnx", 1)
    with pytest.raises(InvalidFile, match="not a Krolik model"):
        PoseModel(pose, 1)
    with pytest.raises(InvalidFile, match="locator is missing"):
        PoseModel(pack(describe(), pose, None), 1)
    for text in ("{", "[]", json.dumps({**describe("whole").to_json(), "version": 2})):
        with pytest.raises(InvalidFile, match="description cannot be read"):
            PoseModel(with_metadata(pose, {"krolik": text}), 1)
