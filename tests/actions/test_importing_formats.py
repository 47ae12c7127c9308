"""Foreign labels and predictions in a project: videos found, predictions kept as runs, nothing left of what fails."""

import json
import shutil

import numpy as np
import pytest

import krolik
from krolik.actions.exporting import write_labels, write_predictions
from krolik.errors import InvalidFile, InvalidLabels, InvalidSetting, KrolikError
from krolik.formats import FORMATS, LABELS, read, writable
from krolik.formats.tables import PredictionTable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, Predictions
from krolik.project import runs, selection
from krolik.skeleton import Skeleton
from tests.clips import VARIANTS, write_clip
from tests.formats.test_round_trips import same, table

BONES = Skeleton.of(["nose", "left_ear", "right_ear"], [("nose", "left_ear")])


def predicted(path, frames: int, video: str = "rabbit.mp4", start: int = 0):
    """A file of predictions of a video, in SLEAP's analysis CSV."""
    xy = np.full((frames, 2, 3, 2), 7.5, np.float32)
    block = Predictions(start, xy, np.full(xy.shape[:3], 0.5, np.float32), np.ones(frames, bool))
    poses = PredictionTable(BONES, video, "m", np.zeros(0), lambda: iter([block]), ("мышь", "кот"))
    return write_predictions(FORMATS["sleap-csv"], path, [poses]).out


def test_predictions_become_a_run_that_is_drawn_and_exported(rabbit, tmp_path):
    shutil.copy(rabbit[0], tmp_path / "rabbit.mp4")
    source = predicted(tmp_path / "rabbit.analysis.csv", 60)
    with krolik.new(tmp_path / "p.krolik") as project:
        report = project.import_labels(source)
        assert report.predictions == {"rabbit.mp4": 60} and report.tracks == ["мышь", "кот"] and report.frames == 0
        assert project.skeleton.names == BONES.names
        (run,) = runs.every(project.file, "predict")
        assert run.status == "done" and run.document["animals"] == ["мышь", "кот"]
        assert project.export(tmp_path / "a.h5", to="sleap-analysis").losses == ()
        (back,) = read(tmp_path / "a.h5").predictions
        assert back.animals == ("мышь", "кот") and back.frames == 60
        pictures = project.render("rabbit.mp4", tmp_path / "frames", frames=[3])
        assert all(p.exists() for p in pictures)


def test_predictions_beyond_the_video_are_refused(rabbit, tmp_path):
    source = predicted(tmp_path / "x.analysis.csv", 70)
    with krolik.new(tmp_path / "p.krolik") as project:
        with pytest.raises(InvalidLabels, match="frame 60 is predicted, but the video has frames 0 to 59"):
            project.import_labels(source, videos=rabbit[0])
        assert project.info().videos == [] and runs.every(project.file, "predict") == []


def test_predictions_leave_a_labelled_project_s_skeleton_alone(labelled, tmp_path):
    labelled.close()
    before = len(labelled_names(labelled.path))
    with krolik.open(labelled.path) as project:
        project.import_labels(predicted(tmp_path / "rabbit.analysis.csv", 60))
        assert len(project.skeleton) == before and len(project.labels) == 15


def labelled_names(path):
    with krolik.open(path) as project:
        return project.skeleton.names


def test_where_videos_are(rabbit, tmp_path):
    source = predicted(tmp_path / "clip.analysis.csv", 10, "clip.mp4")
    (tmp_path / "videos").mkdir()
    shutil.copy(rabbit[0], tmp_path / "videos" / "clip.mp4")
    assert krolik.inspect(source).missing_videos == []  # in a folder `videos` beside it
    shutil.move(tmp_path / "videos", tmp_path / "elsewhere")
    assert krolik.inspect(source).missing_videos == ["clip.mp4"]
    assert krolik.inspect(source, videos=tmp_path / "elsewhere").missing_videos == []
    assert krolik.inspect(source, videos=rabbit[0]).missing_videos == []  # the only one that is meant
    with pytest.raises(InvalidSetting, match="is none of the videos of this file"):
        krolik.inspect(source, videos=[rabbit[0], tmp_path / "elsewhere"])


