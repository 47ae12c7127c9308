"""Jobs in the project: what is to be done, how far it is, what it said and what came of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Literal

from krolik.errors import NotFound
from krolik.project.file import ProjectFile

Status = Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"]
Wish = Literal["", "stop", "cancel"]
ACTIVE = ("waiting", "running")


@dataclass(frozen=True)
class Job:
    """document: what to do. text: where it is, in words. error: {"code", "message", "values"}; times since 1970."""

    id: int
    kind: str
    status: Status
    source: str
    document: dict
    created: float
    started: float | None
    updated: float
    host: str
    pid: int | None
    wish: Wish
    fraction: float
    text: str
    seconds_left: float | None
    run: int | None
    result: object
    error: dict | None

    @property
    def active(self) -> bool:
        """Whether it has not ended, as far as its row says."""
        return self.status in ACTIVE


@dataclass(frozen=True)
class Event:
    """Something that a job has said: kind "note" {"text"} or "curve" (see `jobs.rows.RowReporter.curve`)."""

    id: int
    job: int
    at: float
    kind: str
    document: dict


_COLUMNS = (
    "id, kind, status, source, document, created, started, updated, host, pid, wish, fraction, text, seconds_left, "
    "run, result, error"
)


def _read(text: str) -> Any:
    """What a row holds as JSON. Python writes NaN, which is none, and which no browser reads: it is None here."""
    return json.loads(text, parse_constant=lambda _: None)


def _job(row: tuple) -> Job:
    values = list(row)
    values[4] = _read(values[4])
    values[-2:] = [None if v is None else _read(v) for v in values[-2:]]
    return Job(*values)


def add(file: ProjectFile, kind: str, document: dict, source: str, host: str) -> int:
    """A new job that waits; its number."""
    now = time.time()
    with file.write():
        return file.execute(
            "INSERT INTO job (kind, status, source, document, created, updated, host) "
            "VALUES (?, 'waiting', ?, ?, ?, ?, ?)",
            kind, source, json.dumps(document, ensure_ascii=False), now, now, host,
        )  # fmt: skip


def get(file: ProjectFile, job: int) -> Job:
    """Raises NotFound."""
    rows = file.rows(f"SELECT {_COLUMNS} FROM job WHERE id = ?", job)
    if not rows:
        raise NotFound(f"no job has the number {job}", file.path, "krolik jobs lists them.", "no-job")
    return _job(rows[0])


def every(file: ProjectFile, limit: int = 1 << 31) -> list[Job]:
    """The jobs, newest first."""
    return [_job(r) for r in file.rows(f"SELECT {_COLUMNS} FROM job ORDER BY id DESC LIMIT ?", limit)]


def active(file: ProjectFile) -> list[Job]:
    """The jobs that wait or run, as far as their rows say, oldest first."""
    return [_job(r) for r in file.rows(f"SELECT {_COLUMNS} FROM job WHERE status IN (?, ?) ORDER BY id", *ACTIVE)]


def changed(file: ProjectFile, since: float) -> list[Job]:
    """The jobs whose rows were written at that time or later."""
    return [_job(r) for r in file.rows(f"SELECT {_COLUMNS} FROM job WHERE updated >= ? ORDER BY id", since)]


_VALUES = {"result", "error"}  # columns that hold JSON


def update(file: ProjectFile, job: int, **columns: object) -> None:
    """Sets columns of a job's row; `updated` becomes now."""
    columns = {k: json.dumps(v, ensure_ascii=False) if k in _VALUES and v is not None else v
               for k, v in columns.items()}  # fmt: skip
    columns["updated"] = time.time()
    assignments = ", ".join(f"{name} = ?" for name in columns)
    with file.write():
        file.execute(f"UPDATE job SET {assignments} WHERE id = ?", *columns.values(), job)


def say(file: ProjectFile, job: int, kind: str, document: dict) -> None:
    """Adds an event."""
    text = json.dumps(document, ensure_ascii=False)
    with file.write():
        file.execute(
            "INSERT INTO job_event (job, at, kind, document) VALUES (?, ?, ?, ?)", job, time.time(), kind, text
        )


def events(file: ProjectFile, since: int, job: int | None = None, limit: int = 1 << 31) -> list[Event]:
    """Events with a greater number than `since`, in order; of all jobs or one."""
    where, values = ("AND job = ?", (job,)) if job is not None else ("", ())
    rows = file.rows(
        f"SELECT id, job, at, kind, document FROM job_event WHERE id > ? {where} ORDER BY id LIMIT ?",
        since, *values, limit,
    )  # fmt: skip
    return [Event(i, j, at, kind, _read(text)) for i, j, at, kind, text in rows]


def last_event(file: ProjectFile) -> int:
    """The greatest number of an event; 0 for none."""
    return file.rows("SELECT coalesce(max(id), 0) FROM job_event")[0][0]
