"""The project file: creation, damage, other versions, other programs, full disks, killed processes."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from krolik import formats
from krolik.errors import (
    Conflict,
    InvalidFile,
    InvalidProject,
    InvalidSetting,
    KrolikError,
    NotFound,
    StorageError,
)
from krolik.project import ProjectFile, labels, runs
from krolik.project import file as file_module
from krolik.project.migrate import migrations, newest
from krolik.skeleton import template
from krolik.video.source import check_video, content_fingerprint, open_video


@pytest.fixture
def project(tmp_path):
    with ProjectFile.create(tmp_path / "p.krolik", template("mouse")) as file:
        yield file


def test_one_file_when_closed(tmp_path):
    with ProjectFile.create(tmp_path / "кролик.krolik", template("rabbit")) as file:
        assert labels.skeleton(file) == template("rabbit")
    assert [p.name for p in tmp_path.iterdir()] == ["кролик.krolik"]
    connection = sqlite3.connect(tmp_path / "кролик.krolik")
    assert connection.execute("PRAGMA application_id").fetchone()[0] == file_module.APPLICATION_ID
    assert connection.execute("PRAGMA user_version").fetchone()[0] == newest()
    connection.close()


def test_names_and_existing_files(tmp_path, project):
    with pytest.raises(InvalidSetting, match="exists already"):
        ProjectFile.create(project.path, template("mouse"))
    with pytest.raises(InvalidSetting, match=r"a project's name ends with \.krolik\. Try a\.krolik"):
        ProjectFile.create(tmp_path / "a.db", template("mouse"))
    with pytest.raises(NotFound, match="krolik new gone.krolik"):
        ProjectFile.open(tmp_path / "gone.krolik")


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\0" + bytes(200)])
def test_not_a_project(tmp_path, content):
    (tmp_path / "x.krolik").write_bytes(content)
    with pytest.raises(InvalidProject, match="not a Krolik project"):
        ProjectFile.open(tmp_path / "x.krolik")
    assert (tmp_path / "x.krolik").read_bytes() == content


def test_a_newer_project_is_left_alone(project):
    project.close()
    connection = sqlite3.connect(project.path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(InvalidProject, match="version 999.*Update Krolik"):
        ProjectFile.open(project.path)


def test_damage_is_found(project):
    project.close()
    data = bytearray(project.path.read_bytes())
    data[4096 : 4096 * 4] = os.urandom(4096 * 3)
    project.path.write_bytes(data)
    with pytest.raises(InvalidProject, match="damaged.*Go back to a backup"):
        ProjectFile.open(project.path)


def test_truncation_is_found(project):
    project.close()
    data = project.path.read_bytes()
    project.path.write_bytes(data[: len(data) // 2])
    with pytest.raises(InvalidProject, match="damaged"):
        ProjectFile.open(project.path)


def test_read_only_place(tmp_path, monkeypatch, project):
    project.close()
    monkeypatch.setattr(file_module.os, "access", lambda path, mode: False)
    with ProjectFile.open(project.path) as file:
        assert file.read_only
        assert labels.skeleton(file) == template("mouse")
        with pytest.raises(StorageError, match="read-only"):
            runs.start(file, "train", {})


def test_a_reader_that_may_not_write_sees_what_another_program_writes(monkeypatch, project):
    monkeypatch.setattr(file_module.os, "access", lambda path, mode: False)
    with ProjectFile.open(project.path) as file:
        assert file.read_only
        for number in range(3):
            with project.write():
                project.put("x", str(number) * 3_000_000)
            assert (file.find("x") or "")[0] == str(number)
        file.check()


def test_it_is_not_taken_for_damaged_while_its_log_is_moved_into_it(project):
    """The file grows from its first page on; somebody who looks at it alone then misses the others."""
    errors, ended = [], threading.Event()

    def look():
        while not ended.is_set():
            try:
                ProjectFile.open(project.path).close()
            except KrolikError as error:
                errors.append(error)
                return

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(4):
            with project.write():
                project.put(f"x{number}", "x" * 40_000_000)
    finally:
        ended.set()
        looking.join()
    assert not errors


def test_opened_twice(project, monkeypatch):
    monkeypatch.setattr(file_module, "WAIT_SECONDS", 0.2)
    with ProjectFile.open(project.path) as other:
        runs.start(project, "train", {"a": 1})
        assert runs.get(other, 1).document == {"a": 1}
        with project.write():
            runs.start(project, "train", {})
            assert len(runs.every(other, "train")) == 1  # the other one sees only what is committed
            with pytest.raises(Conflict, match="another program is writing"):
                runs.start(other, "train", {})
        runs.start(other, "train", {})
        assert len(runs.every(project, "train")) == 3


def test_full_disk(project):
    pages = project.rows("PRAGMA page_count")[0][0]
    project._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    before = runs.start(project, "train", {})
    with pytest.raises(StorageError, match="the disk is full.*nothing that was saved is lost"):
        runs.save_checkpoint(project, before, bytes(10**6))
    assert runs.get(project, before).status == "running"
    assert runs.checkpoint(project, before) is None


def test_a_checkpoint_larger_than_a_value_may_be(project, monkeypatch):
    project._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 300_000)
    run = runs.start(project, "train", {})
    with pytest.raises(StorageError, match="too large"):
        runs.save_checkpoint(project, run, bytes(10**6))
    monkeypatch.setattr(runs, "PART_BYTES", 250_000)
    for data in (bytes(range(250)) * 4001, b"short"):  # the second has fewer parts
        runs.save_checkpoint(project, run, data)
        assert runs.checkpoint(project, run) == data
    runs.finish(project, run, "done")
    assert runs.checkpoint(project, run) is None


def test_space_is_given_back(project):
    run = runs.start(project, "train", {})
    runs.save_checkpoint(project, run, bytes(20 << 20))
    runs.finish(project, run, "done")
    with ProjectFile.open(project.path) as other, other.write():
        labels.load(other)
        runs.start(other, "train", {})
        before = project.path.stat().st_size
        project._connection.execute("PRAGMA busy_timeout = 50")
        project.shrink()  # not while others write, and that is no error
        assert project.path.stat().st_size >= before
    project.shrink()
    assert project.rows("PRAGMA freelist_count") == [(0,)]
    assert project.rows("PRAGMA page_count")[0][0] * 4096 < 1 << 20
    project.check()


def test_nested_writes_are_one(project):
    with pytest.raises(RuntimeError):
        with project.write():
            runs.start(project, "train", {})
            raise RuntimeError
    assert runs.every(project, "train") == []
    with pytest.raises(RuntimeError, match="outside a transaction"):
        project.execute("DELETE FROM run")


def test_backup_is_complete_while_in_use(project, tmp_path):
    runs.start(project, "train", {"x": "ы"})
    with project.write():
        runs.start(project, "train", {})
    copy = project.backup(tmp_path / "copy.krolik")
    with ProjectFile.open(copy) as other:
        assert len(runs.every(other, "train")) == 2
        other.check()
    with pytest.raises(InvalidSetting, match="exists already"):
        project.backup(copy)


def test_migrations_are_numbered_without_gaps():
    assert [number for number, _ in migrations()] == list(range(1, newest() + 1))


WRITER = """
    import sys
    from krolik.project import ProjectFile, runs
    with ProjectFile.open(sys.argv[1]) as file:
        for i in range(10**6):
            run = runs.start(file, "train", {"i": i})
            print(run, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_kill_loses_nothing_committed(project, tmp_path):
    """What was printed had been committed before; it is there after kill -9, again and again."""
    project.close()
    for round_ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(project.path)], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(0.05 + 0.03 * round_)
        writer.kill()
        seen = [int(line) for line in [first, *writer.stdout] if line.endswith("\n")]
        writer.wait()
        writer.stdout.close()
        with ProjectFile.open(project.path) as file:
            file.check()
            kept = {run.id for run in runs.every(file, "train")}
        assert seen and set(seen) <= kept
    shutil.copy(project.path, tmp_path / "moved.krolik")
    with ProjectFile.open(tmp_path / "moved.krolik") as file:
        assert {run.id for run in runs.every(file, "train")} == kept


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let an open file go")
def test_a_file_that_was_moved_away_takes_no_more_writes(project, tmp_path):
    runs.start(project, "train", {})
    away = tmp_path / "away.krolik"
    project.path.rename(away)
    with pytest.raises(StorageError, match="moved or deleted while it was open"):
        runs.start(project, "train", {})
    away.rename(project.path)
    assert runs.start(project, "train", {}) == 2
    project.path.rename(away)
    with ProjectFile.create(project.path, template("mouse")) as other:
        assert not project.is_there  # another one of the same name is not it
        assert runs.every(other, "train") == []


