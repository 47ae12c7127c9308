"""The batch of a GPU grows as long as its steps hardly do. (On a GPU itself: test_gpu.py.)"""

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from krolik.training import gpu_steps
from krolik.training.gpu_steps import SIZES
from krolik.training.learner import Learner
from krolik.training.plan import Settings
from krolik.training.planning import plan_training, pose_spec
from tests.training.test_loop import DATA

PLAN = plan_training(DATA, Settings(pipeline="whole", input_px=64, width=0.25))[0]
SPEC = pose_spec(2, PLAN, loaded=False)


@pytest.mark.parametrize(
    ("steps", "picture", "wanted"),
    [
        ([1.0, 1.2, 1.5], 0.01, 32),
        ([1.0, 1.2, 1.9], 0.01, 16),
        ([1.0, 1.9], 0.01, 8),
        ([1.0, 1.1, -1.1], 0.01, 16),  # below zero: it had to be divided
        ([-1.0], 0.01, 8),
        ([1.0, 1.2, 1.5], 0.08, 16),  # 32 pictures would be prepared no faster than those of two batches
        ([1.0, 1.2], 0.2, 8),
    ],
)
def test_the_largest_whose_steps_are_hardly_slower(monkeypatch, steps, picture, wanted):
    asked = []

    def measured(spec, plan):
        asked.append(plan.batch_size)
        seconds = steps[len(asked) - 1]
        return abs(seconds), seconds > 0

    monkeypatch.setattr(gpu_steps, "_seconds_of_a_step", measured)
    monkeypatch.setattr(gpu_steps, "_seconds_of_a_picture", lambda plan: picture)
    assert gpu_steps._largest_worthwhile(PLAN, SPEC) == wanted
    assert asked == list(SIZES[: len(steps)])


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [((1.0, 0.6), "bfloat16"), ((1.0, 0.95), "float32"), ((1.0, 1.3), "float32")],
)
def test_the_precision_whose_steps_are_clearly_faster(monkeypatch, tmp_path, seconds, wanted):
    of = dict(zip(("float32", "bfloat16"), seconds))
    monkeypatch.setenv("KROLIK_CACHE", str(tmp_path))
    monkeypatch.setattr(gpu_steps, "_gpu", lambda: "a GPU")
    monkeypatch.setattr(gpu_steps, "_seconds_of_a_step", lambda spec, plan: (of[plan.precision], False))
    assert gpu_steps.measured_precision(PLAN, SPEC)[0] == wanted
    of.clear()  # measured once
    assert gpu_steps.measured_precision(PLAN, SPEC)[0] == wanted


def test_steps_and_pictures_are_those_of_a_training():
    steps = [gpu_steps._seconds_of_a_step(SPEC, replace(PLAN, batch_size=size)) for size in (2, 32)]
    assert 0 < steps[0][0] < steps[1][0] and all(whole for _, whole in steps)
    few, many = (gpu_steps._seconds_of_a_picture(replace(PLAN, input_size=(side, side))) for side in (64, 512))
    assert 0 < few < many


def test_slow_steps_are_not_taken_often(monkeypatch):
    clock, taken = iter(range(10**6)), []
    monkeypatch.setattr(gpu_steps.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(Learner, "step", lambda self, *_: taken.append(1))
    assert gpu_steps._seconds_of_a_step(SPEC, PLAN) == (1.0, True)
    assert len(taken) == gpu_steps.FIRST + gpu_steps.FEWEST


def test_what_was_measured_leaves_no_memory_behind(monkeypatch):
    """Without waiting for the collector: on a small GPU the next measurement needs it."""
    left, real = [], Learner.__init__

    def watched(self, *arguments):
        real(self, *arguments)
        left.append(weakref.ref(self))

    monkeypatch.setattr(Learner, "__init__", watched)
    gc.disable()
    try:
        gpu_steps._seconds_of_a_step(SPEC, replace(PLAN, batch_size=2))
        assert [learner() for learner in left] == [None]
    finally:
        gc.enable()


def test_a_batch_that_has_to_be_divided_is_too_large(monkeypatch):
    real = Learner._learn

    def small_memory(self, images, points, states):
        if self.parts.count == 1:
            raise torch.OutOfMemoryError("out of memory")
        return real(self, images, points, states)

    monkeypatch.setattr(Learner, "_learn", small_memory)
    seconds, whole = gpu_steps._seconds_of_a_step(SPEC, replace(PLAN, batch_size=4))
    assert seconds > 0 and not whole
