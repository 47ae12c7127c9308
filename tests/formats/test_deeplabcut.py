"""DeepLabCut's labels in every form in which they are met."""

import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas
import pytest
import yaml

from krolik.errors import InvalidFile, KrolikError, NotFound
from krolik.formats import read
from krolik.formats.deeplabcut import read_config
from krolik.formats.imported import Wishes
from krolik.poses import State
from tests.clips import VARIANTS, write_clip

NAMES = ["snout", "leftear", "tail"]


@pytest.fixture
def project(tmp_path) -> Path:
    """A small project as DeepLabCut lays it out, with one missing point."""
    folder = tmp_path / "labeled-data" / "видео 1"
    folder.mkdir(parents=True)
    for i in range(4):
        (folder / f"img{i:02d}.png").write_bytes(cv2.imencode(".png", np.full((40, 60, 3), i, np.uint8))[1].tobytes())
    write(folder, frame())
    (tmp_path / "config.yaml").write_text(
        "Task: t\nscorer: me\nbodyparts:\n- snout\n- leftear\n- tail\nskeleton:\n- [snout, tail]\n", "utf-8"
    )
    return tmp_path


def frame(index=None, columns=None, values=None) -> pandas.DataFrame:
    values = np.arange(18, dtype=float).reshape(3, 6) + 0.25 if values is None else values
    if columns is None:
        columns = pandas.MultiIndex.from_product([["me"], NAMES, ["x", "y"]], names=["scorer", "bodyparts", "coords"])
        values[1, 2:4] = np.nan
    if index is None:
        index = pandas.MultiIndex.from_tuples([("labeled-data", "видео 1", f"img{i:02d}.png") for i in (0, 2, 3)])
    return pandas.DataFrame(values, index=index, columns=columns)


def write(folder: Path, data: pandas.DataFrame, h5: bool = False, form: str = "fixed") -> None:
    for old in folder.glob("CollectedData*"):
        old.unlink()
    if h5:
        data.to_hdf(folder / "CollectedData_me.h5", key="df_with_missing", mode="w", format=form)
    else:
        data.to_csv(folder / "CollectedData_me.csv", encoding="utf-8")


def check(imported) -> None:
    assert imported.labels.skeleton.names == NAMES
    frames = imported.labels.frames
    assert [f.name for f in frames] == ["img00.png", "img02.png", "img03.png"]
    assert [f.key.index for f in frames] == [0, 2, 3]
    (animal,) = frames[1].instances
    np.testing.assert_array_equal(animal.points, [[6.25, 7.25], [np.nan, np.nan], [10.25, 11.25]])
    assert animal.states.tolist() == [State.VISIBLE, State.UNKNOWN, State.VISIBLE]


def one_level(separator: str) -> pandas.Index:
    return pandas.Index([separator.join(("labeled-data", "видео 1", f"img{i:02d}.png")) for i in (0, 2, 3)])


@pytest.mark.parametrize("index", ["three", "/", "\\"])
@pytest.mark.parametrize("kind", ["csv", "fixed", "table"])
def test_every_index_and_container(project, index, kind):
    if (index, kind) == ("three", "table"):
        pytest.skip("pandas itself cannot write this")
    data = frame() if index == "three" else frame(one_level(index))
    write(project / "labeled-data" / "видео 1", data, kind != "csv", kind)
    imported = read(project)
    check(imported)
    assert imported.labels.skeleton.edges == ((0, 2),)


@pytest.mark.parametrize("how", ["bom", "crlf", "semicolon", "decimal comma", "tab", "utf16"])
def test_csv_dialects(project, how):
    path = project / "labeled-data" / "видео 1" / "CollectedData_me.csv"
    text = path.read_text("utf-8")
    if how == "decimal comma":
        text = text.replace(",", ";").replace(".25", ",25")
    text = {
        "crlf": text.replace("\n", "\r\n"),
        "semicolon": text.replace(",", ";"),
        "tab": text.replace(",", "\t"),
    }.get(how, text)
    path.write_bytes(text.encode({"bom": "utf-8-sig", "utf16": "utf-16"}.get(how, "utf-8")))
    check(read(project))