def test_the_log_of_a_deleted_project_is_not_played_into_a_new_one(tmp_path):
    path = tmp_path / "a.krolik"
    with ProjectFile.create(path, template("mouse")) as file:
        for _ in range(20):
            runs.start(file, "train", {"text": "x" * 5000})
        log = Path(f"{path}-wal").read_bytes()
    assert len(log) > 10_000
    path.unlink()
    Path(f"{path}-wal").write_bytes(log)  # as after a kill
    with ProjectFile.create(path, template("fly")) as file:
        file.check()
        assert runs.every(file, "train") == [] and labels.skeleton(file) == template("fly")


READER = """
import sys
from krolik.project import ProjectFile, runs
with ProjectFile.open(sys.argv[1]) as file:
    print(len(runs.every(file, "train")))
"""


def _runs_seen_by_another_process(path: Path) -> int:
    seen = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=True)
    return int(seen.stdout)


def test_opening_it_once_more_does_not_take_its_log_away(project):
    """A process that closed a second handle on the file would lose its locks, and the next one removed its log."""
    for number in range(3):
        runs.start(project, "train", {})
        ProjectFile.open(project.path).close()
        assert _runs_seen_by_another_process(project.path) == number + 1


@pytest.mark.parametrize("taken_for", [open_video, check_video, content_fingerprint, formats.read, formats.detect])
def test_taken_for_something_else_it_is_not_even_opened(project, taken_for):
    runs.start(project, "train", {})
    with pytest.raises(InvalidFile, match="a Krolik project, not"):
        taken_for(project.path)
    assert _runs_seen_by_another_process(project.path) == 1
    assert runs.start(project, "train", {}) == 2
    assert _runs_seen_by_another_process(project.path) == 2


