"""Animals that are named in the labels and told apart by their looks are named in predictions."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from krolik import api
from krolik.actions.labelling import keep_pixels
from krolik.actions.reporter import Silent
from krolik.actions.telling_apart import looks
from krolik.poses import FrameKey, Instance, LabeledFrame
from krolik.project import history, labels, runs, videos
from krolik.project.edits import Change

SIZE = (160, 120)


def picture(rng: np.random.Generator, light: dict[str, int]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Sticks with a round head, so light, on a bright floor: one on the left, one on the right."""
    image = rng.integers(215, 225, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
    places = {}
    for middle, name in zip(rng.permutation(np.array([[42.0, 60.0], [118.0, 60.0]])), light, strict=True):
        turn = rng.uniform(0, 2 * np.pi)
        along = 18 * np.array([np.cos(turn), np.sin(turn)])
        head, tail = middle + along + rng.uniform(-8, 8, 2), middle - along
        grey = (light[name],) * 3
        cv2.line(image, tuple(map(int, head)), tuple(map(int, tail)), grey, 5)
        cv2.circle(image, tuple(map(int, head)), 7, grey, -1)
        places[name] = np.stack([head, tail])
    return image, places


def project_of(folder: Path, light: dict[str, int], frames: int, named: bool = True) -> api.Project:
    rng, shown = np.random.default_rng(0), folder / "shown"
    shown.mkdir()
    found = []
    for number in range(frames):
        image, places = picture(rng, light)
        cv2.imwrite(str(shown / f"{number:03d}.png"), image)
        found.append([Instance.of(points, name if named else None) for name, points in places.items()])
    opened = api.new(folder / "p.krolik", shown, skeleton="head,tail")
    (record,) = videos.records(opened.file)
    every = [LabeledFrame(FrameKey(record.id, i), tuple(a), f"{i:03d}.png") for i, a in enumerate(found)]
    edits = tuple(labels.set_frame(opened.file, frame, opened.skeleton) for frame in every)
    history.commit(opened.file, Change(edits, "test", "label"))
    keep_pixels(opened.file, Silent())
    return opened


def learnt(project: api.Project, animals: int = 2):
    reporter = Silent()
    return looks(project.file, [f.key for f in project.labels], animals, reporter), reporter.notes


UNLIKE = {"тёмный": 40, "светлый": 140}


def test_those_that_are_unlike_are_told_apart(tmp_path):
    with project_of(tmp_path, UNLIKE, 12) as project:
        found, notes = learnt(project)
        assert found is not None and found.names == ("светлый", "тёмный") and found.right == 1.0
        assert notes == [
            "predictions say who is who of светлый, тёмный, by their looks (named right in frames held out: 100%)"
        ]
        assert learnt(project, 1) == (None, [])  # more names than animals: they are none of animals


def test_those_that_are_alike_are_not(tmp_path):
    with project_of(tmp_path, {"a": 60, "b": 60}, 16) as project:
        found, (note,) = learnt(project)
        assert found is None and note.startswith("predictions do not say who is who of a, b: they look too much alike")


def test_where_too_little_is_labelled(tmp_path):
    with project_of(tmp_path, UNLIKE, 9) as project:
        found, (note,) = learnt(project)
        assert found is None and note.endswith(
            "10 labelled frames that show two of them are needed for that, and there are 9"
        )


def test_where_nobody_is_named(tmp_path):
    with project_of(tmp_path, UNLIKE, 12, named=False) as project:
        assert learnt(project) == (None, [])


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A project with a model of two animals, one of which is paler."""
    with project_of(tmp_path_factory.mktemp("named"), UNLIKE, 30) as project:
        project.split("every:3")
        project.train(budget="100steps", pretrained="none", width=0.5, input_px=128)
        return project.path


def test_predictions_and_tables_name_them(trained, tmp_path):
    with api.open(trained) as project:
        project.predict(trained.parent / "shown")
        (run,) = runs.every(project.file, "predict")
        assert run.document["animals"] == ["светлый", "тёмный"]
        project.export(tmp_path / "table.csv", "csv", "predictions")
        with (tmp_path / "table.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert {(row["animal"], row["track"]) for row in rows} == {("0", "светлый"), ("1", "тёмный")}


def test_the_evaluation_counts_names(trained):
    with api.open(trained) as project:
        evaluation = project.evaluate()
        assert evaluation.named is not None
        assert evaluation.named.n >= 16 and evaluation.named.right >= 0.9 * evaluation.named.n
        assert evaluation.to_json()["named"] == {"right": evaluation.named.right, "n": evaluation.named.n}
