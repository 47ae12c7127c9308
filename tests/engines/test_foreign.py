"""Training with another framework: what it learnt is a model as any other, and what goes wrong is said."""

import io
import math
import os
import signal
import subprocess
import sys
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from krolik import api
from krolik.actions.labelling import Point, SetPoints, Unlabel, label
from krolik.actions.predicting import load_model
from krolik.actions.reporter import Silent
from krolik.actions.samples import load_pixels
from krolik.engines import environments, worker
from krolik.engines.foreign import _Judged
from krolik.engines.frameworks import FRAMEWORKS
from krolik.errors import Cancelled, Conflict, InvalidFile, InvalidLabels, InvalidSetting, KrolikError, NotFound
from krolik.folders import engines_folder
from krolik.inference.pipeline import predict_frame
from krolik.poses import FrameKey, State
from krolik.project import models, runs, videos
from krolik.video import Frame


@pytest.fixture
def project(labelled):
    with api.open(labelled.path) as opened:
        opened.split("every:5")
        yield opened


def test_what_it_learnt_is_a_model_as_any_other(fake, project):
    reporter = Silent()
    model = project.train(engine="fake", budget="20steps", reporter=reporter)
    assert model.name == "fake-exact-1"
    assert model.document["plan"]["engine"] == "fake"
    assert model.document["statistics"]["stages"]["pose"]["steps"] == 20
    assert model.document["origin"]["trained_by"] == "Fake 9.9"
    assert len(model.document["statistics"]["stages"]["pose"]["curve"]) > 1
    key = FrameKey(*model.document["train"][0])
    pixels = load_pixels(project.file, key)
    light = pixels.astype(float).mean(-1) + 1e-3
    expected = (light.sum(0) * np.arange(light.shape[1])).sum() / light.sum()
    found = predict_frame(load_model(project.file, model.name), Frame(pixels))
    assert found.shape == (1, len(model.document["skeleton"]["keypoints"]), 3)
    assert abs(found[0, 0, 0] - expected) < 0.1
    evaluation = project.evaluate(model.name)
    assert evaluation.frames == 3 and math.isfinite(evaluation.metrics.overall.mean_error_px)
    assert project.compare(models=[model.name]).frames == 3
    project.report(Path(project.file.path).with_name("page.html"), model.name)


def test_it_is_handed_no_test_frame(fake, project):
    reporter = Silent()
    model = project.train(engine="fake", budget="5steps", reporter=reporter)
    learnt = len(model.document["train"])  # with those that validate
    assert learnt == len(project.labels) - 3
    validating = len(model.document["validation"])
    assert f"{learnt - validating} train, {validating} validate" in reporter.notes


def test_a_network_that_finds_something_else_than_its_framework_is_refused(fake, project):
    with pytest.raises(InvalidFile, match=r"other places than Fake itself, by 5.0 px"):
        project.train(engine="fake", network="shifted", budget="5steps")
    assert not models.every(project.file)
    assert [r.status for r in runs.every(project.file, "train")] == ["failed"]


def test_what_it_refuses_and_where_it_breaks_is_said(fake, project):
    with pytest.raises(KrolikError, match=r"fake: it does not want to\. Ask it nicely\."):
        project.train(engine="fake", network="refuse")
    with pytest.raises(InvalidSetting, match="Fake ended with an error .*a cable is loose"):
        project.train(engine="fake", network="crash")
    assert "this belongs to no message" in (engines_folder() / "fake.log").read_text()
    assert not models.every(project.file)


class Impatient(Silent):
    """Stops, or gives up, after the first news."""

    def __init__(self, gives_up: bool):
        super().__init__()
        self.gives_up, self.heard = gives_up, False

    def curve(self, point):
        self.heard = True

    def cancelled(self) -> bool:
        return self.heard

    def abandoned(self) -> bool:
        return self.heard and self.gives_up


def test_stopping_keeps_what_there_is(fake, project):
    model = project.train(engine="fake", network="endless", budget="10m", reporter=Impatient(False))
    assert 0 < model.document["statistics"]["stages"]["pose"]["steps"] < 10_000


