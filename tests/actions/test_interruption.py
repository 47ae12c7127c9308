"""kill -9 during training and prediction: the run goes on where it stopped and ends as if nothing had happened."""

import hashlib
import signal
import subprocess
import sys
import time

import pytest

import krolik
from krolik.actions.reporter import Silent
from krolik.project import ProjectFile, models, predictions, runs

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")

TRAIN = """
import sys, krolik
import krolik.training.loop as loop
loop.CHECKPOINT_SECONDS, loop.CHECKPOINT_SHARE = 0.05, 1.0
with krolik.open(sys.argv[1]) as project:
    project.train(budget="30steps", pipeline="whole", input_px=64, width=0.5, resume="resume" in sys.argv)
"""


def weights(path) -> str:
    with ProjectFile.open(path) as file:
        return hashlib.sha256(models.weights(file, models.get(file, None))).hexdigest()


def kill_when(process: subprocess.Popen, path, condition) -> bool:
    """Kills the process once the project file fulfils the condition; whether it was still running."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        with ProjectFile.open(path) as file:
            if condition(file):
                process.kill()
                break
        time.sleep(0.01)
    process.wait()
    return process.returncode == -signal.SIGKILL


def test_training_ends_the_same(labelled, tmp_path):
    labelled.close()
    whole = tmp_path / "whole.krolik"
    with ProjectFile.open(labelled.path) as file:
        file.backup(whole)
    subprocess.run([sys.executable, "-c", TRAIN, str(whole)], check=True)
    process = subprocess.Popen([sys.executable, "-c", TRAIN, str(labelled.path)])
    saved = lambda file: bool(runs.every(file, "train")) and runs.checkpoint(file, 1) is not None  # noqa: E731
    assert kill_when(process, labelled.path, saved)
    with krolik.open(labelled.path) as project:
        assert project.info().interrupted == [{"run": 1, "kind": "train"}]
    subprocess.run([sys.executable, "-c", TRAIN, str(labelled.path), "resume"], check=True)
    assert weights(labelled.path) == weights(whole)
    with ProjectFile.open(labelled.path) as file:
        assert runs.get(file, 1).status == "done"


def test_labels_that_changed_are_not_resumed(labelled):
    labelled.close()
    process = subprocess.Popen([sys.executable, "-c", TRAIN, str(labelled.path)])
    saved = lambda file: bool(runs.every(file, "train")) and runs.checkpoint(file, 1) is not None  # noqa: E731
    assert kill_when(process, labelled.path, saved)
    with krolik.open(labelled.path) as project:
        project.undo()  # the split
        project.undo()  # the labels
        with pytest.raises(krolik.KrolikError, match="labels have changed"):
            project.train(resume=True)


class Leaving(Silent):
    """Gives up at once."""

    def abandoned(self) -> bool:
        return True


def test_a_name_that_was_taken_meanwhile_loses_no_training(labelled):
    small = {"budget": "2steps", "pipeline": "whole", "input_px": 64, "width": 0.5, "name": "mine"}
    with krolik.open(labelled.path) as project:
        with pytest.raises(krolik.KrolikError):
            project.train(**small, reporter=Leaving())
        assert project.train(**small).name == "mine"
        assert project.train(resume=True).name == "mine-1"


def test_prediction_goes_on(trained_small, rabbit, monkeypatch):
    """What an interrupted prediction kept is not done again, and the end is the same."""
    from krolik.actions import predicting
    from krolik.inference import pipeline

    monkeypatch.setattr(pipeline, "BLOCK", 16)
    path = trained_small

    class Stop(Exception):
        pass

    real = predictions.store

    def store(file, run, video, block):
        real(file, run, video, block)
        if block.start == 16:
            raise Stop

    with krolik.open(path) as project:
        whole = project.predict(rabbit[0])[0]
        monkeypatch.setattr(predicting.predictions, "store", store)
        with pytest.raises(Stop):
            project.predict(rabbit[0], again=True)
        monkeypatch.setattr(predicting.predictions, "store", real)
        rest = project.predict(rabbit[0])[0]
        assert rest.predicted == 60 - 32
        video = predictions.videos_of(project.file, whole.run)[0]
        first, second = (list(predictions.blocks(project.file, r.run, video)) for r in (whole, rest))
        assert [b.start for b in first] == [b.start for b in second] == [0, 16, 32, 48]
        for a, b in zip(first, second):
            assert a.xy.tobytes() == b.xy.tobytes() and a.score.tobytes() == b.score.tobytes()


@pytest.fixture
def trained_small(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        project.train(budget="8steps", pipeline="crop", input_px=64, width=0.5)
    return labelled.path