def test_config_in_windows_1251(project):
    text = "Task: Кролик\nscorer: me\nproject_path: D:\\Документы\nbodyparts:\n- snout\n- leftear\n- tail\n"
    (project / "config.yaml").write_bytes(text.encode("cp1251"))
    imported = read(project)
    check(imported)
    assert any("cp1251" in note for note in imported.notes)


def test_missing_points_can_mean_absent(project):
    states = read(project, Wishes(State.ABSENT)).labels.frames[1].instances[0].states
    assert states.tolist() == [State.VISIBLE, State.ABSENT, State.VISIBLE]


def test_several_animals_and_unique_parts(project):
    columns = pandas.MultiIndex.from_tuples(
        [("me", who, part, axis) for who, part in
         (("one", "snout"), ("one", "tail"), ("two", "snout"), ("two", "tail"), ("single", "box")) for axis in "xy"],
        names=["scorer", "individuals", "bodyparts", "coords"],
    )  # fmt: skip
    values = np.arange(30, dtype=float).reshape(3, 10)
    values[1, 4:8] = np.nan
    write(project / "labeled-data" / "видео 1", frame(columns=columns, values=values))
    (project / "config.yaml").write_text(
        "scorer: me\nbodyparts: MULTI!\nmultianimalbodyparts: [snout, tail]\nuniquebodyparts: [box]\n", "utf-8"
    )
    frames = read(project).labels.frames
    assert [[i.track for i in f.instances] for f in frames] == [["one", "two", "single"], ["one", "single"]] + [
        ["one", "two", "single"]
    ]
    np.testing.assert_array_equal(frames[0].instances[2].points[2], [8, 9])


def test_rows_that_are_doubled_empty_or_outside(project):
    index = pandas.Index([f"labeled-data/видео 1/img{i:02d}.png" for i in (0, 0, 1, 2)])
    values = np.array([[1.0, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6], [np.nan] * 6, [-1, -1, 500, 3, 7, 8]])
    write(project / "labeled-data" / "видео 1", frame(index, frame().columns, values))
    imported = read(project)
    notes = "\n".join(imported.notes)
    assert "1 row(s) occur twice" in notes
    assert "img02.png: snout (-1, -1) lies outside the image; left unlabelled" in notes
    assert "img02.png: leftear (500, 3) lies outside the image" in notes
    assert len(imported.labels) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.replace("0.25", "abc", 1), "img00.png, snout x: 'abc' is not a number"),
        (lambda t: t.replace(",5.25", "", 1), "cells instead of"),
        (lambda t: "\n".join(t.splitlines()[:3]), "no labelled frames"),
        (lambda t: "", "empty"),
        (lambda t: "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (lambda t: t.replace("img02", "img77"), "1 of 3 labelled images are missing, for instance img77.png"),
        (lambda t: t + t.splitlines()[-1].replace("12.25", "13.25") + "\n", "img03.png is labelled twice, differently"),
        (lambda t: "\n".join(r.rsplit(",", 1)[0] for r in t.splitlines()) + "\n", "'tail' has no column y"),
    ],
)
def test_broken_csv_is_refused_with_its_place(project, change, sentence):
    path = project / "labeled-data" / "видео 1" / "CollectedData_me.csv"
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    with pytest.raises((InvalidFile, NotFound), match=sentence) as caught:
        read(path)
    assert "CollectedData_me.csv" in str(caught.value)


def test_hostile_yaml_and_pickles(project, tmp_path):
    (project / "config.yaml").write_text("bodyparts: !!python/object/apply:os.system ['touch hacked']\n")
    with pytest.raises(InvalidFile, match="not valid YAML"):
        read(project)
    folder = project / "labeled-data" / "видео 1"
    write(folder, frame(one_level("/")), h5=True, form="table")
    import h5py

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "hacked",))

    with h5py.File(folder / "CollectedData_me.h5", "r+") as file:
        file["df_with_missing/table"].attrs["values_block_0_kind"] = np.bytes_(pickle.dumps(Bomb(), 0))
    with pytest.raises(InvalidFile, match="it asks for"):
        read(folder / "CollectedData_me.h5")
    assert not (tmp_path / "hacked").exists()


