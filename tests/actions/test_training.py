"""Training on the generated rabbit: an honest accuracy, honest splits."""

from dataclasses import replace

import numpy as np
import pytest

import krolik
from krolik.actions.reporter import Silent
from krolik.actions.samples import load_pixels
from krolik.actions.splitting import _late_part, split_parts
from krolik.errors import Cancelled, InvalidSetting
from krolik.inference.model import PoseModel
from krolik.light import levels
from krolik.poses import FrameKey, Instance, LabeledFrame, Predictions
from krolik.project import history, labels, models, predictions, runs, splits
from krolik.project.edits import Change, document, frame_subject
from krolik.project.splits import Split


def test_a_short_training_finds_the_rabbit(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        model = project.train(budget="150steps", network="unet", pipeline="whole", input_px=128)
        overall = project.evaluate().metrics.overall
        assert overall.n >= 15
        assert overall.median_error_px < 25  # of 640: guessing gives 150
        assert model.document["metrics"] == {} and models.get(project.file, None).document["metrics"]["every:5"]


def test_an_animal_of_one_keypoint_is_found_though_nothing_shows_how_large_it_is(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        project.set_skeleton("nose,")
        model = project.train(budget="150steps", input_px=64)
        assert model.document["plan"]["pipeline"] == "crop"
        metrics = project.evaluate().metrics
        assert metrics.overall.n == 3 and metrics.overall.median_error_px < 25
        assert np.isnan(metrics.body_length_px) and np.isnan(metrics.overall.pck_body["0.05"])
        project.predict("rabbit.mp4")
        run = runs.every(project.file, "predict")[0]
        xy = np.full((60, 1, 1, 2), 200, np.float32) + 3 * np.arange(60)[:, None, None, None]
        xy[30] += 150
        score = np.full((60, 1, 1), 0.97, np.float32)
        predictions.store(project.file, run.id, run.document["video"], Predictions(0, xy, score, np.ones(60, bool)))
        # an animal is not one pixel long: steps of three are a movement, and one of 150 is a jump
        assert {30} == {s.key.index for s in project.suggest(count=20) for r in s.reasons if r.kind == "jump"}


def test_a_locator_that_learnt_nothing_is_told_of(labelled):
    """Its pose network, judged on crops around the labels, would look better than the model is."""
    labelled.close()
    reporter = Silent()
    with krolik.open(labelled.path) as project:
        project.train(budget="3steps", pipeline="crop", input_px=64, width=0.5, reporter=reporter)
        assert any("the locator misses the animal" in note for note in reporter.notes)


def test_test_frames_are_never_trained_on(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        parts = project.split("every:5")
        model = project.train(budget="2steps", pipeline="whole", input_px=64, width=0.5)
        learnt = {FrameKey(*k) for k in model.document["train"]}
        tested = {k for k, part in parts.items() if part == "test"}
        assert len(tested) == 3 and not learnt & tested
        with pytest.raises(InvalidSetting, match="was trained on"):
            project.evaluate(split="every:2")


def test_a_model_knows_the_light_of_the_frames_that_it_learnt_from(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        model = project.train("every:5", budget="2steps", pipeline="whole", input_px=64, width=0.5)
        validating = {tuple(k) for k in model.document["validation"]}
        learnt = [FrameKey(*k) for k in model.document["train"] if tuple(k) not in validating]
        expected = levels(load_pixels(project.file, key) for key in learnt)
        light = PoseModel(models.onnx(project.file, model), 1).description.light
        np.testing.assert_allclose(light, expected, atol=0.06)


def test_the_split_that_was_made_last_is_taken(labelled):
    """Until it is taken back; one that a training was told of is for that training."""
    labelled.close()
    with krolik.open(labelled.path) as project:
        assert project.plan().split == "every:5"
        project.split("blocks:0.4", "later")
        assert project.plan("every:2").split == "every:2" and project.plan().split == "later"
        assert len(project.plan().data.train) + len(project.plan().data.validation) == 8
        for _ in range(2):  # every:2 was kept as well
            project.undo()
        assert project.plan().split == "every:5"


def test_frames_labelled_later_train(labelled):
    before = split_parts(labelled, "every:5", "test")
    bones = labels.skeleton(labelled)
    video = next(iter(before)).video
    late = LabeledFrame(FrameKey(video, 1), (Instance.of(np.ones((len(bones), 2))),), "00000001")
    history.commit(labelled, Change((labels.set_frame(labelled, late, bones),), "test", "late"))
    after = split_parts(labelled, "every:5", "test")
    assert after == {**before, late.key: "train"}


def test_late_frames_do_not_leak(labelled):
    """With blocks a late frame stays out; with by-video it goes where its video went."""
    video = labels.load(labelled).frames[0].key.video
    assert _late_part(FrameKey(video, 1), Split("blocks:0.2", {})) is None
    assert _late_part(FrameKey(video, 1), Split("by-video", {FrameKey(video, 0): "test"})) == "test"
    assert _late_part(FrameKey("new", 1), Split("by-video", {FrameKey(video, 0): "test"})) == "train"


def test_what_a_rule_leaves_out_stays_out_whatever_the_split_is_called(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        made = project.split("blocks:0.4", "later")
        assert split_parts(project.file, "later", "test") == made and len(made) == 14  # of 15


def test_a_split_of_the_first_versions_is_read(labelled):
    parts = split_parts(labelled, "blocks:0.4", "test")
    old = document({frame_subject(key): part for key, part in parts.items()})
    kept = splits.set_split(labelled, "blocks:0.4", splits.load(labelled, "blocks:0.4"))
    history.commit(labelled, Change((replace(kept, after=old),), "test", "an old file"))
    assert splits.load(labelled, "blocks:0.4") == Split("blocks:0.4", parts)
    assert split_parts(labelled, "blocks:0.4", "test") == parts


def test_mobilenet_trains_from_nothing_and_from_weights(labelled, shared, monkeypatch):
    labelled.close()
    quick = {"budget": "2steps", "network": "mobilenetv2", "pipeline": "whole", "input_px": 64}
    with krolik.open(labelled.path) as project:
        monkeypatch.setenv("KROLIK_WEIGHTS", str(shared / "weights"))
        model = project.train(**quick)
        assert model.document["plan"]["pretrained"].endswith("mobilenetv2_050_deeplab.safetensors")
        assert project.train(**quick, pretrained="none").document["plan"]["pretrained"] == "none"
        wide = project.train(**quick, pretrained="mobilenetv2_100_imagenet")
        assert wide.document["plan"]["width"] == 1.0


class StopSoon(Silent):
    """A reporter that asks to stop as soon as anything is told."""

    def __init__(self):
        super().__init__()
        self.told = False

    def progress(self, title, fraction, text="", seconds_left=None):
        self.told = True

    def cancelled(self):
        return self.told


def test_stopping_before_there_is_a_model(labelled):
    labelled.close()
    with krolik.open(labelled.path) as project:
        with pytest.raises(Cancelled, match="krolik train --resume"):
            project.train(budget="5m", pipeline="crop", input_px=64, width=0.5, reporter=StopSoon())
        assert project.models == [] and project.info().interrupted == [{"run": 1, "kind": "train"}]


def test_few_labels(labelled):
    """One, two, three labelled frames: a sensible training, never a crash."""
    labelled.close()
    with krolik.open(labelled.path) as project:
        frames = project.labels.frames
        for keep in (3, 2, 1):
            drop = [labels.remove_frame(project.file, f.key) for f in project.labels.frames[keep:]]
            history.commit(project.file, Change(tuple(drop), "test", "drop"))
            model = project.train("none", budget="2steps", pipeline="crop", input_px=64, width=0.5)
            assert len(model.document["train"]) == keep
        assert len(frames) == 15


@pytest.mark.parametrize(("name", "pipeline"), [("openfield", "crop"), ("reaching", "whole")])
def test_before_a_camera_that_stands_still_one_scale_is_planned(shared, tmp_path, name, pipeline):
    """reaching has frames of two sizes, parts that move far against each other, and a tongue with few labels."""
    with krolik.new(tmp_path / "p.krolik") as project:
        project.import_labels(shared / "data" / name)
        plan = project.plan("every:5").plan
        assert plan.pipeline == pipeline and plan.spans == ()
