"""The batch of a GPU grows as long as its steps hardly do. (On a GPU itself: test_gpu.py.)"""

from dataclasses import replace

import pytest
import torch

from krolik.training import batch_size
from krolik.training.batch_size import SIZES
from krolik.training.learner import Learner
from krolik.training.plan import Settings
from krolik.training.planning import plan_training, pose_spec
from tests.training.test_loop import DATA

PLAN = plan_training(DATA, Settings(pipeline="whole", input_px=64, width=0.25))[0]
SPEC = pose_spec(2, PLAN, loaded=False)


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [([1.0, 1.2, 1.5], 32), ([1.0, 1.2, 1.9], 16), ([1.0, 1.9], 8), ([1.0, 1.1, None], 16), ([None], 8)],
)
def test_the_largest_whose_steps_are_hardly_slower(monkeypatch, seconds, wanted):
    asked = []

    def measured(spec, plan):
        asked.append(plan.batch_size)
        return seconds[len(asked) - 1]

    monkeypatch.setattr(batch_size, "_seconds", measured)
    assert batch_size._largest_worthwhile(PLAN, SPEC) == wanted
    assert asked == list(SIZES[: len(seconds)])


def test_steps_are_those_of_a_training():
    seconds = [batch_size._seconds(SPEC, replace(PLAN, batch_size=size)) for size in (2, 32)]
    assert 0 < seconds[0] < seconds[1]


def test_a_batch_that_has_to_be_divided_is_too_large(monkeypatch):
    real = Learner._learn

    def small_memory(self, images, points, states):
        if self.parts.count == 1:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, images, points, states)

    monkeypatch.setattr(Learner, "_learn", small_memory)
    assert batch_size._seconds(SPEC, replace(PLAN, batch_size=4)) is None
