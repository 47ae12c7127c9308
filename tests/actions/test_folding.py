"""Cross-validation: every frame is tested once, by a model that never saw it; an interrupted run goes on."""

import numpy as np
import pytest

from krolik import api
from krolik.actions import folding
from krolik.actions.reporter import Silent
from krolik.demonstration.show import label_exactly
from krolik.errors import Cancelled, InvalidSetting
from krolik.project import ProjectFile, models, runs
from krolik.skeleton import template
from tests.training.test_loop import SCENES


@pytest.fixture
def project(labelled):
    labelled.close()
    with api.open(labelled.path) as opened:
        yield opened


QUICK = {"split": "none", "network": "unet", "budget": "24steps", "width": 0.25, "pipeline": "whole", "input_px": 128}


@pytest.fixture(scope="module")
def cross_validated(rabbit, tmp_path_factory):
    """A project with a model of three folds named "straight", and what each of its four trainings was given."""
    place = tmp_path_factory.mktemp("folded") / "rabbit.krolik"
    with ProjectFile.create(place, template("rabbit")) as file:
        label_exactly(file, rabbit[0], rabbit[1], 4)
    learnt, real = [], folding.native.train

    def watched(training, events):
        learnt.append({s.key for s in (*training.data.train, *training.data.validation)})
        return real(training, events)

    with pytest.MonkeyPatch.context() as patch, api.open(place) as opened:
        patch.setattr(folding.native, "train", watched)
        opened.train(folds=3, name="straight", **QUICK)
    return place, learnt


@pytest.fixture
def folded(cross_validated, tmp_path):
    """A copy of it."""
    with api.open(cross_validated[0]) as opened:
        opened.backup(tmp_path / "folded.krolik")
    with api.open(tmp_path / "folded.krolik") as opened:
        yield opened


def test_folds_are_blocks_that_cover_every_frame():
    samples = [sample for sample, _ in SCENES]
    fold = folding.fold_of(samples, 5)
    assert fold.tolist() == sorted(fold.tolist()) and set(fold) == set(range(5))
    assert np.bincount(fold).min() >= len(samples) // 5


def test_every_frame_is_tested_once_by_a_model_that_never_saw_it(folded, cross_validated):
    project, learnt = folded, cross_validated[1]
    model = models.get(project.file, "straight")
    run = runs.get(project.file, model.run).document
    tested = [tuple(f["key"]) for part in run["folded"] for f in part["frames"]]
    assert len(tested) == len(set(tested)) == len(project.labels)
    for keys, part in zip(learnt, run["folded"]):
        assert not keys & {tuple(f["key"]) for f in part["frames"]}
    assert len(learnt[3]) == len(project.labels)  # the final model sees them all
    crossed = model.document["cross_validation"]
    assert crossed["frames"] == len(project.labels)
    assert crossed["overall"]["n"] == project.labels.located_count().sum()
    assert model.document["calibration"]["n"] >= crossed["overall"]["n"]  # absent points count too
    assert model.document["plan"]["budget"]["steps"] == 6


def test_an_interrupted_run_goes_on_with_its_fold(folded):
    project = folded
    straight = models.get(project.file, "straight")

    class Stopping(Silent):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def cancelled(self):
            self.calls += 1
            return self.calls > 8  # in the second fold

    with pytest.raises(Cancelled, match="--resume"):
        project.train(folds=3, name="resumed", reporter=Stopping(), **QUICK)
    assert len(runs.every(project.file, "train")[0].document["folded"]) == 1
    resumed = project.train(resume=True)
    assert resumed.document["cross_validation"]["overall"] == straight.document["cross_validation"]["overall"]


def test_nonsense_folds_are_refused(project):
    for folds in (1, 99):
        with pytest.raises(InvalidSetting, match="cannot be made"):
            project.train(folds=folds, **QUICK)
    assert runs.every(project.file, "train") == []


def test_report_of_folds_and_going_on_from_a_model(folded, tmp_path):
    project = folded
    written = project.report(tmp_path / "page.html")
    assert {p.name for p in written} >= {"page.html", "page.json", "page-keypoints.png", "page-calibration.png"}
    page = written[0].read_text("utf-8")
    assert "frames by cross-validation" in page and page.count("<svg") >= 3 and "http" not in page.split("<svg")[0]
    settings = {**QUICK, "network": "auto", "pretrained": "straight"}
    del settings["width"]
    second = project.train(**settings)
    assert second.document["origin"]["began_from"] == "straight"
    assert second.document["plan"]["width"] == 0.25
    assert "goes on from the model straight" in second.document["plan"]["reasons"]["pretrained"]
    project.report(tmp_path / "second.html")
    assert "nothing honest can be said" in (tmp_path / "second.html").read_text("utf-8")
