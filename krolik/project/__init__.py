"""The .krolik file: an SQLite database that holds a whole project. The only place with SQL."""

from krolik.project.file import ProjectFile

__all__ = ["ProjectFile"]
