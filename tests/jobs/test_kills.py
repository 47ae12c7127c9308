"""kill -9 of the server, of the job, of both, during each kind of job: told truthfully, gone on with, nothing lost."""

import errno
import hashlib
import os
import random
import signal
import time

import pytest

import krolik
from krolik import jobs as control
from krolik.errors import StorageError
from krolik.files import storage_error
from krolik.project import ProjectFile, jobs, models, predictions, runs
from krolik.video.writer import VideoWriter
from tests.clips import VARIANTS, write_clip
from tests.conftest import SMALL
from tests.server.conftest import Killable, ended

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")


@pytest.fixture(scope="module")
def prepared(small_model, tmp_path_factory):
    """A project with a small model and a video of 700 frames that is not predicted; treat as read-only."""
    folder = tmp_path_factory.mktemp("prepared")
    write_clip(folder / "long.mp4", VARIANTS["plain"], 700)
    with ProjectFile.open(small_model) as file:
        file.backup(folder / "a.krolik")
    with krolik.open(folder / "a.krolik") as project:
        project.add(folder / "long.mp4")
    return folder / "a.krolik"


@pytest.fixture
def path(prepared, tmp_path):
    with ProjectFile.open(prepared) as file:
        return file.backup(tmp_path / "a.krolik")


def found(file: ProjectFile) -> str:
    """What all predictions of the long video say, as a hash."""
    run = next(r for r in runs.every(file, "predict"))
    digest = hashlib.sha256()
    for block in predictions.blocks(file, run.id, run.document["video"]):
        digest.update(block.start.to_bytes(8, "big") + block.xy.tobytes() + block.score.tobytes())
    return digest.hexdigest()


def video_of(file: ProjectFile) -> str:
    from krolik.project import videos

    return videos.record(file, "long.mp4").id


KINDS = ["add", "train", "predict", "run", "export", "suggest"]
MORE = [pytest.param(kind, marks=pytest.mark.slow) for kind in ("select", "evaluate", "plan", "report")]


def document(kind: str, file: ProjectFile, out) -> dict:
    return {
        "add": {"paths": [str(out.parent / "new.mp4")], "select": False},
        "train": SMALL, "plan": SMALL, "predict": {"videos": [video_of(file)]},
        "run": {"videos": [video_of(file)], "out": str(out), "to": ["csv"]},
        "export": {"to": "csv", "what": "labels", "out": str(out / "labels.csv")}, "suggest": {"count": 3},
        "select": {"count": 3, "videos": [video_of(file)]}, "evaluate": {"model": None},
        "report": {"model": None, "out": str(out / "page.html")},
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, *MORE])
def test_a_killed_job_of_each_kind_is_gone_on_with(path, kind, tmp_path):
    write_clip(tmp_path / "new.mp4", VARIANTS["plain"], 30)
    with ProjectFile.open(path) as file:
        job = control.submit(file, kind, document(kind, file, tmp_path / "out"), "ui").id
        end = time.monotonic() + 60
        while (row := jobs.get(file, job)).status == "waiting":
            assert time.monotonic() < end
            time.sleep(0.005)
        if row.status == "running":
            os.kill(row.pid or 0, signal.SIGKILL)
        while control.settle(file):
            assert time.monotonic() < end
            time.sleep(0.05)
        assert jobs.get(file, job).status in ("interrupted", "done")
        if jobs.get(file, job).status == "interrupted":
            control.resume(file, job)
        done = control.wait(file, job, 120)
        assert done.status == "done", done
        for made in (done.result or {}).get("files", []) if isinstance(done.result, dict) else []:
            assert os.path.getsize(made) > 0
        if kind == "run":
            assert {p.name for p in (tmp_path / "out").iterdir()} == {"long.csv", "long_annotated.mp4"}


def test_the_server_is_killed_and_the_job_does_not_care(path):
    server = Killable(path)
    base = f"/api/projects/{server.identity}"
    job = server.client.post(f"{base}/predict", json={}).json()["id"]
    server.kill()
    other = Killable(path)  # another one finds it running, or done
    try:
        assert ended(other.client, base, job)["status"] == "done"
    finally:
        other.kill()


def test_server_and_job_are_killed_together(path):
    server = Killable(path)
    base = f"/api/projects/{server.identity}"
    job = server.client.post(f"{base}/train", json={**SMALL, "budget": "3000steps"}).json()["id"]
    with ProjectFile.open(path) as file:
        end = time.monotonic() + 60
        while not jobs.get(file, job).fraction:
            assert time.monotonic() < end
            time.sleep(0.02)
        pid = jobs.get(file, job).pid
        server.kill()
        os.kill(pid or 0, signal.SIGKILL)
        other = Killable(path)
        try:
            while (state := other.client.get(f"{base}/jobs").json()[0])["active"]:
                assert time.monotonic() < end
            assert (state["id"], state["status"]) == (job, "interrupted")
            assert other.client.post(f"{base}/jobs/{job}/resume", json={}).json()["active"]
            assert other.client.post(f"{base}/jobs/{job}/cancel", json={}).status_code == 200
            assert ended(other.client, base, job)["status"] == "cancelled"
        finally:
            other.kill()


