"""The frameworks themselves, where they are installed for Krolik on this computer: a few steps, exported and adopted.

`KROLIK_ENGINES` as it was when the tests began says where.
"""

import io
import zipfile

import pytest

from krolik import api
from krolik.actions.reporter import Silent
from krolik.engines import environments, worker
from krolik.engines.frameworks import FRAMEWORKS
from krolik.errors import Cancelled, KrolikError
from krolik.folders import engines_folder
from krolik.project import runs

INSTALLED = {name for name, framework in FRAMEWORKS.items() if environments.found(framework) is not None}
NETWORKS = {"deeplabcut": "cspnext_s", "sleap": "single_medium"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FRAMEWORKS))
def test_a_few_steps(name, labelled):
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed for Krolik here (krolik engines install {name})")
    with api.open(labelled.path) as project:
        scale = {"scale": 0.5} if name == "sleap" else {}
        model = project.train(engine=name, network=NETWORKS[name], budget="3steps", pretrained="none", **scale)
        assert model.document["statistics"]["stages"]["pose"]["steps"] == 3
        assert project.evaluate(model.name).frames > 0


class Interrupting(Silent):
    """Gives up as soon as the training has kept something."""

    def __init__(self, project):
        super().__init__()
        self.project = project

    def abandoned(self) -> bool:
        return runs.checkpoint(self.project.file, runs.every(self.project.file, "train")[0].id) is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FRAMEWORKS))
def test_an_interrupted_training_goes_on(name, labelled, monkeypatch):
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed for Krolik here (krolik engines install {name})")
    monkeypatch.setattr(worker, "KEEP_SECONDS", 0.0)
    steps = {"deeplabcut": 6, "sleap": 206}[name]  # sleap-nn keeps at the end of 200 steps
    with api.open(labelled.path) as project:
        scale = {"scale": 0.25} if name == "sleap" else {}
        with pytest.raises(Cancelled):
            project.train(engine=name, network=NETWORKS[name], budget=f"{steps}steps", pretrained="none",
                          reporter=Interrupting(project), **scale)  # fmt: skip
        model = project.train(resume=True)
        pose = model.document["statistics"]["stages"]["pose"]
        assert pose["steps"] == steps
        begun, going_on = pose["curve"][0], pose["curve"][-1]
        assert begun["step"] <= 2 and going_on["step"] == steps
        if name == "sleap":  # it has learnt something before, and knows it still
            assert going_on["loss"] < 0.7 * begun["loss"]


@pytest.mark.slow
def test_two_networks_one_after_the_other(labelled, monkeypatch):
    """SLEAP's from the top down: interrupted in the first one, and in the second."""
    if "sleap" not in INSTALLED:
        pytest.skip("sleap is not installed for Krolik here (krolik engines install sleap)")
    monkeypatch.setattr(worker, "KEEP_SECONDS", 0.0)
    wish = {"engine": "sleap", "network": "topdown_medium", "scale": 0.25, "budget": "660steps"}
    with api.open(labelled.path) as project:
        with pytest.raises(Cancelled):
            project.train(reporter=Interrupting(project), **wish)
        assert not of_the_second(project)
        with pytest.raises(Cancelled):
            project.train(resume=True, reporter=InTheSecond(project))
        model = project.train(resume=True)
        pose = model.document["statistics"]["stages"]["pose"]
        assert pose["steps"] == 660
        steps = [point["step"] for point in pose["curve"]]
        assert steps == sorted(set(steps))
        assert project.evaluate(model.name).frames > 0


def of_the_second(project) -> bool:
    """Whether what is kept of the training has the first network, which is finished."""
    kept = runs.checkpoint(project.file, runs.every(project.file, "train")[0].id)
    return kept is not None and "centroid.ckpt" in zipfile.ZipFile(io.BytesIO(kept)).namelist()


class InTheSecond(Interrupting):
    def abandoned(self) -> bool:
        return of_the_second(self.project)


class Hostile:
    """Read as an object, it makes a file."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (self.file, "w")


@pytest.mark.slow
@pytest.mark.parametrize("name, state", [("deeplabcut", "state.pt"), ("sleap", "state.ckpt")])
def test_objects_in_what_was_kept_are_not_read(name, state, labelled, tmp_path):
    """A project comes from anybody, and so does what is kept in it."""
    if name not in INSTALLED:
        pytest.skip(f"{name} is not installed for Krolik here (krolik engines install {name})")
    import torch

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        torch.save({"metadata": Hostile(str(tmp_path / "made"))}, tmp_path / "weights")
        archive.write(tmp_path / "weights", state)
        archive.writestr("pace.json", '{"steps": 1, "seconds": 1, "curve": [], "every": 1}')
    with api.open(labelled.path) as project:
        with pytest.raises(KrolikError):
            project.train(engine=name, network=NETWORKS[name], budget="2steps", pretrained="none", reporter=Hasty())
        runs.save_checkpoint(project.file, 1, packed.getvalue())
        with pytest.raises(KrolikError, match="ended with an error"):
            project.train(resume=True)
    assert "weights_only" in (engines_folder() / f"{name}.log").read_text()
    assert not (tmp_path / "made").exists()


class Hasty(Silent):
    def abandoned(self) -> bool:
        return True