def test_giving_up_leaves_no_model_and_no_worker(fake, project, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_PID", str(tmp_path / "pid"))
    with pytest.raises(Cancelled):
        project.train(engine="fake", network="endless", budget="10m", reporter=Impatient(True))
    assert not models.every(project.file)
    assert [r.status for r in runs.every(project.file, "train")] == ["cancelled"]
    assert gone(int((tmp_path / "pid").read_text()))


def gone(pid: int) -> bool:
    """Within ten seconds."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


ALONE = """
import sys
from krolik import api
from krolik.engines import worker
from krolik.engines.frameworks import FRAMEWORKS
from tests.engines.conftest import FAKE
FRAMEWORKS["fake"], worker.KEEP_SECONDS = FAKE, 0.2
with api.open(sys.argv[1]) as project:
    project.train(engine="fake", network="endless", budget="10m")
"""


@pytest.fixture
def killed(fake, project, tmp_path):
    """A project whose training was killed after it had kept something; its worker is found to end."""
    told = {**os.environ, "FAKE_PID": str(tmp_path / "pid")}
    root = Path(__file__).parents[2]
    running = subprocess.Popen([sys.executable, "-c", ALONE, str(project.file.path)], env=told, cwd=root)
    try:
        for _ in range(300):
            if (found := runs.every(project.file, "train")) and runs.checkpoint(project.file, found[0].id):
                break
            time.sleep(0.1)
        started = int((tmp_path / "pid").read_text())
        os.kill(started, 0)  # it is there
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    assert gone(started)
    return project


def done(notes: list[str]) -> int:
    """The steps after which it went on."""
    return next(int(note.split()[4]) for note in notes if note.startswith("it goes on after"))


@pytest.mark.skipif(os.name == "nt", reason="as above")
def test_a_killed_training_goes_on(killed):
    reporter = Impatient(False)
    model = killed.train(resume=True, reporter=reporter)
    assert reporter.notes[0] == "run 1 goes on from what it had kept"
    pose = model.document["statistics"]["stages"]["pose"]
    assert 0 < done(reporter.notes) < pose["steps"]
    steps = [point["step"] for point in pose["curve"]]
    assert steps == sorted(set(steps)) and steps[0] < done(reporter.notes) < steps[-1]
    assert [r.status for r in runs.every(killed.file, "train")] == ["done"]
    assert runs.checkpoint(killed.file, 1) is None
    with pytest.raises(NotFound, match="there is no interrupted training"):
        killed.train(resume=True)


class WhenKept(Silent):
    """Gives up as soon as something was kept."""

    def __init__(self, project):
        super().__init__()
        self.project = project

    def abandoned(self) -> bool:
        return runs.checkpoint(self.project.file, 1) is not None


def test_a_training_whose_labels_changed_does_not_go_on(fake, project, monkeypatch):
    monkeypatch.setattr(worker, "KEEP_SECONDS", 0.0)
    with pytest.raises(Cancelled):
        project.train(engine="fake", network="endless", budget="10m", reporter=WhenKept(project))
    key, keypoint = project.labels.frames[0].key, project.labels.skeleton.keypoints[0].id
    label(project.file, key, [SetPoints("#0", {keypoint: Point(State.VISIBLE, 5.0, 5.0)})], "test")
    with pytest.raises(Conflict, match="labels have changed"):
        project.train(resume=True)
    assert runs.checkpoint(project.file, 1)


def test_what_was_kept_is_damaged(fake, project):
    with pytest.raises(Cancelled):
        project.train(engine="fake", network="endless", budget="10m", reporter=Impatient(True))
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("steps.txt", "0" * 10**6)
    for kept in (b"no archive", bomb.getvalue()):
        runs.save_checkpoint(project.file, 1, kept)
        with pytest.raises(InvalidFile, match=r"what was kept of this training cannot be read\. Start a new one"):
            project.train(resume=True)


def test_a_name_that_was_taken_meanwhile(fake, project):
    with pytest.raises(Cancelled):
        project.train(engine="fake", name="mine", network="endless", budget="10m", reporter=Impatient(True))
    assert project.train(engine="fake", name="mine").name == "mine"
    assert project.train(resume=True, reporter=Impatient(False)).name == "mine-1"


def test_a_training_that_had_kept_nothing_begins_anew(fake, project):
    with pytest.raises(Cancelled):
        project.train(engine="fake", network="endless", budget="10m", reporter=Impatient(True))
    reporter = Impatient(False)
    assert project.train(resume=True, reporter=reporter).name == "fake-endless-1"
    assert reporter.notes[0] == "run 1 had kept nothing yet: it begins anew"


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"width": 2.0}, "--width: Fake cannot be told that"),
        ({"input_px": 128}, "--input: Fake cannot be told that"),
        ({"overrides": {"learning_rate": "1"}}, "--set: Fake cannot be told that"),
        (
            {"network": "unet"},
            "Fake has no network 'unet' here. Choose one of: exact, shifted, refuse, crash, endless, pair",
        ),
        ({"pretrained": "some-model"}, "--pretrained: Fake begins from its own weights or from none"),
        ({"folds": 3}, "--folds: Fake is not cross-validated here"),
    ],
)
def test_wishes_that_it_does_not_know(fake, project, wish, said):
    with pytest.raises(InvalidSetting) as error:
        project.train(engine="fake", **wish)
    assert said in str(error.value)
    assert not runs.every(project.file, "train")


def test_an_engine_that_is_not_there(project, tmp_path, monkeypatch):
    monkeypatch.setenv("KROLIK_ENGINES", str(tmp_path / "none"))
    with pytest.raises(InvalidSetting, match="there is no engine 'x'. There are: deeplabcut, sleap"):
        project.train(engine="x")
    with pytest.raises(NotFound, match="krolik engines install deeplabcut does it"):
        project.train(engine="deeplabcut")


def test_what_it_would_do_is_planned(project, tmp_path, monkeypatch):
    monkeypatch.setenv("KROLIK_ENGINES", str(tmp_path / "none"))  # it need not be installed
    ready = project.plan(engine="sleap", budget="20m", scale=0.5)
    said = {name: (value, reason) for name, value, reason in ready.plan.rows()}
    assert said["engine"][0] == "sleap" and said["network"] == ("single_medium", "its default")
    assert said["scale"] == ("0.5", "set by you") and said["batch_size"] == ("auto", "its default")
    assert len(ready.data.train) + len(ready.validating) == len(project.labels) - 3
    assert ready.to_json()["decisions"]
    assert "scale" not in {name for name, _, _ in project.plan(engine="deeplabcut").plan.rows()}
    with pytest.raises(InvalidSetting, match="DeepLabCut cannot be told that"):
        project.plan(engine="deeplabcut", scale=0.5)


def test_krolik_does_not_go_on_from_its_weights(fake, project):
    model = project.train(engine="fake", budget="5steps")
    with pytest.raises(InvalidSetting, match="was trained by another framework"):
        project.train(budget="5steps", pretrained=model.name)


@pytest.fixture
def two(project):
    """Each frame shows another animal of one keypoint, which is in the corner."""
    keypoint = project.labels.skeleton.keypoints[0].id
    for frame in project.labels:
        label(project.file, frame.key, [SetPoints("another", {keypoint: Point(State.VISIBLE, 5.0, 5.0)})], "test")
    return project


def test_several_animals(fake, two):
    model = two.train(engine="fake", budget="5steps")
    assert model.name == "fake-pair-1" and model.document["plan"]["animals"] == 2
    frame = Frame(load_pixels(two.file, two.labels.frames[0].key))
    found = predict_frame(load_model(two.file, model.name), frame)
    assert found.shape == (2, len(two.labels.skeleton), 3)
    assert np.allclose(found[1, :, 1] - found[0, :, 1], 40, atol=1e-2)
    measured = two.evaluate(model.name).metrics
    assert measured.animals == 6 and math.isfinite(measured.overall.mean_error_px)
    assert two.train(engine="fake", network="pair", split="none", budget="5steps").name == "fake-pair-2"


def test_networks_for_one_animal_are_refused_where_there_are_several(fake, two, monkeypatch):
    with pytest.raises(InvalidSetting, match="exact finds a single animal, and there are up to 2 in a frame"):
        two.train(engine="fake", network="exact")
    monkeypatch.setitem(FRAMEWORKS, "fake", replace(FRAMEWORKS["fake"], several=()))
    with pytest.raises(InvalidLabels, match="a single animal a frame"):
        two.train(engine="fake", split="none")


def test_missed_animals_count_where_weights_are_compared():
    """Else the weights that find one point well, and nothing else, would be the best."""
    scores, known = np.array([[0.9, 0.9], [np.nan, np.nan]]), np.ones((2, 2), bool)
    few = _Judged(np.array([[1.0, 1.0], [np.nan, np.nan]]), scores, known, 640)
    many = _Judged(np.array([[2.0, 2.0], [2.0, 2.0]]), np.full((2, 2), 0.9), known, 640)
    assert few.error_px < many.error_px and many.cost_px < few.cost_px
    nothing = _Judged(np.full((1, 2), np.nan), np.full((1, 2), np.nan), known[:1], 640)
    assert nothing.cost_px == 640 and nothing.error_px == math.inf and nothing.calibration(5.0) is None


def predict_frame_of(project, model) -> np.ndarray:
    return predict_frame(
        load_model(project.file, model.name), Frame(load_pixels(project.file, project.labels.frames[0].key))
    )


class TestAdopting:
    @pytest.fixture
    def folder(self, fake, tmp_path, monkeypatch):
        monkeypatch.setattr("krolik.engines.adopting.KNOWN_BY", {"fake.json": "fake"})

        def made(keypoints: list[str], network: str = "exact") -> Path:
            import json

            (tmp_path / "trained").mkdir(exist_ok=True)
            (tmp_path / "trained" / "fake.json").write_text(json.dumps({"keypoints": keypoints, "network": network}))
            return tmp_path / "trained"

        return made

    def test_its_keypoints_come_in_the_projects_order(self, project, folder):
        names = project.labels.skeleton.names
        model = project.adopt(folder(names[::-1]))
        assert model.name == "fake-trained-1"
        key = project.labels.frames[0].key
        found = predict_frame(load_model(project.file, model.name), Frame(load_pixels(project.file, key)))[0]
        assert np.allclose(np.diff(found[:, 0]), -1, atol=1e-3)  # the fake's k-th lies k pixels to the right
        told = Silent()
        assert project.evaluate(model.name, reporter=told).frames == 3
        assert told.notes == ["which frames fake-trained-1 learnt is not known; the errors of those are too small"]
        project.report(Path(project.file.path).with_name("page.html"), model.name)
        compared = project.compare(models=[model.name])
        assert any("is not known here" in note for note in compared.notes)

    def test_a_network_for_several_animals(self, two, folder, rabbit, tmp_path):
        names = two.labels.skeleton.names
        assert len(predict_frame_of(two, two.adopt(folder(names, "pair")))) == 2  # as labelled
        assert len(predict_frame_of(two, two.adopt(folder(names, "pair"), animals=3))) == 3
        assert len(predict_frame_of(two, two.adopt(folder(names)))) == 1  # a network for one finds one
        with pytest.raises(InvalidSetting, match="0 animals in a frame"):
            two.adopt(folder(names, "pair"), animals=0)
        with api.new(tmp_path / "new.krolik", rabbit[0], "nose,tail") as empty:
            key, points = FrameKey(videos.records(empty.file)[0].id, 3), {0: Point(State.VISIBLE, 5.0, 5.0)}
            edits = [SetPoints(name, points) for name in ("a", "b")]
            label(empty.file, key, edits, "test")  # of which no pixels are kept yet
            assert load_model(empty.file, empty.adopt(folder(["nose", "tail"], "pair")).name).description.animals == 2
            label(empty.file, key, [Unlabel()], "test")
            with pytest.raises(KrolikError, match=r"how many animals .* is not known\. Say it: --animals 2"):
                empty.adopt(folder(["nose", "tail"], "pair"))

    def test_a_network_of_other_keypoints(self, project, folder):
        names = project.labels.skeleton.names
        model = project.adopt(folder([names[0], "antenna"]), name="other")
        assert [k["name"] for k in model.document["skeleton"]["keypoints"]] == [names[0], "antenna"]
        with pytest.raises(InvalidLabels, match="it has none of the project's keypoints, but antenna, wing"):
            project.adopt(folder(["antenna", "wing"]))
        with pytest.raises(InvalidSetting, match="a model is named 'other' already"):
            project.adopt(folder(names), name="other")

    def test_what_is_no_trained_network(self, project, folder, tmp_path):
        with pytest.raises(NotFound, match="no such folder"):
            project.adopt(tmp_path / "nowhere")
        (tmp_path / "empty").mkdir()
        with pytest.raises(InvalidFile, match="no trained network of another framework lies there"):
            project.adopt(tmp_path / "empty")
        with pytest.raises(InvalidFile, match="other places than Fake itself"):
            project.adopt(folder(project.labels.skeleton.names, "shifted"))
        assert not models.every(project.file)

    def test_into_a_project_without_labels(self, rabbit, folder, tmp_path):
        with api.new(tmp_path / "new.krolik", rabbit[0], "nose,tail") as project:
            model = project.adopt(folder(["nose", "tail"]))
            report = project.predict(rabbit[0], model.name, stop=5)[0]
            assert report.predicted == 5 and not report.error


def test_an_environment_without_the_framework(fake, tmp_path):
    from dataclasses import replace

    lacking = replace(fake, package="no-such-package")
    with pytest.raises(InvalidSetting, match="no-such-package is not installed there"):
        environments.use(lacking, Path(sys.executable))
    with pytest.raises(NotFound, match="no such interpreter"):
        environments.use(fake, tmp_path / "python")
    found = environments.found(fake)
    assert found is not None and found.version == np.__version__ and not found.own
    environments.remove(fake)
    assert environments.found(fake) is None and Path(sys.executable).exists()


def test_an_installation_that_fails_is_none(fake, monkeypatch):
    from dataclasses import replace

    broken, told = replace(fake, requirement="not a requirement"), []
    with pytest.raises(InvalidSetting, match="Fake could not be installed .*ERROR") as error:
        environments.install(broken, None, told.append)
    assert "fake-install.log" in str(error.value) and told
    assert environments.found(fake) is None
    environments.remove(fake)
    assert not (engines_folder() / "fake").exists()
