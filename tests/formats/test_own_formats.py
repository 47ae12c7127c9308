"""Krolik's own JSON, CSV and HDF5: what is written is read back equal; what is broken is refused in one sentence."""

import dataclasses
import json
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest

from krolik.errors import InvalidFile
from krolik.formats import krolik_csv, krolik_hdf5, krolik_json, read
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, Predictions, State
from krolik.skeleton import Skeleton


def table(labels: Labels) -> LabelTable:
    names = {f.key.video: f.key.video for f in labels}
    return LabelTable(labels, names, {v: f"/data/{v}" for v in names}, {}, lambda key: key.index / 25)


def test_a_csv_without_animals_names_no_keypoints(tmp_path):
    labels = Labels(Skeleton.of(["a"]), (LabeledFrame(FrameKey("v.mp4", 3), (), "00000003"),))
    krolik_csv.write_labels(tmp_path / "empty.csv", table(labels))
    with pytest.raises(InvalidFile, match="names no keypoint"):
        read(tmp_path / "empty.csv")


@pytest.fixture
def predictions():
    rng = np.random.default_rng(0)
    blocks = []
    for start, count in ((2, 5), (7, 4)):
        xy = rng.uniform(0, 640, (count, 2, 3, 2)).astype(np.float32)
        score = rng.random((count, 2, 3)).astype(np.float32)
        xy[1, 1], score[1, 1] = np.nan, 0
        blocks.append(Predictions(start, xy, score, np.arange(count) != 3))
    skeleton = Skeleton.of(["нос", "ear,left", "ear,right"])
    times = np.arange(20) / 30
    made = [PredictionTable(skeleton, name, "unet-1@abc", times, lambda: iter(blocks)) for name in ("a.mp4", "б.mp4")]
    return made, Predictions.concatenate(blocks)


def test_tidy_csv_of_predictions(tmp_path, predictions):
    tables, joined = predictions
    krolik_csv.write_predictions(tmp_path / "p.csv", tables)
    frame = pandas.read_csv(tmp_path / "p.csv")
    assert tuple(frame.columns) == krolik_csv.TIDY_PREDICTIONS
    assert len(frame) == 2 * 9 * 2 * 3
    one = frame[frame.video == "б.mp4"]
    np.testing.assert_allclose(one.x.to_numpy().reshape(9, 2, 3), joined.xy[..., 0], rtol=1e-6)
    np.testing.assert_allclose(one.score.to_numpy().reshape(9, 2, 3), joined.score, rtol=1e-6)
    np.testing.assert_allclose(one.time_s, one.frame / 30, atol=1e-6)
    assert set(one.keypoint) == {"нос", "ear,left", "ear,right"}
    assert set(one[one.frame == 5].decoded) == {0}
    assert set(frame.model) == {"unet-1@abc"}


def test_wide_csv_of_predictions(tmp_path, predictions):
    tables, joined = predictions
    krolik_csv.write_predictions(tmp_path / "p.csv", tables, wide=True)
    frame = pandas.read_csv(tmp_path / "p.csv")
    assert len(frame) == 2 * 9 * 2
    one = frame[(frame.video == "a.mp4") & (frame.animal == 1)]
    np.testing.assert_allclose(one["ear,right.y"], joined.xy[:, 1, 2, 1], rtol=1e-6)
    np.testing.assert_allclose(one["нос.score"], joined.score[:, 1, 0], rtol=1e-6)


def test_json_and_hdf5_of_predictions(tmp_path, predictions):
    tables, joined = predictions
    krolik_json.write_predictions(tmp_path / "p.json", tables)
    value = json.loads((tmp_path / "p.json").read_text("utf-8"))
    assert [v["video"] for v in value["videos"]] == ["a.mp4", "б.mp4"]
    frames = value["videos"][1]["frames"]
    assert [f["frame"] for f in frames] == list(range(2, 11))
    assert [len(f["instances"]) for f in frames] == [2, 1, 2, 2, 2, 2, 1, 2, 2]
    assert frames[3]["decoded"] is False
    np.testing.assert_allclose(frames[0]["instances"][0]["нос"][:2], joined.xy[0, 0, 0], atol=1e-3)
    krolik_hdf5.write_predictions(tmp_path / "p.h5", tables)
    with h5py.File(tmp_path / "p.h5") as file:
        group = file["predictions/1"]
        np.testing.assert_array_equal(group["points"][()], joined.xy)
        np.testing.assert_array_equal(group["frame"][()], np.arange(2, 11))
        np.testing.assert_array_equal(group["decoded"][()], joined.decoded)
        assert group.attrs["video"] == "б.mp4"
        assert list(file.attrs["keypoints"]) == ["нос", "ear,left", "ear,right"]


