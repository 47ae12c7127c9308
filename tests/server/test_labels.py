"""Labels over HTTP: durable when answered, made once, merged, undone; the stream of events tells others."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krolik.poses import BLOCK, FrameKey, Predictions, State
from krolik.project import ProjectFile, history, labels, predictions, runs, videos
from krolik.rendering.annotated import write_image
from krolik.skeleton import template
from tests.clips import VARIANTS, barcode_frame, write_clip
from tests.server.conftest import Killable, ended, project_for


def put(points: dict, animal: str = "a") -> dict:
    return {"kind": "points", "animal": animal,
            "points": {str(k): {"state": s, **({"x": xy[0], "y": xy[1]} if xy else {})}
                       for k, (s, *xy) in points.items()}}  # fmt: skip


class Page:
    """What the page does with one video of a project."""

    def __init__(self, live, project):
        self.client, self.base = live.client, live.open(project)
        self.video = self.get("").json()["videos"][0]["id"]
        self.at = f"{self.base}/videos/{self.video}"
        self.count = 0

    def get(self, path):
        return self.client.get(f"{self.base}{path}")

    def edit(self, frame, *operations, name=None):
        self.count += 1
        body = {"operation": name or f"op{self.count}", "operations": list(operations)}
        return self.client.post(f"{self.at}/labels/{frame}", json=body)

    def frames(self, start=0, stop=60):
        return self.client.get(f"{self.at}/labels?start={start}&stop={stop}").json()["frames"]

    def step(self, way):
        return self.client.post(f"{self.base}/{way}", json={})


@pytest.fixture
def project(tmp_path):
    write_clip(tmp_path / "clip.mp4", VARIANTS["b-frames"], 60)
    return project_for(tmp_path / "clip.mp4")


@pytest.fixture
def page(live, project):
    return Page(live, project)


def test_points_states_and_animals(page):
    document = page.edit(5, put({0: (3, 10.25, 20.5), 1: (2, 11, 21), 2: (1,)})).json()["document"]
    assert document["instances"] == [
        {"id": "a", "track": None, "points": {"0": [3, 10.25, 20.5], "1": [2, 11.0, 21.0], "2": [1]}}
    ]
    page.edit(5, put({0: (3, 50, 30)}, "b"), {"kind": "track", "animal": "b", "track": "Белка"})
    page.edit(5, put({1: (0,)}))  # unknown again
    (first, second) = page.frames()["5"]["instances"]
    assert sorted(first["points"]) == ["0", "2"] and second["track"] == "Белка"
    page.edit(5, {"kind": "remove", "animal": "a"})
    assert [a["id"] for a in page.frames()["5"]["instances"]] == ["b"]
    page.edit(5, {"kind": "remove", "animal": "b"})
    assert page.frames() == {}
    page.edit(5, {"kind": "empty"})
    assert page.frames()["5"]["instances"] == []
    page.edit(5, {"kind": "unlabel"})
    assert page.frames() == {}


def test_an_edit_that_comes_twice_is_made_once(page):
    first = page.edit(1, put({0: (3, 1, 1)}), name="same").json()
    page.edit(1, put({0: (3, 9, 9)}))
    again = page.edit(1, put({0: (3, 1, 1)}), name="same").json()
    assert again["document"]["instances"][0]["points"]["0"] == [3, 9.0, 9.0]
    assert again["revision"] == first["revision"] + 1


def test_two_people_on_one_frame_lose_nothing(page, live):
    other = httpx.Client(base_url=live.address, headers=page.client.headers)
    errors = []

    def work(client, keypoints, animal):
        for i in range(25):
            for keypoint in keypoints:
                body = {
                    "operation": f"{animal}{keypoint}x{i}",
                    "operations": [put({keypoint: (3, i, keypoint)}, animal)],
                }
                answer = client.post(f"{page.at}/labels/7", json=body)
                if answer.status_code != 200:
                    errors.append(answer.text)

    threads = [threading.Thread(target=work, args=a) for a in [(page.client, (0, 1), "a"), (other, (2, 3), "a"),
                                                               (other, (4,), "b")]]  # fmt: skip
    [t.start() for t in threads]
    [t.join() for t in threads]
    other.close()
    assert not errors
    animals = {a["id"]: a["points"] for a in page.frames()["7"]["instances"]}
    assert animals == {"a": {str(k): [3, 24.0, float(k)] for k in range(4)}, "b": {"4": [3, 24.0, 4.0]}}


BAD = [
    ({"operation": "x", "operations": []}, 422),
    ({"operation": "x" * 100, "operations": [{"kind": "empty"}]}, 422),
    ({"operation": "x", "operations": [{"kind": "destroy"}]}, 422),
    ({"operation": "x", "operations": [{"kind": "points", "animal": "a", "points": {"0": {"state": 9}}}]}, 422),
    ({"operation": "x", "operations": [{"kind": "points", "animal": "a", "points": {"zero": {"state": 1}}}]}, 422),
    ({"operation": "x", "operations": [{"kind": "points", "animal": "../a", "points": {}}]}, 422),
    ({"operation": "x", "operations": [put({0: (3, "1", 2)})]}, 422),
    ({"operation": "x", "operations": [put({0: (3, 1e300, 2)})]}, 422),
    ({"operation": "x", "operations": [put({0: (3,)})]}, 400),
    ({"operation": "x", "operations": [put({99: (3, 1, 2)})]}, 400),
    ({"operation": "x", "operations": [put({0: (3, 500, 2)})]}, 400),
    ({"operation": "x", "operations": [put({0: (3, -3, 2)})]}, 400),
    ({"operation": "x", "operations": [put({0: (3, 1, 2)}, f"a{i}") for i in range(300)]}, 400),
    ([], 422), (None, 422), ("text", 422), ({}, 422),
]  # fmt: skip


@pytest.mark.parametrize("body, status", BAD)
def test_what_is_no_edit_changes_nothing(page, body, status):
    answer = page.client.post(f"{page.at}/labels/3", json=body)
    assert answer.status_code == status and answer.json()["code"]
    assert page.frames() == {}


@pytest.mark.parametrize(
    "text", ['{"operation": "x", "operations": [', "[" * 5000, '{"a": NaN}', "\x00", '{"operation": 1e999}']
)
def test_what_is_no_json_changes_nothing(page, text):
    assert page.client.post(f"{page.at}/labels/3", content=text).status_code in (400, 422)


@pytest.mark.parametrize("frame", [-1, 60, 10**12, "x", "1.5", "0x1"])
def test_a_frame_outside_the_video_is_refused(page, frame):
    assert page.edit(frame, {"kind": "empty"}).status_code in (404, 422)
    assert page.client.get(f"{page.at}/frames/{frame}").status_code in (404, 422)
    assert page.client.get(f"{page.at}/frames/0?width=9999").status_code == 400
    assert page.client.get(f"{page.base}/videos/nothing/frames/0").status_code == 404
    assert page.client.get(f"/api/projects/nothing/videos/{page.video}/frames/0").status_code == 404


def test_a_picture_that_one_gives_up_still_reaches_the_other(page, live, project):
    """Two ask for the same picture, one goes away before it is there."""
    opened = live.workspace.open(project)
    server = opened.frames(videos.record(opened.file, page.video))
    hold = threading.Event()
    walk, server._open = server._open, lambda: hold.wait(10) and walk()
    found = []
    second = threading.Thread(target=lambda: found.append(page.client.get(f"{page.at}/frames/33").status_code))
    with pytest.raises(httpx.ReadTimeout):
        other = httpx.Client(base_url=live.address, headers=page.client.headers, timeout=0.3)
        second.start()
        other.get(f"{page.at}/frames/33")
    other.close()
    time.sleep(0.3)  # the server has noticed
    hold.set()
    second.join(10)
    assert found == [200]


def test_reading_changes_nothing(page):
    page.edit(5, put({0: (3, 1, 1)}))
    before = page.get("").json()["revision"]
    for path in ("", "/overview", "/history", f"/videos/{page.video}/labels?start=0&stop=9",
                 f"/videos/{page.video}/neighbours/3", f"/videos/{page.video}/frames/3"):  # fmt: skip
        assert page.get(path).status_code == 200
    for path in ("/undo", "/redo", f"/videos/{page.video}/labels/3"):
        assert page.get(path).status_code in (404, 405)
    assert page.get("").json()["revision"] == before


steps = st.lists(st.one_of(
    st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 3), st.integers(0, 2), st.integers(1, 50)),
    st.sampled_from(["undo", "redo", "remove", "empty", "skeleton", "mark"]),
), max_size=30)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_undo_and_redo_restore_the_exact_state(page, walk):
    def state():
        overview = page.get("/overview").json()
        return page.frames(), page.get("").json()["skeleton"], overview["lanes"], overview["counts"]

    start = page.get("").json()["revision"]
    done, undone = [state()], []
    for number, action in enumerate(walk):
        if action in ("undo", "redo"):
            source, target = (done, undone) if action == "undo" else (undone, done)
            if len(source) > (action == "undo"):
                assert page.step(action).status_code == 200
                target.append(source.pop())
        else:
            before = page.get("").json()["revision"]
            if action == "skeleton":
                snapshot = page.get("").json()
                changed = json.loads(json.dumps(snapshot["skeleton"]))
                changed["keypoints"].reverse()
                changed["keypoints"][0]["name"] = f"имя {number}"
                body = {"operation": f"sk{start}n{number}", "base": snapshot["skeleton"], "skeleton": changed}
                assert page.client.put(f"{page.base}/skeleton", json=body).status_code == 200
            elif action == "mark":
                page.client.post(f"{page.at}/marks", json={"frames": [number, 40]})
            else:
                operation = {"kind": action, "animal": "a"} if action == "remove" else {"kind": "empty"}
                if isinstance(action, tuple):
                    animal, keypoint, frame, x = action
                    operation = put({keypoint: (3, x, 1)}, animal)
                frame = action[2] if isinstance(action, tuple) else 0
                assert page.edit(frame, operation, name=f"w{start}n{number}").status_code == 200
            if page.get("").json()["revision"] != before:
                done.append(state())
                undone.clear()
        assert state() == done[-1]
    while len(done) > 1:
        done.pop()
        page.step("undo")
        assert state() == done[-1]


def test_nothing_to_undo_is_said(page):
    page.step("undo")  # the video that was added
    answer = page.step("undo")
    assert (answer.status_code, answer.json()["code"]) == (404, "nothing-to-undo")


def test_a_skeleton_that_somebody_else_changed_is_a_conflict(page):
    base = page.get("").json()["skeleton"]
    for number, status in ((1, 200), (2, 409)):
        changed = {**base, "keypoints": [{**base["keypoints"][0], "name": f"n{number}"}, *base["keypoints"][1:]]}
        body = {"operation": f"o{number}", "base": base, "skeleton": changed}
        assert page.client.put(f"{page.base}/skeleton", json=body).status_code == status


@pytest.mark.parametrize(
    "names, code", [(["a", "a"], "doubled-name"), (["a", " "], "empty-name"), ([], "empty-skeleton")]
)
def test_a_skeleton_that_cannot_be(page, names, code):
    base = page.get("").json()["skeleton"]
    points = [{"id": i, "name": n, "color": "#ffffff"} for i, n in enumerate(names)]
    body = {"operation": "o", "base": base, "skeleton": {"keypoints": points, "edges": [], "symmetric_pairs": []}}
    assert page.client.put(f"{page.base}/skeleton", json=body).json()["code"] == code


def test_the_second_tab_hears_of_the_first_one_s_edit(page):
    revision = page.get("").json()["revision"]
    with page.client.stream("GET", f"{page.base}/events?since={revision}") as stream:
        lines = stream.iter_lines()
        page.edit(9, put({0: (3, 1, 1)}))
        found = [x for x in (next(lines) for _ in range(5)) if x and not x.startswith(":")]
    assert found[0] == f"id: {revision + 1}.0" and found[1] == "event: change"
    assert json.loads(found[2].removeprefix("data: ")) == {
        "revision": revision + 1, "touched": [["frame", f"{page.video}/9"]]}  # fmt: skip


def test_who_was_away_hears_what_was_missed(page):
    page.edit(1, put({0: (3, 1, 1)}))
    page.edit(2, put({0: (3, 1, 1)}))
    with page.client.stream("GET", f"{page.base}/events", headers={"last-event-id": "1"}) as stream:
        line = next(x for x in stream.iter_lines() if x.startswith("data"))
    assert len(json.loads(line.removeprefix("data: "))["touched"]) == 2


def test_a_change_by_the_command_line_is_heard_too(page, project):
    revision = page.get("").json()["revision"]
    with page.client.stream("GET", f"{page.base}/events?since={revision}") as stream:
        with ProjectFile.open(project) as other:
            history.undo(other, "cli")
        line = next(x for x in stream.iter_lines() if x.startswith("data"))
    assert json.loads(line.removeprefix("data: "))["touched"][0][0] == "video"


def test_frames_are_selected_in_the_background_and_the_work_can_be_stopped(page):
    job = page.client.post(f"{page.base}/select", json={"count": 7, "strategy": "diverse"}).json()
    done = ended(page.client, page.base, job["id"])
    assert done["status"] == "done"
    assert len(page.get("/overview").json()["lanes"][page.video]["selected"]) == 7
    assert page.client.post(f"{page.base}/jobs/{job['id']}/cancel", json={}).json()["code"] == "no-task"
    assert page.client.post(f"{page.base}/jobs/99/cancel", json={}).json()["code"] == "no-job"
    refused = page.client.post(f"{page.base}/select", json={"count": 5, "strategy": "magic"})
    assert refused.status_code == 400
    job = page.client.post(f"{page.base}/select", json={"count": 500, "strategy": "uniform"}).json()
    last = ended(page.client, page.base, job["id"])
    assert last["error"]["code"] == "too-few-free" and last["error"]["values"]["free"] == "53"


def test_marks_by_number_and_text(page):
    page.client.post(f"{page.at}/marks", json={"frames": [5, 3, 5]})
    page.client.post(f"{page.at}/marks", json={"text": "10-20:5"})
    assert page.client.get(f"{page.at}/marks").json()["frames"] == dict.fromkeys(["3", "5", "10", "15", "20"], "hand")
    assert page.client.request("DELETE", f"{page.at}/marks", json={"frames": [3]}).json() == {"unmarked": 1}
    assert page.client.request("DELETE", f"{page.at}/marks", json={}).json() == {"unmarked": 4}
    for body, code in (({"text": "ten"}, "not-frames"), ({"frames": [60]}, "no-frame"), ({"text": "5-99"}, "no-frame")):
        assert page.client.post(f"{page.at}/marks", json=body).json()["code"] == code


def test_the_pixels_of_a_labelled_frame_are_kept_and_shown_when_the_video_is_away(page, live, project):
    page.edit(12, put({0: (3, 1, 1)}))
    opened = live.workspace.open(project)
    deadline = time.monotonic() + 10
    while labels.without_pixels(opened.file) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert labels.pixels(opened.file, FrameKey(page.video, 12))
    moved = project.parent / "elsewhere"
    moved.mkdir()
    shutil.move(project.parent / "clip.mp4", moved / "other name.mp4")
    opened.forget_video(videos.record(opened.file, page.video))
    assert page.get("").json()["videos"][0]["problem"] == "video-missing"
    assert page.client.get(f"{page.at}/frames/12?width=320").status_code == 200
    refused = page.client.get(f"{page.at}/frames/13?width=320")
    assert (refused.status_code, refused.json()["code"]) == (404, "video-missing")
    write_clip(project.parent / "wrong.mp4", VARIANTS["plain"], 10)
    for name, status in (("wrong.mp4", 400), ("elsewhere/other name.mp4", 200)):
        entry = page.client.post("/api/places/resolve", json={"path": str(project.parent / name)}).json()
        assert page.client.post(f"{page.at}/relink", json={"place": entry["id"]}).status_code == status
    assert page.client.get(f"{page.at}/frames/13?width=320").status_code == 200


def test_pictures_are_kept_by_the_browser_as_long_as_they_cannot_change(page):
    assert "immutable" in page.client.get(f"{page.at}/frames/3").headers["cache-control"]
    folder = Path(page.get("").json()["path"]).parent / "images"
    write_image(folder / "a.png", barcode_frame(1))
    entry = page.client.post("/api/places/resolve", json={"path": str(folder)}).json()
    job = page.client.post(f"{page.base}/videos", json={"places": [entry["id"]]}).json()
    (identity,) = ended(page.client, page.base, job["id"])["result"]["videos"]
    answer = page.client.get(f"{page.base}/videos/{identity}/frames/0")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, max-age=60")


def test_a_changed_video_is_said(page, project):
    write_clip(project.parent / "clip.mp4", VARIANTS["plain"], 30)
    assert page.get("").json()["videos"][0]["problem"] == "video-changed"


def test_a_read_only_project_is_shown_and_not_changed(live, project, monkeypatch):
    monkeypatch.setattr("krolik.project.file.os.access", lambda path, mode: False)
    page = Page(live, project)
    assert page.get("").json()["read_only"] is True
    assert page.client.get(f"{page.at}/frames/3").status_code == 200
    answer = page.edit(1, {"kind": "empty"})
    assert (answer.status_code, answer.json()["code"]) == (507, "read-only")
    assert page.frames() == {}


def test_two_videos_of_one_name_are_kept_apart(page, project):
    (project.parent / "b").mkdir()
    write_clip(project.parent / "b" / "clip.mp4", VARIANTS["plain"], 20)
    entry = page.client.post("/api/places/resolve", json={"path": str(project.parent / "b" / "clip.mp4")}).json()
    job = page.client.post(f"{page.base}/videos", json={"places": [entry["id"]]}).json()
    assert ended(page.client, page.base, job["id"])["status"] == "done"
    first, second = page.get("").json()["videos"]
    assert sorted((first["name"], second["name"])) == ["b_clip.mp4", "clip.mp4"] and first["id"] != second["id"]
    page.client.post(
        f"{page.base}/videos/{second['id']}/labels/3", json={"operation": "z", "operations": [{"kind": "empty"}]}
    )
    lanes = page.get("/overview").json()["lanes"]
    assert {v["frames"]: lanes[v["id"]]["labelled"] for v in (first, second)} == {60: [], 20: [3]} or {
        v["frames"]: lanes[v["id"]]["labelled"] for v in (first, second)} == {60: [3], 20: []}  # fmt: skip


ABOUT = {"model": "m", "start": 0, "skeleton": template("rabbit").to_json()}


def test_curves_of_all_animals_together(page, live, project):
    """The lowest score of those that are there, and each one's middle; the second is there in 30 of 60 frames."""
    file = live.workspace.open(project).file
    run = runs.start(file, "predict", {"video": page.video, **ABOUT, "stop": 60})
    xy = np.full((60, 2, 8, 2), np.nan, np.float32)
    xy[:, 0, :2], xy[:30, 1, 0] = [(10, 20), (30, 60)], (100, 40)
    score = np.where(np.isfinite(xy[..., 0]), np.float32([[0.9], [0.3]]), 0)
    predictions.store(file, run, page.video, Predictions(0, xy, score, np.ones(60, bool)))
    found = page.client.get(f"{page.at}/curves?run={run}&bins=2").json()
    assert (found["width"], found["animals"], found["animal"]) == (30, 2, None)
    assert found["x"] == [[20, 20], [100, None]] and found["y"] == [[40, 40], [40, None]]
    assert found["score"][:2] == [[0.3, 0.9], [0, 0.9]]  # the second animal has no second keypoint
    one = page.client.get(f"{page.at}/curves?run={run}&bins=2&animal=1").json()
    assert one["animal"] == 1 and (one["x"][0], one["x"][1], one["score"][0]) == ([100, None], [None, None], [0.3, 0])


