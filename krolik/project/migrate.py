"""Bringing a project file up to date: numbered SQL scripts, each in one transaction with the version it leads to."""

from __future__ import annotations

import sqlite3
from importlib import resources

from krolik.errors import InvalidProject


def migrations() -> list[tuple[int, str]]:
    """(version, SQL) in ascending order."""
    folder = resources.files("krolik.project") / "migrations"
    scripts = [f for f in folder.iterdir() if f.name.endswith(".sql")]
    return sorted((int(f.name[:4]), f.read_text("utf-8")) for f in scripts)


def newest() -> int:
    return migrations()[-1][0]


def is_older(connection: sqlite3.Connection) -> bool:
    """Whether the file lacks a migration."""
    return connection.execute("PRAGMA user_version").fetchone()[0] < newest()


def migrate(connection: sqlite3.Connection, path: object) -> None:
    """Applies what is missing. Raises InvalidProject for a file that a newer version of the program has written."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > newest():
        raise InvalidProject(
            f"the project is of version {version}, this program knows up to {newest()}",
            path,
            "Update Krolik.",
            "newer-project",
        )
    for number, script in migrations():
        if number > version:
            # executescript commits what is open, so the transaction is part of the script
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
