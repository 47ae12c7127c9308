"""The frames that are suggested are those where the model is wrong; test frames are neither looked at nor suggested."""

from dataclasses import replace

import numpy as np
import pytest

import krolik
from krolik.actions.proposing import KIND
from krolik.actions.suggesting import in_words
from krolik.errors import Conflict, InvalidSetting, NotFound
from krolik.evaluation.doubts import WEIGHTS, Reason
from krolik.poses import Predictions
from krolik.project import ProjectFile, predictions, runs, selection, videos


@pytest.fixture
def project(small_model, tmp_path):
    with ProjectFile.open(small_model) as file:
        file.backup(tmp_path / "a.krolik")
    with krolik.open(tmp_path / "a.krolik") as opened:
        yield opened


def predict_truth(project, truth, spoilt: list[int]) -> None:
    """Predictions that are the truth, but for some frames where the animal is turned inside out."""
    project.predict("rabbit.mp4")
    run = runs.every(project.file, "predict")[0]
    xy = truth.points[:, None].astype(np.float32).copy()
    score = np.full(xy.shape[:3], 0.97, np.float32)
    for frame in spoilt:
        xy[frame, 0] = xy[frame, 0][::-1] + 60
        score[frame] = 0.3
    predictions.store(project.file, run.id, run.document["video"], Predictions(0, xy, score, np.ones(60, bool)))


def test_spoilt_frames_come_first(project, rabbit):
    spoilt = [9, 22, 37]
    predict_truth(project, rabbit[1], spoilt)
    found = project.suggest(count=6)  # so bad a model is in doubt about its mirrored pictures everywhere
    assert set(spoilt) <= {s.key.index for s in found}
    names = project.skeleton.names
    for one in found:
        assert one.score > 0.5 and one.reasons and all(in_words(r, names) for r in one.reasons)


@pytest.mark.parametrize("following", [True, False])
def test_jumps_are_doubted_only_where_frames_follow_each_other(project, rabbit, following):
    """A folder's pictures may have nothing to do with each other: then every point is far from where it was."""
    predict_truth(project, rabbit[1], [])
    run = runs.every(project.file, "predict")[0]
    block = predictions.block_at(project.file, run.id, run.document["video"], 0)
    assert block is not None
    away = np.random.default_rng(0).uniform(-400, 400, (60, 1, 1, 2)) if not following else np.zeros((60, 1, 1, 2))
    away[30] += 300
    moved = replace(block, xy=(block.xy + away).astype(np.float32))
    predictions.store(project.file, run.id, run.document["video"], moved)
    kinds = {r.kind for s in project.suggest(count=20) for r in s.reasons}
    assert ("jump" in kinds) == following


def test_what_is_kept(project, rabbit):
    found = project.suggest(count=4)
    labelled = {f.key for f in project.labels}
    assert len(found) == 4 and not {s.key for s in found} & labelled
    kept = selection.suggested(project.file)
    assert list(kept) == [s.key for s in found] and [k["rank"] for k in kept.values()] == [0, 1, 2, 3]
    run = runs.every(project.file, KIND)[0]
    for one in found:  # the model's proposal for each
        assert predictions.block_at(project.file, run.id, *one.key) is not None
    again = project.suggest(count=4)  # others than those that wait already
    assert not {s.key for s in again} & {s.key for s in found}
    project.undo()
    assert list(selection.suggested(project.file)) == [s.key for s in found]


def test_a_video_that_is_away_is_left_out_with_a_note(project, tmp_path):
    from krolik.actions.reporter import Silent
    from tests.clips import VARIANTS, write_clip

    write_clip(tmp_path / "gone.mp4", VARIANTS["plain"], 30)
    project.add(tmp_path / "gone.mp4")
    (tmp_path / "gone.mp4").unlink()
    reporter = Silent()
    found = project.suggest(count=3, reporter=reporter)
    assert found and "gone.mp4" in reporter.notes[0]
    gone = videos.record(project.file, "gone.mp4").id
    assert all(s.key.video != gone for s in found)


def test_bad_wishes(project, tmp_path):
    with pytest.raises(InvalidSetting):
        project.suggest(count=0)
    with pytest.raises(NotFound):
        project.suggest("nothing.mp4")
    with pytest.raises(NotFound):
        project.suggest(model="nobody")
    project.set_skeleton("a,b,c")
    with pytest.raises(Conflict):
        project.suggest()
    with krolik.new(tmp_path / "empty.krolik") as empty, pytest.raises(NotFound, match="no model"):
        empty.suggest()


def test_every_kind_has_words():
    assert all(in_words(Reason(kind, 0.5, 0, 1.0), ["nose"]) for kind in (*WEIGHTS, "typical"))
