"""Projects of every earlier version open with everything that they held."""

import json
import sqlite3

import pytest

from krolik.errors import InvalidProject
from krolik.poses import FrameKey
from krolik.project import ProjectFile, history, labels, runs, selection
from krolik.project.edits import Change
from krolik.project.file import APPLICATION_ID
from krolik.project.migrate import migrations, newest
from krolik.skeleton import Skeleton


@pytest.fixture
def version_1(tmp_path):
    """A project as version 1 wrote it: one labelled frame, made by a change, changed, and that undone."""
    path = tmp_path / "old.krolik"
    bones = Skeleton.of(["nose", "tail"])
    first, second = (json.dumps({"name": "5", "instances": [{"track": None, "points": {"0": [3, x, 2.0]}}]})
                     for x in (1.0, 9.0))  # fmt: skip
    with sqlite3.connect(path) as file:
        (script,) = (sql for version, sql in migrations() if version == 1)
        file.executescript(f"PRAGMA application_id = {APPLICATION_ID}; {script}; PRAGMA user_version = 1;")
        file.executemany("INSERT INTO property VALUES (?, ?)",
                         [("uuid", "1"), ("created", "0"), ("skeleton", json.dumps(bones.to_json()))])  # fmt: skip
        file.execute("INSERT INTO labeled_frame VALUES ('v', 5, ?)", (first,))
        file.executemany("INSERT INTO change VALUES (?, 0, ?, ?, 'cli', 'x')",
                         [(1, "edit", None), (2, "edit", None), (3, "undo", 2)])  # fmt: skip
        file.executemany("INSERT INTO edit VALUES (?, 0, 'frame', 'v/5', ?, ?)",
                         [(1, None, first), (2, first, second), (3, second, first)])  # fmt: skip
        file.execute("INSERT INTO run VALUES (1, 'train', 'running', 0, 0, '{}')")
        file.execute("INSERT INTO checkpoint VALUES (1, x'0102')")
    file.close()
    return path


def test_version_1_opens_and_its_history_goes_on(version_1):
    with ProjectFile.open(version_1) as file:
        assert file.rows("PRAGMA user_version") == [(newest(),)]
        assert runs.checkpoint(file, 1) == bytes([1, 2])
        (frame,) = labels.load(file)
        assert frame.key == FrameKey("v", 5) and frame.instances[0].points[0].tolist() == [1, 2]
        history.redo(file, "test")
        assert labels.load(file).frames[0].instances[0].points[0].tolist() == [9, 2]
        edits = selection.mark(file, [FrameKey("v", 7)], "hand")
        history.commit(file, Change(tuple(edits), "test", "mark", "named"))
        assert history.made(file, "named") and list(selection.load(file)) == [FrameKey("v", 7)]
        for _ in range(3):
            history.undo(file, "test")
        assert len(labels.load(file)) == 0 and not selection.load(file)
        assert history.next_undo(file) is None
        file.check()
    with ProjectFile.open(version_1) as file:  # and once more, as the newest version
        assert history.next_redo(file) is not None


def test_a_migration_that_fails_changes_nothing(version_1, monkeypatch):
    broken = [*migrations(), (newest() + 1, "CREATE TABLE half (x); NONSENSE;")]
    monkeypatch.setattr("krolik.project.migrate.migrations", lambda: broken)
    with pytest.raises(Exception, match="NONSENSE"):
        ProjectFile.open(version_1)
    monkeypatch.undo()
    with ProjectFile.open(version_1) as file:
        assert file.rows("PRAGMA user_version") == [(newest(),)]
        assert len(labels.load(file)) == 1


def test_a_newer_version_is_refused_in_words(version_1):
    with sqlite3.connect(version_1) as file:
        file.execute(f"PRAGMA user_version = {newest() + 1}")
    file.close()
    with pytest.raises(InvalidProject, match="Update Krolik"):
        ProjectFile.open(version_1)


def test_an_older_version_can_be_looked_at_where_nothing_may_be_written(version_1, monkeypatch):
    before = version_1.read_bytes()
    monkeypatch.setattr("krolik.project.file.os.access", lambda path, mode: False)
    with ProjectFile.open(version_1) as file:
        assert file.read_only and len(labels.load(file)) == 1 and not selection.load(file)
    assert version_1.read_bytes() == before
