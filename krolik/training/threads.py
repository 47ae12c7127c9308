"""How many threads a step takes: those of the plan, or fewer while other programs keep cores busy.

The threads of a step wait for each other hundreds of times. Where one of them shares its core with another program, all
of them wait for its turns: on two cores, one of them busy, a step of 70 ms takes a second and more, and with one thread
100 ms. So now and then a few steps are taken with another number of threads, and what is faster stays.

Sums over threads depend on how many there are. Where the budget is in steps, and the same seed promises the same
weights, nothing is tried.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

import torch

WARM_STEPS = 1  # that tells nothing
COMPARED = 3  # steps with another number, of which the first makes threads and does not count
USUAL = 2  # steps at least that they are compared with
WORTH = 0.8  # of the time: below, the other number stays
LOST = 10.0, 2.0  # so many times as slow, in the first step and those after it: that says enough
FIRST_SECONDS, MOST_SECONDS = 10.0, 160.0  # between two trials; twice as long after each that was in vain


class Threads:
    """Told how long each step took, it sets how many threads the next one takes."""

    def __init__(
        self, most: int, now: int, use: Callable[[int], object] = torch.set_num_threads,
        clock: Callable[[], float] = time.monotonic,
    ):  # fmt: skip
        """most: those of the plan. now: how many it is at first."""
        self.now, self._most, self._use, self._clock = min(now, most), most, use, clock
        self._warm = WARM_STEPS
        self._usual: deque[float] = deque(maxlen=5)
        self._trial: list[float] | None = None
        self._tried, self._turn = self.now, 0
        self._pause, self._next = FIRST_SECONDS, 0.0

    @property
    def fewer(self) -> int | None:
        """How many a step takes, where that is fewer than planned."""
        return self.now if self.now < self._most else None

    def stepped(self, seconds: float) -> None:
        """After each step."""
        if self._most == 1:
            return
        if self._warm:
            self._warm -= 1
        elif self._trial is not None:
            self._trial.append(seconds)
            lost = LOST[len(self._trial) > 1] * statistics.median(self._usual)
            if len(self._trial) == COMPARED or seconds > lost:
                self._judge(self._trial)
        else:
            self._usual.append(seconds)
            if len(self._usual) >= USUAL and self._clock() >= self._next:
                self._trial, self._tried = [], self._other()
                self._use(self._tried)

    def _other(self) -> int:
        """Half as many, twice as many, or one, in turns as far as that is another number."""
        numbers = (max(1, self.now // 2), min(self._most, 2 * self.now), 1)
        others = list(dict.fromkeys(n for n in numbers if n != self.now))
        self._turn += 1
        return others[(self._turn - 1) % len(others)]

    def _judge(self, trial: list[float]) -> None:
        if len(trial) == COMPARED and min(trial[1:]) < WORTH * statistics.median(self._usual):
            self.now, self._pause, self._turn = self._tried, FIRST_SECONDS, 0
            self._usual.clear()
        else:
            self._use(self.now)
            self._pause = min(MOST_SECONDS, 2 * self._pause)
        self._trial, self._next = None, self._clock() + self._pause
