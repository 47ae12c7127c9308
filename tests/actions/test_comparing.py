"""Every answer is measured on the same frames by the same labels; what is compared with what is said."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pandas
import pytest

from krolik import api
from krolik.actions import comparing
from krolik.errors import InvalidLabels, InvalidSetting, KrolikError, NotFound
from krolik.formats import read, sleap_slp
from krolik.formats.tables import PredictionTable
from krolik.poses import Predictions

NAMES = ["nose", "tail"]
COLUMNS = ["scorer", "bodyparts", "coords"]


def analysed(path, points: np.ndarray, names=NAMES, index=None):
    """A csv or h5 as DeepLabCut writes predictions. points: (F, K, 2)."""
    columns = pandas.MultiIndex.from_product([["net"], names, ["x", "y", "likelihood"]], names=COLUMNS)
    values = np.concatenate([points, np.full((*points.shape[:2], 1), 0.9)], axis=-1).reshape(len(points), -1)
    table = pandas.DataFrame(values, index=index, columns=columns)
    table.to_csv(path) if path.suffix == ".csv" else table.to_hdf(path, key="df_with_missing")
    return path


def far(points: np.ndarray, x: float) -> np.ndarray:
    return points + (x, 0)


@pytest.fixture
def film(rabbit, labelled, tmp_path):
    """The project with 15 labelled frames of 60, and where each keypoint is in all 60: (60, 8, 2)."""
    path = labelled.path
    labelled.close()
    with api.open(path) as project:
        yield project, rabbit[1].points


@pytest.fixture
def images(tmp_path):
    """A project of DeepLabCut's with four labelled images, and their points (4, 2, 2)."""
    folder = tmp_path / "dlc" / "labeled-data" / "mon"
    folder.mkdir(parents=True)
    points = np.arange(16, dtype=float).reshape(4, 2, 2) * 2 + 5
    written = [f"labeled-data/mon/img{i}.png" for i in range(4)]
    for i in range(4):
        (folder / f"img{i}.png").write_bytes(cv2.imencode(".png", np.full((60, 80, 3), 40 * i, np.uint8))[1].tobytes())
    columns = pandas.MultiIndex.from_product([["me"], NAMES, ["x", "y"]], names=COLUMNS)
    pandas.DataFrame(points.reshape(4, 4), index=written, columns=columns).to_csv(folder / "CollectedData_me.csv")
    with api.new(tmp_path / "images.krolik") as project:
        project.import_labels(folder / "CollectedData_me.csv")
        yield project, points, written


def test_files_of_other_programs_on_the_frames_that_all_have(film, tmp_path):
    project, points = film
    names = project.skeleton.names
    near = analysed(tmp_path / "rabbit_near.csv", far(points, 1), names)
    worse = analysed(tmp_path / "rabbit_far.csv", far(points[:40, :5], 3), names[:5])
    found = project.compare([near, worse])
    assert (found.split, found.frames, found.keypoints) == ("none", 10, names[:5])
    one, other = found.answers
    assert (one.name, one.best, one.behind, other.best) == ("rabbit_near.csv", True, None, False)
    assert one.overall.mean_error_px == pytest.approx(1, abs=1e-3) and one.interval == pytest.approx((1, 1), abs=1e-3)
    assert other.behind == pytest.approx(2, abs=1e-3) and other.behind_interval == pytest.approx((2, 2), abs=1e-3)
    said = " ".join(found.notes)
    assert "rabbit_far.csv says nothing of 5 of 15 frames" in said and f"{names[5]}, {names[6]}" in said
    assert "rabbit_near.mp4 of rabbit_near.csv is taken for rabbit.mp4" in said and "is not known here" in said


@pytest.mark.parametrize("name", ["shuffled.csv", "cut.csv", "cut.h5"])
def test_predictions_of_labelled_images_belong_to_the_images_that_they_name(images, tmp_path, name):
    """As frameworks write them when they evaluate: in an order of their own, a path in one cell or in three."""
    project, points, written = images
    order = [2, 0, 3]
    index = [written[i] for i in order]
    if name.startswith("cut"):
        index = pandas.MultiIndex.from_tuples([tuple(path.split("/")) for path in index])
    shifted = points + np.arange(4)[:, None, None] * (1, 0)  # the image's number is its error
    source = analysed(tmp_path / name, shifted[order], index=index)
    found = project.compare(source)
    (answer,) = found.answers
    assert found.frames == 3 and answer.overall.missed == 0  # img1 has no row
    assert "says nothing of 1 of 4 frames" in found.notes[0]
    assert sorted(answer.errors[np.isfinite(answer.errors)].round(3)) == [0, 0, 2, 2, 3, 3]
    project.import_labels(source)
    (kept,) = project.compare().answers
    assert (kept.name, kept.kind) == ("net", "predictions")
    np.testing.assert_allclose(kept.errors, answer.errors, atol=1e-4)