@pytest.mark.skipif(os.name == "nt", reason="locks of Windows belong to the handle")
def test_after_a_copy_by_hand_nothing_is_written_into_a_log_that_is_gone(project, tmp_path):
    runs.start(project, "train", {})
    shutil.copy(project.path, tmp_path / "copy.krolik")
    assert _runs_seen_by_another_process(project.path) == 1
    with pytest.raises(StorageError, match="log of the project was removed.*open it again"):
        runs.start(project, "train", {})
    project.close()
    with ProjectFile.open(project.path) as file:
        assert runs.start(file, "train", {}) == 2
        assert _runs_seen_by_another_process(project.path) == 2
        file.check()


CLOSING = """
import sys, threading
from krolik.errors import KrolikError
from krolik.project import ProjectFile

def write(file, begun):
    try:
        for number in range(100_000):
            with file.write():
                file.put("note", str(number))
            begun.set()
    except KrolikError:
        pass

for _ in range(60):
    file, begun = ProjectFile.open(sys.argv[1]), threading.Event()
    writer = threading.Thread(target=write, args=(file, begun))
    writer.start()
    begun.wait()
    file.close()
    writer.join()
print("whole")
"""


def test_closing_waits_for_what_another_thread_is_writing(project):
    """SQLite itself crashes where a connection is closed under a statement."""
    path = project.path
    done = subprocess.run([sys.executable, "-c", CLOSING, str(path)], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr
    with ProjectFile.open(path) as again:
        assert int(again.get("note")) >= 0
