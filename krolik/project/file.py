"""The project file itself: opening, transactions, integrity, backup.

One connection, shared by the threads of a process under a lock; other processes have their own (WAL). A transaction
that has been committed survives a power cut (synchronous=FULL).
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from krolik.errors import Conflict, InvalidProject, InvalidSetting, KrolikError, NotFound, StorageError
from krolik.files import discard, storage_error
from krolik.project.migrate import is_older, migrate
from krolik.skeleton import Skeleton

SUFFIX = ".krolik"
APPLICATION_ID = 0x4B524F4C  # "KROL"
WAIT_SECONDS = 20.0
LEAST_FREE_BYTES = 1 << 20
LOG_BYTES = 64 << 20  # that SQLite's log may keep when it is not needed
SHRUNK_PAGES = 500  # that are given back at a time
CHECKED_BYTES = 64 << 20  # larger files are checked whole only when asked: `krolik info --check`


class ProjectFile:
    """An open project. Close it, or use it in a `with` statement."""

    def __init__(self, path: Path, connection: sqlite3.Connection, read_only: bool):
        self.path, self.read_only = path, read_only
        self._connection, self._lock, self._depth = connection, threading.RLock(), 0
        self._place, self._log = _place_of(path), _place_of(_log_of(path))

    @classmethod
    def create(cls, path: str | Path, skeleton: Skeleton) -> ProjectFile:
        """A new, empty project. Raises InvalidSetting if something is there already, StorageError."""
        path = Path(path)
        if path.suffix != SUFFIX:
            raise InvalidSetting(f"a project's name ends with {SUFFIX}", path, f"Try {path.stem}{SUFFIX}.")
        if path.exists():
            raise InvalidSetting(
                "this file exists already", path, "Choose another name, or remove it first.", "file-exists"
            )
        # made under another name: a file that exists is a whole project
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            with _translated(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                connection = _connect(partial, read_only=False)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                migrate(connection, path)
                values = {"uuid": uuid.uuid4().hex, "created": str(time.time()),
                          "skeleton": json.dumps(skeleton.to_json(), ensure_ascii=False)}  # fmt: skip
                connection.executemany("INSERT INTO property VALUES (?, ?)", values.items())
                connection.close()
                # a log that a deleted project of this name has left would be played into the new one
                discard(*(Path(f"{path}{suffix}") for suffix in ("-wal", "-shm")))
                os.replace(partial, path)
        finally:
            discard(*(Path(f"{partial}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")))
        return cls.open(path)

    @classmethod
    def open(cls, path: str | Path) -> ProjectFile:
        """Raises NotFound, InvalidProject for a damaged, foreign or newer file, StorageError."""
        path = Path(path)
        if not path.is_file():
            raise NotFound("no such project", path, f"Make it with: krolik new {path.name}.")
        read_only = not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        if _application_id(path, read_only) != APPLICATION_ID:
            raise InvalidProject("not a Krolik project", path, code="not-a-project")
        with _translated(path):
            connection = _connect(path, read_only)
            try:
                if path.stat().st_size <= CHECKED_BYTES:
                    _check(connection, path, "quick_check(3)")
                if read_only and is_older(connection):
                    connection = _in_memory(connection)  # where it can be brought up to date, for looking
                    migrate(connection, path)
                if not read_only:
                    migrate(connection, path)
            except BaseException:
                connection.close()
                raise
        return cls(path, connection, read_only)

    @contextmanager
    def write(self) -> Iterator[None]:
        """A transaction: everything inside is kept, or nothing. Nested use joins the outer one."""
        if self.read_only:
            raise StorageError("the project is read-only here", self.path, "Copy it to a folder that you may write to.",
                               "read-only")  # fmt: skip
        with self._lock, _translated(self.path):
            if self._depth == 0:
                self._ensure_kept()
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    @property
    def is_there(self) -> bool:
        """Whether the file that is open is still the one of its name."""
        return _place_of(self.path) == self._place

    def _ensure_kept(self) -> None:
        """Raises StorageError where what is written now would be lost without a word."""
        if not self.is_there:
            raise StorageError("the project's file was moved or deleted while it was open", self.path,
                               "Put it back.", "project-gone")  # fmt: skip
        if self._log != _place_of(_log_of(self.path)):
            # Whoever reads the file by hand in this process (a copy made in a notebook) lets SQLite's locks go, as
            # POSIX has it (https://www.sqlite.org/howtocorrupt.html, 2.2). The next program that closes the project
            # takes itself for the last one then and removes the log, into which this connection would go on to write.
            raise StorageError("SQLite's log of the project was removed while it was open", self.path,
                               "Close the project and open it again; nothing is lost.", "project-gone")  # fmt: skip

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """The result of a query."""
        with self._lock, _translated(self.path):
            return self._connection.execute(sql, values).fetchall()

    def execute(self, sql: str, *values: object) -> int:
        """A statement inside `write()`; the id of the row that it made, if it made one."""
        with self._lock, _translated(self.path):
            if not self._depth:
                raise RuntimeError("writing outside a transaction")
            return self._connection.execute(sql, values).lastrowid or 0

    def get(self, name: str) -> str:
        """A property's value. Raises InvalidProject if it is not there."""
        found = self.rows("SELECT value FROM property WHERE name = ?", name)
        if not found:
            raise InvalidProject(f"the property {name!r} is missing", self.path)
        return found[0][0]

    def find(self, name: str) -> str | None:
        """A property's value, if it has one."""
        found = self.rows("SELECT value FROM property WHERE name = ?", name)
        return found[0][0] if found else None

    def put(self, name: str, value: str) -> None:
        """Sets a property that is no part of the edit log, inside `write()`."""
        self.execute("INSERT OR REPLACE INTO property VALUES (?, ?)", name, value)

    def shrink(self) -> None:
        """Gives the space of what was deleted back to the disk, bit by bit, so that nobody waits long to write.

        What cannot be given back now, as the disk is full or others are writing, is used again.
        """
        free, before = self._free_pages(), math.inf
        with suppress(StorageError, Conflict):
            while 0 < free < before:
                with self._lock, _translated(self.path):
                    # as a script, since `execute` stops after the first page
                    self._connection.executescript(f"PRAGMA incremental_vacuum({SHRUNK_PAGES})")
                free, before = self._free_pages(), free

    def _free_pages(self) -> int:
        return self.rows("PRAGMA freelist_count")[0][0]

    def check(self) -> None:
        """Reads every page and index. Raises InvalidProject."""
        with self._lock, _translated(self.path):
            _check(self._connection, self.path, "integrity_check(3)")

    def backup(self, target: str | Path) -> Path:
        """A copy of the project as it is now, complete even while others write to it. Raises StorageError."""
        target = Path(target)
        if target.exists():
            raise InvalidSetting("this file exists already", target, "Choose another name.")
        partial = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self._lock, _translated(target):
                copy = sqlite3.connect(partial)
                try:
                    self._connection.backup(copy)
                    copy.execute("PRAGMA journal_mode = DELETE")
                finally:
                    copy.close()
                os.replace(partial, target)
        finally:
            discard(partial)
        return target

    def close(self) -> None:
        """Waits for what another thread is writing: SQLite crashes where a connection is closed under a statement."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> ProjectFile:
        return self

    def __exit__(self, *exc) -> None:
        self.close()


def _place_of(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of the same name."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _log_of(path: Path) -> Path:
    """Where SQLite keeps what is not in the file yet."""
    return Path(f"{path}-wal")


def _application_id(path: Path, read_only: bool) -> int | None:
    """What says that it is a project; None for another kind of file.

    Asked of SQLite, not read from the file: a process that closes a file lets go of all locks that it has on it, also
    those of a connection that it has open (see `ProjectFile._ensure_kept`). And asked as one who shares the file with
    others: where another program is moving its log into the file at this moment, the file alone looks damaged.
    """
    with _translated(path):
        connection = _connection(path, _reading(path) if read_only else "mode=rw")
        try:
            return connection.execute("PRAGMA application_id").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                return None
            raise
        finally:
            connection.close()


def _connection(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(address, WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=True)


def _reading(path: Path) -> str:
    """How a project is opened that may not be written to: beside a program that writes to it, if there is one.

    That one keeps the log and its index there. Otherwise SQLite would have to make them to read the file as a shared
    one, which it may not do here.
    """
    return "mode=ro" if Path(f"{path}-shm").exists() else "mode=ro&immutable=1"


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    connection = _connection(path, _reading(path) if read_only else "mode=rwc")
    if not read_only:
        if not path.exists() or path.stat().st_size == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # must come before everything else
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _in_memory(connection: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.backup(copy)
    connection.close()
    return copy


def _check(connection: sqlite3.Connection, path: Path, pragma: str) -> None:
    problems = [row[0] for row in connection.execute(f"PRAGMA {pragma}")]
    if problems != ["ok"]:
        raise InvalidProject(f"the project is damaged ({problems[0].splitlines()[-1]})", path, "Go back to a backup.",
                             "damaged")  # fmt: skip


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """SQLite's and the system's errors as ours."""
    try:
        yield
    except KrolikError:
        raise
    except sqlite3.OperationalError as error:
        text = str(error)
        # with hardly any space left, SQLite's log fails before the file does
        if "full" in text or ("disk I/O" in text and shutil.disk_usage(path.absolute().parent).free < LEAST_FREE_BYTES):
            raise StorageError(
                "the disk is full", path, "Free some space; nothing that was saved is lost.", "disk-full"
            ) from error
        if "locked" in text or "busy" in text:
            raise Conflict(
                "another program is writing to the project", path, "Try again in a moment.", "busy"
            ) from error
        if "unable to open" in text or "readonly" in text:
            raise StorageError(
                "this place cannot be written to", path, "Choose another folder.", "not-writable"
            ) from error
        raise StorageError(f"the project cannot be used here ({text})", path) from error
    except sqlite3.DataError as error:
        raise StorageError(f"something is too large for a project ({error})", path) from error
    except sqlite3.DatabaseError as error:
        if "closed database" in str(error):
            raise StorageError("the project was closed", path, "Open it again.") from error
        raise InvalidProject(f"the project is damaged ({error})", path, "Go back to a backup.", "damaged") from error
    except OSError as error:
        raise storage_error(error, path) from error
