"""Selecting in a project: labelled frames respected, quotas, one change, undo; by hand; from the command line."""

import pytest

import krolik as package
from krolik.actions.selecting import parse_frames, parse_range
from krolik.errors import Cancelled, InvalidSetting, NotFound
from krolik.poses import FrameKey
from krolik.project import history, selection
from tests.cli.conftest import krolik  # noqa: F401 (fixture)
from tests.clips import VARIANTS, write_clip


@pytest.fixture
def project(tmp_path):
    for name, frames in (("a.mp4", 60), ("b.mp4", 40)):
        write_clip(tmp_path / name, VARIANTS["b-frames"], frames)
    with package.new(tmp_path / "p.krolik", [tmp_path / "a.mp4", tmp_path / "b.mp4"]) as opened:
        yield opened


def by_name(project, keys) -> dict[str, list[int]]:
    names = {v["id"]: v["name"] for v in project.info().videos}
    found: dict[str, list[int]] = {}
    for key in keys:
        found.setdefault(names[key.video], []).append(key.index)
    return found


def test_every_video_has_its_quota(project):
    found = by_name(project, project.select(count=5, quotas={"b.mp4": 8}))
    assert {name: len(frames) for name, frames in found.items()} == {"a.mp4": 5, "b.mp4": 8}
    assert len(project.selected) == 13
    project.undo()
    assert project.selected == []


def test_labelled_and_selected_frames_are_not_chosen_again(project):
    from krolik.actions.labelling import NoAnimals

    for frame in range(0, 60, 2):
        project.label("a.mp4", frame, NoAnimals())
    project.mark("a.mp4", "1-39")
    found = by_name(project, project.select("a.mp4", 10, "random"))
    assert found == {"a.mp4": list(range(41, 60, 2))}


def test_a_refusal_selects_nothing_anywhere(project):
    with pytest.raises(InvalidSetting, match=r"b\.mp4: 40 frames are free to be selected, 50 are wanted"):
        project.select(count=50, strategy="uniform")
    with pytest.raises(NotFound):
        project.select("c.mp4")
    with pytest.raises(NotFound, match="no video is named 'c.mp4'"):
        project.select(quotas={"c.mp4": 3})
    assert project.selected == []


def test_cancelling_selects_nothing(project):
    class Impatient:
        def progress(self, *values):
            pass

        def note(self, text):
            pass

        def cancelled(self):
            return True

    with pytest.raises(Cancelled):
        project.select(count=5, reporter=Impatient())
    assert project.selected == []


def test_by_hand(project):
    assert [k.index for k in project.mark("a.mp4", "5,1-3,10-20:5")] == [1, 2, 3, 5, 10, 15, 20]
    changes = len(history.log(project.file))
    project.mark("a.mp4", [1, 2])  # nothing new is no change
    assert len(history.log(project.file)) == changes
    assert project.unmark("a.mp4", "1-3") == 3
    assert project.unmark("a.mp4") == 4
    assert project.unmark("a.mp4") == 0
    with pytest.raises(NotFound, match="no frame 60"):
        project.mark("a.mp4", [5, 60])
    assert project.selected == []


def test_where_a_selected_frame_comes_from_is_kept(project):
    (first, *_) = project.select("a.mp4", 1, "uniform")
    project.mark("a.mp4", [first.index, 0])
    assert selection.load(project.file) == {first: "uniform", FrameKey(first.video, 0): "hand"}


@pytest.mark.parametrize("text, frames", [("3", [3]), ("3-5", [3, 4, 5]), (" 1 , 0-6:3 ", [0, 1, 3, 6]), ("", [])])
def test_frames_as_text(text, frames):
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["x", "5-3", "1--2", "3:0", "1-2-3", "-5", "1:2:3"])
def test_what_names_no_frames(text):
    with pytest.raises(InvalidSetting, match="names no frames"):
        parse_frames(text)


def test_ranges_as_text():
    assert [parse_range(t) for t in (None, "5:", ":9", "5:9:2", "::3")] == [
        (0, None, 1), (5, None, 1), (0, 9, 1), (5, 9, 2), (0, None, 3)]  # fmt: skip
    for text in ("x", "1:2:3:4", "a:b"):
        with pytest.raises(InvalidSetting, match="is no range"):
            parse_range(text)


def test_the_commands(krolik, project):  # noqa: F811
    path = project.path
    done = krolik("select", path, "a.mp4", "-n", 3, "--strategy", "uniform", "--json")
    assert done.json == {"a.mp4": [9, 29, 49]}
    assert "b.mp4: 2 frames selected" in krolik("select", path, "-n", 1, "--quota", "b.mp4=2", "--range", "0:40").out
    assert krolik("mark", path, "a.mp4", "7-9").code == 0
    assert krolik("mark", path, "a.mp4", "7-9", "--remove").out == "3 frames unselected\n"
    for arguments, text in [
        (("select", path, "-n", 0), "0 frames cannot be selected"),
        (("select", path, "--strategy", "x"), "no strategy"),
        (("select", path, "--quota", "b"), "names no video and count"),
        (("select", path, "c.mp4"), "no video is named"),
        (("mark", path, "a.mp4"), "no frames are named"), (("mark", path, "a.mp4", "x"), "names no frames"),
        (("select", path, "--range", "9:3"), "holds no frames"),
    ]:  # fmt: skip
        done = krolik(*arguments)
        assert (done.code, text in done.err) == (2, True), done.err


def test_the_skeleton_command(krolik, project):  # noqa: F811
    path = project.path
    assert krolik("skeleton", path).out.splitlines()[1].split() == ["nose", "#e69f00", "-"]
    done = krolik("skeleton", path, "--rename", "nose=нос", "--add", "chin", "--delete", "tail", "--json")
    names = [k["name"] for k in done.json["keypoints"]]
    assert names[0] == "нос" and names[-1] == "chin" and "tail" not in names
    assert done.json["keypoints"][-1]["id"] == 8  # never the id of a deleted one
    (path.parent / "s.json").write_text(done.out, "utf-8")
    assert krolik("skeleton", path, "--use", "mouse").code == 0
    assert project.skeleton.names[:2] == ["nose", "left_ear"]
    assert krolik("skeleton", path, "--use", path.parent / "s.json", "--json").code == 0
    assert project.skeleton.names == names
    for arguments in (("--use", "dragon"), ("--rename", "x"), ("--rename", "x=y"), ("--delete", "x"), ("--add", "нос")):
        assert krolik("skeleton", path, *arguments).code == 2
