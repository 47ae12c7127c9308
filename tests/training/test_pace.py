"""A budget that is too small for a network is told of early, and once."""

from krolik.training.budget import Budget
from krolik.training.loop import Progress
from krolik.training.machine import MachineFingerprint
from krolik.training.pace import ENOUGH, Pace
from krolik.training.plan import Plan, Settings, decide
from tests.ui.test_sentences import MOUSE


def plan(budget: Budget) -> Plan:
    return decide(MOUSE, MachineFingerprint(2, "cpu", "a processor", 0.0), Settings(network="fastpose", budget=budget))


def told(pace: Pace, seconds_a_step: float, budget: float, first: float = 0.0) -> list[tuple[int, str]]:
    """Steps and notes of a training whose first step takes `first` seconds more."""
    notes, steps, seconds = [], 0, 0.0
    while seconds < budget:
        steps, seconds = steps + 1, seconds + seconds_a_step + (first if not steps else 0.0)
        note = pace.note(Progress("pose", min(1.0, seconds / budget), steps, 0.0, 0.0, 0.0))
        notes += [(steps, note)] if note else []
    return notes


def test_a_large_network_in_a_small_budget():
    ((steps, note),) = told(Pace(plan(Budget(seconds=180))), 7.0, 180)
    assert steps <= 5
    assert note.startswith("about 26 steps of fastpose fit into this budget") and "--budget 12m," in note


def test_that_other_programs_take_the_time_is_said_once():
    pace = Pace(plan(Budget(seconds=600)))
    notes = [pace.note(Progress("pose", s / 600, s, 0.0, 0.0, 0.0, (), None if s < 3 else 1)) for s in range(600)]
    (note,) = filter(None, notes)
    assert "with 1 of 2 threads" in note


def test_folds_share_the_budget():
    ((_, note),) = told(Pace(plan(Budget(seconds=180)), 6), 7.0, 180)
    assert "--budget 70m," in note


def test_the_steps_that_fit_are_near_the_truth():
    for each in (0.7, 1.0, 20.0):
        ((steps, note),) = told(Pace(plan(Budget(seconds=60))), each, 60)
        assert abs(int(note.split()[1]) - 60 / each) <= 1 and (steps <= 16 or each > 9)


def test_a_slow_first_step_alone_is_no_reason():
    assert told(Pace(plan(Budget(seconds=60))), 60 / (2 * ENOUGH), 60, first=8.0) == []


def test_who_says_steps_knows():
    assert told(Pace(plan(Budget(steps=5))), 7.0, 180) == []