def test_tuples_of_older_versions(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("bodyparts: !!python/tuple [a, b]\nskeleton: [!!python/tuple [a, b]]\n")
    assert read_config(path)[0]["bodyparts"] == ["a", "b"]


def test_real_projects(shared):
    openfield = read(shared / "data" / "openfield")
    assert openfield.labels.skeleton.names == ["snout", "leftear", "rightear", "tailbase"]
    assert openfield.labels.located_count().tolist() == [116] * 4
    np.testing.assert_allclose(openfield.labels.frames[0].instances[0].points[0], [21.521, 265.428])
    from_csv = read(shared / "data" / "openfield" / "labeled-data" / "m4s1" / "CollectedData_Pranav.csv")
    for a, b in zip(openfield.labels.frames, from_csv.labels.frames, strict=True):
        assert a == b
    reaching = read(shared / "data" / "reaching")
    assert reaching.labels.located_count().tolist() == [54, 54, 15, 55, 55]
    assert len(reaching.labels.skeleton.edges) == 2


@pytest.mark.parametrize("name", ["dlc_testdata", "dlc_testdata_v2", "madlc_testdata", "madlc_testdata_v2"])
def test_real_small_files(shared, name):
    imported = read(shared / "formats" / "dlc-collected" / "labeled-data" / "video" / f"{name}.csv")
    assert imported.labels.located_count().tolist() == ([5, 3, 5] if name.startswith("ma") else [3, 2, 3])
    assert any("1 frame(s) without any point" in note for note in imported.notes)


def test_every_bad_file_is_one_sentence(shared):
    files = [p for p in (shared / "bad").iterdir() if p.suffix in (".csv", ".h5", ".yaml", ".slp", ".png", ".mp4")]
    assert len(files) > 12
    understood = ["config_cp1251.yaml"]  # a skeleton in another encoding, and no labels
    for path in files:
        if path.name in understood:
            assert "cp1251" in read(path).notes[0]
            continue
        with pytest.raises(KrolikError) as caught:
            read(path)
        assert path.name in str(caught.value) or path.parent.name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_real_dialects(shared, tmp_path):
    """The same five rows as csv with a mark, semicolons, Windows separators and UTF-16, with their images."""
    for name in ("bom_crlf", "semicolon", "utf16", "windows_paths", "duplicate_rows"):
        folder = tmp_path / name
        shutil.copytree(shared / "data" / "openfield" / "labeled-data" / "m4s1", folder,
                        ignore=lambda _, names: [n for n in names if not n.startswith("img000")])  # fmt: skip
        shutil.copy(shared / "bad" / f"{name}.csv", folder)
        imported = read(folder / f"{name}.csv")
        expected = 3 if name == "duplicate_rows" else 5
        assert imported.labels.located_count().tolist() == [expected] * 4, name


def test_the_videos_of_a_project_come_along(project, tmp_path_factory, monkeypatch):
    """From where the config says, or from the project's own folder where it was moved; what is not there is named."""
    there, moved = project / "elsewhere" / "видео 1.mp4", project / "videos" / "trial.mp4"
    for place in (there, moved):
        place.parent.mkdir()
        write_clip(place, VARIANTS["plain"], 4)
    (project / "videos" / "trialDLC_resnet50_labeled.mp4").write_bytes(moved.read_bytes())
    (project / "videos" / "broken.avi").write_bytes(b"no video")
    monkeypatch.chdir(tmp_path_factory.mktemp("where the program runs"))  # nothing there is meant
    shutil.copy(moved, "stray.mp4")
    places = [
        str(there),
        r"D:\data\videos\trial.mp4",
        "/gone/lost.mp4",
        "/gone/broken.avi",
        "stray.mp4",
        "WILL BE UPDATED",
    ]
    with (project / "config.yaml").open("a", encoding="utf-8") as file:
        file.write(yaml.safe_dump({"video_sets": {place: {"crop": "0, 9, 0, 9"} for place in places}}))
    imported = read(project, Wishes())
    check(imported)
    assert imported.further == (there, moved)
    assert imported.notes == (
        "2 video(s) of the project are not where it says: lost.mp4, stray.mp4",
        "1 video(s) of the project cannot be read: broken.avi",
    )
