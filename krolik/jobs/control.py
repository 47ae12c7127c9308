"""Jobs from outside: starting, asking to stop, going on, and telling which have died."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from krolik.errors import Conflict, NotFound
from krolik.jobs.kinds import KINDS
from krolik.jobs.locks import host, is_held, life_lock, log_path
from krolik.jobs.rows import BEAT_SECONDS
from krolik.process import exists
from krolik.project import ProjectFile, jobs
from krolik.project.jobs import Job

START_SECONDS = 20.0  # a job that waits without a process for longer was never started
FAR_SECONDS = 90.0  # a job of another computer that is silent for longer is taken for dead
BEATS = 3  # missed heartbeats after which a job is dead, whatever its process's number says
LOOK_SECONDS = 0.1
_started: list[subprocess.Popen] = []  # children of this process that may still run; asking reaps those that ended


def submit(file: ProjectFile, kind: str, document: dict, source: str) -> Job:
    """Starts a job in a process of its own, which goes on when this one ends. Raises NotFound, StorageError."""
    if kind not in KINDS:
        raise NotFound(f"no job is called {kind!r}", file.path, f"There are: {', '.join(KINDS)}.", "bad-request")
    job = jobs.add(file, kind, document, source, host())
    _spawn(file, job)
    return jobs.get(file, job)


def _spawn(file: ProjectFile, job: int) -> None:
    # -P: what lies in the project's folder is not taken for a module of Python's
    command = [sys.executable, "-P", "-m", "krolik.jobs.process", str(file.path.resolve()), str(job)]
    apart: dict[str, Any] = {"start_new_session": True}  # Ctrl-C in the server's terminal is not meant for it
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    environment = {**os.environ, "PYTHONUTF8": "1"}
    try:
        with log_path(file, job).open("ab") as log:
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
                cwd=file.path.resolve().parent, **apart,
            )  # fmt: skip
        _started[:] = [c for c in [*_started, child] if c.poll() is None]
    except BaseException:
        jobs.update(file, job, status="failed")
        raise


def is_alive(file: ProjectFile, job: Job) -> bool:
    """Whether a process does it, or is about to."""
    silent = time.time() - job.updated
    if job.host != host():
        return silent < FAR_SECONDS
    if is_held(life_lock(file, job.id)):
        return True
    if job.status == "waiting" and job.pid is None:
        return silent < START_SECONDS
    # a program with another folder of locks cannot see this one held, but it hears the heart beat
    return silent < BEATS * BEAT_SECONDS and job.pid is not None and exists(job.pid)


def settle(file: ProjectFile) -> list[Job]:
    """Calls those jobs interrupted that nobody does any more; the jobs that are really active, oldest first."""
    alive = []
    _started[:] = [c for c in _started if c.poll() is None]
    for job in jobs.active(file):
        if is_alive(file, job):
            alive.append(job)
        elif not file.read_only:
            with file.write():  # it may have ended between the two looks; then its row says so by now
                if jobs.get(file, job.id).active:
                    jobs.update(file, job.id, status="interrupted", seconds_left=None)
    return alive


def stop(file: ProjectFile, job: int) -> Job:
    """Asks a job to end at the next good moment with what it has: a training keeps its best model."""
    return _ask(file, job, "stop")


def cancel(file: ProjectFile, job: int) -> Job:
    """Asks a job to end without a result; what it has done can be gone on with. One that has died is cancelled now."""
    return _ask(file, job, "cancel")


def _ask(file: ProjectFile, job: int, wish: str) -> Job:
    settle(file)
    with file.write():
        found = jobs.get(file, job)
        if found.active:
            jobs.update(file, job, wish=wish)
        elif found.status == "interrupted" and wish == "cancel":
            jobs.update(file, job, status="cancelled")
        else:
            raise Conflict(f"job {job} has ended already", file.path, code="no-task")
    return jobs.get(file, job)


def resume(file: ProjectFile, job: int) -> Job:
    """Goes on with a job that was interrupted, cancelled or failed, in a new process. Raises NotFound, Conflict."""
    settle(file)
    with file.write():
        found = jobs.get(file, job)
        if found.active or found.status == "done":
            raise Conflict(f"job {job} is {found.status}", file.path, code="job-not-resumable")
        jobs.update(file, job, status="waiting", wish="", host=host(), pid=None, error=None, text="",
                    seconds_left=None)  # fmt: skip
    _spawn(file, job)
    return jobs.get(file, job)


def wait(file: ProjectFile, job: int, seconds: float = float("inf")) -> Job:
    """The job once it has ended, or as it is after so many seconds."""
    end = time.monotonic() + seconds
    looked = 0.0
    while (found := jobs.get(file, job)).active and time.monotonic() < end:
        if time.monotonic() - looked > 1.0:
            looked = time.monotonic()
            settle(file)
        time.sleep(LOOK_SECONDS)
    return found
