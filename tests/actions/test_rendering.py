"""What is rendered suits what is shown."""

import numpy as np
import pytest

import krolik
from krolik.actions.rendering import _sized
from krolik.poses import Predictions
from krolik.project import ProjectFile, predictions, runs, videos
from krolik.rendering.overlay import Style, radius_for


@pytest.fixture
def project(small_model, tmp_path):
    with ProjectFile.open(small_model) as file:
        file.backup(tmp_path / "a.krolik")
    with krolik.open(tmp_path / "a.krolik") as opened:
        opened.predict("rabbit.mp4")
        yield opened.file


@pytest.mark.parametrize("length", [80, 1000])
def test_points_are_as_large_as_the_animals_allow(project, length):
    """Those of the first frames are far apart, but too doubtful to be drawn."""
    run, record = runs.every(project, "predict")[0], videos.records(project)[0]
    xy = np.zeros((60, 1, 8, 2), np.float32)
    xy[:, 0, :, 0] = np.linspace(0, length, 8)
    xy[:20] *= 50
    score = np.where(np.arange(60) < 20, 0.1, 0.9).astype(np.float32)[:, None, None] * np.ones((60, 1, 8), np.float32)
    predictions.store(project, run.id, record.id, Predictions(0, xy, score, np.ones(60, bool)))
    assert _sized(Style(), project, run, record).radius == radius_for(record.size, length)
    assert _sized(Style(radius=7), project, run, record).radius == 7


def test_without_animals_the_frame_says_it(project):
    run, record = runs.every(project, "predict")[0], videos.records(project)[0]
    nothing = np.full((60, 1, 8, 2), np.nan, np.float32)
    predictions.store(
        project, run.id, record.id, Predictions(0, nothing, np.zeros((60, 1, 8), np.float32), np.ones(60, bool))
    )
    assert _sized(Style(), project, run, record).radius == radius_for(record.size)
