"""A user's mistake is one clear sentence with exit code 2, and changes nothing."""

import shutil

import pytest

from tests.cli.conftest import QUICK


@pytest.fixture
def project(trained, tmp_path):
    return shutil.copy(trained, tmp_path / "p.krolik")


CASES = {
    ("train", "P", "--budget", "soon"): "'soon' is not a budget. Write 90s, 5m, 1h30m or 2000steps",
    ("train", "P", "--network", "yolo"): "no network is named 'yolo'. There are: unet, mobilenetv2",
    ("train", "P", "--split", "thirds"): "no rule is named 'thirds'",
    ("train", "P", "--pretrained", "gone", "--network", "mobilenetv2"): "no pretrained weights 'gone'",
    ("train", "P", "--pretrained", "x"): "no pretrained weights 'x'",
    ("train", "P", "--pretrained", "x", "--network", "unet"): "'unet' has no pretrained body",
    ("train", "P", "--pretrained", "gone.krolik"): "gone.krolik",
    ("train", "P", "--pretrained", "unet-1", "--width", "0.25"): "--width: the model unet-1 has 0.5, not 0.25",
    ("train", "P", "--set", "speed=9"): "the plan has no field 'speed'. There are: average_decay",
    ("train", "P", "--set", "learning_rate=fast"): "'fast' is no value for learning_rate. It is 0.002 now",
    ("train", "P", "--set", "learning_rate"): "Write a field and its value: learning_rate=1e-3",
    ("train", "P", "--folds", "1"): "--folds: 1 folds of 12 training frames cannot be made",
    ("plan", "P", "--network", "yolo"): "no network is named 'yolo'",
    ("plan", "P", "--input", "100", *QUICK[:4]): "100 is not a multiple of 64",
    ("report", "P", "--model", "best"): "no model is named 'best'",
    ("report", "P", "--split", "every:3"): "was trained on",
    ("train", "P", "--input", "100", *QUICK[:4]): "100 is not a multiple of 64",
    ("train", "P", "--pipeline", "bottom-up"): "--pipeline: bottom-up makes no sense here. Say whole or crop",
    ("train", "P", "--width", "0"): "--width: 0.0 makes no sense here",
    ("train", "P", "--scale", "-1"): "--scale: -1.0 makes no sense here",
    ("train", "P", "--batch", "0"): "--batch: 0 makes no sense here",
    ("train", "P", "--seed", "-3"): "--seed: -3 makes no sense here",
    ("evaluate", "P", "--threshold", "7"): "7.0 is not a score between 0 and 1",
    ("train", "P", "--name", "unet-1"): "a model is named 'unet-1' already",
    ("train", "P", "--resume"): "there is no interrupted training",
    ("evaluate", "P", "--model", "best"): "no model is named 'best'. There are: unet-1",
    ("evaluate", "P", "--split", "every:3"): "was trained on",
    ("predict", "P", "gone.mp4"): "gone.mp4",
    ("predict", "P", "rabbit.mp4", "--start", "90"): "The video has frames 0 to 59",
    ("predict", "P", "rabbit.mp4", "--model", "gone.onnx"): "no such model",
    ("export", "P", "-o", "x", "--to", "xml"): "'xml' cannot be written",
    ("export", "P", "-o", "x", "--what", "frames"): "'frames' cannot be exported",
    ("export", "P", "-o", "x", "--model", "m2"): "there are no predictions of this",
    ("export", "P", "-o", "x", "--video", "b.mp4"): "no video is named 'b.mp4'",
    ("render", "P", "b.mp4", "-o", "x.mp4"): "no video is named 'b.mp4'",
    ("render", "P", "rabbit.mp4", "-o", "x.mp4", "--frames", "a"): "Write 0,10,20-30",
    ("render", "P", "rabbit.mp4", "-o", "x", "--frames", "99"): "no frame 99",
    ("render", "P", "rabbit.mp4", "-o", "x.mp4", "--opacity", "3"): "--opacity: 3.0 is out of range",
    ("render", "P", "rabbit.mp4", "-o", "x.mp4", "--color", "nose=red"): "'red' is not a colour. Write #rrggbb",
    ("render", "P", "rabbit.mp4", "-o", "x.mp4", "--color", "nose"): "Write nose=#ff8800",
    ("render", "P", "rabbit.mp4", "-o", "x.mp4", "--color", "beak=#ff8800"): "no keypoint is named 'beak'",
    ("evaluate", "P", "--pck", "two"): "'two' is not a list of numbers. Write 2,5,10",
    ("evaluate", "P", "--pck", "0"): "distances must be greater than 0",
    ("new", "P"): "this file exists already",
    ("new", "a.db"): "a project's name ends with .krolik",
    ("new", "n.krolik", "gone.mp4"): "gone.mp4: no such file or folder",
    ("new", "n.krolik", "--skeleton", "dragon"): "There are: rabbit, mouse, quadruped, fly",
    ("new", "n.krolik", "--skeleton", "a,a"): "'a' occurs twice",
    ("import", "gone", "--project", "P"): "gone: no such file or folder",
    ("import", "P", "--project", "P"): "a Krolik project, not a file of labels. Write its labels to a file",
    ("import", "P", "--project", "n.krolik", "--missing", "maybe"): "Say unknown or absent",
    ("info", "gone.krolik"): "Make it with: krolik new gone.krolik",
    ("relink", "P", "P"): "a Krolik project, not a video",
    ("remove", "P", "cat.mp4"): "no video is named 'cat.mp4'",
    ("split", "P", "every:0"): "not a whole number from 2",
    ("backup", "P", "-o", "P"): "this file exists already",
    ("run", "rabbit.mp4", "--model", "P", "--to", "xml"): "'xml' cannot be written",
}


@pytest.mark.parametrize("arguments", CASES, ids=" ".join)
def test_one_sentence_and_nothing_changed(krolik, project, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    before, files = krolik("info", project, "--json").json, sorted(p.name for p in tmp_path.iterdir())
    done = krolik(*(project if a == "P" else a for a in arguments))
    assert done.code == 2
    assert CASES[arguments] in done.err
    assert done.err.startswith("krolik: ") and len(done.err.strip().splitlines()) == 1
    assert "Traceback" not in done.err + done.out
    after = krolik("info", project, "--json").json
    if arguments[0] in ("train", "evaluate", "plan", "report"):  # a split that was asked for by its rule is kept
        for key in ("splits", "changes", "megabytes"):
            before.pop(key), after.pop(key)
    assert before == after
    assert sorted(p.name for p in tmp_path.iterdir()) == files


def test_bad_videos(krolik, project, shared, tmp_path):
    for name in ("truncated.mp4", "not_an_image.png", "empty.csv"):
        done = krolik("predict", project, shared / "bad" / name)
        assert done.code == 2 and name in done.err and len(done.err.strip().splitlines()) == 1


def test_bad_labels_leave_no_project(krolik, shared, tmp_path):
    for path in sorted((shared / "bad").glob("*.csv")):
        done = krolik("import", path, "--project", tmp_path / "new.krolik")
        assert done.code == 2 and path.name in done.err and len(done.err.strip().splitlines()) == 1
        assert list(tmp_path.iterdir()) == []


def test_usage_errors_are_code_2(krolik):
    assert krolik("train").code == 2
    assert krolik("frobnicate").code == 2


def test_no_labels_yet(krolik, tmp_path):
    krolik("new", tmp_path / "e.krolik")
    done = krolik("train", tmp_path / "e.krolik")
    assert done.code == 2 and "no labelled frames to split" in done.err
    assert "Train one: krolik train e.krolik" in krolik("evaluate", tmp_path / "e.krolik").err
