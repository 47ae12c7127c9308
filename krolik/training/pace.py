"""Whether a budget allows enough steps, told early: a network that is too large for it would end without a word.

And whether other programs take the time that it has.
"""

from __future__ import annotations

import math

from krolik.training.loop import Progress
from krolik.training.plan import Plan

ENOUGH = 100  # steps; with a third as many none was of use, with so many some were (docs/benchmarks.md, Networks)
JUDGED_AFTER = 15  # steps, of which the first is slow
JUDGED_AT = 0.15  # of the budget, if so many take longer


class Pace:
    """Watches the first steps of the pose network."""

    def __init__(self, plan: Plan, trainings: int = 1):
        """trainings: how many share what the person gave, each with the plan's budget."""
        self._plan, self._trainings = plan, trainings
        self._first: Progress | None = None
        self._told = self._slowed = False

    def note(self, progress: Progress) -> str:
        """What is to be said of the pace: each thing once, and nothing if the budget is in steps or allows enough."""
        budget = self._plan.budget.seconds
        if progress.threads is not None and not self._slowed:
            self._slowed = True
            return (f"other programs keep this computer busy: with {progress.threads} of {self._plan.threads} threads "
                    "a step takes less time at present")  # fmt: skip
        if self._told or budget is None:
            return ""
        if self._first is None:
            self._first = progress
            return ""
        steps = progress.steps - self._first.steps
        if steps < JUDGED_AFTER and (progress.fraction < JUDGED_AT or not steps):
            return ""
        self._told = True
        each = (progress.fraction - self._first.fraction) / steps
        expected = progress.steps + (1 - progress.fraction) / max(each, 1e-9)
        if expected >= ENOUGH:
            return ""
        minutes = math.ceil(ENOUGH / expected * budget * self._trainings / 60)
        return (f"about {expected:.0f} steps of {self._plan.network} fit into this budget, and a useful model takes "
                f"at least {ENOUGH}. Try --budget {minutes}m, a smaller --input, or another --network.")  # fmt: skip
