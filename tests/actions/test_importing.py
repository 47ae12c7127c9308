"""Imports are whole or not at all, can be undone, and never shift or lose a label that is there."""

import errno
import io
import json
import shutil
import tempfile
from dataclasses import replace

import cv2
import numpy as np
import pytest

import krolik
from krolik.actions.importing import import_file, merged_skeleton
from krolik.actions.reporter import Silent
from krolik.actions.skeletons import set_skeleton
from krolik.errors import Cancelled, KrolikError, NotFound, StorageError
from krolik.formats.imported import Wishes
from krolik.poses import State
from krolik.project import ProjectFile, labels, videos
from krolik.skeleton import Keypoint, Skeleton


@pytest.fixture
def folder(tmp_path):
    """Labels of six images in Krolik's own CSV, with the images beside them."""
    images = tmp_path / "кадры"
    images.mkdir()
    rows = ["video,frame,frame_name,time_s,animal,track,keypoint,x,y,state"]
    for i in range(6):
        image = np.full((40, 60, 3), i * 9, np.uint8)
        (images / f"img{i}.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
        rows += [f"кадры,{i},img{i}.png,0,0,,{k},{i + 1.5},{2.5},visible" for k in ("nose", "left_ear")]
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n", "utf-8")
    return tmp_path


def test_import_keeps_pixels_and_can_be_undone(folder):
    with krolik.new(folder / "p.krolik") as project:
        report = project.import_labels(folder / "labels.csv")
        assert (report.frames, report.points) == (6, {"nose": 6, "left_ear": 6})
        shutil.rmtree(folder / "кадры")  # the pixels of labelled frames are in the project
        key = project.labels.frames[3].key
        stored = labels.pixels(project.file, key)
        assert stored is not None
        assert cv2.imdecode(np.frombuffer(stored, np.uint8), 1)[0, 0, 0] == 27
        project.undo()
        assert len(project.labels) == 0
        assert project.skeleton.names == krolik.template("rabbit").names
        project.redo()
        assert len(project.labels) == 6


def test_importing_again_replaces_and_new_keypoints_join(folder):
    with krolik.new(folder / "p.krolik") as project:
        project.import_labels(folder / "labels.csv")
        text = (folder / "labels.csv").read_text("utf-8")
        (folder / "more.csv").write_text(text.replace("left_ear", "tail").replace(",2.5,", ",9.5,"), "utf-8")
        report = project.import_labels(folder / "more.csv")
        assert report.replaced == 6
        assert project.skeleton.names == ["nose", "left_ear", "tail"]
        (animal,) = project.labels.frames[2].instances
        assert animal.states.tolist() == [State.VISIBLE, State.UNKNOWN, State.VISIBLE]
        project.undo()
        (animal,) = project.labels.frames[2].instances
        assert animal.points[1].tolist() == [3.5, 2.5]


class Meanwhile(Silent):
    """At whose first progress somebody else does something with the project."""

    def __init__(self, place, work):
        super().__init__()
        self.place, self.work = place, work

    def progress(self, title, fraction, text="", seconds_left=None):
        work, self.work = self.work, None
        if work:
            with ProjectFile.open(self.place) as other:
                work(other)


def test_a_cancelled_import_changes_nothing(folder):
    class Stopping(Silent):
        def cancelled(self):
            return True

    with krolik.new(folder / "p.krolik") as project:
        with pytest.raises(Cancelled):
            import_file(project.file, folder / "labels.csv", Wishes(), Stopping())
        assert len(project.labels) == 0 and not videos.records(project.file)


def test_others_can_write_while_pictures_are_made_and_nothing_of_theirs_is_lost(folder):
    """A keypoint that comes meanwhile stays, although the import began from the skeleton without it."""
    with krolik.new(folder / "p.krolik") as project:
        project.import_labels(folder / "labels.csv")
        text = (folder / "labels.csv").read_text("utf-8")
        (folder / "more.csv").write_text(text.replace("left_ear", "tail"), "utf-8")

        def chin(other):
            own = labels.skeleton(other)
            new = Keypoint(labels.next_keypoint(other), "chin", "#123456")
            set_skeleton(other, replace(own, keypoints=(*own.keypoints, new)), "another person")

        import_file(project.file, folder / "more.csv", Wishes(), Meanwhile(folder / "p.krolik", chin))
        assert project.skeleton.names == ["nose", "left_ear", "chin", "tail"]
        assert len({k.id for k in project.skeleton.keypoints}) == 4
        (animal,) = project.labels.frames[2].instances
        assert animal.states.tolist() == [State.VISIBLE, State.UNKNOWN, State.UNKNOWN, State.VISIBLE]
        assert not [p.name for p in folder.iterdir() if p.name.startswith(".krolik-")]


def test_a_disk_that_fills_while_pictures_wait_changes_nothing(folder, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    with krolik.new(folder / "p.krolik") as project:
        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
        with pytest.raises(StorageError, match="the disk is full"):
            project.import_labels(folder / "labels.csv")
        assert len(project.labels) == 0 and not videos.records(project.file)


def test_a_damaged_image_stops_the_whole_import(folder):
    with krolik.new(folder / "p.krolik") as project:
        (folder / "кадры" / "img4.png").write_bytes(b"not an image")
        with pytest.raises(KrolikError, match="img4.png"):
            project.import_labels(folder / "labels.csv")
        assert len(project.labels) == 0 and project.info().videos == [] and project.info().changes == 0


def test_frames_outside_the_video_and_missing_videos(folder, rabbit):
    video = rabbit[0]
    row = f"{video.name},99,,0,0,,nose,1,1,visible\n"
    (folder / "far.csv").write_text((folder / "labels.csv").read_text("utf-8").splitlines()[0] + "\n" + row, "utf-8")
    with krolik.new(folder / "p.krolik") as project:
        with pytest.raises(NotFound, match="krolik add p.krolik VIDEO"):
            project.import_labels(folder / "far.csv")
        project.add(video)
        with pytest.raises(KrolikError, match="frame 99 is labelled, but the video has frames 0 to 59"):
            project.import_labels(folder / "far.csv")
        assert len(project.labels) == 0


def test_images_that_come_later_do_not_shift_numbers(folder):
    with krolik.new(folder / "p.krolik") as project:
        project.import_labels(folder / "labels.csv")
        before = {f.name: f.key for f in project.labels}
        image = (folder / "кадры" / "img0.png").read_bytes()
        (folder / "кадры" / "img0a.png").write_bytes(image)  # sorts between the others
        bones = project.skeleton.to_json()
        frames = [{"video": "кадры", "frame": 1, "name": "img0a.png", "instances": [
            {"track": None, "points": {"nose": {"state": "visible", "x": 5.5, "y": 5.5}}}]}]  # fmt: skip
        names = sorted(p.name for p in (folder / "кадры").iterdir())
        value = {"format": "krolik-labels", "version": 1, "skeleton": bones, "frames": frames,
                 "videos": [{"name": "кадры", "path": str(folder / "кадры"), "images": names}]}  # fmt: skip
        (folder / "late.json").write_text(json.dumps(value), "utf-8")
        project.import_labels(folder / "late.json")
        after = {f.name: f.key for f in project.labels}
        assert {name: after[name] for name in before} == before
        assert after["img0a.png"].index == 6


def test_merged_skeleton_keeps_ids_and_joins_edges():
    own = Skeleton.of(["a", "left_b"], [("a", "left_b")])
    new = Skeleton.of(["left_b", "right_b", "a"], [("a", "left_b"), ("a", "right_b")])
    merged, order = merged_skeleton(own, new, empty=False, fresh=2)
    assert merged.names == ["a", "left_b", "right_b"] and order.tolist() == [1, 2, 0]
    assert merged.keypoints[:2] == own.keypoints
    assert merged.edges == ((0, 1), (0, 2)) and merged.pairs == ((1, 2),)


def test_real_project(shared, tmp_path):
    with krolik.new(tmp_path / "o.krolik") as project:
        report = project.import_labels(shared / "data" / "openfield")
        assert report.points == dict.fromkeys(["snout", "leftear", "rightear", "tailbase"], 116)
        parts = project.split("every:5")
        by_key = {f.key: f.name for f in project.labels}
        tested = sorted(by_key[k] for k, p in parts.items() if p == "test")
        assert tested[:3] == ["img0004.png", "img0009.png", "img0014.png"] and len(tested) == 23
