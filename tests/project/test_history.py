"""Edits, undo and redo: any walk restores the exact state; conflicts change nothing; keypoints can come and go."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from krolik.errors import Conflict, NotFound
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.project import ProjectFile, history, labels
from krolik.project.edits import Change
from krolik.skeleton import Keypoint, Skeleton

BONES = Skeleton.of(["nose", "left_ear", "right_ear"])


def frame(index: int, x: float, animals: int = 1) -> LabeledFrame:
    points = np.array([[x, 1.5], [2, 3], [4, 5]])
    one = Instance(points, np.array([State.VISIBLE, State.OCCLUDED, State.ABSENT]), "т")
    return LabeledFrame(FrameKey("v", index), (one,) * animals, f"{index}")


def put(file: ProjectFile, *frames: LabeledFrame) -> int:
    edits = tuple(labels.set_frame(file, f, labels.skeleton(file)) for f in frames)
    return history.commit(file, Change(edits, "test", "put"))


def state(file: ProjectFile) -> tuple:
    return labels.skeleton(file), labels.load(file).frames


steps = st.lists(st.one_of(st.tuples(st.integers(0, 3), st.integers(0, 50)), st.sampled_from(["undo", "redo"])),
                 max_size=25)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(steps)
def test_any_walk_restores_the_exact_state(tmp_path_factory, walk):
    path = tmp_path_factory.mktemp("walk") / "w.krolik"
    with ProjectFile.create(path, BONES) as file:
        done, undone = [state(file)], []
        for action in walk:
            if action == "undo":
                if len(done) > 1:
                    history.undo(file, "test")
                    undone.append(done.pop())
                else:
                    with pytest.raises(NotFound, match="nothing to undo"):
                        history.undo(file, "test")
            elif action == "redo":
                if undone:
                    history.redo(file, "test")
                    done.append(undone.pop())
                else:
                    with pytest.raises(NotFound, match="nothing to redo"):
                        history.redo(file, "test")
            else:
                index, x = action
                put(file, frame(index, x + 0.25, animals=x % 3))
                done.append(state(file))
                undone.clear()
            assert state(file) == done[-1]
    with ProjectFile.open(path) as file:  # and it survives closing
        assert state(file) == done[-1]


def test_a_conflict_changes_nothing(tmp_path):
    with ProjectFile.create(tmp_path / "a.krolik", BONES) as file:
        put(file, frame(1, 10))
        late = labels.set_frame(file, frame(1, 20), BONES)
        put(file, frame(1, 30))
        before, log = state(file), len(history.log(file))
        fresh = labels.set_frame(file, frame(2, 1), BONES)
        with pytest.raises(Conflict, match="changed meanwhile"):
            history.commit(file, Change((fresh, late), "test", "late"))
        assert (state(file), len(history.log(file))) == (before, log)


def test_labels_survive_every_change_of_the_skeleton(tmp_path):
    with ProjectFile.create(tmp_path / "a.krolik", BONES) as file:
        put(file, frame(1, 10))
        nose, left, right = BONES.keypoints
        renamed = Skeleton((Keypoint(7, "tail", "#ffffff"), right, replace(nose, name="нос")))
        history.commit(file, Change((labels.set_skeleton(file, renamed),), "test", "skeleton"))
        (shown,) = labels.load(file).frames[0].instances
        assert shown.states.tolist() == [State.UNKNOWN, State.ABSENT, State.VISIBLE]
        np.testing.assert_array_equal(shown.points[2], [10, 1.5])
        # relabelling while the left ear is out of sight does not lose it
        moved = Instance(np.array([[1, 1], [2, 2], [11, 1.5]]), np.array([3, 3, 3]), "т")
        put(file, LabeledFrame(FrameKey("v", 1), (moved,), "1"))
        history.commit(file, Change((labels.set_skeleton(file, BONES),), "test", "back"))
        (back,) = labels.load(file).frames[0].instances
        np.testing.assert_array_equal(back.points, [[11, 1.5], [2, 3], [2, 2]])


def test_removing_labels_can_be_undone(tmp_path):
    with ProjectFile.create(tmp_path / "a.krolik", BONES) as file:
        put(file, frame(1, 10), frame(2, 20))
        before = state(file)
        history.commit(file, Change((labels.remove_frame(file, FrameKey("v", 1)),), "test", "remove"))
        assert len(labels.load(file)) == 1
        history.undo(file, "test")
        assert state(file) == before