@pytest.mark.parametrize(
    ("seen", "frames", "missed"), [(range(0, 60, 8), 8, 0), ([*range(12), *range(20, 60)], 15, 12)]
)
def test_a_sleap_file_of_chosen_frames_says_nothing_of_those_between(film, tmp_path, seen, frames, missed):
    """One of a whole film does: SLEAP can leave out frames in which it found nothing, here 12 and 16."""
    project, points = film
    xy = np.full((60, 1, len(project.skeleton), 2), np.nan, np.float32)
    xy[list(seen), 0] = far(points, 2)[list(seen)]
    block = Predictions(0, xy, np.isfinite(xy[..., 0]).astype(np.float32), np.ones(60, bool))
    table = PredictionTable(project.skeleton, "rabbit.mp4", "net", np.arange(60) / 30, lambda: iter([block]))
    source = tmp_path / "rabbit.slp"
    sleap_slp.write_predictions(source, [table])
    found = project.compare(source)
    assert found.frames == frames and found.answers[0].overall.missed == missed
    project.import_labels(source)
    (kept,) = project.compare(models="SLEAP").answers
    assert kept.overall.missed == missed and kept.overall.mean_error_px == pytest.approx(2, abs=1e-3)


def test_images_that_come_in_another_order_than_the_project_has(images, tmp_path):
    """The project has images from elsewhere before them, so that numbers of theirs are not its own."""
    project, points, written = images
    source = tmp_path / "elsewhere" / "evaluation"
    source.mkdir(parents=True)
    two = analysed(source / "two.csv", far(points[2:], 4), index=written[2:])
    assert project.compare(two).answers[0].overall.mean_error_px == pytest.approx(4)
    project.import_labels(two)
    found = project.compare(models="net")
    assert found.answers[0].overall.mean_error_px == pytest.approx(4) and found.frames == 2


def test_videos_that_the_project_does_not_have_are_left_out(images, tmp_path, monkeypatch):
    """A file of a whole study speaks of more videos than one project has."""
    project, points, written = images
    own = read(analysed(tmp_path / "mon.csv", far(points, 2), index=written))
    other = read(analysed(tmp_path / "elsewhere.csv", points))
    both = replace(own, videos=own.videos + other.videos, predictions=own.predictions + other.predictions)
    monkeypatch.setattr(comparing, "read", lambda source, wishes: both)
    found = project.compare(tmp_path / "mon.csv")
    assert found.frames == 4 and found.answers[0].overall.mean_error_px == pytest.approx(2)
    assert "the video elsewhere.mp4 of mon.csv is not in the project" in found.notes


def test_imported_predictions_of_other_frames_do_not_hinder(film, tmp_path):
    """Unless they are asked for by name: a project may have predictions of videos of which nothing is labelled."""
    project, points = film
    names = project.skeleton.names
    project.import_labels(analysed(tmp_path / "rabbit.csv", points[1:3], names, index=[1, 2]))
    with pytest.raises(InvalidLabels, match="no imported predictions are of these frames"):
        project.compare()
    near = analysed(tmp_path / "rabbit_near.csv", far(points, 1), names)
    assert [a.name for a in project.compare(near).answers] == ["rabbit_near.csv"]
    with pytest.raises(InvalidLabels, match="net: 15"):
        project.compare(near, "net")


def test_animals_that_nobody_labelled_are_counted(film, tmp_path):
    project, points = film
    names = project.skeleton.names
    both = np.stack([far(points, 200), far(points, 2)], axis=1)  # the second one is the rabbit
    both[:30, 0] = np.nan
    columns = pandas.MultiIndex.from_product([["net"], ["a", "b"], names, ["x", "y", "likelihood"]])
    columns.names = ["scorer", "individuals", "bodyparts", "coords"]
    values = np.concatenate([both, np.where(np.isnan(both[..., :1]), np.nan, 0.9)], axis=-1).reshape(60, -1)
    pandas.DataFrame(values, columns=columns).to_csv(tmp_path / "rabbit.csv")
    (answer,) = project.compare(tmp_path / "rabbit.csv").answers
    assert answer.extra == 7 and answer.to_json()["extra_animals"] == 7  # frames 32, 36, ..., 56
    assert answer.overall.mean_error_px == pytest.approx(2, abs=1e-3) and answer.overall.missed == 0


