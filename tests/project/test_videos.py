import shutil
from dataclasses import replace

import pytest

from krolik.actions import selecting, splitting
from krolik.actions.adding import add_videos, expand, open_for, relink, remove_videos
from krolik.errors import InvalidFile, NotFound
from krolik.project import ProjectFile, history, labels, selection, videos
from krolik.skeleton import template
from tests.clips import VARIANTS, write_clip


@pytest.fixture
def home(tmp_path):
    (tmp_path / "a").mkdir()
    write_clip(tmp_path / "a" / "клип.mp4", VARIANTS["plain"], 20)
    return tmp_path / "a"


def test_project_and_video_move_together(home, tmp_path):
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        add_videos(file, [home / "клип.mp4"], "test")
    home.rename(tmp_path / "elsewhere")
    with ProjectFile.open(tmp_path / "elsewhere" / "p.krolik") as file:
        with videos.open_record(file, videos.record(file, "клип.mp4")) as video:
            assert len(video) == 20
            assert video.index is not None


def test_a_video_is_added_once_and_known_by_content(home):
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        (first,) = add_videos(file, [home / "клип.mp4"], "test")
        shutil.copy(home / "клип.mp4", home / "copy.mp4")
        assert add_videos(file, [home / "copy.mp4"], "test") == [first]
        record, video = open_for(file, home / "copy.mp4", "test")
        video.close()
        assert record == first
        assert len(videos.records(file)) == 1


def test_moved_alone_and_relinked(home, tmp_path):
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        (record,) = add_videos(file, [home / "клип.mp4"], "test")
        (home / "клип.mp4").rename(tmp_path / "renamed.mp4")
        with pytest.raises(NotFound, match="krolik relink p.krolik"):
            videos.open_record(file, record)
        relink(file, tmp_path / "renamed.mp4", "test")
        videos.open_record(file, videos.record(file, "клип.mp4")).close()


def test_changed_video_is_refused(home):
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        (record,) = add_videos(file, [home / "клип.mp4"], "test")
        write_clip(home / "клип.mp4", VARIANTS["plain"], 33)
        with pytest.raises(InvalidFile, match="changed since it was added"):
            videos.open_record(file, record)
        with pytest.raises(InvalidFile, match="its content differs"):
            relink(file, home / "клип.mp4", "test")


def test_patterns(home):
    assert [p.name for p in expand([home / "*.mp4", str(home / "клип.mp4")])] == ["клип.mp4"]
    with pytest.raises(NotFound, match="no such file"):
        expand([home / "*.avi"])


def clips(home, *places, frames=5):
    """Videos of 5, 6, 7, ... frames."""
    for number, place in enumerate(places):
        (home / place).parent.mkdir(parents=True, exist_ok=True)
        write_clip(home / place, VARIANTS["plain"], frames + number)
    return [home / place for place in places]


def test_videos_whose_files_are_called_the_same_are_told_apart(home):
    """Tables and file names of results have nothing else to know them by."""
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        places = clips(home, "mon/cam.mp4", "tue/CAM.mp4", "tue/top.mp4")
        assert [r.name for r in add_videos(file, places, "test")] == ["mon_cam.mp4", "tue_CAM.mp4", "top.mp4"]
        (later,) = clips(home, "may/mon/cam.mp4", frames=9)
        assert [r.name for r in add_videos(file, [later], "test")] == ["cam.mp4"]
        others = clips(home, "x/may/mon/cam.mp4", "y/may/mon/cam.mp4", frames=12)
        assert [r.name for r in add_videos(file, others, "test")] == ["may_mon_cam.mp4", "y_may_mon_cam.mp4"]
        for record in videos.records(file):
            with videos.open_record(file, record) as video:
                assert len(video) == record.frames


def test_when_all_folders_are_called_the_same_there_are_numbers(home):
    record = replace(add_videos_of(home), path="C:\\cam.mp4", name="cam.mp4")
    with ProjectFile.open(home / "p.krolik") as file:
        names = [r.name for r in videos.named(file, [record] * 3)]
        assert names == ["cam-2.mp4", "cam-3.mp4", "cam-4.mp4"]


def add_videos_of(home):
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        return add_videos(file, [home / "клип.mp4"], "test")[0]


def test_two_copies_are_one_video(home):
    shutil.copy(home / "клип.mp4", home / "copy.mp4")
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        first, second = add_videos(file, [home / "клип.mp4", home / "copy.mp4"], "test")
        assert first == second and videos.records(file) == [first]


def test_a_renamed_record_is_found_beside_the_project(home, tmp_path):
    """By the name of its file, wherever that was."""
    with ProjectFile.create(home / "p.krolik", template("mouse")) as file:
        add_videos(file, clips(home, "mon/cam.mp4", "tue/cam.mp4"), "test")
        record = videos.record(file, "tue_cam.mp4")
        (home / "tue/cam.mp4").rename(home / "cam.mp4")
        assert videos.locate(file, record) == home.resolve() / "cam.mp4"
        (home / "cam.mp4").rename(tmp_path / "cam.mp4")
        assert relink(file, tmp_path / "cam.mp4", "test").name == "tue_cam.mp4"


def test_a_video_is_taken_out_with_its_labels_and_brought_back(labelled):
    record = videos.records(labelled)[0]
    write_clip(labelled.path.parent / "other.mp4", VARIANTS["plain"], 5)
    (other,) = add_videos(labelled, [labelled.path.parent / "other.mp4"], "test")
    selecting.mark(labelled, record.id, [1, 2], "test")
    splitting.split(labelled, "every:5", None, "test")
    before = labels.documents(labelled)
    assert len(before) == 15
    with pytest.raises(NotFound, match="cat.mp4"):
        remove_videos(labelled, [record.name, "cat.mp4"], "test")
    assert labels.documents(labelled) == before
    assert remove_videos(labelled, [record.name, record.id], "test") == [record]
    assert videos.records(labelled) == [other] and labels.documents(labelled) == {} == selection.load(labelled)
    assert splitting.split_parts(labelled, "every:5", "test") == {}
    history.undo(labelled, "test")
    assert videos.record(labelled, record.name) == record and labels.documents(labelled) == before
    assert len(selection.load(labelled)) == 2 and len(splitting.split_parts(labelled, "every:5", "test")) == 15
    assert videos.frame_index(labelled, record.id) is None
    with videos.open_record(labelled, record) as video:
        kept = videos.frame_index(labelled, record.id)
        assert kept is not None and video.index is not None and (kept.pts == video.index.pts).all()