def test_the_project_goes_to_another_computer_while_its_job_runs(path, tmp_path):
    with ProjectFile.open(path) as file:
        job = control.submit(file, "train", {**SMALL, "budget": "3000steps"}, "ui").id
        while not jobs.get(file, job).fraction:
            time.sleep(0.02)
        file.backup(tmp_path / "moved.krolik")
        with pytest.MonkeyPatch.context() as patch, ProjectFile.open(tmp_path / "moved.krolik") as moved:
            patch.setattr("krolik.jobs.control.host", lambda: "another")
            assert control.settle(moved)  # its row was written a moment ago: it may run there
            with moved.write():
                moved.execute("UPDATE job SET updated = updated - 200")
            assert not control.settle(moved) and jobs.get(moved, job).status == "interrupted"
        # a program on the same computer that has another folder of locks hears it live, too
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KROLIK_STATE", str(tmp_path / "other state"))
            assert [j.id for j in control.settle(file)] == [job]
        control.cancel(file, job)
        assert control.wait(file, job, 60).status == "cancelled"


def test_a_disk_that_fills_while_rendering_says_so_and_leaves_the_predictions(path, tmp_path, monkeypatch):
    out = tmp_path / "out" / "a.mp4"
    with krolik.open(path) as project:
        project.predict("long.mp4")
        before = found(project.file)
        with monkeypatch.context() as patch:
            full = storage_error(OSError(errno.ENOSPC, "full"), out)
            patch.setattr(VideoWriter, "_mux", lambda self, frame: (_ for _ in ()).throw(full))
            with pytest.raises(StorageError):
                project.render("long.mp4", out)
        job = project.jobs[0]
        assert (job.kind, job.status) == ("render", "failed") and job.error["code"] == "disk-full"
        assert found(project.file) == before and not list((tmp_path / "out").iterdir())
        project.render("long.mp4", out)  # after room was made
        assert out.stat().st_size > 0


def test_a_video_that_is_deleted_before_it_is_predicted(path, tmp_path, prepared):
    import shutil

    shutil.copy(prepared.parent / "long.mp4", tmp_path / "gone.mp4")
    write_clip(tmp_path / "gone.mp4", VARIANTS["plain"], 40)
    with krolik.open(path) as project:
        project.add(tmp_path / "gone.mp4")
        (tmp_path / "gone.mp4").unlink()
        job = control.submit(project.file, "predict", {"videos": ["gone.mp4"]}, "ui").id
        failed = control.wait(project.file, job, 60)
        assert failed.status == "failed" and "gone.mp4" in failed.error["message"]


def begun(file: ProjectFile, job: int) -> jobs.Job:
    """The job as soon as its process works, or when it is over."""
    end = time.monotonic() + 60
    while (row := jobs.get(file, job)).status == "waiting" or (row.status == "running" and not row.pid):
        assert time.monotonic() < end
        time.sleep(0.002)
    return row


def kill_and_go_on(file: ProjectFile, job: int, rng: random.Random, longest: float) -> int:
    """Up to fifty kills, each a random moment after the work began; how many there were until it was done."""
    kills = 0
    while kills < 50 and (row := begun(file, job)).status == "running":
        time.sleep(rng.uniform(0.0, longest))
        if jobs.get(file, job).status != "running":
            continue
        os.kill(row.pid or 0, signal.SIGKILL)
        kills += 1
        end = time.monotonic() + 60
        while control.settle(file):
            assert time.monotonic() < end
            time.sleep(0.02)
        if jobs.get(file, job).status == "interrupted":
            control.resume(file, job)
    assert control.wait(file, job, 600).status == "done"
    return kills


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_random_kills_change_nothing(path, tmp_path, seed):
    """Fifty over a training, fifty over a prediction, at random moments: what comes out is what would have come out."""
    rng = random.Random(seed)
    train = {**SMALL, "budget": "4000steps", "name": "whole"}
    write_clip(tmp_path / "longer.mp4", VARIANTS["plain"], 12_000)
    whole = tmp_path / "whole.krolik"
    with krolik.open(path) as project:
        project.add(tmp_path / "longer.mp4")
        project.file.backup(whole)
    with krolik.open(whole) as project:
        project.train(**train)
        project.predict("longer.mp4")
        weights = models.weights(project.file, models.get(project.file, "whole"))
        poses = found(project.file)
    with ProjectFile.open(path) as file:
        for kind, wish, longest in (("train", train, 4.0), ("predict", {"videos": ["longer.mp4"]}, 0.4)):
            job = control.submit(file, kind, wish, "ui").id
            assert kill_and_go_on(file, job, rng, longest) == 50
        assert models.weights(file, models.get(file, "whole")) == weights
        assert found(file) == poses
