"""Folders, ids instead of paths, new projects, uploads."""

import os
import shutil
import time

import pytest

from krolik import jobs as control
from krolik.errors import InvalidFile
from krolik.project import ProjectFile, jobs, selection, videos
from krolik.server.places import Places
from krolik.server.serve import opened_for
from krolik.server.workspace import Workspace
from krolik.skeleton import template
from tests.clips import VARIANTS, write_clip
from tests.server.conftest import ended


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "клип 1.mp4"
    write_clip(path, VARIANTS["b-frames"], 30)
    return path


def resolve(live, path) -> dict:
    return live.client.post("/api/places/resolve", json={"path": str(path)}).json()


def test_a_folder_is_listed_by_ids(live, tmp_path, clip):
    (tmp_path / "notes.txt").write_text("not for the page")
    (tmp_path / ".hidden.mp4").write_text("")
    (tmp_path / "inside").mkdir()
    root = live.client.get("/api/start").json()["roots"][0]
    listing = live.client.get(f"/api/places/{root['id']}").json()
    assert [(e["name"], e["kind"]) for e in listing["entries"]] == [("inside", "folder"), (clip.name, "video")]
    assert listing["parent"] is None
    inside = live.client.get(f"/api/places/{listing['entries'][0]['id']}").json()
    assert inside["parent"] == root["id"]


OUTSIDE = ["/etc", "/etc/passwd", "/", "..", "relative.mp4", "", " ", "\0", "/nowhere/at/all", "file:///etc/passwd",
           "~root", "//server/share/x.mp4", "/proc/self/environ"]  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_outside_the_roots_are_refused_and_told_nothing_of(live, path):
    answer = live.client.post("/api/places/resolve", json={"path": path})
    assert answer.status_code in (403, 404, 422)
    assert answer.json()["code"] in ("outside-roots", "not-a-path", "bad-request", "no-file")


def test_whether_something_exists_outside_is_not_told(live, tmp_path):
    there, nowhere = (
        live.client.post("/api/places/resolve", json={"path": p}) for p in ("/etc/passwd", "/etc/nothing")
    )
    assert there.status_code == nowhere.status_code == 403
    assert there.json()["code"] == nowhere.json()["code"]


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights on Windows")
def test_a_link_does_not_lead_out(live, tmp_path):
    (tmp_path / "way out").symlink_to("/etc")
    assert resolve(live, tmp_path / "way out")["code"] == "outside-roots"
    root = live.client.get("/api/start").json()["roots"][0]
    assert live.client.get(f"/api/places/{root['id']}").json()["entries"] == []


def test_an_id_that_was_never_given_means_nothing(live):
    for identity in ("x", "%2e%2e", "0" * 200):
        assert live.client.get(f"/api/places/{identity}").status_code == 404
    assert live.client.post("/api/projects/open", json={"place": "x"}).json()["code"] == "no-file"


def test_a_file_that_the_page_has_no_use_for_is_there_all_the_same(live, tmp_path):
    (tmp_path / "notes.txt").write_text("not for the page")
    assert resolve(live, tmp_path / "notes.txt")["code"] == "unknown-format"


def test_pasted_paths_are_understood(tmp_path, clip):
    places = Places([tmp_path])
    for text in (str(clip), f' "{clip}" ', f"'{clip}'", clip.as_uri()):
        assert places.resolve(text).name == clip.name


def test_a_video_on_the_command_line_is_read_while_the_page_is_there_already(tmp_path, clip):
    workspace = Workspace([tmp_path])
    opened = opened_for(workspace, clip)
    assert opened.file.path == clip.with_suffix(".krolik")
    (job,) = jobs.every(opened.file)
    assert (job.kind, job.document) == ("add", {"paths": [str(clip)], "select": True})
    end = time.monotonic() + 60
    while control.settle(opened.file) and time.monotonic() < end:
        time.sleep(0.05)
    (record,) = videos.records(opened.file)
    assert record.frames == 30 and len(selection.load(opened.file)) > 0
    assert opened_for(workspace, clip) is opened and len(jobs.every(opened.file)) == 1
    workspace.close()


def test_what_is_no_video_makes_no_project(tmp_path):
    (tmp_path / "notes.mp4").write_text("these are no frames")
    with pytest.raises(InvalidFile, match="not a video"):
        opened_for(Workspace([tmp_path]), tmp_path / "notes.mp4")
    assert not list(tmp_path.glob("*.krolik"))


def test_a_project_is_made_beside_its_video_and_opened_the_next_time(live, tmp_path, clip):
    entry = resolve(live, clip)
    made = live.client.post("/api/projects", json={"videos": [entry["id"]], "keypoints": ["нос", "хвост"]}).json()
    assert made["existed"] is False and (tmp_path / "клип 1.krolik").is_file()
    job = ended(live.client, f"/api/projects/{made['id']}", 1)
    snapshot = live.client.get(f"/api/projects/{made['id']}").json()
    assert [k["name"] for k in snapshot["skeleton"]["keypoints"]] == ["нос", "хвост"]
    assert [(v["name"], v["frames"], v["problem"]) for v in snapshot["videos"]] == [(clip.name, 30, None)]
    again = live.client.post("/api/projects", json={"videos": [entry["id"]]}).json()
    assert again == {"id": made["id"], "existed": True, "labels": False}
    assert live.client.get("/api/start").json()["recent"][0]["id"] == made["id"]
    (lanes,) = live.client.get(f"/api/projects/{made['id']}/overview").json()["lanes"].values()
    assert job["status"] == "done" and len(lanes["selected"]) == 20  # labelling can begin at once


