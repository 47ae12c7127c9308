"""How long work tells where it is, and is told to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Reporter(Protocol):
    """A progress bar, a job's row, or nothing."""

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        """Where the work is: 0 at the start, 1 at the end."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should read."""
        ...

    def curve(self, point: Mapping[str, object]) -> None:
        """How a training goes: stage, steps, fraction, loss, error_px (NaN before the first evaluation), worst."""
        ...

    def began(self, run: int) -> None:
        """The number of the run that keeps what is done, so that it can be gone on with."""
        ...

    def cancelled(self) -> bool:
        """Whether to stop at the next good moment and keep what there is."""
        ...

    def abandoned(self) -> bool:
        """Whether to stop without a result, in a state that can be gone on with."""
        ...


class Silent:
    """Tells nothing; for the Python API. Notes are kept in `notes`."""

    def __init__(self):
        self.notes: list[str] = []

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)

    def curve(self, point: Mapping[str, object]) -> None:
        pass

    def began(self, run: int) -> None:
        pass

    def cancelled(self) -> bool:
        return False

    def abandoned(self) -> bool:
        return False
