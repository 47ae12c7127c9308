"""What commands share on the screen: a progress bar, tables, JSON."""

from __future__ import annotations

import json
import math
import signal
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

JSON = typer.Option("--json", help="Print the result as JSON.")
PROJECT = typer.Argument(help="The project file, for instance rabbits.krolik.", metavar="PROJECT")


def say(text: str) -> None:
    typer.echo(text)


def show_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def show_table(columns: list[str], rows: list[list[object]]) -> None:
    """Columns aligned: text to the left, numbers to the right; floats with two decimals."""
    cells = [[_cell(c) for c in row] for row in rows]
    widths = [max(len(r[i]) for r in [columns, *cells]) for i in range(len(columns))]
    numeric = [all(isinstance(row[i], (int, float)) or row[i] is None for row in rows) for i in range(len(columns))]
    for line in [columns, *cells]:
        typer.echo("  ".join(c.rjust(w) if n else c.ljust(w) for c, w, n in zip(line, widths, numeric)).rstrip())


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


class Bar:
    """A progress bar with the time left, on the error stream; Ctrl-C asks once for a good end, then stops at once."""

    def __init__(self, quiet: bool = False):
        self._quiet, self._progress, self._tasks = quiet, None, {}
        self._cancelled = threading.Event()

    def __enter__(self) -> Bar:
        self._previous = signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, *exc) -> None:
        signal.signal(signal.SIGINT, self._previous)
        if self._progress is not None:
            self._progress.stop()

    def _interrupt(self, *_) -> None:
        if self._cancelled.is_set():
            raise KeyboardInterrupt
        self._cancelled.set()
        self.note("stopping at the next good moment; press Ctrl-C again to stop at once")

    def _started(self) -> Progress:
        if self._progress is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
                       TextColumn("{task.fields[text]}"), TextColumn("{task.fields[left]}"))  # fmt: skip
            self._progress = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
            self._progress.start()
        return self._progress

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        if self._quiet:
            return
        progress = self._started()
        if title not in self._tasks:
            self._tasks[title] = progress.add_task(title, total=1.0, text="", left="")
        task: TaskID = self._tasks[title]
        left = "" if seconds_left is None else f"{_duration(seconds_left)} left"
        progress.update(task, completed=fraction, text=text, left=left)

    def note(self, text: str) -> None:
        typer.echo(text, err=True)

    def curve(self, point: Mapping[str, object]) -> None:
        pass

    def began(self, run: int) -> None:
        pass

    def cancelled(self) -> bool:
        return self._cancelled.is_set()

    def abandoned(self) -> bool:
        return False


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
