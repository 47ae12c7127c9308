"""How long a training may take, and where in it we are."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from krolik.errors import InvalidSetting

UNITS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}


@dataclass(frozen=True)
class Budget:
    """Seconds of wall time (what people say) or a number of steps (what repeats exactly). One of the two."""

    seconds: float | None = None
    steps: int | None = None

    @classmethod
    def parse(cls, text: str | Budget) -> Budget:
        """ "90s", "5m", "1.5h", "1h30m" or "2000steps". Raises InvalidSetting."""
        if isinstance(text, Budget):
            return text
        cleaned = text.strip().lower().replace(" ", "")
        if steps := re.fullmatch(r"(\d+)steps?", cleaned):
            if int(steps[1]) > 0:
                return cls(steps=int(steps[1]))
        elif re.fullmatch(r"(\d+(\.\d+)?(sec|min|s|m|h))+", cleaned):
            parts = re.findall(r"(\d+(?:\.\d+)?)(sec|min|s|m|h)", cleaned)
            if (seconds := sum(float(number) * UNITS[unit] for number, unit in parts)) > 0:
                return cls(seconds=seconds)
        raise InvalidSetting(f"{text!r} is not a budget", "--budget", "Write 90s, 5m, 1h30m or 2000steps.")

    def __str__(self) -> str:
        if self.steps is not None:
            return f"{self.steps}steps"
        return f"{self.seconds:g}s"

    def share(self, fraction: float) -> Budget:
        """A part of the budget."""
        if self.steps is not None:
            return Budget(steps=max(1, round(self.steps * fraction)))
        return Budget(seconds=(self.seconds or 0.0) * fraction)


class Clock:
    """Where in its budget a stage is. The learning rate, the progress bar and early stopping all read `fraction`."""

    def __init__(self, budget: Budget, spent_seconds: float = 0.0, spent_steps: int = 0):
        self.budget = budget
        self.steps = spent_steps
        self._before, self._started = spent_seconds, time.monotonic()

    def set(self, seconds: float, budget: Budget) -> None:
        """Goes on from another clock's reading."""
        self.budget, self._before, self._started = budget, seconds, time.monotonic()

    def begin(self) -> None:
        """Now is the beginning: what was spent so far is no part of the schedule, which ends when it would have."""
        if self.budget.seconds is not None:
            self.set(0.0, Budget(seconds=max(1e-9, self.budget.seconds - self.seconds)))

    @property
    def seconds(self) -> float:
        """Seconds spent, those before an interruption included."""
        return self._before + time.monotonic() - self._started

    @property
    def fraction(self) -> float:
        """0 at the start, 1 when the budget is spent."""
        if self.budget.steps is not None:
            return min(1.0, self.steps / self.budget.steps)
        return min(1.0, self.seconds / max(1e-9, self.budget.seconds or 0.0))

    @property
    def over(self) -> bool:
        return self.fraction >= 1.0

    @property
    def seconds_left(self) -> float:
        fraction = max(self.fraction, 1e-6)
        return self.seconds * (1 - fraction) / fraction

    def finish_from(self, fraction: float) -> None:
        """Shorten the budget so that now is at `fraction` of it: what remains is the end of the schedule."""
        if fraction > self.fraction:
            if self.budget.steps is not None:
                self.budget = Budget(steps=max(self.steps + 1, round(self.steps / fraction)))
            else:
                self.budget = Budget(seconds=self.seconds / fraction)
