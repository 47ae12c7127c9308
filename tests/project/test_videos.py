import shutil

import pytest

from krolik.actions.adding import add_videos, expand, open_for, relink
from krolik.errors import InvalidFile, NotFound
from krolik.project import ProjectFile, videos
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
