import pytest

from krolik.errors import InvalidSetting
from krolik.training.budget import Budget, Clock


@pytest.mark.parametrize(
    ("text", "budget"),
    [("90s", Budget(90)), ("5m", Budget(300)), ("1.5h", Budget(5400)), ("1h30m", Budget(5400)), ("2 min", Budget(120)),
     ("2000steps", Budget(steps=2000)), ("1step", Budget(steps=1))],
)  # fmt: skip
def test_parse(text, budget):
    assert Budget.parse(text) == budget
    assert Budget.parse(str(budget)) == budget


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0s", "0steps", "5 parsecs", "1e3s"])
def test_nonsense(text):
    with pytest.raises(InvalidSetting, match="90s, 5m, 1h30m or 2000steps"):
        Budget.parse(text)


def test_clock_of_steps():
    clock = Clock(Budget(steps=100), spent_steps=40)
    assert clock.fraction == 0.4 and not clock.over
    clock.finish_from(0.8)  # now is at 80 % of what the budget has become
    assert clock.budget.steps == 50 and clock.fraction == 0.8
    clock.steps = 50
    assert clock.over


def test_the_schedule_begins_when_there_is_something_to_learn_from():
    clock = Clock(Budget(100.0), spent_seconds=30.0)
    clock.begin()
    assert clock.fraction < 0.01 and 69 < clock.budget.seconds < 70.01  # pyright: ignore[reportOptionalOperand]
    steps = Clock(Budget(steps=10), spent_steps=5)
    steps.begin()
    assert steps.fraction == 0.5
    late = Clock(Budget(1.0), spent_seconds=3.0)
    late.begin()
    assert late.over


def test_clock_goes_on_after_an_interruption():
    clock = Clock(Budget(100.0), spent_seconds=75.0)
    assert 0.75 <= clock.fraction < 0.76
