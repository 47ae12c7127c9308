"""Runs: one training or one inference each, with its settings, its state and, while it goes on, its checkpoint."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from krolik.errors import Cancelled, NotFound, StorageError
from krolik.project.file import ProjectFile

PART_BYTES = 1 << 26  # of a checkpoint in one value
Status = Literal["running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Run:
    """`document` holds the settings and, when it is done, the result."""

    id: int
    kind: str
    status: Status
    created: float
    updated: float
    document: dict


def start(file: ProjectFile, kind: str, document: dict) -> int:
    now = time.time()
    with file.write():
        return file.execute(
            "INSERT INTO run (kind, status, created, updated, document) VALUES (?, 'running', ?, ?, ?)",
            kind, now, now, json.dumps(document, ensure_ascii=False),
        )  # fmt: skip


def finish(file: ProjectFile, run: int, status: Status, **result: object) -> None:
    """Ends a run; its checkpoint goes unless it may be continued."""
    with file.write():
        merged = {**get(file, run).document, **result}
        file.execute(
            "UPDATE run SET status = ?, updated = ?, document = ? WHERE id = ?",
            status, time.time(), json.dumps(merged, ensure_ascii=False), run,
        )  # fmt: skip
        if status == "done":
            file.execute("DELETE FROM checkpoint_part WHERE run = ?", run)


@contextmanager
def broken_off(file: ProjectFile, run: int) -> Iterator[None]:
    """What is done with a run; an error within ends it as cancelled or failed, and goes on."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled):
        finish(file, run, "cancelled")
        raise
    except BaseException as error:
        with suppress(StorageError):  # a full disk is what is being told of already
            finish(file, run, "failed", error=str(error))
        raise


def keep_part(file: ProjectFile, run: int, name: str, part: object) -> None:
    """Adds a finished part to the list `name` of a run; the checkpoint was of that part and goes with it."""
    with file.write():
        document = get(file, run).document
        document[name] = [*document.get(name, []), part]
        text = json.dumps(document, ensure_ascii=False)
        file.execute("UPDATE run SET updated = ?, document = ? WHERE id = ?", time.time(), text, run)
        file.execute("DELETE FROM checkpoint_part WHERE run = ?", run)


def restart(file: ProjectFile, run: int) -> None:
    with file.write():
        file.execute("UPDATE run SET status = 'running', updated = ? WHERE id = ?", time.time(), run)


def get(file: ProjectFile, run: int) -> Run:
    """Raises NotFound."""
    rows = file.rows("SELECT id, kind, status, created, updated, document FROM run WHERE id = ?", run)
    if not rows:
        raise NotFound(f"no run has the number {run}", file.path)
    return _run(rows[0])


def every(file: ProjectFile, kind: str) -> list[Run]:
    """The runs of a kind, newest first."""
    rows = file.rows(
        "SELECT id, kind, status, created, updated, document FROM run WHERE kind = ? ORDER BY id DESC", kind
    )
    return [_run(row) for row in rows]


def _run(row: tuple) -> Run:
    identity, kind, status, created, updated, text = row
    return Run(identity, kind, status, created, updated, json.loads(text))


def save_checkpoint(file: ProjectFile, run: int, data: bytes) -> None:
    """Keeps it in place of the run's last one."""
    whole = memoryview(data)
    with file.write():
        file.execute("DELETE FROM checkpoint_part WHERE run = ?", run)
        for part, first in enumerate(range(0, len(whole), PART_BYTES)):
            piece = whole[first : first + PART_BYTES]
            file.execute("INSERT INTO checkpoint_part VALUES (?, ?, ?)", run, part, piece)
        file.execute("UPDATE run SET updated = ? WHERE id = ?", time.time(), run)


def checkpoint(file: ProjectFile, run: int) -> bytes | None:
    found = file.rows("SELECT data FROM checkpoint_part WHERE run = ? ORDER BY part", run)
    return b"".join(data for (data,) in found) if found else None
