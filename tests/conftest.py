"""Shared fixtures: real data where it is there, a small generated project."""

from pathlib import Path

import numpy as np
import pytest

from krolik.actions.reporter import Silent
from krolik.demonstration.show import generate, label_exactly
from krolik.project import ProjectFile
from krolik.skeleton import template

SHARED = Path(__file__).parent.parent.parent / "shared"


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


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_state(tmp_path_factory, monkeypatch):
    """What the program remembers on this computer stays in the test, and so do its locks."""
    monkeypatch.setenv("KROLIK_STATE", str(tmp_path_factory.mktemp("state")))
