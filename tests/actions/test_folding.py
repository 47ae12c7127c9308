"""Cross-validation: every frame is tested once, by a model that never saw it; an interrupted run goes on."""

import numpy as np
import pytest

from krolik import api
from krolik.actions import folding
from krolik.actions.reporter import Silent
from krolik.errors import Cancelled, InvalidSetting
from krolik.project import runs
from tests.training.test_loop import SCENES


@pytest.fixture
def project(labelled):
    labelled.close()
    with api.open(labelled.path) as opened:
        yield opened


QUICK = {"split": "none", "network": "unet", "budget": "24steps", "width": 0.25, "pipeline": "whole", "input_px": 128}


def test_folds_are_blocks_that_cover_every_frame():
    samples = [sample for sample, _ in SCENES]
    fold = folding.fold_of(samples, 5)
    assert fold.tolist() == sorted(fold.tolist()) and set(fold) == set(range(5))
    assert np.bincount(fold).min() >= len(samples) // 5


def test_every_frame_is_tested_once_by_a_model_that_never_saw_it(project, monkeypatch):
    learnt = []
    real = folding.native.train

    def watched(training, events):
        learnt.append({s.key for s in (*training.data.train, *training.data.validation)})
        return real(training, events)

    monkeypatch.setattr(folding.native, "train", watched)
    model = project.train(folds=3, **QUICK)
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


def test_an_interrupted_run_goes_on_with_its_fold(project, monkeypatch):
    straight = project.train(folds=3, name="straight", **QUICK)

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


def test_report_of_folds_and_going_on_from_a_model(project, tmp_path):
    project.train(folds=3, name="first", **QUICK)
    written = project.report(tmp_path / "page.html")
    assert {p.name for p in written} >= {"page.html", "page.json", "page-keypoints.png", "page-calibration.png"}
    page = written[0].read_text("utf-8")
    assert "frames by cross-validation" in page and page.count("<svg") >= 3 and "http" not in page.split("<svg")[0]
    settings = {**QUICK, "network": "auto", "pretrained": "first"}
    del settings["width"]
    second = project.train(**settings)
    assert second.document["origin"]["began_from"] == "first"
    assert second.document["plan"]["width"] == 0.25
    assert "goes on from the model first" in second.document["plan"]["reasons"]["pretrained"]
    project.report(tmp_path / "second.html")
    assert "nothing honest can be said" in (tmp_path / "second.html").read_text("utf-8")
