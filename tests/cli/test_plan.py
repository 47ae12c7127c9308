"""krolik plan, and its options in krolik train."""

import shutil

import pytest

from tests.cli.conftest import QUICK


@pytest.fixture
def project(trained, tmp_path):
    return shutil.copy(trained, tmp_path / "p.krolik")


def test_plan_says_what_and_why_and_trains_nothing(krolik, project):
    done = krolik("plan", project, "--set", "augmentation.rotation_deg=90", "--set", "learning_rate=1e-3")
    assert done.code == 0, done.err
    rows = [line for line in done.out.splitlines() if line.startswith("augmentation.rotation_deg")]
    assert "90" in rows[0] and "set by you (computed: " in rows[0]
    for decision in ("network", "pipeline", "input_size", "scale", "batch_size", "precision", "keypoint_weights"):
        assert any(line.startswith(decision) for line in done.out.splitlines())
    assert len(krolik("info", project, "--json").json["models"]) == 1


def test_plan_as_json_is_what_training_uses(krolik, project):
    options = ("--set", "learning_rate=1e-3", "--set", "augmentation.shift=0.05", *QUICK)
    planned = krolik("plan", project, *options, "--json").json
    assert planned["plan"]["learning_rate"] == 1e-3 and planned["plan"]["augmentation"]["shift"] == 0.05
    assert {"split", "train_frames", "validation_frames", "decisions", "findings", "fingerprint"} <= set(planned)
    trained = krolik("train", project, *options, "--json").json
    # what was measured of the machine may differ from one second to the next
    for name in set(planned["plan"]) - {"precision", "reasons"}:
        assert trained["plan"][name] == planned["plan"][name], name
    assert trained["findings"] == planned["findings"]


def test_train_with_a_report(krolik, project, tmp_path):
    done = krolik("train", project, *QUICK, "--report", tmp_path / "out" / "page.html", "--name", "second")
    assert done.code == 0, done.err
    assert "expected calibration error" in done.out
    made = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert made == ["page-calibration.png", "page-curves.png", "page-keypoints.png", "page-pck.png", "page.html",
                    "page.json"]  # fmt: skip
    page = (tmp_path / "out" / "page.html").read_text("utf-8")
    assert "second" in page and 'src="http' not in page and "<img" in page
