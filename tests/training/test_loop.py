"""Training itself: it learns, repeats, resumes exactly, stops when told, and never trains on what it must not."""

import numpy as np
import pytest
import torch

from krolik.engines import native
from krolik.poses import FrameKey, State
from krolik.skeleton import Skeleton
from krolik.training.budget import Budget, Clock
from krolik.training.checkpoint import Checkpoint
from krolik.training.loop import COOL_DOWN, WORST, Misplaced, _worst, learning_rate_factor, next_checkpoint
from krolik.training.plan import Settings
from krolik.training.planning import plan_training
from krolik.training.training_set import Sample, TrainingSet

SIZE = (160, 128)


def scene(i: int) -> tuple[Sample, np.ndarray]:
    """A bright and a dark spot at random places on noise."""
    rng = np.random.default_rng(i)
    points = rng.uniform((30, 30), (130, 98), (1, 2, 2)).astype(np.float32)
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    image = rng.normal(127, 6, (*x.shape, 3))
    for (px, py), light in zip(points[0], (110, -110)):
        image += light * np.exp(-((x - px) ** 2 + (y - py) ** 2) / 40)[..., None]
    return Sample(FrameKey("v", i), SIZE, points, np.full((1, 2), State.VISIBLE, np.int8)), np.clip(
        image, 0, 255
    ).astype(np.uint8)


SCENES = [scene(i) for i in range(24)]
IMAGES = {s.key: image for s, image in SCENES}
DATA = TrainingSet(Skeleton.of(["light", "dark"]), [s for s, _ in SCENES[:20]], [s for s, _ in SCENES[20:]],
                   IMAGES.__getitem__)  # fmt: skip


class Watching:
    """Events that keep everything, and stop after so many steps of the pose network."""

    def __init__(self, stop_after: int | None = None):
        self.seen, self.saved, self.stop_after = [], [], stop_after

    def progress(self, progress):
        self.seen.append(progress)

    def checkpoint(self, data):
        self.saved.append(data)

    def cancelled(self):
        if self.stop_after is None or not self.seen:
            return False
        return self.seen[-1].steps >= self.stop_after and self.seen[-1].stage == "pose"

    def abandoned(self):
        return False


def train(steps: int, pipeline: str = "whole", seed: int = 0, events=None, resume=None, width: float = 0.5):
    settings = Settings(budget=Budget(steps=steps), pipeline=pipeline, seed=seed, input_px=128, width=width)
    plan, fingerprint = plan_training(DATA, settings)
    training = native.Training(DATA, plan, fingerprint, 0.0, resume)
    return native.train(training, events or Watching())


def weights(model) -> bytes:
    return native.joined_weights(model)


def test_it_learns():
    model = train(150, width=1.0)
    assert model.stages["pose"].fitted.error_px < 4
    curve = [point["error_px"] for point in model.stages["pose"].fitted.curve]
    assert curve[-1] < 0.3 * curve[0]


@pytest.mark.parametrize("pipeline", [pytest.param("whole", marks=pytest.mark.slow), "crop"])
def test_same_seed_same_model(pipeline):
    first, again, other = (train(24, pipeline, seed) for seed in (3, 3, 4))
    assert weights(first) == weights(again) != weights(other)
    assert first.stages["pose"].onnx == again.stages["pose"].onnx