@pytest.fixture
def good(tmp_path) -> Path:
    animal = Instance(np.array([[1.5, 2.5], [3, 4]]), np.array([State.VISIBLE, State.OCCLUDED]))
    labels = Labels(Skeleton.of(["a", "b"]), (LabeledFrame(FrameKey("v.mp4", 3), (animal,), "00000003"),))
    krolik_json.write_labels(tmp_path / "good.json", table(labels))
    krolik_csv.write_labels(tmp_path / "good.csv", table(labels))
    return tmp_path


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"version": 1', '"version": 2', "version 2; this program reads version 1"),
        ('"frame": 3', '"frame": -3', "frames\\[0\\].*not a whole number"),
        ('"x": 1.5', '"x": "left"', "frames\\[0\\]"),
        ('"x": 1.5', '"x": NaN', "frames\\[0\\].*needs coordinates"),
        ('"state": "visible"', '"state": "seen"', "frames\\[0\\].*seen"),
        ('"video": "v.mp4"', '"video": "w.mp4"', "'w.mp4' is not among the videos"),
        ('"points": {', '"points": {"c": {"state": "absent"},', "no keypoint is named 'c'"),
        ('"frames": [', '"frames": [[],', "frames\\[0\\]"),
        ("}", "", "not valid JSON"),
    ],
)
def test_broken_json(good, before, after, sentence):
    text = (good / "good.json").read_text("utf-8")
    assert before in text
    (good / "bad.json").write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(InvalidFile, match=sentence) as caught:
        read(good / "bad.json")
    assert "bad.json" in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (",3,", ",three,", "line 2: frame is 'three'"),
        (",1.5,", ",x,", "line 2: x is 'x', not a number"),
        (",1.5,", ",inf,", "line 2: x is 'inf'"),
        ("visible", "seen", "line 2: 'seen' is not a state"),
        (",occluded", "", "line 3 has 9 cells instead of 10"),
        (",b,", ",a,", "frame 3: a occurs twice"),
    ],
)
def test_broken_csv(good, before, after, sentence):
    text = (good / "good.csv").read_text("utf-8")
    assert before in text
    (good / "bad.csv").write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(InvalidFile, match=sentence):
        read(good / "bad.csv")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_csv_that_a_spreadsheet_has_saved(tmp_path, predictions, encoding):
    """With semicolons, decimal commas and a mark, as Excel does it in half of the world."""
    skeleton = Skeleton.of(["NA", "none", "нос"])  # names that must not be taken for missing cells
    animal = Instance(np.array([[1.5, 2.25], [3, 4], [0, 0]]), np.array([State.VISIBLE, State.OCCLUDED, State.ABSENT]))
    labels = Labels(skeleton, (LabeledFrame(FrameKey("v.mp4", 3), (animal,), "00000003"),))
    krolik_csv.write_labels(tmp_path / "l.csv", table(labels))
    tables, joined = predictions
    named = [dataclasses.replace(t, skeleton=skeleton) for t in tables]
    krolik_csv.write_predictions(tmp_path / "p.csv", named)
    krolik_csv.write_predictions(tmp_path / "w.csv", named, wide=True)
    for path in tmp_path.glob("*.csv"):
        text = path.read_text("utf-8")
        assert ";" not in text
        header, rest = text.replace(",", ";").split("\n", 1)
        rest = rest.replace(".", ",").replace(",mp4", ".mp4")
        path.write_text(f"{header}\n{rest}", encoding, newline="\r\n")
    assert read(tmp_path / "l.csv").labels.frames == labels.frames
    for name in ("p", "w"):
        first = read(tmp_path / f"{name}.csv").predictions[0]
        found = Predictions.concatenate(first.blocks())
        if name == "p":
            assert first.skeleton.names == skeleton.names
        np.testing.assert_array_equal(found.xy, joined.xy)
