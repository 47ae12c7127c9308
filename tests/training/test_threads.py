"""A step takes as many threads as are fast while other programs run, and all of them when they have gone."""

import pytest

from krolik.training.threads import MOST_SECONDS, Threads


class Machine:
    """Steps whose time is a function of their threads; a clock that goes with them."""

    def __init__(self, most: int, seconds):
        self.seconds, self.time, self.set, self.taken = seconds, 0.0, most, []
        self.threads = Threads(most, most, self.use, lambda: self.time)

    def use(self, threads: int) -> None:
        self.set = threads

    def run(self, until: float) -> None:
        while self.time < until:
            took = self.seconds(self.set)
            self.time += took
            self.taken.append(self.set)
            self.threads.stepped(took)


def test_alone_all_threads_stay_and_trials_cost_little():
    machine = Machine(2, lambda n: 0.07 / n)
    machine.run(300)
    assert machine.threads.now == 2 and machine.taken.count(1) < 0.01 * len(machine.taken)


def test_beside_another_program_one_is_enough_soon_and_two_again_when_it_has_gone():
    busy = True
    machine = Machine(2, lambda n: (2.6 if n == 2 else 0.09) if busy else 0.09 / n)
    machine.run(12)
    assert machine.threads.now == 1
    machine.run(300)
    lost = sum(2.6 for n in machine.taken if n == 2)
    assert machine.threads.now == 1 and lost < 0.1 * 300
    busy = False
    machine.run(300 + MOST_SECONDS + 20)
    assert machine.threads.now == 2


def test_a_first_step_that_prepares_much_does_not_hide_that_more_threads_are_faster():
    machine = Machine(2, lambda n: 0.1 / n)
    machine.use(1)
    machine.threads.now = 1
    slow = machine.seconds
    machine.seconds = lambda n: slow(n) + 0.4 * (n == 2 and machine.taken[-1:] == [1])
    machine.run(100)
    assert machine.threads.now == 2


@pytest.mark.parametrize("free", [1, 3, 8, 16])
def test_of_many_cores_about_as_many_as_are_free(free):
    """More threads than free cores wait for each other."""
    machine = Machine(16, lambda n: 1.0 / n if n <= free else 3.0)
    machine.run(600)
    assert free / 2 < machine.threads.now <= free


def test_fewer_than_planned_is_told_only_where_it_is_so():
    """A GPU's training, one in steps and one of several processes try nothing, and nobody is to be called busy."""
    assert Threads(1, 16).fewer is None and Threads(2, 2).fewer is None
    assert Threads(2, 1).fewer == 1  # the locator's training has found that out


def test_a_plan_of_one_thread_is_left_alone():
    machine = Machine(1, lambda n: 0.1)
    machine.run(100)
    assert set(machine.taken) == {1}
