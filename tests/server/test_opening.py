"""Projects of what a person has already: a DeepLabCut project, files of labels, with their videos or without."""

from pathlib import Path

import pytest

import krolik
from krolik import jobs as control
from krolik.actions.labelling import Point, SetPoints
from krolik.errors import InvalidFile, NotFound
from krolik.poses import State
from krolik.project import jobs, labels, videos
from krolik.server.opening import Material, project_place
from krolik.server.serve import first_page, opened_for
from krolik.server.workspace import Workspace
from tests.clips import VARIANTS, write_clip
from tests.server.conftest import ended
from tests.server.test_start import resolve


@pytest.fixture
def theirs(tmp_path):
    """A folder with a video, labels of it in a file, and a DeepLabCut project of them."""
    folder = tmp_path / "their work"
    folder.mkdir()
    write_clip(folder / "clip.mp4", VARIANTS["b-frames"], 12)
    with krolik.new(tmp_path / "made.krolik", folder / "clip.mp4", skeleton="нос,хвост") as opened:
        for frame in (2, 7):
            opened.label("clip.mp4", frame, SetPoints("a", {0: Point(State.VISIBLE, 5.0 + frame, 6.0)}))
        opened.export(folder / "labels.json", "json", what="labels")
        opened.export(folder / "dlc", "deeplabcut", what="labels")
    (tmp_path / "made.krolik").unlink()
    return folder


def begun(live, *paths) -> dict:
    return live.client.post("/api/projects", json={"videos": [resolve(live, p)["id"] for p in paths]}).json()


@pytest.mark.parametrize("source, place", [
    ("dlc", "dlc.krolik"), ("dlc/config.yaml", "dlc.krolik"), ("labels.json", "labels.krolik"),
    ("dlc/labeled-data/clip", "dlc/labeled-data/clip.krolik"),
])  # fmt: skip
def test_labels_become_a_project_beside_them(live, theirs, source, place):
    made = begun(live, theirs / source)
    assert (made["existed"], made["labels"]) == (False, True)
    job = ended(live.client, f"/api/projects/{made['id']}", 1)
    assert (job["kind"], job["status"], job["result"]["report"]["frames"]) == ("import", "done", 2)
    with krolik.open(theirs / place) as opened:
        assert opened.skeleton.names == ["нос", "хвост"]
        assert sorted(f.instances[0].points[0, 0] for f in labels.load(opened.file)) == [7.0, 12.0]


def test_a_project_that_was_made_of_them_is_opened_and_nothing_imported_over_it(live, theirs):
    made = begun(live, theirs / "labels.json")
    base = f"/api/projects/{made['id']}"
    assert ended(live.client, base, 1)["status"] == "done"
    again = begun(live, theirs / "labels.json")
    assert again == {"id": made["id"], "existed": True, "labels": True}
    assert len(live.client.get(base).json()["jobs"]) == 1


def test_labels_come_into_a_project_of_their_name_that_has_none(live, theirs):
    """It was made of the video; labels of a person's own are not written over."""
    (theirs / "labels.json").rename(theirs / "clip.json")
    base = f"/api/projects/{begun(live, theirs / 'clip.mp4')['id']}"
    assert not begun(live, theirs / "clip.json")["existed"]
    assert ended(live.client, base, 2)["result"]["report"]["frames"] == 2
    with krolik.open(theirs / "clip.krolik") as project:
        project.export(theirs / "clip.csv", "csv", what="labels")  # another source of that name
    assert begun(live, theirs / "clip.csv")["existed"]


