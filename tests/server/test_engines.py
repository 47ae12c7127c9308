"""Other frameworks over HTTP: which there are, a training by one of them, and a network that is taken."""

import json
import os
import sys
from pathlib import Path

import pytest

from krolik.project import labels, models
from tests.engines.pretending import install_pretended_sleap, trained_elsewhere
from tests.server.conftest import ended
from tests.server.test_work import begin

posix = pytest.mark.skipif(sys.platform == "win32", reason="the pretended environment is a shell's script")


@pytest.fixture
def base(live, labelled):
    return live.open(labelled.path)


def engines() -> Path:
    return Path(os.environ["KROLIK_ENGINES"])


def test_the_frameworks_are_listed(live, base):
    found = {one["name"]: one for one in live.client.get("/api/engines").json()}
    assert set(found) == {"deeplabcut", "sleap"} and found["deeplabcut"]["version"] is None
    assert "resnet_50" in found["deeplabcut"]["networks"] and "scale" in found["sleap"]["settings"]
    planned = ended(live.client, base, begin(live, base, "plan", engine="sleap", scale=0.5)["id"])
    assert ["scale", "0.5", "set by you"] in planned["result"]["decisions"]


@posix
def test_a_training_and_a_taken_network(live, base, labelled, tmp_path):
    install_pretended_sleap(engines())
    assert {one["name"]: one["version"] for one in live.client.get("/api/engines").json()}["sleap"] == "9.9"
    job = ended(live.client, base, begin(live, base, "train", engine="sleap", budget="20steps")["id"])
    assert job["status"] == "done" and job["result"]["model"] == "sleap-single_medium-1", job
    assert job["result"]["error_px"] > 0
    assert models.get(labelled, "sleap-single_medium-1").document["plan"]["engine"] == "sleap"
    source = trained_elsewhere(tmp_path / "theirs", labels.skeleton(labelled).names)
    job = ended(live.client, base, begin(live, base, "adopt", path=str(source))["id"])
    assert job["status"] == "done" and job["result"]["model"] == "sleap-theirs-1", job
    answer = live.client.post(f"{base}/adopt", json={"path": str(source), "name": "sleap-theirs-1"})
    assert answer.json()["code"] == "name-taken"
    answer = live.client.post(f"{base}/adopt", json={"path": str(tmp_path)})
    assert "no trained network of another framework lies there" in answer.json()["message"]


@posix
def test_an_installation_that_fails_says_why(live, base, tmp_path, monkeypatch):
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = http://127.0.0.1:9/\nretries = 0\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    job = ended(live.client, base, begin(live, base, "install", engine="sleap")["id"])
    assert job["status"] == "failed" and "SLEAP could not be installed" in json.dumps(job["error"]), job
    assert live.client.get("/api/engines").json()[1]["version"] is None
