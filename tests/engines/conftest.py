"""A framework that is none, installed in the tests' own environment."""

import sys
from pathlib import Path

import pytest

from krolik.engines import environments
from krolik.engines.frameworks import FRAMEWORKS, Framework

BEHAVIOURS = ("exact", "shifted", "refuse", "crash", "endless")
FAKE = Framework(
    "fake", "Fake", "numpy", "numpy", str(Path(__file__).with_name("fake_worker.py")), BEHAVIOURS,
    ("pair",), frozenset({"batch_size"}), False,
)  # fmt: skip


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Framework:
    """Known to the program, its place remembered in the test's folder."""
    monkeypatch.setenv("KROLIK_ENGINES", str(tmp_path / "engines"))
    monkeypatch.setitem(FRAMEWORKS, "fake", FAKE)
    environments.use(FAKE, Path(sys.executable))
    return FAKE