def test_what_another_person_labelled(film, tmp_path):
    project, _ = film
    project.export(tmp_path / "theirs.csv", "csv", "labels")
    table = pandas.read_csv(tmp_path / "theirs.csv")
    table["x"] += 2.5
    table[table.frame < 30].to_csv(tmp_path / "theirs.csv", index=False)
    found = project.compare(tmp_path / "theirs.csv")
    (answer,) = found.answers
    assert (answer.kind, found.frames) == ("labels", 8)
    assert answer.overall.mean_error_px == pytest.approx(2.5, abs=1e-3)
    assert answer.overall.missed == 0 and not any("not known here" in note for note in found.notes)


@pytest.mark.parametrize(("frames", "kind", "error"), [(9, "labels", 0), (60, "predictions", 1)])
def test_of_a_file_with_both_what_speaks_of_more_frames_counts(film, tmp_path, monkeypatch, frames, kind, error):
    """A person's SLEAP file often has predictions of frames that nobody labelled; a network's may have some labels."""
    project, points = film
    project.export(tmp_path / "labels.csv", "csv", "labels")
    source = analysed(tmp_path / "rabbit.csv", far(points[:frames], 1), project.skeleton.names)
    both = replace(read(source), labels=read(tmp_path / "labels.csv").labels)
    monkeypatch.setattr(comparing, "read", lambda source, wishes: both)
    found = project.compare(source)
    (answer,) = found.answers
    assert (answer.kind, found.frames) == (kind, 15) and answer.overall.mean_error_px == pytest.approx(error, abs=1e-3)
    assert any(f"its {kind} are compared" in note for note in found.notes)


def test_models_on_frames_that_they_did_not_learn(small_model, rabbit, tmp_path):
    with api.open(small_model) as original:
        original.backup(tmp_path / "p.krolik")
    with api.open(tmp_path / "p.krolik") as project:
        exact = analysed(tmp_path / "rabbit.csv", rabbit[1].points, project.skeleton.names)
        found = project.compare(exact, out=tmp_path / "page" / "all.html")
        theirs, own = found.answers
        assert (own.kind, own.name) == ("model", project.models[-1].name) and theirs.best
        assert any("is not known here" in note for note in found.notes)  # our test frames may have been learnt there
        evaluated = project.evaluate()
        assert found.split == evaluated.split and found.frames == evaluated.frames
        assert own.overall == evaluated.metrics.overall
        assert own.behind is not None and own.behind_interval[0] <= own.behind <= own.behind_interval[1]
        with pytest.raises(InvalidSetting, match="was trained on"):
            project.compare(exact, split="none")
        assert [a.name for a in project.compare(exact, models=own.name).answers] == ["rabbit.csv", own.name]
    page = (tmp_path / "page" / "all.html").read_text("utf-8")
    assert own.name in page and "rabbit.csv" in page and "the best" in page
    assert page.count("<img") == 2 * min(6, found.frames) and "<script" not in page
    assert json.loads((tmp_path / "page" / "all.json").read_text("utf-8"))["answers"][0]["best"]
    assert cv2.imread(str(tmp_path / "page" / "all-pck.png")) is not None


def test_what_cannot_be_compared_is_said(film, images, tmp_path):
    project, points = film
    with pytest.raises(NotFound, match="there is nothing to compare"):
        project.compare()
    other = analysed(tmp_path / "rabbit.csv", points[:, :2], ["wing", "beak"])
    with pytest.raises(InvalidLabels, match="none of the project's keypoints, but wing, beak"):
        project.compare(other)
    late = analysed(tmp_path / "late.csv", points[1:3], project.skeleton.names, index=[1, 2])
    with pytest.raises(
        InvalidLabels, match="all 15 labelled frames are lacking in something that is compared .late.csv: 15."
    ):
        project.compare(late)
    for source in (tmp_path / "gone.csv", project.path):
        with pytest.raises(KrolikError):
            project.compare(source)
    film_of_images = analysed(tmp_path / "net.csv", points[:, :2])
    with pytest.raises(InvalidLabels, match="'net.mp4' is none of the project's. There are: mon"):
        images[0].compare(film_of_images)