@pytest.mark.parametrize("pipeline", [pytest.param("whole", marks=pytest.mark.slow), "crop"])
def test_resuming_equals_not_stopping(monkeypatch, pipeline):
    """From any checkpoint, the final weights are those of the uninterrupted run, bit by bit."""
    monkeypatch.setattr("krolik.training.loop.CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr("krolik.training.loop.CHECKPOINT_SHARE", np.inf)
    events = Watching()
    whole = train(12, pipeline, events=events)
    assert all(progress.threads is None for progress in events.seen)  # a budget in steps takes those of the plan
    stages = {Checkpoint.from_bytes(data).stage for data in events.saved}
    assert stages == ({"pose"} if pipeline == "whole" else {"pose", "locator"})
    for data in (events.saved[0], events.saved[len(events.saved) // 2], events.saved[-1]):
        resumed = train(12, pipeline, resume=Checkpoint.from_bytes(data))
        assert weights(resumed) == weights(whole)


def test_cancelling_keeps_the_best_so_far():
    events = Watching(stop_after=10)
    model = train(10_000, events=events)
    assert model.stages["pose"].fitted.steps == 10
    assert model.stages["pose"].onnx


def test_unknown_points_do_not_train():
    """With every label of one keypoint unknown, its output channels keep their first weights."""
    hidden = [
        Sample(s.key, s.frame_size, s.points, np.array([[State.VISIBLE, State.UNKNOWN]], np.int8)) for s in DATA.train
    ]
    data = TrainingSet(DATA.skeleton, hidden, [], DATA.load)
    plan, fingerprint = plan_training(data, Settings(budget=Budget(steps=5), pipeline="whole", input_px=128))
    model = native.train(native.Training(data, plan, fingerprint, 0.0), Watching())
    bias = model.stages["pose"].fitted.weights["head.bias"]
    assert bias[1] == -4.0 and (bias[4:6] == 0).all()
    assert bias[0] != -4.0


def test_a_loss_that_is_not_finite_is_left_out(monkeypatch):
    from krolik.networks import heatmap_offset

    real, calls = heatmap_offset.HeatmapOffset.loss, []

    def sometimes(self, outputs, truth):
        calls.append(1)
        return real(self, outputs * (float("nan") if len(calls) == 3 else 1), truth)

    monkeypatch.setattr(heatmap_offset.HeatmapOffset, "loss", sometimes)
    model = train(8)
    assert all(torch.isfinite(v).all() for v in model.stages["pose"].fitted.weights.values())


def test_large_checkpoints_are_made_less_often():
    assert next_checkpoint(100.0, 100.1) == pytest.approx(120.1)
    assert next_checkpoint(100.0, 103.0) == pytest.approx(103 + 100)


def test_learning_rate_warms_up_and_falls_to_zero():
    assert learning_rate_factor(0, 0.0) < 0.05
    assert learning_rate_factor(1000, 0.2) == 1
    assert learning_rate_factor(1000, COOL_DOWN) == 1
    assert learning_rate_factor(1000, 1.0) == pytest.approx(0, abs=1e-9)


def test_plateau_begins_the_cool_down(monkeypatch):
    monkeypatch.setattr("krolik.training.loop.PATIENCE", 1)
    monkeypatch.setattr("krolik.training.loop.validation_error", lambda *_: 5.0)
    clocks = []
    real = Clock.finish_from
    monkeypatch.setattr(Clock, "finish_from", lambda self, f: (clocks.append(self), real(self, f)))
    assert train(200).stages["pose"].fitted.steps < 60
    assert clocks


@pytest.mark.parametrize(("stop_after", "kept"), [(None, 9.0), (40, 0.1)])
def test_early_luck_counts_only_if_nothing_follows(monkeypatch, stop_after, kept):
    errors = iter([0.1, *[9.0] * 50])
    monkeypatch.setattr("krolik.training.loop.validation_error", lambda *_: next(errors))
    assert train(100, events=Watching(stop_after)).stages["pose"].fitted.error_px == kept


def test_the_worst_frames_are_each_told_of_once():
    """With its worst animal; every animal of a frame is looked at alone when crops are."""
    nothing = np.zeros((1, 2, 2))
    seen = [Misplaced(FrameKey("v", i // 2), float(i % 7), nothing) for i in range(40)]
    told = _worst(seen)
    assert len(told) == WORST == len({one.key for one in told})
    assert [one.error_px for one in told] == sorted((one.error_px for one in told), reverse=True)
    for one in told:
        assert one.error_px == max(other.error_px for other in seen if other.key == one.key)
