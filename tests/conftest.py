"""Shared fixtures: real data where it is there, a small generated project."""

import os
from pathlib import Path

import numpy as np
import pytest

from krolik.actions.reporter import Silent
from krolik.demonstration.show import generate, label_exactly
from krolik.project import ProjectFile
from krolik.skeleton import template

SHARED = Path(__file__).parent.parent.parent / "shared"


def pytest_configure() -> None:
    """Of tests that run side by side each process has a core: threads of two trainings would wait for each other."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker and hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(worker.removeprefix("gw")) % len(cores)]})


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the repository; tests that need it are skipped where it is not."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the real data (../shared) is not here")
    return SHARED


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory):
    """(video path, truth) of a short generated video; treat as read-only."""
    path = tmp_path_factory.mktemp("rabbit") / "rabbit.mp4"
    return path, generate(path, 0, 60, Silent())


@pytest.fixture
def labelled(rabbit, tmp_path):
    """A project with that video and every fourth frame labelled."""
    path, truth = rabbit
    with ProjectFile.create(tmp_path / "rabbit.krolik", template("rabbit")) as file:
        label_exactly(file, path, truth, 4)
        yield file


SMALL = {"budget": "60steps", "pipeline": "whole", "input_px": 64, "width": 0.5}  # of a training for tests


@pytest.fixture(scope="session")
def small_model(rabbit, tmp_path_factory) -> Path:
    """A project with the generated video, every fourth frame labelled, and a hardly trained model; use a backup."""
    from krolik import api

    path, truth = rabbit
    place = tmp_path_factory.mktemp("small") / "small.krolik"
    with ProjectFile.create(place, template("rabbit")) as file:
        label_exactly(file, path, truth, 4)
    with api.open(place) as project:
        project.train(**SMALL)
    return place


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session", autouse=True)
def state_of_the_session(tmp_path_factory):
    """What the program remembers on this computer is not that of whoever runs the tests, in wider fixtures neither."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KROLIK_STATE", str(tmp_path_factory.mktemp("session")))
        yield


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """What the program remembers on this computer stays in the test, and so do its locks."""
    monkeypatch.setenv("KROLIK_STATE", str(tmp_path_factory.mktemp("state")))