def test_predictions_come_as_proposals(page, live, project):
    file = live.workspace.open(project).file
    run = runs.start(
        file,
        "predict",
        {"video": page.video, "model": "m", "start": 0, "stop": 60, "skeleton": template("rabbit").to_json(),
         "animals": ["", "Снежок"]},
    )  # fmt: skip
    xy = np.full((60, 3, 8, 2), np.nan, np.float32)
    xy[:, :, 0] = (5.5, 6.25)
    predictions.store(
        file, run, page.video, Predictions(0, xy, np.full((60, 3, 8), 0.9, np.float32), np.ones(60, bool))
    )
    page.edit(2, put({1: (3, 1, 1)}))
    found = page.client.get(f"{page.at}/labels?start=0&stop=4").json()
    animals = [{"points": {"0": [5.5, 6.25, 0.9]}, "name": name} for name in (None, "Снежок", None)]
    assert found["predicted"] == dict.fromkeys(("0", "1", "3"), animals)
    assert page.get("/overview").json()["lanes"][page.video]["predicted"] == [[0, 60]]


@pytest.mark.alone
def test_a_million_predicted_frames_slow_no_click(page, live, project):
    """Lookups by index: as quick as without predictions, give or take the noise of a machine that does other things."""
    file = live.workspace.open(project).file

    def click_seconds() -> float:
        times = []
        for frame in range(8):
            start = time.perf_counter()
            page.edit(frame, put({0: (3, 1, frame)}))
            page.client.get(f"{page.at}/labels?start=0&stop=24")
            times.append(time.perf_counter() - start)
        return min(times)

    without = click_seconds()
    run = runs.start(
        file,
        "predict",
        {"video": page.video, "model": "m", "start": 0, "stop": 10**6, "skeleton": template("rabbit").to_json()},
    )
    block = Predictions(
        0, np.zeros((BLOCK, 1, 8, 2), np.float32), np.ones((BLOCK, 1, 8), np.float32), np.ones(BLOCK, bool)
    )
    with file.write():
        for start in range(0, 10**6, BLOCK):
            predictions.store(file, run, page.video, Predictions(start, block.xy, block.score, block.decoded))
    assert click_seconds() < 5 * without + 0.02


