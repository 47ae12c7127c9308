"""How long work tells where it is, and is told to stop."""

from __future__ import annotations

from typing import Protocol


class Reporter(Protocol):
    """A progress bar, a job's row, or nothing."""

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        """Where the work is: 0 at the start, 1 at the end."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should read."""
        ...

    def cancelled(self) -> bool:
        """Whether to stop at the next good moment and keep what there is."""
        ...


class Silent:
    """Tells nothing; for the Python API. Notes are kept in `notes`."""

    def __init__(self):
        self.notes: list[str] = []

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)

    def cancelled(self) -> bool:
        return False
