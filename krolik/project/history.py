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
    "selection": ("selected_frame", "document", ("video", "frame"), _frame_values),
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

    A change whose `operation` is in the log already was sent twice: it is not made again.
    Raises Conflict, and changes nothing, when a value is no longer what the change says it was.
    """
    with file.write():
        if change.operation is not None:
            known = file.rows("SELECT id FROM change WHERE operation = ?", change.operation)
            if known:
                return known[0][0]
        number = _commit(file, change.edits, "edit", None, change.source, change.title)
        file.execute("UPDATE change SET operation = ? WHERE id = ?", change.operation, number)
    return number


def _commit(file: ProjectFile, edits: Iterable[Edit], kind: str, target: int | None, source: str, title: str) -> int:
    with file.write():
        number = file.execute(
            "INSERT INTO change (at, kind, target, source, title) VALUES (?, ?, ?, ?, ?)",
            time.time(), kind, target, source, title,
        )  # fmt: skip
        for position, edit in enumerate(edits):
            if current(file, edit.kind, edit.subject) != edit.before:
                raise Conflict(
                    f"{edit.kind} {edit.subject} was changed meanwhile",
                    file.path,
                    "Load it again.",
                    "changed-meanwhile",
                )
            _set(file, edit)
            file.execute(
                "INSERT INTO edit VALUES (?, ?, ?, ?, ?, ?)",
                number, position, edit.kind, edit.subject, edit.before, edit.after,
            )  # fmt: skip
    return number


def made(file: ProjectFile, operation: str) -> bool:
    """Whether the change of that name is in the log."""
    return bool(file.rows("SELECT 1 FROM change WHERE operation = ?", operation))


COLUMNS = "id, at, kind, target, source, title"


def log(file: ProjectFile, first: int = 0) -> list[Logged]:
    """All changes, or those from a number on, oldest first."""
    return [Logged(*row) for row in file.rows(f"SELECT {COLUMNS} FROM change WHERE id >= ? ORDER BY id", first)]


def revision(file: ProjectFile) -> int:
    """The number of the last change; 0 in a new project. It grows with every edit, undo and redo."""
    return file.rows("SELECT max(id) FROM change")[0][0] or 0


def since(file: ProjectFile, number: int) -> list[tuple[str, str]]:
    """(kind, subject) of everything that was set by the changes after that number, each once."""
    return file.rows("SELECT DISTINCT kind, subject FROM edit WHERE change > ?", number)


def about(file: ProjectFile, first: int) -> dict[int, tuple[str, str, int]]:
    """For the changes from that number on: the kind and subject of their first edit, and how many edits they have."""
    rows = file.rows(
        "SELECT e.change, e.kind, e.subject, n FROM edit e JOIN (SELECT change, min(position) AS first, count(*) AS n "
        "FROM edit WHERE change >= ? GROUP BY change) g ON g.change = e.change AND g.first = e.position", first,
    )  # fmt: skip
    return {change: (kind, subject, count) for change, kind, subject, count in rows}


def next_undo(file: ProjectFile) -> Logged | None:
    """The change that an undo would revert, found backwards from the end of the log.

    After an edit or a redo it is that change; after an undo, what it was before the undone change was first made.
    """
    number = revision(file)
    while number:
        change = _logged(file, number)
        if change is None:
            number -= 1
        elif change.kind == "undo":
            assert change.target is not None
            number = change.target - 1
        else:
            return change if change.target is None else _logged(file, change.target)
    return None


def next_redo(file: ProjectFile) -> Logged | None:
    """The change that a redo would repeat.

    After an edit there is none; after an undo it is the undone change; after a redo, what it was before that undo.
    """
    number = revision(file)
    while number:
        change = _logged(file, number)
        if change is None:
            number -= 1
        elif change.kind == "edit":
            return None
        elif change.kind == "undo":
            return _logged(file, change.target or 0)
        else:
            undone = file.rows(
                "SELECT max(id) FROM change WHERE kind = 'undo' AND target = ? AND id < ?", change.target, number
            )
            number = undone[0][0] - 1
    return None


def _logged(file: ProjectFile, number: int) -> Logged | None:
    found = file.rows(f"SELECT {COLUMNS} FROM change WHERE id = ?", number)
    return Logged(*found[0]) if found else None


def edits_of(file: ProjectFile, change: int) -> list[Edit]:
    rows = file.rows("SELECT kind, subject, before, after FROM edit WHERE change = ? ORDER BY position", change)
    return [Edit(*row) for row in rows]


def undo(file: ProjectFile, source: str) -> Logged:
    """Reverts the last change that stands; returns it. Raises NotFound when there is none."""
    with file.write():
        change = next_undo(file)
        if change is None:
            raise NotFound("there is nothing to undo", file.path, code="nothing-to-undo")
        inverse = [e.inverse() for e in reversed(edits_of(file, change.id))]
        _commit(file, inverse, "undo", change.id, source, change.title)
    return change


def redo(file: ProjectFile, source: str) -> Logged:
    """Repeats the change that was undone last; returns it. Raises NotFound when there is none."""
    with file.write():
        change = next_redo(file)
        if change is None:
            raise NotFound("there is nothing to redo", file.path, code="nothing-to-redo")
        _commit(file, edits_of(file, change.id), "redo", change.id, source, change.title)
    return change
