"""Work in the background of the server, with its progress: selecting frames, display copies, keeping pixels."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from krolik.errors import Cancelled, KrolikError

KEPT = 50  # ended tasks that the page may still ask for
Status = Literal["running", "done", "failed", "cancelled"]


@dataclass
class Task:
    """A piece of work and, as a Reporter, how far it is. `version` grows whenever the page should hear of it."""

    id: str
    project: str
    kind: str
    status: Status = "running"
    fraction: float = 0.0
    seconds_left: float | None = None
    text: str = ""
    result: object = None
    error: dict | None = None
    version: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        del title
        self.fraction, self.text, self.seconds_left = fraction, text, seconds_left
        self.version = time.monotonic_ns()

    def note(self, text: str) -> None:
        self.text = text

    def cancelled(self) -> bool:
        return self.stop.is_set()

    def to_json(self) -> dict:
        return {"id": self.id, "project": self.project, "kind": self.kind, "status": self.status, "text": self.text,
                "fraction": self.fraction, "seconds_left": self.seconds_left, "result": self.result,
                "error": self.error}  # fmt: skip


def error_json(error: KrolikError) -> dict:
    """An error for the page: a code that its catalogues know, and the English sentence for what they do not."""
    values = {"where": error.where, **{k: str(v) for k, v in error.values.items()}}
    return {"code": error.code or "other", "message": str(error), "values": values}


class Tasks:
    """All tasks of the server."""

    def __init__(self):
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()

    def start(self, project: str, kind: str, work: Callable[[Task], object]) -> Task:
        """Does the work in a thread of its own."""
        task = Task(secrets.token_urlsafe(6), project, kind, version=time.monotonic_ns())
        with self._lock:
            self._tasks[task.id] = task
            for old in [t for t in self._tasks.values() if t.status != "running"][:-KEPT]:
                del self._tasks[old.id]
        threading.Thread(target=self._run, args=(task, work), daemon=True, name=f"{kind} {task.id}").start()
        return task

    def _run(self, task: Task, work: Callable[[Task], object]) -> None:
        try:
            task.result = work(task)
            task.fraction, task.status = 1.0, "done"
        except Cancelled:
            task.status = "cancelled"
        except KrolikError as error:
            task.error, task.status = error_json(error), "failed"
        except Exception as error:
            logging.getLogger("krolik").exception("task %s failed", task.kind)
            task.error = {"code": "other", "message": type(error).__name__, "values": {}}
            task.status = "failed"
        task.version = time.monotonic_ns()

    def get(self, identity: str) -> Task | None:
        return self._tasks.get(identity)

    def running(self, project: str, kind: str) -> bool:
        return any(t.project == project and t.kind == kind and t.status == "running" for t in self.of(project))

    def of(self, project: str) -> list[Task]:
        with self._lock:
            return [t for t in self._tasks.values() if t.project == project]
