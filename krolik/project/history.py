"""The edit log: committing changes, undoing and redoing them. The log only grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from krolik.errors import Conflict, NotFound
from krolik.project.edits import Change, Edit, frame_key
from krolik.project.file import ProjectFile


@dataclass(frozen=True, slots=True)
class Logged:
    """A change in the log. `target` is the change that this one undoes or redoes."""

    id: int
    at: float
    kind: Literal["edit", "undo", "redo"]
    target: int | None
    source: str
    title: str


def _frame_values(subject: str) -> tuple:
    key = frame_key(subject)
    return key.video, key.index


# For each kind of edit: the table's key columns and how a subject names a row
TABLES: dict[str, tuple[str, str, tuple[str, ...], Callable[[str], tuple]]] = {
    "frame": ("labeled_frame", "document", ("video", "frame"), _frame_values),
    "video": ("video", "document", ("id",), lambda subject: (subject,)),
    "split": ("split", "document", ("name",), lambda subject: (subject,)),
    "skeleton": ("property", "value", ("name",), lambda subject: ("skeleton",)),
}


def current(file: ProjectFile, kind: str, subject: str) -> str | None:
    """The document as it is now; None where there is none."""
    table, column, keys, values = TABLES[kind]
    found = file.rows(f"SELECT {column} FROM {table} WHERE {' AND '.join(k + ' = ?' for k in keys)}", *values(subject))
    return found[0][0] if found else None


def _set(file: ProjectFile, edit: Edit) -> None:
    table, column, keys, values = TABLES[edit.kind]
    where = " AND ".join(f"{k} = ?" for k in keys)
    key = values(edit.subject)
    if edit.after is None:
        file.execute(f"DELETE FROM {table} WHERE {where}", *key)
    elif edit.before is None:
        columns = ", ".join((*keys, column))
        file.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * (len(keys) + 1))})", *key, edit.after)
    else:
        file.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", edit.after, *key)


def commit(file: ProjectFile, change: Change) -> int:
    """Applies a change and logs it, all or nothing; its number.

    Raises Conflict, and changes nothing, when a value is no longer what the change says it was.
    """
    return _commit(file, change.edits, "edit", None, change.source, change.title)


def _commit(file: ProjectFile, edits: Iterable[Edit], kind: str, target: int | None, source: str, title: str) -> int:
    with file.write():
        number = file.execute(
            "INSERT INTO change (at, kind, target, source, title) VALUES (?, ?, ?, ?, ?)",
            time.time(), kind, target, source, title,
        )  # fmt: skip
        for position, edit in enumerate(edits):
            if current(file, edit.kind, edit.subject) != edit.before:
                raise Conflict(f"{edit.kind} {edit.subject} was changed meanwhile", file.path, "Load it again.")
            _set(file, edit)
            file.execute(
                "INSERT INTO edit VALUES (?, ?, ?, ?, ?, ?)",
                number, position, edit.kind, edit.subject, edit.before, edit.after,
            )  # fmt: skip
    return number


def log(file: ProjectFile) -> list[Logged]:
    """All changes, oldest first."""
    return [Logged(*row) for row in file.rows("SELECT id, at, kind, target, source, title FROM change ORDER BY id")]


def stacks(file: ProjectFile) -> tuple[list[Logged], list[Logged]]:
    """The changes that can be undone and those that can be redone, the next one last."""
    done: list[Logged] = []
    undone: list[Logged] = []
    for change in log(file):
        if change.kind == "edit":
            done.append(change)
            undone.clear()
        elif change.kind == "undo":
            undone.append(done.pop())
        else:
            done.append(undone.pop())
    return done, undone


def edits_of(file: ProjectFile, change: int) -> list[Edit]:
    rows = file.rows("SELECT kind, subject, before, after FROM edit WHERE change = ? ORDER BY position", change)
    return [Edit(*row) for row in rows]


def undo(file: ProjectFile, source: str) -> Logged:
    """Reverts the last change that stands; returns it. Raises NotFound when there is none."""
    with file.write():
        done, _ = stacks(file)
        if not done:
            raise NotFound("there is nothing to undo", file.path)
        inverse = [e.inverse() for e in reversed(edits_of(file, done[-1].id))]
        _commit(file, inverse, "undo", done[-1].id, source, done[-1].title)
    return done[-1]


def redo(file: ProjectFile, source: str) -> Logged:
    """Repeats the change that was undone last; returns it. Raises NotFound when there is none."""
    with file.write():
        _, undone = stacks(file)
        if not undone:
            raise NotFound("there is nothing to redo", file.path)
        _commit(file, edits_of(file, undone[-1].id), "redo", undone[-1].id, source, undone[-1].title)
    return undone[-1]