def test_points_outside_their_frame_are_left_out_and_named(rabbit, tmp_path):
    shutil.copy(rabbit[0], tmp_path / "rabbit.mp4")
    points = np.array([[5.0, 5], [-40, 3], [9999, 9]])
    frames = (LabeledFrame(FrameKey("rabbit.mp4", 4), (Instance.of(points),)),
              LabeledFrame(FrameKey("rabbit.mp4", 5), (Instance.of(points - 5000),)))  # fmt: skip
    out = write_labels(FORMATS["sleap"], tmp_path / "x.slp", table(Labels(BONES, frames))).out
    with krolik.new(tmp_path / "p.krolik") as project:
        report = project.import_labels(out, videos=tmp_path / "rabbit.mp4")
        assert any("5 point(s) lie outside their frame" in n and "left_ear (-40, 3)" in n for n in report.notes)
        (frame,) = project.labels.frames  # of the other nothing is left
        assert frame.instances[0].located.tolist() == [True, False, False]


def test_every_format_through_a_project(labelled, rabbit, tmp_path):
    """Out of a project of a video, into a new one: the same points of the same frames."""
    labelled.close()
    with krolik.open(labelled.path) as project:
        original = [i for f in project.labels for i in f.instances]
        names = project.skeleton.names
        for form in writable(LABELS):
            report = project.export(tmp_path / form, to=form, what="labels")
            with krolik.new(tmp_path / f"{form}.krolik") as other:
                videos = [] if FORMATS[form].carries().images else [rabbit[0]]
                other.import_labels(report.out, videos=videos)
                found = [i for f in other.labels for i in f.instances]
                assert len(other.labels) == 15 and len(found) == len(original)
                if form != "alphatracker":  # it has no names
                    assert other.skeleton.names == names, form
                for one, wanted in zip(found, original):
                    if form in ("json", "hdf5", "cvat"):
                        same([one], [wanted])
                    np.testing.assert_allclose(one.points[one.located], wanted.points[one.located], atol=1e-9)


def test_the_videos_of_a_project_of_deeplabcut_come_along(labelled, rabbit, tmp_path):
    """Once: a second import finds them there."""
    labelled.close()
    with krolik.open(labelled.path) as project:
        project.export(tmp_path / "theirs", to="deeplabcut")
    write_clip(tmp_path / "theirs" / "videos" / "second.mp4", VARIANTS["plain"], 9)
    config = tmp_path / "theirs" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("video_sets:", "video_sets:\n  second.mp4: {}"), "utf-8")
    with krolik.new(tmp_path / "p.krolik") as project:
        report = project.import_labels(tmp_path / "theirs")
        assert report.frames == 15 and report.videos == ["rabbit", "second.mp4", "rabbit.mp4"]
        assert {v["name"]: v["frames"] for v in project.info().videos} == {
            "rabbit": 15,
            "second.mp4": 9,
            "rabbit.mp4": 60,
        }
        again = project.import_labels(tmp_path / "theirs")
        assert again.replaced == 15 and len(project.info().videos) == 3


def test_a_video_without_frames_that_would_come_along_stays_behind(labelled, tmp_path):
    """Its beginning is sound, so that this shows when it is read."""
    labelled.close()
    with krolik.open(labelled.path) as project:
        project.export(tmp_path / "theirs", to="deeplabcut")
    broken = tmp_path / "theirs" / "videos" / "second.mkv"
    write_clip(broken, VARIANTS["mkv"], 9)
    broken.write_bytes(broken.read_bytes()[:700])
    config = tmp_path / "theirs" / "config.yaml"
    config.write_text(config.read_text("utf-8").replace("video_sets:", "video_sets:\n  second.mkv: {}"), "utf-8")
    with krolik.new(tmp_path / "p.krolik") as project:
        report = project.import_labels(tmp_path / "theirs")
        assert report.frames == 15 and report.videos == ["rabbit", "rabbit.mp4"] and len(project.info().videos) == 2
        assert "1 video(s) of the project cannot be read: second.mkv" in report.notes


