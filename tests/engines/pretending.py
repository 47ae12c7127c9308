"""SLEAP as a process of its own sees it where it is installed: the worker that is started is the fake one."""

import json
import stat
import sys
from pathlib import Path

FAKE = Path(__file__).with_name("fake_worker.py")


def install_pretended_sleap(engines: Path) -> None:
    """Not on Windows. engines: the folder that KROLIK_ENGINES names."""
    engines.mkdir(parents=True, exist_ok=True)
    python = engines / "python"
    # started as: python -I script task
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{FAKE}" "$3"\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    (engines / "sleap.json").write_text(json.dumps({"python": str(python), "version": "9.9", "own": False}))


def trained_elsewhere(folder: Path, keypoints: list[str]) -> Path:
    """What the fake one takes for a folder of a model of SLEAP's."""
    folder.mkdir()
    (folder / "training_config.yaml").touch()
    (folder / "fake.json").write_text(json.dumps({"keypoints": keypoints, "network": "exact"}))
    return folder
