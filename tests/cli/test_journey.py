"""From labels to tables and a video, by commands alone."""

import json
import shutil

import pandas
import pytest

from krolik.video import open_video
from tests.cli.conftest import QUICK
from tests.clips import VARIANTS, write_clip


@pytest.fixture
def project(trained, tmp_path):
    return shutil.copy(trained, tmp_path / "p.krolik")


def test_from_labels_to_results(krolik, trained, rabbit, tmp_path):
    video = rabbit[0]
    labels, project = tmp_path / "labels.json", tmp_path / "мой.krolik"
    assert krolik("export", trained, "--what", "labels", "--to", "json", "-o", labels).code == 0
    done = krolik("import", labels, "--project", project)
    assert done.code == 0 and "Krolik JSON: 15 labelled frames from rabbit.mp4" in done.out
    assert "every:3: 10 train, 5 test" in krolik("split", project, "every:3").out
    listed = json.loads(krolik("split", project, "every:3", "--json").out)
    assert listed["split"] == "every:3" and len(listed["train"]) == 10
    assert listed["test"] == [["rabbit.mp4", n] for n in (8, 20, 32, 44, 56)]
    done = krolik("train", project, *QUICK, "--json")
    assert done.code == 0 and done.json["test"]["frames"] == 5
    assert done.json["statistics"]["stages"]["pose"]["steps"] == 30
    assert done.json["plan"]["reasons"]["pipeline"].startswith("set by you")
    done = krolik("evaluate", project, "--json", "--pictures", tmp_path / "worst", "--worst", 2, "--pck", "3,7.5")
    assert list(done.json["overall"]["pck_px"]) == ["3", "7.5"]
    assert done.json["overall"]["n"] > 20 and done.json["overall"]["mean_error_px"] > 0
    assert len(list((tmp_path / "worst").iterdir())) == 2
    done = krolik("predict", project, video)
    assert "60 frames" in done.out
    # so short a training finds nothing for sure, and that is said, not left to be wondered about
    assert "train longer" in done.err
    again = krolik("predict", project, "rabbit.mp4")
    assert again.code == 0 and "is predicted already" in again.err
    done = krolik("info", project, "--json", "--check")
    assert done.json["labelled_frames"] == 15 and done.json["predictions"][0]["status"] == "done"
    assert done.json["interrupted"] == []


def test_every_table_has_every_frame(krolik, project, tmp_path):
    for to, name in (("csv", "t.csv"), ("csv-wide", "w.csv"), ("json", "p.json"), ("hdf5", "p.h5")):
        assert krolik("export", project, "--to", to, "-o", tmp_path / name).code == 0
    tidy = pandas.read_csv(tmp_path / "t.csv")
    assert len(tidy) == 60 * 8 and set(tidy.frame) == set(range(60))
    assert tidy.model[0].startswith("unet-1@")
    assert len(pandas.read_csv(tmp_path / "w.csv")) == 60
    done = krolik("export", project, "--to", "csv", "--what", "labels", "-o", tmp_path / "labels")
    assert "labels.csv" in done.out and len(pandas.read_csv(tmp_path / "labels.csv")) == 15 * 8


def test_render_video_and_frames(krolik, project, tmp_path):
    style = (
        "--names",
        "--trail",
        5,
        "--radius",
        6,
        "--threshold",
        0.05,
        "--no-edges",
        "--opacity",
        0.8,
        "--color",
        "nose=#ffffff",
    )
    assert krolik("render", project, "rabbit.mp4", "-o", tmp_path / "a.mp4", *style).code == 0
    with open_video(tmp_path / "a.mp4") as video:
        assert len(video) == 60
    assert krolik("render", project, "rabbit.mp4", "-o", tmp_path / "f", "--frames", "0,7,20-22").code == 0
    assert len(list((tmp_path / "f").iterdir())) == 5


def test_model_file_and_run(krolik, project, rabbit, tmp_path):
    assert krolik("export", project, "--to", "model", "-o", tmp_path / "rabbit.onnx").code == 0
    for model, out in ((tmp_path / "rabbit.onnx", "a"), (project, "b")):
        done = krolik("run", rabbit[0], tmp_path / "gone.mp4", "--model", model, "-o", tmp_path / out)
        assert done.code == 2 and "gone.mp4: no such file" in done.err  # and the other video is done all the same
        names = sorted(p.name for p in (tmp_path / out).iterdir())
        assert names == ["rabbit.csv", "rabbit.h5", "rabbit.json", "rabbit_annotated.mp4"]
    assert (tmp_path / "a" / "rabbit.csv").read_bytes() == (tmp_path / "b" / "rabbit.csv").read_bytes()
    other = tmp_path / "tue" / "rabbit.mp4"
    other.parent.mkdir()
    write_clip(other, VARIANTS["plain"], 9)
    done = krolik("run", rabbit[0], other, rabbit[0], "--model", project, "-o", tmp_path / "c", "--to", "csv")
    own = rabbit[0].parent.name
    names = ["tue_rabbit.csv", "tue_rabbit_annotated.mp4", f"{own}_rabbit.csv", f"{own}_rabbit_annotated.mp4"]
    assert done.code == 0 and sorted(p.name for p in (tmp_path / "c").iterdir()) == sorted(names)


def test_stored_predictions_equal_run(krolik, project, rabbit, tmp_path):
    krolik("export", project, "-o", tmp_path / "stored.csv")
    krolik("run", rabbit[0], "--model", project, "-o", tmp_path / "r", "--to", "csv")
    assert (tmp_path / "stored.csv").read_bytes() == (tmp_path / "r" / "rabbit.csv").read_bytes()


def test_undo_redo_backup(krolik, project, tmp_path):
    assert "undone: " in krolik("undo", project).out
    assert "done again: " in krolik("redo", project).out
    assert krolik("backup", project, "-o", tmp_path / "copy.krolik").code == 0
    assert krolik("info", tmp_path / "copy.krolik", "--check").code == 0


def test_new_with_videos_and_skeletons(krolik, rabbit, tmp_path):
    done = krolik("new", tmp_path / "n.krolik", rabbit[0], "--skeleton", "нос, хвост")
    assert "2 keypoints, 1 video(s)" in done.out
    assert krolik("add", tmp_path / "n.krolik", rabbit[0]).code == 0
    assert krolik("info", tmp_path / "n.krolik").out.count("rabbit.mp4") == 1


def test_part_of_a_video(krolik, project, rabbit):
    done = krolik("predict", project, rabbit[0], "--start", 10, "--stop", 25, "--json")
    assert (done.json[0]["start"], done.json[0]["stop"], done.json[0]["predicted"]) == (10, 25, 15)


def test_doctor_and_version(krolik):
    assert "torch" in krolik("doctor", "--json").json
    assert krolik("--version").out.strip() == __import__("krolik").__version__