def test_labels_find_the_video_that_came_with_them(live, theirs, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    video = (theirs / "clip.mp4").rename(tmp_path / "elsewhere" / "clip.mp4")
    made = begun(live, theirs / "labels.json", video)
    job = ended(live.client, f"/api/projects/{made['id']}", 1)
    assert job["status"] == "done" and job["document"]["videos"] == [str(video)]


def test_without_their_video_the_import_says_so_and_the_project_can_be_told(live, theirs, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    video = (theirs / "clip.mp4").rename(tmp_path / "elsewhere" / "clip.mp4")
    made = begun(live, theirs / "labels.json")
    base = f"/api/projects/{made['id']}"
    job = ended(live.client, base, 1)
    assert (job["status"], job["error"]["code"]) == ("failed", "labels-without-video")
    answer = live.client.post(f"{base}/import", json={"path": job["document"]["source"], "videos": [str(video)]})
    assert ended(live.client, base, answer.json()["id"])["status"] == "done"


def test_labels_whose_video_was_put_in_place_are_opened_once_more(live, theirs, tmp_path):
    video = (theirs / "clip.mp4").rename(tmp_path / "away.mp4")
    made = begun(live, theirs / "labels.json")
    base = f"/api/projects/{made['id']}"
    assert ended(live.client, base, 1)["status"] == "failed"
    video.rename(theirs / "clip.mp4")
    assert begun(live, theirs / "labels.json") == made
    assert ended(live.client, base, 2)["status"] == "done"
    assert begun(live, theirs / "labels.json")["existed"]


def test_what_is_in_no_known_format_leaves_no_project(live, theirs):
    (theirs / "table.csv").write_text("a,b\n1,2\n")
    answer = begun(live, theirs / "table.csv")
    assert answer["code"] == "unknown-format" and not list(theirs.glob("*.krolik"))


def test_videos_and_labels_that_are_dropped_with_a_project_come_into_it(live, theirs, tmp_path):
    krolik.new(tmp_path / "own.krolik", skeleton="нос,хвост").close()
    ids = [resolve(live, p)["id"] for p in (tmp_path / "own.krolik", theirs / "clip.mp4", theirs / "labels.json")]
    opened = live.client.post("/api/projects/open", json={"place": ids[0], "videos": ids[1:]}).json()
    assert ended(live.client, f"/api/projects/{opened['id']}", 1)["result"]["report"]["frames"] == 2
    with krolik.open(tmp_path / "own.krolik") as project:
        assert [v.name for v in videos.records(project.file)] == ["clip.mp4"]


def test_what_left_out_points_mean_can_be_said(live, theirs, tmp_path):
    krolik.new(tmp_path / "own.krolik").close()
    base = live.open(tmp_path / "own.krolik")
    for number, missing in enumerate(("unknown", "absent"), 1):
        live.client.post(f"{base}/import", json={"path": str(theirs / "dlc"), "missing": missing})
        assert ended(live.client, base, number)["status"] == "done"
        with krolik.open(tmp_path / "own.krolik") as project:
            tails = [frame.instances[0].states[1] for frame in labels.load(project.file)]
        assert tails == [State[missing.upper()]] * 2
    assert live.client.post(f"{base}/import", json={"path": str(theirs / "dlc"), "missing": "odd"}).status_code == 422


def test_labels_can_be_dropped_onto_an_open_project(live, theirs, tmp_path):
    krolik.new(tmp_path / "own.krolik", theirs / "clip.mp4", skeleton="нос,хвост").close()
    base = live.open(tmp_path / "own.krolik")
    sent = live.client.put(f"/api/uploads/labels.json?project={base.rsplit('/', 1)[1]}",
                           content=(theirs / "labels.json").read_bytes(),
                           headers={"content-type": "application/octet-stream"}).json()  # fmt: skip
    assert sent["kind"] == "labels"
    job = live.client.post(f"{base}/videos", json={"places": [sent["id"]]}).json()
    assert job["kind"] == "import"


@pytest.mark.parametrize("written", [".", "config.yaml"])
def test_from_within_the_folder_as_well(tmp_path, theirs, monkeypatch, written):
    monkeypatch.chdir(theirs / "dlc")
    workspace = Workspace([tmp_path])
    opened = opened_for(workspace, Path(written))
    assert opened.file.path == theirs / "dlc.krolik"
    assert control.wait(opened.file, jobs.every(opened.file)[0].id, 60).status == "done"
    workspace.close()


def test_the_command_line_opens_labels_as_well(tmp_path, theirs):
    workspace = Workspace([tmp_path])
    opened = opened_for(workspace, theirs / "dlc")
    assert opened.file.path == theirs / "dlc.krolik" and first_page(opened) == f"{opened.id}/videos"
    assert control.wait(opened.file, jobs.every(opened.file)[0].id, 60).status == "done"
    assert first_page(opened_for(workspace, theirs / "dlc")) == f"{opened.id}/label"
    workspace.close()
    with pytest.raises(NotFound):
        opened_for(Workspace([tmp_path]), theirs / "nothing.slp")
    with pytest.raises(InvalidFile):
        (theirs / "notes.json").write_text('{"a": 1}')
        opened_for(Workspace([tmp_path]), theirs / "notes.json")


def test_a_folder_of_images_is_one_of_labels_only_where_they_are_labelled(tmp_path, theirs):
    images = theirs / "dlc" / "labeled-data" / "clip"
    assert Material.of([images]) == Material([], [images])
    for table in images.glob("CollectedData*"):
        table.unlink()
    assert Material.of([images]) == Material([images], [])
    assert project_place(theirs / "a.pkg.slp") == theirs / "a.krolik"