@pytest.mark.parametrize("after", [3, 17, 40])
def test_killing_the_server_loses_no_acknowledged_edit(project, after):
    server = Killable(project)
    process, client, base = server.process, server.client, f"/api/projects/{server.identity}"
    try:
        video = client.get(base).json()["videos"][0]["id"]
        acknowledged = {}
        killer = threading.Timer(10, process.kill)

        def kill_soon():
            time.sleep(0.002 * after)
            os.kill(process.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

        try:
            for i in range(200):
                if i == after:
                    threading.Thread(target=kill_soon).start()
                body = {"operation": f"k{i}", "operations": [put({i % 8: (3, i / 4, 1)})]}
                answer = client.post(f"{base}/videos/{video}/labels/{i % 20}", json=body)
                assert answer.status_code == 200
                acknowledged[i % 20, i % 8] = i / 4
        except httpx.TransportError:
            pass
        killer.cancel()
    finally:
        server.kill()
    assert len(acknowledged) >= after * 0.9
    with ProjectFile.open(project) as file:
        file.check()
        frames = {f.key.index: f.instances[0] for f in labels.load(file)}
    for (frame, keypoint), x in acknowledged.items():
        assert frames[frame].states[keypoint] == State.VISIBLE
        assert frames[frame].points[keypoint, 0] >= x  # or what was sent last and not acknowledged any more


def test_a_removed_video_is_no_place_to_label_until_an_undo(page):
    page.edit(12, put({0: (3, 1, 1)}))
    assert page.client.request("DELETE", page.at, json={}).status_code == 200
    assert page.get("").json()["videos"] == [] and page.get("/overview").json()["lanes"] == {}
    refused = page.client.get(f"{page.at}/frames/12?width=320")
    assert refused.status_code == 404
    page.client.post(f"{page.base}/undo", json={})
    assert page.client.get(f"{page.at}/frames/13?width=320").status_code == 200
    assert list(page.get("/overview").json()["lanes"].values())[0]["labelled"] == [12]
