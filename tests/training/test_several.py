"""Two processes on this computer's processor train one network together."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import krolik
from krolik.actions.reporter import Silent
from krolik.engines import native
from krolik.errors import Cancelled
from krolik.process import exists
from krolik.project import runs
from krolik.training.augmentation import AugmentationRanges
from krolik.training.batches import Batches, whole_frame_items
from krolik.training.budget import Budget
from krolik.training.checkpoint import Checkpoint
from krolik.training.image_cache import ImageCache
from krolik.training.plan import Settings
from krolik.training.planning import plan_training
from tests.training.test_loop import DATA, Watching

pytestmark = pytest.mark.alone

pytest.importorskip("lightning_fabric")


class Pixels:
    """What can be sent to another process."""

    def __call__(self, key):
        from tests.training.test_loop import IMAGES

        return IMAGES[key]


def training(steps: int, resume=None):
    settings = Settings(budget=Budget(steps=steps), pipeline="whole", input_px=128, width=0.5,
                        overrides={"devices": "2"})  # fmt: skip
    data = replace(DATA, load=Pixels())
    plan, fingerprint = plan_training(data, settings)
    assert plan.devices == 2
    return native.Training(data, plan, fingerprint, 0.0, resume)


def test_two_processes_learn():
    events = Watching()
    fitted = native.train(training(60), events).stages["pose"].fitted
    assert fitted.steps == 60 and fitted.error_px < 0.5 * fitted.curve[0]["error_px"]
    assert [p.steps for p in events.seen] == list(range(1, 61))


@pytest.mark.slow
def test_two_processes_repeat():
    first, again = (native.train(training(60), Watching()) for _ in range(2))
    assert native.joined_weights(first) == native.joined_weights(again)


class Failing(Watching):
    """Events that break in the middle of a training."""

    def progress(self, progress):
        super().progress(progress)
        if len(self.seen) == 5:
            raise OSError("the disk is gone")


@pytest.mark.slow
def test_the_others_end_when_this_process_fails():
    with pytest.raises(OSError, match="gone"):
        native.train(training(100_000), Failing())


@pytest.mark.slow
def test_a_team_stops_when_told():
    stopped = native.train(training(40), Watching(stop_after=10))
    assert 10 <= stopped.stages["pose"].fitted.steps < 40


def test_each_process_has_batches_of_its_own():
    made = Batches(
        whole_frame_items(DATA.train, (64, 64)), ImageCache(DATA.load), AugmentationRanges(), np.arange(2), 4, 0
    )
    streams = [made.stream(3, 1, rank, 2) for rank in range(2)]
    for step in (3, 4, 5):
        for rank, stream in enumerate(streams):
            np.testing.assert_array_equal(next(stream).images, made.batch(2 * step + rank).images)
    for stream in streams:
        stream.close()


class Abandoning(Silent):
    """A reporter that abandons the training as soon as there is something to tell."""

    told = False

    def progress(self, title, fraction, text="", seconds_left=None):
        self.told = True

    def abandoned(self):
        return self.told


@pytest.mark.slow
def test_a_cancelled_team_leaves_a_checkpoint_and_goes_on(labelled):
    labelled.close()
    wish = {"budget": "60steps", "pipeline": "whole", "input_px": 64, "width": 0.5, "overrides": {"devices": "2"}}
    with krolik.open(labelled.path) as project:
        with pytest.raises(Cancelled):
            project.train(**wish, reporter=Abandoning())
        run = runs.every(project.file, "train")[0]
        saved = Checkpoint.from_bytes(runs.checkpoint(project.file, run.id) or b"")
        assert 0 < saved.steps < 60
        model = project.train(resume=True)
        assert model.document["statistics"]["stages"]["pose"]["steps"] == 60


SCRIPT = """
import multiprocessing
from tests.training.test_several import native, training
from tests.training.test_loop import Watching

class Telling(Watching):
    def progress(self, progress):
        super().progress(progress)
        if len(self.seen) == 3:
            print(*(p.pid for p in multiprocessing.active_children()), flush=True)

if __name__ == "__main__":
    native.train(training(100_000), Telling())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_nobody_goes_on_when_the_first_process_is_killed(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    here = str(Path(__file__).parents[2])
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": here}) as first:  # fmt: skip
        assert first.stdout is not None
        told = next(line for line in first.stdout if line[:1].isdigit())
        others = [int(word) for word in told.split()]
        assert len(others) == 2 and all(exists(pid) for pid in others)
        first.kill()
    end = time.monotonic() + 30
    while any(exists(pid) for pid in others):
        assert time.monotonic() < end
        time.sleep(0.1)
