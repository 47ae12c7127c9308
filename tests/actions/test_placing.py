"""Labels of videos whose files are called the same come back to the right ones."""

import numpy as np
import pytest

import krolik
from krolik.poses import FrameKey, Instance, LabeledFrame
from krolik.project import history, labels, videos
from krolik.project.edits import Change
from tests.clips import VARIANTS, write_clip

PLACES = ("mon/cam.mp4", "tue/cam.mp4")


@pytest.fixture
def home(tmp_path):
    """Two videos of 10 and 12 frames; frame 3 of the first is labelled and frame 11 of the second."""
    for place, frames in zip(PLACES, (10, 12)):
        (tmp_path / place).parent.mkdir()
        write_clip(tmp_path / place, VARIANTS["plain"], frames)
    with krolik.new(tmp_path / "own.krolik", [tmp_path / place for place in PLACES]) as project:
        bones, edits = project.skeleton, []
        for record in videos.records(project.file):
            frame = 3 if record.frames == 10 else 11
            points = np.full((len(bones), 2), 20.0 + frame)
            one = LabeledFrame(FrameKey(record.id, frame), (Instance.of(points),))
            edits.append(labels.set_frame(project.file, one, bones))
        history.commit(project.file, Change(tuple(edits), "test", "label"))
    return tmp_path


@pytest.mark.parametrize("form", ["json", "csv", "sleap"])
@pytest.mark.parametrize("places", [PLACES, PLACES[::-1], (".",)])
def test_each_label_comes_back_to_its_video(home, form, places):
    with krolik.open(home / "own.krolik") as project:
        out = project.export(to=form, out=home / "labels", what="labels").out
    with krolik.new(home / "other.krolik") as project:
        project.import_labels(out, videos=[home / place for place in places])
        frames_of = {record.id: (record.name, record.frames) for record in videos.records(project.file)}
        found = {frames_of[f.key.video]: (f.key.index, float(f.instances[0].points[0, 0])) for f in project.labels}
    assert found == {("mon_cam.mp4", 10): (3, 23.0), ("tue_cam.mp4", 12): (11, 31.0)}


def test_a_file_that_is_only_called_alike_is_no_two_videos(home):
    """Of labels of tue/cam.mp4 and wed/cam.mp4."""
    with krolik.open(home / "own.krolik") as project:
        out = project.export(to="sleap", out=home / "labels.slp", what="labels").out
    (home / "mon").rename(home / "wed")
    (home / "tue").rename(home / "thu")
    with krolik.new(home / "other.krolik") as project:
        project.import_labels(out, videos=[home / "wed/cam.mp4", home / "thu/cam.mp4"])
        assert sorted(record.frames for record in videos.records(project.file)) == [10, 12]