def test_frames_that_wait_come_along(rabbit, tmp_path):
    shutil.copy(rabbit[0], tmp_path / "rabbit.mp4")
    with krolik.new(tmp_path / "p.krolik") as project:
        (record,) = project.add(tmp_path / "rabbit.mp4")
        project.mark("rabbit.mp4", [3, 9])
        frame = LabeledFrame(FrameKey(record.id, 3), (Instance.of(np.full((8, 2), 9.0)),))
        from krolik.project import history, labels
        from krolik.project.edits import Change

        with project.file.write():
            history.commit(project.file, Change((labels.set_frame(project.file, frame, project.skeleton),), "t", "t"))
        out = project.export(tmp_path / "x.slp", to="sleap").out
    with krolik.new(tmp_path / "q.krolik") as other:
        assert other.import_labels(out).selected == 2
        assert [k.index for k in selection.load(other.file)] == [3, 9]


def test_an_import_that_fails_leaves_no_images(tmp_path):
    frames = (LabeledFrame(FrameKey("клип.mp4", 0), (Instance.of(np.full((3, 2), 5.0)),)),)
    out = write_labels(FORMATS["sleap-package"], tmp_path / "x", table(Labels(BONES, frames))).out
    with krolik.new(tmp_path / "p.krolik") as project:
        project.import_labels(out)
        assert len(list((tmp_path / "p-images").rglob("*.png"))) == 1
        project.import_labels(out)  # the same images again need no second folder
        assert [p.name for p in (tmp_path / "p-images").iterdir()] == ["клип"]
    import h5py

    with h5py.File(out, "r+") as file:
        data = file["video0/video"]
        data[0] = np.frombuffer(b"no image", np.int8)
    with krolik.new(tmp_path / "q.krolik") as project:
        with pytest.raises(InvalidFile, match="the embedded image img00000.png cannot be read"):
            project.import_labels(out)
        assert project.info().videos == [] and not (tmp_path / "q-images").exists()


def test_nothing_to_import_and_skeletons_alone(tmp_path):
    (tmp_path / "empty.csv").write_text("name,parent,swap\nnose,,\nleft_ear,nose,right_ear\nright_ear,nose,left_ear\n")
    with krolik.new(tmp_path / "p.krolik") as project:
        report = project.import_labels(tmp_path / "empty.csv")
        assert report.frames == 0 and project.skeleton.names == ["nose", "left_ear", "right_ear"]
        project.undo()
        assert project.skeleton.names == krolik.template("rabbit").names
    value = {"format": "krolik-labels", "version": 1, "videos": [], "frames": [],
             "skeleton": {"keypoints": [], "edges": [], "symmetric_pairs": []}}  # fmt: skip
    (tmp_path / "nothing.json").write_text(json.dumps(value))
    with (
        krolik.new(tmp_path / "q.krolik") as project,
        pytest.raises(KrolikError, match="neither labels nor"),
    ):
        project.import_labels(tmp_path / "nothing.json")


def test_convert_needs_no_project(rabbit, tmp_path):
    source = predicted(tmp_path / "rabbit.analysis.csv", 20)
    report = krolik.convert(source, "deeplabcut", tmp_path / "out")
    assert report.losses == ("edges of the skeleton: 1 left out",) or report.losses == ()
    assert len(list((tmp_path / "out").iterdir())) == 2
    with pytest.raises(InvalidSetting, match="COCO keypoints cannot hold what is in rabbit.analysis.csv: predictions"):
        krolik.convert(source, "coco", tmp_path / "coco")
    assert not (tmp_path / "coco").exists()
