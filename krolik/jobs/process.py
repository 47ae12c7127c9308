"""The process of a job: python -m krolik.jobs.process PROJECT JOB. And work of this process that is a job as well."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import Timeout

from krolik.actions.reporter import Reporter, Silent
from krolik.errors import Cancelled, Conflict, KrolikError
from krolik.jobs.kinds import KINDS
from krolik.jobs.locks import device_lock, host, life_lock
from krolik.jobs.rows import RowReporter
from krolik.process import lower_priority, prepare
from krolik.project import ProjectFile, jobs

Result = TypeVar("Result")
LOOK_SECONDS = 0.5


def carry_out(
    file: ProjectFile,
    job: int,
    reporter: Reporter,
    work: Callable[[Reporter], Result],
    kept: Callable[[Result], object] = lambda result: result,
    own: bool = False,
) -> Result:
    """Does the work of a job in this process and keeps its row; errors go on to the caller.

    kept: what the row keeps of the result, as JSON values. own: this process has nothing else to do, so it may be ended
    where the work does not listen to being cancelled. Raises Conflict when another process does it, Cancelled
    when it was cancelled before its turn.
    """
    try:
        alive = life_lock(file, job).acquire(timeout=5)
    except Timeout as error:
        raise Conflict(f"job {job} is being done already", file.path) from error
    with alive:
        jobs.update(file, job, pid=os.getpid(), host=host())
        row = RowReporter(file, job, reporter, (lambda: _give_up(file, job)) if own else None)
        try:
            with _turn(file, job, row):
                jobs.update(file, job, status="running", started=time.time(), text="")
                result = work(row)
        except (KeyboardInterrupt, Cancelled):
            _end(file, job, row, status="cancelled")
            raise
        except BaseException as error:
            problem = error if isinstance(error, KrolikError) else KrolikError(f"{type(error).__name__}: {error}")
            _end(file, job, row, status="failed", error=problem.to_json())
            raise
        _end(file, job, row, status="done", fraction=1.0, result=kept(result))
    return result


def _give_up(file: ProjectFile, job: int) -> None:
    """Ends the process of a cancelled job that does not hear of it; what it has kept is whole, as after a kill."""
    with suppress(KrolikError):
        jobs.update(file, job, status="cancelled", seconds_left=None)
    os._exit(1)


def _end(file: ProjectFile, job: int, row: RowReporter, **columns: object) -> None:
    row.end()
    with suppress(KrolikError):  # the project is gone or the disk full: nobody reads it, or it is told of already
        jobs.update(file, job, seconds_left=None, **columns)


@contextmanager
def _turn(file: ProjectFile, job: int, row: RowReporter) -> Iterator[None]:
    """Waits until the lane of the job's kind is free on this computer."""
    lane = KINDS[jobs.get(file, job).kind].lane
    if not lane:
        yield
        return
    lock, said = device_lock(lane), False
    while True:
        try:
            lock.acquire(timeout=0 if not said else LOOK_SECONDS)
            break
        except Timeout:
            if not said:
                row.note(f"waiting: another job on this computer has its turn ({lane})")
                said = True
            if row.cancelled():
                raise Cancelled("cancelled before its turn", file.path, code="cancelled") from None
    with lock:
        yield


def here(
    file: ProjectFile, kind: str, document: dict, source: str, reporter: Reporter, work: Callable[[Reporter], Result]
) -> Result:
    """Work of this process as a job: everybody who has the project open sees it and can stop it."""
    if file.read_only:
        return work(reporter)
    job = jobs.add(file, kind, document, source, host())
    return carry_out(file, job, reporter, work, kept=lambda _: None)  # the result is the caller's


def main(path: str, number: str) -> None:
    """What the process of a job does; what it says beside its row goes to a log."""
    prepare()
    lower_priority()
    logging.basicConfig(level=logging.WARNING)
    with ProjectFile.open(Path(path)) as file:
        job = jobs.get(file, int(number))
        try:
            carry_out(file, job.id, Silent(), lambda reporter: KINDS[job.kind].work(file, job, reporter), own=True)
        except KrolikError as error:
            logging.getLogger("krolik").warning("job %d: %s", job.id, error)
            sys.exit(error.exit_code)


if __name__ == "__main__":
    main(*sys.argv[1:])
