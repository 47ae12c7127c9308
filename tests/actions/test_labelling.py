"""Labels by operations, and skeletons that change under them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import krolik as package
from krolik.actions.labelling import NoAnimals, Point, RemoveAnimal, SetPoints, SetTrack, Unlabel, keep_pixels
from krolik.actions.reporter import Silent
from krolik.errors import InvalidLabels, NotFound
from krolik.poses import State
from krolik.project import labels
from krolik.skeleton import Keypoint, Skeleton
from tests.clips import VARIANTS, read_barcode, write_clip


@pytest.fixture
def project(tmp_path):
    write_clip(tmp_path / "a.mp4", VARIANTS["b-frames"], 30)
    with package.new(tmp_path / "p.krolik", tmp_path / "a.mp4", "nose,left_ear,right_ear") as opened:
        yield opened


VISIBLE = State.VISIBLE


def test_operations_become_labels(project):
    project.label("a.mp4", 3, SetPoints("x", {0: Point(VISIBLE, 1.5, 2), 1: Point(State.ABSENT)}), SetTrack("x", "Fox"))
    project.label("a.mp4", 3, SetPoints("x", {2: Point(State.OCCLUDED, 9, 9)}))
    (frame,) = project.labels
    (animal,) = frame.instances
    assert animal.track == "Fox" and frame.name == "00000003"
    assert animal.states.tolist() == [State.VISIBLE, State.ABSENT, State.OCCLUDED]
    np.testing.assert_array_equal(animal.points[[0, 2]], [[1.5, 2], [9, 9]])
    project.label("a.mp4", 4, NoAnimals())
    assert [len(f.instances) for f in project.labels] == [1, 0]
    project.label("a.mp4", 3, RemoveAnimal("x"))
    project.label("a.mp4", 4, Unlabel())
    assert len(project.labels) == 0
    project.undo()
    project.undo()
    assert len(project.labels) == 2


def test_imported_animals_have_names_by_their_position(labelled):
    (record, *_) = package.Project(labelled).info().videos
    project = package.Project(labelled)
    before = next(f for f in project.labels if f.key.index == 4).instances[0]
    project.label(record["name"], 4, SetPoints("#0", {0: Point(VISIBLE, 1, 1)}))
    after = next(f for f in project.labels if f.key.index == 4).instances
    assert len(after) == 1
    np.testing.assert_array_equal(after[0].points[1:], before.points[1:])
    assert after[0].points[0].tolist() == [1, 1]


@pytest.mark.parametrize("point, text", [
    (Point(VISIBLE), "needs coordinates"), (Point(VISIBLE, 1, None), "needs coordinates"),
    (Point(VISIBLE, np.inf, 1), "needs coordinates"), (Point(VISIBLE, 128, 1), "'nose' at (128.0, 1.0) lies outside"),
    (Point(State.OCCLUDED, 1, -0.6), "lies outside the frame. The frame is 128×64"),
])  # fmt: skip
def test_points_that_cannot_be(project, point, text):
    with pytest.raises(InvalidLabels) as error:
        project.label("a.mp4", 3, SetPoints("a", {1: Point(VISIBLE, 1, 1)}), SetPoints("a", {0: point}))
    assert text in str(error.value)
    assert len(project.labels) == 0
    with pytest.raises(NotFound):
        project.label("a.mp4", 30, NoAnimals())


def test_the_border_of_the_frame_is_inside(project):
    project.label("a.mp4", 0, SetPoints("a", {0: Point(VISIBLE, -0.5, -0.5), 1: Point(VISIBLE, 127.5, 63.5)}))
    assert project.labels.frames[0].instances[0].points[1].tolist() == [127.5, 63.5]


def test_pixels_are_kept_exactly(project):
    for frame in (7, 21):
        project.label("a.mp4", frame, NoAnimals())
    keep_pixels(project.file, Silent())
    assert labels.without_pixels(project.file) == []
    from krolik.actions.samples import load_pixels

    assert [read_barcode(load_pixels(project.file, f.key)) for f in project.labels] == [7, 21]


def points_by_name(project) -> dict[str, tuple]:
    bones = project.skeleton
    (frame,) = project.labels
    return {n: tuple(p) for n, p, s in zip(bones.names, frame.instances[0].points.tolist(), frame.instances[0].states)
            if s}  # fmt: skip


skeleton_steps = st.lists(st.tuples(st.sampled_from(["add", "delete", "rename", "up", "undo"]), st.integers(0, 9)),
                          max_size=12)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(skeleton_steps)
def test_no_change_of_the_skeleton_shifts_a_label(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("s")
    write_clip(folder / "a.mp4", VARIANTS["plain"], 3)
    with package.new(folder / "p.krolik", folder / "a.mp4", "a,b,c") as project:
        project.label("a.mp4", 0, SetPoints("x", {i: Point(VISIBLE, i + 0.5, 10.0 * i) for i in range(3)}))
        truth = {k.id: (k.id + 0.5, 10.0 * k.id) for k in project.skeleton.keypoints}
        for number, (step, which) in enumerate(steps):
            bones = project.skeleton
            keypoints = list(bones.keypoints)
            at = which % len(keypoints)
            if step == "undo":
                if number and project.info().changes > 2:
                    project.undo()
                    if not len(project.labels):
                        project.redo()
                continue
            if step == "add":
                fresh = labels.next_keypoint(project.file)
                keypoints.insert(at, Keypoint(fresh, f"n{number}", "#123456"))
                assert fresh not in truth
            elif step == "delete" and len(keypoints) > 1:
                keypoints.pop(at)
            elif step == "rename":
                keypoints[at] = Keypoint(keypoints[at].id, f"имя {number}", "#654321")
            elif at:
                keypoints[at - 1], keypoints[at] = keypoints[at], keypoints[at - 1]
            project.set_skeleton(Skeleton(tuple(keypoints)))
            names = {k.name: k.id for k in project.skeleton.keypoints}
            assert points_by_name(project) == {n: truth[i] for n, i in names.items() if i in truth}


def test_an_id_is_never_given_twice(project):
    project.label("a.mp4", 0, SetPoints("x", {2: Point(VISIBLE, 5, 5)}))
    first, second, _ = project.skeleton.keypoints
    project.set_skeleton(Skeleton((first, second)))
    with pytest.raises(InvalidLabels, match="the id of an older one"):
        project.set_skeleton(Skeleton((first, second, Keypoint(2, "chin", "#ffffff"))))
    project.set_skeleton("nose,left_ear,chin")
    assert project.skeleton.keypoints[2].id == 3
    assert len(points_by_name(project)) == 0
