"""Long work over HTTP: started, followed by the stream, stopped, gone on with; its results fetched."""

import json
import shutil

import pytest

from krolik import jobs as control
from krolik.actions.adding import add_videos
from krolik.demonstration.show import label_exactly
from krolik.evaluation.doubts import WEIGHTS
from krolik.project import ProjectFile, jobs
from krolik.skeleton import template
from tests.clips import VARIANTS, write_clip
from tests.conftest import SMALL
from tests.server.conftest import ended


@pytest.fixture(scope="module")
def trained(small_model, rabbit, tmp_path_factory):
    """A project with a small model, measured, that has predicted its video; treat as read-only."""
    from krolik import api

    folder = tmp_path_factory.mktemp("trained")
    with ProjectFile.open(small_model) as file:
        file.backup(folder / "rabbit.krolik")
    with api.open(folder / "rabbit.krolik") as project:
        project.evaluate()
        project.predict(rabbit[0])
        project.backup(folder / "whole.krolik")
    return folder / "whole.krolik"


@pytest.fixture
def base(live, trained, tmp_path):
    """The address of a copy of it."""
    with ProjectFile.open(trained) as file:
        file.backup(tmp_path / "rabbit.krolik")
    return live.open(tmp_path / "rabbit.krolik")


def begin(live, base, verb, **body) -> dict:
    answer = live.client.post(f"{base}/{verb}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_plan_and_a_training_told_by_the_stream(live, base):
    plan = ended(live.client, base, begin(live, base, "plan", **SMALL)["id"])
    decisions = {field: reason for field, _, reason in plan["result"]["decisions"]}
    assert decisions["network"] and plan["result"]["train_frames"] > 0
    snapshot = live.client.get(base).json()
    job = begin(live, base, "train", **SMALL)
    heard, states = [], []
    with live.client.stream("GET", f"{base}/events?since={snapshot['revision']}&event={snapshot['event']}") as stream:
        kind = identity = ""
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "id":
                identity = value
            elif name == "event":
                kind = value
            elif name == "data" and kind == "said":
                heard.append(json.loads(value))
            elif name == "data" and kind == "job" and (state := json.loads(value))["id"] == job["id"]:
                states.append(state)
                if not state["active"]:
                    break
    assert states[-1]["status"] == "done" and states[-1]["result"]["error_px"] > 0, states[-1]
    points = [h for h in heard if h["job"] == job["id"] and h["kind"] == "curve"]
    assert points and points[-1]["fraction"] > 0.5
    # a browser that slept is told what it has missed
    first = points[0]["id"] - 1
    with live.client.stream(
        "GET", f"{base}/events", headers={"last-event-id": f"{snapshot['revision']}.{first}"}
    ) as again:
        missed = next(x for x in again.iter_lines() if x.startswith("data") and '"kind": "curve"' in x)
    assert json.loads(missed.removeprefix("data: "))["id"] == points[0]["id"]
    assert identity.partition(".")[2].isdecimal()
    newest = live.client.get(f"{base}/models").json()[0]
    assert newest["name"] == states[-1]["result"]["model"] and newest["curve"] and newest["decisions"]
    assert newest["tests"]["every:5"]["n"] > 0
    one = live.client.get(f"{base}/jobs/{job['id']}").json()
    assert [s for s in one["said"] if s["kind"] == "curve"] == points


def test_results_are_made_and_fetched(live, base, tmp_path):
    job = ended(live.client, base, begin(live, base, "run", to=["csv", "json"])["id"])
    assert job["status"] == "done", job
    assert job["files"] == ["rabbit.csv", "rabbit.json", "rabbit_annotated.mp4"]
    for number, name in enumerate(job["files"]):
        answer = live.client.get(f"{base}/jobs/{job['id']}/files/{number}")
        assert answer.content == (tmp_path / "rabbit-exports" / name).read_bytes()
        assert name in answer.headers["content-disposition"]
    assert live.client.get(f"{base}/jobs/{job['id']}/files/3").json()["code"] == "no-file"
    wanted = (("predictions", "deeplabcut"), ("labels", "coco"), ("model", "model"))
    for what, to in wanted:
        name = f"rabbit-{what}-{to}"
        job = ended(live.client, base, begin(live, base, "export", what=what, to=to)["id"])
        assert job["status"] == "done" and job["files"][0].startswith(name), job
    twice = ended(live.client, base, begin(live, base, "export", what="labels", to="csv")["id"])
    again = ended(live.client, base, begin(live, base, "export", what="labels", to="csv")["id"])
    assert twice["files"] == ["rabbit-labels-csv.csv"] and again["files"] == ["rabbit-labels-csv-2.csv"]
    video = live.client.get(base).json()["videos"][0]["id"]
    frames = ended(live.client, base, begin(live, base, "render", video=video, frames="0,10-12")["id"])
    assert frames["files"] == [f"rabbit_{i:08d}.png" for i in (0, 10, 11, 12)], frames
    page = ended(live.client, base, begin(live, base, "report")["id"])
    shown = live.client.get(f"{base}/jobs/{page['id']}/files/0?show=true")
    assert (
        shown.headers["content-type"].startswith("text/html") and "sandbox" in shown.headers["content-security-policy"]
    )


def test_all_videos_at_once_each_with_files_of_its_own(live, base, tmp_path):
    """Also where their files differ by their suffix only."""
    other = tmp_path / "rabbit.mkv"
    write_clip(other, VARIANTS["plain"], 9)
    with ProjectFile.open(tmp_path / "rabbit.krolik") as file:
        (added,) = add_videos(file, [other], "test")
    job = ended(live.client, base, begin(live, base, "run", to=["csv"])["id"])
    assert job["status"] == "done", job
    files = ["rabbit.mkv.csv", "rabbit.mkv_annotated.mp4", "rabbit.mp4.csv", "rabbit.mp4_annotated.mp4"]
    assert sorted(job["files"]) == files and len(job["result"]["videos"]) == 2
    assert {f for f, of in zip(job["files"], job["result"]["of"], strict=True) if of == added.id} == set(files[:2])
    first = {f: (tmp_path / "rabbit-exports" / f).read_bytes() for f in files[2:]}
    one = ended(live.client, base, begin(live, base, "run", to=["csv"], videos=[added.id])["id"])
    assert one["status"] == "done" and sorted(one["files"]) == files[:2], one
    assert first == {f: (tmp_path / "rabbit-exports" / f).read_bytes() for f in first}


def test_poses_and_curves(live, base):
    video = live.client.get(base).json()["videos"][0]["id"]
    (run,) = live.client.get(f"{base}/videos/{video}/runs").json()
    assert run["status"] == "done" and run["ranges"] == [[0, 60]]
    at = f"{base}/videos/{video}"
    poses = live.client.get(f"{at}/poses?run={run['id']}&start=10&stop=20").json()["frames"]
    assert sorted(map(int, poses)) == list(range(10, 20)) and len(poses["10"][0]) == 8
    smooth = live.client.get(f"{at}/poses?run={run['id']}&start=10&stop=20&method=kalman&frames=9").json()["frames"]
    assert smooth != poses
    curves = live.client.get(f"{at}/curves?run={run['id']}&bins=20").json()
    assert curves["width"] == 3 and len(curves["score"]) == 8 and len(curves["x"][0]) == 20
    assert min(p[0][0][2] for p in [poses["12"], poses["13"], poses["14"]] if p[0][0]) == pytest.approx(
        curves["score"][0][4], abs=2e-3
    )
    assert live.client.get(f"{at}/curves?run={run['id']}&bins=20&animal=0").json() == curves
    assert live.client.get(f"{at}/poses?run=99&start=0&stop=9").status_code == 404
    assert live.client.get(f"{at}/curves?run={run['id']}&method=mean").status_code == 400


def test_suggestions_have_reasons_and_proposals(live, base, tmp_path):
    job = ended(live.client, base, begin(live, base, "suggest", count=5)["id"])
    assert job["status"] == "done", job
    video = live.client.get(base).json()["videos"][0]["id"]
    lanes = live.client.get(f"{base}/overview").json()["lanes"][video]
    assert len(lanes["selected"]) == 5 and not set(lanes["selected"]) & set(lanes["labelled"])
    about = lanes["suggested"]
    assert sorted(a["rank"] for a in about.values()) == list(range(5))
    assert any(a["reasons"] for a in about.values())
    assert {r["kind"] for a in about.values() for r in a["reasons"]} <= set(WEIGHTS)
    frame = int(next(iter(about)))
    stretch = live.client.get(f"{base}/videos/{video}/labels?start={frame}&stop={frame + 1}").json()
    assert len(stretch["predicted"][str(frame)][0]["points"]) == 8


def test_a_job_with_no_error_to_tell_reaches_the_page(live, base, tmp_path):
    """Python writes NaN into JSON, which no browser reads; rows of earlier versions have it."""
    with ProjectFile.open(tmp_path / "rabbit.krolik") as file:
        job = jobs.add(file, "train", {}, "ui", "here")
        jobs.update(file, job, status="done", result={"model": "m", "error_px": float("nan")})
        assert jobs.get(file, job).result == {"model": "m", "error_px": None}
    answer = live.client.get(f"{base}/jobs/{job}")
    assert answer.status_code == 200 and answer.json()["result"]["error_px"] is None


@pytest.mark.parametrize("what, body, code", [
    ("train", {"budget": "soon"}, "other"), ("train", {"input_px": 1}, "other"),
    ("predict", {"videos": ["nothing"]}, "no-such-video"), ("predict", {"model": "nobody"}, "no-such-model"),
    ("export", {"what": "labels", "to": "magic"}, "bad-request"), ("run", {"to": ["coco"]}, "bad-request"),
    ("compare", {"paths": ["/etc/passwd"]}, "outside-roots"), ("compare", {"models": ["nobody"]}, "no-such-model"),
    ("train", {"engine": "sleap"}, "no-engine"), ("train", {"engine": "magic"}, "other"),
    ("train", {"engine": "sleap", "network": "unet"}, "other"), ("install", {"engine": "magic"}, "other"),
    ("adopt", {"path": "/etc"}, "outside-roots"),
    ("import", {"path": "/etc/passwd"}, "outside-roots"), ("import", {"path": "x"}, "not-a-path"),
    ("suggest", {"count": 0}, "bad-request"), ("render", {"video": "v", "frames": "0"}, "no-such-video"),
])  # fmt: skip
def test_bad_wishes_start_nothing(live, base, what, body, code):
    before = len(live.client.get(f"{base}/jobs").json())
    answer = live.client.post(f"{base}/{what}", json=body)
    assert 400 <= answer.status_code < 500 and answer.json()["code"] == code, answer.text
    assert len(live.client.get(f"{base}/jobs").json()) == before


def test_a_job_of_another_skeleton_is_refused_in_words(live, base, tmp_path):
    with ProjectFile.open(tmp_path / "rabbit.krolik") as file:
        from krolik.actions.skeletons import set_skeleton
        from krolik.skeleton import Skeleton

        set_skeleton(file, Skeleton.of(["a", "b"]), "cli")
        job = control.submit(file, "suggest", {}, "ui")
        assert control.wait(file, job.id, 60).error["code"] == "other-skeleton"


def test_drafts_begin_by_themselves_when_there_is_enough(rabbit, tmp_path):
    from krolik.actions.selecting import mark
    from krolik.server.drafts import FIRST, Drafts

    path, truth = rabbit
    with ProjectFile.create(tmp_path / "a.krolik", template("rabbit")) as file:
        label_exactly(file, path, truth, 5)  # 12 frames
        drafts = Drafts(file, True)
        assert drafts.on and drafts.consider() is None
        label_exactly(file, path, truth, 4)
        assert len(truth.points) // 4 + 9 >= FIRST
        assert drafts.consider() is None  # no frame waits for proposals
        mark(file, "rabbit.mp4", [1, 2], "ui")
        drafts.switch(False)
        assert drafts.consider() is None and not Drafts(file, True).on
        drafts.switch(True)
        job = drafts.consider()
        assert job is not None and job.source == "draft" and drafts.consider() is None
        control.cancel(file, job.id)
        control.wait(file, job.id, 60)
        assert drafts.consider() is None  # not again for the same labels
        assert jobs.get(file, job.id).document["labelled"] >= FIRST


def test_labels_come_in_when_it_is_said_where_their_video_is(live, base, rabbit, tmp_path):
    job = ended(live.client, base, begin(live, base, "export", what="labels", to="json")["id"])
    moved = tmp_path / "elsewhere" / job["files"][0]
    moved.parent.mkdir()
    shutil.move(tmp_path / "rabbit-exports" / job["files"][0], moved)
    with ProjectFile.create(tmp_path / "b" / "other.krolik", template("rabbit")):
        pass
    other = live.open(tmp_path / "b" / "other.krolik")
    text = moved.read_text("utf-8").replace(str(rabbit[0].parent), "/nowhere")
    moved.write_text(text, "utf-8")
    failed = ended(live.client, other, begin(live, other, "import", path=str(moved))["id"])
    assert failed["error"]["code"] == "labels-without-video" and failed["error"]["values"]["name"] == "rabbit.mp4"
    live.workspace.places.allow(rabbit[0].parent)
    pasted = {"path": f'"{moved}"', "videos": [f" {rabbit[0].parent.as_uri()} "]}  # as other programs give them
    done = ended(live.client, other, begin(live, other, "import", **pasted)["id"])
    assert done["status"] == "done" and done["result"]["report"]["frames"] == 15, done
    refused = live.client.post(f"{other}/import", json={"path": str(moved), "videos": ["/etc/passwd"]})
    assert refused.json()["code"] == "outside-roots"
