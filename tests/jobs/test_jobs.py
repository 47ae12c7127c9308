"""Jobs are rows that tell the truth: they outlive who started them, are stopped, cancelled, killed and gone on with."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import pytest

import krolik
from krolik import jobs as control
from krolik.errors import Conflict, NotFound
from krolik.jobs.locks import device_lock, host
from krolik.project import ProjectFile, jobs, models, predictions, runs

SMALL = {"budget": "40steps", "pipeline": "whole", "input_px": 64, "width": 0.5}
LONG = {**SMALL, "budget": "100000steps"}
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")


def until(condition, seconds: float = 90.0):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)
    return found


def curve(file: ProjectFile, job: int) -> list:
    return [e for e in jobs.events(file, 0, job) if e.kind == "curve"]


def weights(file: ProjectFile) -> str:
    return hashlib.sha256(models.weights(file, models.get(file, None))).hexdigest()


def test_a_training_that_outlives_its_starter(labelled):
    labelled.close()
    script = "import sys, krolik; krolik.open(sys.argv[1]).start('train', **%r)" % SMALL  # noqa: UP031
    subprocess.run([sys.executable, "-c", script, str(labelled.path)], check=True)
    with ProjectFile.open(labelled.path) as file:
        (job,) = jobs.every(file)
        job = control.wait(file, job.id, 120)
        assert job.status == "done", job
        assert job.result["model"] == models.get(file, None).name and job.result["error_px"] > 0
        points = [e.document for e in curve(file, job.id)]
        assert points[-1]["steps"] > 0 and {"loss", "fraction", "stage"} <= set(points[-1])
        worst = next(p["worst"] for p in points if "error_px" in p)
        assert worst[0]["error_px"] >= worst[-1]["error_px"] and len(worst[0]["points"][0]) == 8
        assert not control.settle(file)


def test_work_of_this_process_is_a_job_too(labelled):
    with krolik.open(labelled.path) as project:
        project.train(**SMALL)
        with pytest.raises(krolik.KrolikError):
            project.train(pretrained="nowhere.safetensors", **SMALL)
        second, first = project.jobs
    assert (first.kind, first.status, first.source) == ("train", "done", "api")
    assert first.run is not None and first.host and first.pid == os.getpid()
    assert second.status == "failed" and "nowhere" in second.error["message"]


def test_stop_keeps_the_best(labelled):
    job = control.submit(labelled, "train", LONG, "ui")
    until(lambda: any("error_px" in e.document for e in curve(labelled, job.id)) or len(curve(labelled, job.id)) > 3)
    control.stop(labelled, job.id)
    assert control.wait(labelled, job.id, 60).status in ("done", "cancelled")
    # before the first evaluation there is nothing to keep; afterwards there is a model
    assert bool(models.every(labelled)) == (jobs.get(labelled, job.id).status == "done")


def test_cancel_and_go_on(labelled):
    job = control.submit(labelled, "train", LONG, "ui")
    steps = until(lambda: (c := curve(labelled, job.id)) and c[-1].document["steps"])
    control.cancel(labelled, job.id)
    job = control.wait(labelled, job.id, 60)
    assert job.status == "cancelled" and not models.every(labelled)
    assert runs.checkpoint(labelled, job.run) is not None
    with pytest.raises(Conflict):
        control.cancel(labelled, job.id)
    seen = len(curve(labelled, job.id))
    control.resume(labelled, job.id)
    later = until(lambda: (c := curve(labelled, job.id))[seen:] and c[-1].document["steps"])
    assert later > steps  # not from zero
    control.cancel(labelled, job.id)
    assert control.wait(labelled, job.id, 60).status == "cancelled"


@pytest.mark.slow
@needs_kill
def test_killed_training_is_told_apart_and_ends_the_same(labelled, tmp_path):
    whole = tmp_path / "whole.krolik"
    labelled.backup(whole)
    with krolik.open(whole) as project:
        project.train(**{**SMALL, "budget": "150steps"})
        expected = weights(project.file)
    job = control.submit(labelled, "train", {**SMALL, "budget": "150steps"}, "ui")
    until(lambda: curve(labelled, job.id))
    os.kill(jobs.get(labelled, job.id).pid, signal.SIGKILL)
    until(lambda: not control.settle(labelled))
    assert jobs.get(labelled, job.id).status == "interrupted"
    control.resume(labelled, job.id)
    assert control.wait(labelled, job.id, 120).status == "done"
    assert weights(labelled) == expected


@needs_kill
def test_killed_prediction_goes_on(labelled, rabbit):
    with krolik.open(labelled.path) as project:
        project.train(**SMALL)
    job = control.submit(labelled, "predict", {"videos": [str(rabbit[0])]}, "cli")
    until(lambda: jobs.get(labelled, job.id).run is not None)
    pid = jobs.get(labelled, job.id).pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not control.settle(labelled))
    if jobs.get(labelled, job.id).status != "done":  # it may have been quick
        control.resume(labelled, job.id)
    job = control.wait(labelled, job.id, 60)
    assert job.status == "done" and len(runs.every(labelled, "predict")) == 1
    video = runs.get(labelled, job.run).document["video"]
    assert predictions.next_frame(labelled, job.run, video) == 60


DEAF = """
import sys, time
from krolik.jobs import kinds, process, rows
rows.BEAT_SECONDS, rows.GRACE_SECONDS = 0.1, 0.5
kinds.KINDS["select"] = kinds.Kind(lambda file, job, reporter: time.sleep(600))
process.main(sys.argv[1], sys.argv[2])
"""


def test_a_job_that_does_not_listen_is_ended(labelled):
    job = jobs.add(labelled, "select", {}, "ui", host())
    process = subprocess.Popen([sys.executable, "-c", DEAF, str(labelled.path), str(job)])
    until(lambda: jobs.get(labelled, job).status == "running")
    control.cancel(labelled, job)
    assert process.wait(30) == 1
    assert jobs.get(labelled, job).status == "cancelled" and not control.settle(labelled)


def test_two_trainings_take_turns(labelled):
    held = device_lock("training")
    with held.acquire():
        job = control.submit(labelled, "train", SMALL, "ui")
        until(lambda: any("waiting" in e.document.get("text", "") for e in jobs.events(labelled, 0, job.id)))
        assert jobs.get(labelled, job.id).status == "waiting" and control.settle(labelled)
        other = control.submit(labelled, "train", SMALL, "ui")
        until(lambda: jobs.events(labelled, 0, other.id))
        control.cancel(labelled, other.id)
        assert control.wait(labelled, other.id, 30).status == "cancelled"
    assert control.wait(labelled, job.id, 120).status == "done"


def test_a_job_that_never_had_a_process_and_one_of_another_computer(labelled):
    for computer in ("elsewhere", host()):
        job = jobs.add(labelled, "train", {}, "ui", computer)
        assert [j.id for j in control.settle(labelled)] == [job]  # it may just be about to start
        with labelled.write():
            labelled.execute("UPDATE job SET updated = 0 WHERE id = ?", job)
        assert not control.settle(labelled)
        assert jobs.get(labelled, job).status == "interrupted"
        assert control.cancel(labelled, job).status == "cancelled"


def test_a_failure_says_why(labelled):
    job = control.submit(labelled, "predict", {"videos": ["rabbit.mp4"]}, "ui")
    job = control.wait(labelled, job.id, 60)
    assert job.status == "failed" and "no model" in job.error["message"]
    with pytest.raises(NotFound):
        control.submit(labelled, "dance", {}, "ui")
    with pytest.raises(NotFound):
        control.cancel(labelled, 99)


def test_a_project_that_is_deleted_under_its_job(labelled):
    job = control.submit(labelled, "train", LONG, "ui")
    until(lambda: curve(labelled, job.id))
    pid = jobs.get(labelled, job.id).pid
    labelled.path.unlink()

    def gone() -> bool:
        try:
            done, _ = os.waitpid(pid, os.WNOHANG)
            return done == pid
        except ChildProcessError:
            return True

    until(gone, 60)  # it does not go on with what nobody could have
