"""Broken and hostile files of every format: one clear sentence that names the place, and never anything else."""

import json
import random
from pathlib import Path

import h5py
import numpy as np
import pytest

from krolik.errors import InvalidFile, KrolikError
from krolik.formats import FORMATS, LABELS, PREDICTIONS, read, writable
from krolik.formats.imported import Wishes
from krolik.formats.probe import SIGNATURE, ensure_readable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, Predictions, State
from krolik.skeleton import Skeleton
from tests.formats.test_round_trips import table

NAMES = ["nose", "left_ear", "right_ear", "tail"]


@pytest.fixture(scope="module")
def samples(tmp_path_factory) -> dict[str, list[Path]]:
    """The files of each format, small."""
    from krolik.actions.exporting import write_labels, write_predictions
    from krolik.formats.tables import PredictionTable

    rng = np.random.default_rng(0)
    skeleton = Skeleton.of(NAMES, [("nose", "left_ear"), ("nose", "tail")])
    states = np.array([State.VISIBLE, State.VISIBLE, State.ABSENT, State.VISIBLE])
    frames = [
        LabeledFrame(FrameKey(v, i), (Instance(rng.uniform(1, 60, (4, 2)), states, "a", (1.0, 1, 60, 60)),))
        for v in ("клип.mp4", "кадры") for i in range(2)
    ]  # fmt: skip
    block = Predictions(0, rng.uniform(0, 60, (6, 2, 4, 2)).astype("f4"), np.ones((6, 2, 4), "f4"), np.ones(6, bool))
    single = Predictions(0, block.xy[:, :1], block.score[:, :1], block.decoded)
    folder, made = tmp_path_factory.mktemp("samples"), {}
    for form in FORMATS:
        found = []
        if form in writable(LABELS):
            found.append(write_labels(FORMATS[form], folder / f"{form} l", table(Labels(skeleton, tuple(frames)))).out)
        if form in writable(PREDICTIONS):
            blocks = [single if form == "lightning-pose" else block]
            poses = PredictionTable(skeleton, "v.mp4", "m", np.arange(6.0), lambda blocks=blocks: iter(blocks))
            found.append(write_predictions(FORMATS[form], folder / f"{form} p", [poses]).out)
        made[form] = [p for f in found for p in ([f] if f.is_file() else sorted(f.rglob("*"))) if p.is_file() and
                      p.suffix not in (".png",) and p.name != "label_config.xml"]  # fmt: skip
    return {form: paths for form, paths in made.items() if paths}


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Cut off, with bytes put in, taken out, or changed."""
    what, result = rng.random(), bytearray(data)
    at = rng.randrange(len(result))
    if what < 0.15:
        return bytes(result[:at])
    if what < 0.3:
        result[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 30)))
    elif what < 0.4:
        del result[at : at + rng.randrange(1, 200)]
    else:
        for _ in range(rng.choice([1, 1, 2, 5, 30])):
            result[rng.randrange(len(result))] = rng.choice([0, 255, 1, 127, 128, rng.randrange(256)])
    return bytes(result)


def torture(path: Path, times: int, seed: int) -> None:
    """The file with random damage, in its own place so that what lies beside it is there."""
    whole = path.read_bytes()
    try:
        for number in range(times):
            path.write_bytes(mutated(whole, random.Random(seed * 10_000 + number)))
            try:
                for poses in read(path, Wishes(unconfirmed=True)).predictions:
                    for _ in poses.blocks():
                        pass
            except KrolikError as error:
                assert "\n" not in str(error), (path.name, number)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("form", sorted({*writable(LABELS), *writable(PREDICTIONS)}))
def test_damage_is_one_sentence(samples, form):
    for path in samples[form]:
        slow = path.read_bytes().startswith(SIGNATURE) or "labeled-data" in path.parts  # the latter read images, too
        torture(path, 3 if slow else 40, 1)


@pytest.mark.slow
@pytest.mark.parametrize("form", sorted({*writable(LABELS), *writable(PREDICTIONS)}))
def test_much_damage_is_one_sentence(samples, form):
    for path in samples[form]:
        torture(path, 150 if path.read_bytes().startswith(SIGNATURE) else 2000, 2)


def changed_json(path: Path, change) -> Path:
    value = json.loads(path.read_text("utf-8"))
    change(value)
    path.write_text(json.dumps(value), "utf-8")
    return path


JSON_CASES = {
    ("coco", "annotations.json"): [
        (lambda v: v["annotations"][0]["keypoints"].pop(), r"annotations\[0\]: .*11 numbers for 4 keypoints"),
        (lambda v: v["annotations"][1]["keypoints"].__setitem__(2, 7), r"annotations\[1\]: .*7 is not 0, 1 or 2"),
        (lambda v: v["annotations"][0]["keypoints"].__setitem__(0, "x"), r"annotations\[0\]: "),
        (lambda v: v["categories"][0]["skeleton"].append([1, 9]), "leads to no keypoint"),
        (lambda v: v["categories"][0]["keypoints"].__setitem__(1, "nose"), "'nose' occurs twice"),
        (lambda v: v["images"].append({**v["images"][0], "id": 99}), "is labelled twice"),
        (lambda v: v["annotations"][0].__setitem__("category_id", 5), "category 5 is not among the categories"),
        (lambda v: v["images"][0].pop("file_name"), "file_name"),
    ],
    ("alphatracker", "train.json"): [
        (lambda v: v[0]["annotations"].pop(), "animals with 3, 4 points"),
        (lambda v: v[1]["annotations"][0].__setitem__("class", "circle"), "entry 1: 'circle' is neither"),
        (lambda v: v[1]["annotations"][2].__setitem__("x", "left"), "entry 1: "),
        (lambda v: v[0].pop("filename"), "entry 0: .*filename|no format"),
    ],
    ("label-studio", "tasks.json"): [
        (lambda v: v[1]["annotations"][0]["result"][1]["value"].pop("x"), "task 2: .*no 'x'"),
        (lambda v: v[0]["annotations"][0]["result"][1]["value"].__setitem__("keypointlabels", []), "values to unpack"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("place", "number"), [(p, n) for p, cases in JSON_CASES.items() for n in range(len(cases))])
def test_json_that_is_not_as_it_should_be(samples, place, number, tmp_path):
    form, name = place
    source = next(p for p in samples[form] if p.name == name)
    (tmp_path / name).write_bytes(source.read_bytes())
    change, words = JSON_CASES[place][number]
    with pytest.raises(KrolikError, match=words) as caught:
        read(changed_json(tmp_path / name, change))
    assert name in str(caught.value)


CSV_CASES = {
    "csv": [
        (lambda t: t.replace("nose,", "nose,abc", 1), "row 0, x: 'abc.*' is not a number"),
        (lambda t: "\n".join([*t.splitlines()[:1], *t.splitlines()[:0:-1]]), "the frames of 'v.mp4' go back"),
        (lambda t: t.replace("v.mp4,0", "v.mp4,-1", 1), "row 0, frame: -1 is not a whole number from 0"),
        (lambda t: t.replace("v.mp4,0", "v.mp4,1e12", 1), "row 0, frame: 1e.12 is not a whole number"),
        (lambda t: t.splitlines()[0] + "\n", "no rows"),
    ],
    "sleap-csv": [
        (lambda t: t.replace("nose.y", "nose.z"), "'nose' has no column nose.y"),
        (lambda t: "\n".join(t.splitlines()[:3] + t.splitlines()[1:2]), "row 2: "),
        (lambda t: t.replace(",0,", ",zero,", 1), "row 0, frame_idx: 'zero' is not a number"),
        (lambda t: t.splitlines()[0] + "\n", "no rows"),
    ],
    "deeplabcut": [
        (lambda t: t.replace("coords", "words"), "."),
        (lambda t: t.replace("likelihood", "x", 1), "occurs twice"),
        (lambda t: "\n".join(t.splitlines()[:4] + t.splitlines()[:3:-1]), "out of order"),
        (lambda t: "\n".join(t.splitlines()[:4]), "no rows|no labelled"),
        (lambda t: t + "6,a,b\n", "row 6.*not a number"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("form", "number"), [(f, n) for f, cases in CSV_CASES.items() for n in range(len(cases))])
def test_tables_that_are_not_as_they_should_be(samples, form, number, tmp_path):
    source = next(
        p for p in samples[form] if p.suffix == ".csv" and "labeled-data" not in p.parts and "l.csv" not in p.name
    )
    change, words = CSV_CASES[form][number]
    path = tmp_path / "bad.csv"
    path.write_text(change(source.read_text("utf-8")), "utf-8")
    with pytest.raises(KrolikError, match=words) as caught:
        for poses in read(path).predictions:
            list(poses.blocks())
    assert "bad.csv" in str(caught.value)


INFINITE = [  # the text before the number that becomes infinite, in the first animal
    ("coco", "annotations.json", '"keypoints": [', r"annotations\[0\]"),
    ("alphatracker", "train.json", '"x": ', "entry 0"),
    ("label-studio", "tasks.json", '"x": ', "task 1"),
]


@pytest.mark.parametrize(("form", "name", "before", "where"), INFINITE)
def test_infinite_coordinates_are_refused_with_their_place(samples, tmp_path, form, name, before, where):
    text = next(p for p in samples[form] if p.name == name).read_text("utf-8")
    kind = {"coco": '"annotations"', "alphatracker": '"point"', "label-studio": '"keypointlabels"'}[form]
    at = text.index(before, text.index(kind)) + len(before)
    for value in ("Infinity", "-Infinity", "1e999"):
        rest = text[at:].lstrip()
        (tmp_path / name).write_text(text[:at] + value + rest[rest.index(",") :], "utf-8")
        with pytest.raises(InvalidFile, match=rf"{where}: .*infinite coordinate"):
            read(tmp_path / name)


def test_hidden_entities_and_deep_nesting_are_refused(tmp_path):
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">]><annotations>&b;</annotations>'
    (tmp_path / "bomb.xml").write_text(bomb)
    with pytest.raises(InvalidFile, match="declares entities"):
        read(tmp_path / "bomb.xml")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(InvalidFile, match="not valid JSON"):
        read(tmp_path / "deep.json")


def test_arrays_that_say_more_than_the_file_can_hold(samples, tmp_path):
    """A file of a few kilobytes that tells of terabytes takes neither memory nor time."""
    path = tmp_path / "huge.analysis.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("tracks", (1, 2, 4, 1 << 36), "f8", chunks=(1, 2, 4, 1024))
        file.create_dataset("node_names", data=np.array([b"a", b"b", b"c", b"d"]))
        file.create_dataset("track_names", data=np.array([b"x"]))
    with pytest.raises(InvalidFile, match="more than its file can hold"):
        read(path)


def test_a_file_that_the_library_cannot_get_through(tmp_path, monkeypatch):
    """What crashes or hangs the process that reads it through first is refused."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros(1 << 25, np.uint8)
    ensure_readable(path)
    monkeypatch.setattr("krolik.formats.probe.PATIENCE_S", 0)
    monkeypatch.setattr("krolik.formats.probe.BYTES_PER_S", 1 << 50)
    with pytest.raises(InvalidFile, match="reading it does not end"):
        ensure_readable(path)
    monkeypatch.setattr("krolik.formats.probe.START_S", 0)  # nothing is said of a file that was not looked into
    with pytest.raises(InvalidFile, match="too busy"):
        ensure_readable(path)
    monkeypatch.undo()
    path.write_bytes(SIGNATURE + b"\xff" * 500)
    with pytest.raises(InvalidFile, match="not a readable HDF5 file"):
        ensure_readable(path)


def test_a_package_names_the_frame_that_it_lacks(samples, tmp_path):
    source = next(p for p in samples["sleap-package"])
    path = tmp_path / "x.pkg.slp"
    path.write_bytes(source.read_bytes())
    with h5py.File(path, "r+") as file:
        frames = file["frames"][()]
        frames["frame_idx"][0] = 77
        file["frames"][...] = frames
    with pytest.raises(InvalidFile, match="frame 77 of video 0 is labelled but not embedded"):
        read(path)


def test_an_slp_whose_points_do_not_add_up(samples, tmp_path):
    path = tmp_path / "x.slp"
    path.write_bytes(samples["sleap"][0].read_bytes())
    with h5py.File(path, "r+") as file:
        rows = file["instances"][()]
        rows["point_id_end"][1] -= 1
        file["instances"][...] = rows
    with pytest.raises(InvalidFile, match="frame 1: .*an animal has 3 points, its skeleton 4"):
        read(path)
    with h5py.File(path, "r+") as file:
        file["metadata"].attrs["format_id"] = 3.0
    with pytest.raises(InvalidFile, match="SLEAP format 3; formats below 3 can be read"):
        read(path)