@pytest.mark.parametrize("body, code", [
    ({"videos": []}, "bad-request"),
    ({"videos": ["nothing"]}, "no-file"),
    ({"videos": [], "folder": "nothing", "name": "x"}, "no-file"),
    ({"videos": "x"}, "bad-request"),
    ({"videos": [], "surprise": 1}, "bad-request"),
    ({"videos": [1]}, "bad-request"),
    ({}, "bad-request"),
])  # fmt: skip
def test_what_makes_no_project(live, body, code):
    assert live.client.post("/api/projects", json=body).json()["code"] == code


@pytest.mark.parametrize("name", ["../up", "a/b", "..", ".hidden", "nul\0", "C:evil", "a*b", "NUL", "com1", "x."])
def test_a_name_is_only_a_name(live, tmp_path, name):
    root = live.client.get("/api/start").json()["roots"][0]
    answer = live.client.post("/api/projects", json={"videos": [], "folder": root["id"], "name": name})
    assert answer.json()["code"] == "bad-name"
    assert not list(tmp_path.rglob("*.krolik"))


def test_a_file_that_is_no_video_leaves_no_project(live, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"nothing" * 100)
    entry = resolve(live, tmp_path / "broken.mp4")
    answer = live.client.post("/api/projects", json={"videos": [entry["id"]]})
    assert (answer.status_code, answer.json()["code"]) == (400, "not-a-video")
    assert not list(tmp_path.glob("*.krolik"))


def test_a_playlist_that_names_other_files_is_no_video(live, tmp_path, clip):
    (tmp_path / "list.mp4").write_text(f"#EXTM3U\n#EXTINF:1,\n{clip}\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")
    entry = resolve(live, tmp_path / "list.mp4")
    assert live.client.post("/api/projects", json={"videos": [entry["id"]]}).json()["code"] in (
        "not-a-video",
        "no-frames",
    )


def test_a_dropped_video_is_copied_beside_the_project_under_a_free_name(live, tmp_path, clip):
    with ProjectFile.create(tmp_path / "a.krolik", template("rabbit")):
        pass
    base = live.open(tmp_path / "a.krolik")
    identity = base.rsplit("/", 1)[1]
    headers = {"content-type": "application/octet-stream"}
    names = []
    for _ in range(2):
        answer = live.client.put(f"/api/uploads/{clip.name}?project={identity}", content=clip.read_bytes(),
                                 headers=headers)  # fmt: skip
        names.append(answer.json()["name"])
        assert live.client.post(f"{base}/videos", json={"places": [answer.json()["id"]]}).status_code == 200
    assert names == ["клип 1-2.mp4", "клип 1-3.mp4"]
    assert (tmp_path / names[0]).read_bytes() == clip.read_bytes()


@pytest.mark.parametrize(
    "name", ["..%2fx.mp4", "x.exe", ".x.mp4", "x.mp4%00.sh", "con%3a.mp4", "x.py", "CON.mp4", "lpt1.avi"]
)
def test_only_videos_can_be_dropped(live, tmp_path, name):
    answer = live.client.put(f"/api/uploads/{name}", content=b"x", headers={"content-type": "application/octet-stream"})
    assert answer.status_code in (400, 404, 405)
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


def test_an_upload_that_breaks_off_leaves_nothing(live, tmp_path, clip):
    import socket

    with ProjectFile.create(tmp_path / "a.krolik", template("rabbit")):
        pass
    identity = live.open(tmp_path / "a.krolik").rsplit("/", 1)[1]
    before = set(tmp_path.iterdir())
    with socket.create_connection(("127.0.0.1", live.port)) as wire:
        wire.sendall((f"PUT /api/uploads/half.mp4?project={identity} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                      f"Bearer {'k' * 43}\r\nContent-Type: application/octet-stream\r\nContent-Length: 100000\r\n\r\n"
                      ).encode() + b"x" * 500)  # fmt: skip
    deadline = time.monotonic() + 5
    while (extra := {p for p in tmp_path.iterdir() if ".mp4" in p.name} - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not extra


def test_a_moved_project_is_not_recent_any_more(live, tmp_path, clip):
    with ProjectFile.create(tmp_path / "b.krolik", template("rabbit")):
        pass
    live.open(tmp_path / "b.krolik")
    shutil.move(tmp_path / "b.krolik", tmp_path / "c.krolik")
    assert live.client.get("/api/start").json()["recent"] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file go")
def test_a_project_that_was_deleted_and_made_again_is_the_new_one(live, tmp_path, clip):
    entry = resolve(live, clip)
    ids = []
    for _ in range(2):
        ids.append(live.client.post("/api/projects", json={"videos": [entry["id"]]}).json()["id"])
        base = f"/api/projects/{ids[-1]}"
        assert ended(live.client, base, 1)["status"] == "done"
        video = live.client.get(base).json()["videos"][0]["id"]
        body = {"operation": f"o{len(ids)}", "operations": [{"kind": "empty"}]}
        assert live.client.post(f"{base}/videos/{video}/labels/{len(ids)}", json=body).status_code == 200
        (lanes,) = live.client.get(f"{base}/overview").json()["lanes"].values()
        assert lanes["labelled"] == [len(ids)]
        (tmp_path / "клип 1.krolik").unlink()
        gone = live.client.post(f"{base}/videos/{video}/labels/9", json={**body, "operation": "late"})
        assert (gone.status_code, gone.json()["code"]) == (507, "project-gone")
    assert ids[0] == ids[1]
