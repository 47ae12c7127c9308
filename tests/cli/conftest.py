"""Running commands in this process, and a project with a trained model to run them on."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from krolik.cli.main import main
from krolik.project import ProjectFile

QUICK = ("--budget", "30steps", "--pipeline", "whole", "--input", "128", "--width", "0.5")


@dataclass
class Done:
    """What a command left on the screen."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def krolik(monkeypatch, capsys):
    """Runs `krolik ARGUMENTS` and tells how it ended."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["krolik", *map(str, arguments)])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        done = capsys.readouterr()
        return Done(code, done.out, done.err)

    return run


@pytest.fixture(scope="session")
def trained(small_model, rabbit, tmp_path_factory) -> Path:
    """A project with labels, a model and predictions of the generated video. Copy it before changing it."""
    import krolik

    with ProjectFile.open(small_model) as file:
        place = file.backup(tmp_path_factory.mktemp("trained") / "rabbit.krolik")
    with krolik.open(place) as project:
        project.predict(rabbit[0])
    return place
