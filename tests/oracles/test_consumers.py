"""What Krolik writes is opened by the programs that it is for, and they see the same points.

They live in environments of their own, made by `make oracles` below .oracles (or where KROLIK_ORACLES says).
"""

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from krolik.actions.converting import Videos
from krolik.actions.exporting import write_labels, write_predictions
from krolik.formats import FORMATS, read
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import Instance, LabeledFrame, Labels, State
from tests.oracles.conftest import ROWS

pytestmark = pytest.mark.slow
ORACLES = Path(os.environ.get("KROLIK_ORACLES", Path(__file__).parents[2] / ".oracles"))
OPENING = Path(__file__).with_name("opening.py")
HOMES = {"deeplabcut": "deeplabcut", "pandas_deeplabcut": "deeplabcut"}


def opened(how: str, path: Path) -> dict:
    """What a program says of a file."""
    home = ORACLES / HOMES.get(how, "formats")
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        pytest.skip(f"no environment in {home}: make oracles")
    command = [str(python), str(OPENING), how, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def check(how: str, path: Path, expected: dict, form: str) -> dict:
    told = opened(how, path)
    names = (
        sorted(told["names"]) if how == "movement_nwb" else told["names"]
    )  # HDF5 gives them in order of the alphabet
    wanted = sorted(expected["names"]) if how == "movement_nwb" else expected["names"]
    assert names == wanted
    assert (told["frames"], told["points"]) == (expected["frames"], expected["points"])
    assert told["sum"] == pytest.approx(expected["sum"], rel=1e-6)
    ROWS.append((form, how.replace("_", " "), f"{told['frames']} frames, {told['points']} points"))
    return told


@pytest.fixture(scope="module")
def labels(request) -> LabelTable:
    """Twelve frames of openfield, a point of each third hidden, as two animals with names."""
    shared = request.getfixturevalue("shared")
    imported = read(shared / "data" / "openfield")
    frames = []
    for number, frame in enumerate(imported.labels.frames[:12]):
        (one,) = frame.instances
        states = one.states.copy()
        states[2] = State.OCCLUDED if number % 3 == 0 else State.VISIBLE
        other = Instance(one.points * 0.9 + 5, one.states, "b")
        frames.append(LabeledFrame(frame.key, (Instance(one.points, states, "a"), other), frame.name))
    made = replace(imported, labels=Labels(imported.labels.skeleton, tuple(frames)))
    return Videos(made).table()


def alone(table: LabelTable) -> LabelTable:
    """The first animal of each frame, without its name, and nothing hidden."""
    frames = tuple(
        LabeledFrame(f.key, (Instance.of(f.instances[0].points),), f.name) for f in table.labels
    )  # fmt: skip
    return replace(table, labels=Labels(table.labels.skeleton, frames))


def expected_of(table: LabelTable, occluded: bool = True) -> dict:
    kept = (State.VISIBLE, State.OCCLUDED) if occluded else (State.VISIBLE,)
    xy = [p for f in table.labels for i in f.instances for p in i.points[np.isin(i.states, kept)]]
    return {"names": table.labels.skeleton.names, "frames": len(table.labels), "points": len(xy),
            "sum": float(np.sum(xy))}  # fmt: skip


@pytest.mark.parametrize("several", [False, True])
def test_deeplabcut_trains_from_a_project(labels, tmp_path, several):
    table = labels if several else alone(labels)
    out = write_labels(FORMATS["deeplabcut"], tmp_path / "project", table).out
    expected = expected_of(table, occluded=False)
    for suffix in (".csv", ".h5"):
        path = out / "labeled-data" / "m4s1" / f"CollectedData_krolik{suffix}"
        check("pandas_deeplabcut", path, expected, f"deeplabcut {suffix}")
    told = check("deeplabcut", out / "config.yaml", expected, "deeplabcut project")
    assert told["several"] is several and told["snapshots"] >= 1


def test_sleap_io_opens_labels(labels, tmp_path):
    expected = expected_of(labels)
    for form in ("sleap", "sleap-package"):
        out = write_labels(FORMATS[form], tmp_path / form, labels).out
        told = check("sleap_io", out, expected, form)
        assert told["visible"] == expected["points"] - 4 and told["tracks"] == ["a", "b"]
        assert told["image"][:2] == [480, 640]
        assert told["pairs"] == len(labels.labels.skeleton.pairs)


def test_coco_and_nwb_of_labels(labels, tmp_path):
    expected = expected_of(labels)
    out = write_labels(FORMATS["coco"], tmp_path / "coco", labels).out
    assert check("coco", out / "annotations.json", expected, "coco")["occluded"] == 4
    out = write_labels(FORMATS["nwb"], tmp_path / "nwb", labels).out
    assert check("pynwb", out, expected, "nwb PoseTraining")["serious"] == []


SOURCES = {  # and the videos that they are of
    "data/flies-pair/centered_pair_predictions.slp": "data/flies-pair/centered_pair_low_quality.mp4",
    "formats/dlc-analysed/single/openfield_dlc_inference_example_missingdata.csv": "data/openfield/videos/m3v1mp4.mp4",
}


@pytest.mark.parametrize("source", SOURCES)
def test_predictions(shared, tmp_path, source):
    (poses,) = read(shared / source).predictions
    table = PredictionTable(poses.skeleton, poses.video, poses.model, np.zeros(0), poses.blocks, poses.animals,
                            str(shared / SOURCES[source]))  # fmt: skip
    xy = np.concatenate([b.xy.reshape(-1, 2) for b in poses.blocks()]).astype(float)
    there = np.isfinite(xy).all(axis=1)
    expected = {
        "names": poses.skeleton.names,
        "frames": poses.frames,
        "points": int(there.sum()),
        "sum": xy[there].sum(),
    }
    several = len(poses.animals) > 1
    wanted = {
        "deeplabcut": ["pandas_deeplabcut", "movement_deeplabcut"],
        "sleap": ["sleap_io", "movement_sleap"],
        "sleap-analysis": ["movement_sleap"],
        "nwb": ["pynwb"] if several else ["pynwb", "movement_nwb"],
        **({} if several else {"lightning-pose": ["movement_lightning_pose"]}),
    }
    for form, programs in wanted.items():
        out = write_predictions(FORMATS[form], tmp_path / form / "video", [table]).out
        for path in [out] if out.is_file() else sorted(out.iterdir()):
            for how in programs:
                if (form, how) != ("sleap", "movement_sleap") or several:  # it wants tracks in an .slp
                    told = check(how, path, expected, f"{form}, {len(poses.animals)} animals")
                    assert told.get("serious", []) == []
