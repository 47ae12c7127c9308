"""A job's row, kept up to date by the process that does the work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from krolik.actions.reporter import Reporter
from krolik.errors import KrolikError, StorageError
from krolik.project import ProjectFile, jobs

WRITE_SECONDS = 0.5  # between two writes of the progress
LOOK_SECONDS = 0.25  # between two looks at what a person wishes
BEAT_SECONDS = 5.0  # how often a silent job shows that it lives
GRACE_SECONDS = 20.0  # for a good end after a job was cancelled
CURVE_SECONDS = 1.0  # between two points of a curve, at first
CURVE_POINTS = 400  # about so many points a long curve has


class RowReporter:
    """A Reporter that writes to the job's row, and passes everything on to another one (the terminal's bar).

    given_up: called when the job was to be cancelled GRACE_SECONDS ago and still works; None waits for ever.
    """

    def __init__(self, file: ProjectFile, job: int, other: Reporter, given_up: Callable[[], None] | None = None):
        self._file, self._job, self._other, self._given_up = file, job, other, given_up
        self._began = time.monotonic()
        self._written = self._looked = self._drawn = -math.inf
        self._wish, self._error = "", math.nan
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"job {job}")
        self._thread.start()

    def _beat(self) -> None:
        deadline = math.inf
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(KrolikError):
                if jobs.get(self._file, self._job).wish == "cancel":
                    deadline = min(deadline, time.monotonic() + GRACE_SECONDS)
                jobs.update(self._file, self._job)
            if self._given_up is not None and time.monotonic() > deadline:
                self._given_up()

    def end(self) -> None:
        """The row is not written to any more."""
        self._ended.set()
        self._thread.join()

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        self._other.progress(title, fraction, text, seconds_left)
        if time.monotonic() - self._written > WRITE_SECONDS:
            self._written = time.monotonic()
            with suppress(KrolikError):  # a full disk: the work's own results tell of it
                jobs.update(self._file, self._job, fraction=fraction, text=text, seconds_left=seconds_left)

    def note(self, text: str) -> None:
        self._other.note(text)
        with suppress(KrolikError):
            jobs.say(self._file, self._job, "note", {"text": text})

    def curve(self, point: Mapping[str, object]) -> None:
        """Keeps a point when it is an evaluation's, or the last one is a while ago."""
        self._other.curve(point)
        error = point["error_px"]
        evaluated = isinstance(error, float) and math.isfinite(error) and error != self._error
        pause = max(CURVE_SECONDS, (time.monotonic() - self._began) / CURVE_POINTS)
        if evaluated or time.monotonic() - self._drawn > pause:
            self._drawn = time.monotonic()
            kept = {k: v for k, v in point.items() if not (isinstance(v, float) and math.isnan(v))}
            if not evaluated:
                kept.pop("error_px", None)
                kept.pop("worst", None)
            else:
                self._error = error
            with suppress(KrolikError):
                jobs.say(self._file, self._job, "curve", kept)

    def began(self, run: int) -> None:
        self._other.began(run)
        jobs.update(self._file, self._job, run=run)

    def _wished(self) -> str:
        if time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            if not self._file.is_there:  # nothing that is still done could be kept
                raise StorageError("the project's file was moved or deleted", self._file.path,
                                   "Open it where it is and go on with the job.", "project-gone")  # fmt: skip
            row = jobs.get(self._file, self._job)
            self._wish = "cancel" if row.status == "cancelled" else row.wish
            if row.status == "interrupted":  # somebody with another folder of locks took it for dead
                jobs.update(self._file, self._job, status="running")
        return self._wish

    def cancelled(self) -> bool:
        return self._other.cancelled() or self._wished() != ""

    def abandoned(self) -> bool:
        return self._other.abandoned() or self._wished() == "cancel"
