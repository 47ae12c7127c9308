"""On a GPU of NVIDIA: small memories are no reason to fail, and the model is the same on a processor.

That trainings repeat, and go on as if uninterrupted, is for test_loop.py, which trains on the GPU where there is one.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from krolik.engines import native
from krolik.training import recording
from krolik.training.batches import plain_batches, whole_frame_items
from krolik.training.budget import Budget
from krolik.training.gpu_steps import SIZES
from krolik.training.image_cache import ImageCache
from krolik.training.plan import Settings
from krolik.training.planning import plan_training
from tests.training.test_loop import DATA, Watching, train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.fixture
def cap():
    """Allows this process so many GiB of the GPU's memory."""
    total = torch.cuda.get_device_properties(0).total_memory

    def limit(gibibytes: float) -> None:
        torch.cuda.empty_cache()
        torch.cuda.set_per_process_memory_fraction(min(1.0, gibibytes * 2**30 / total))

    yield limit
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("gibibytes", [1, 2, 4])
def test_a_large_network_trains_in_a_small_memory(cap, gibibytes):
    cap(gibibytes)
    torch.cuda.reset_peak_memory_stats()
    settings = Settings("resnet50", budget=Budget(steps=4), pipeline="whole", input_px=256, batch_size=128)
    plan, fingerprint = plan_training(DATA, settings)
    assert plan.device == "cuda" and plan.batch_size == 128
    model = native.train(native.Training(DATA, plan, fingerprint, 0.0), Watching())
    fitted = model.stages["pose"].fitted
    print(f"{gibibytes} GiB: {fitted.parts} parts, peak {torch.cuda.max_memory_reserved() / 2**30:.2f} GiB")
    assert fitted.steps == 4 and fitted.parts > 1 and np.isfinite(fitted.curve[-1]["loss"])
    assert torch.cuda.max_memory_reserved() <= gibibytes * 2**30


@pytest.mark.parametrize("pipeline", ["whole", "crop"])
def test_recorded_steps_are_those_that_are_computed_one_by_one(monkeypatch, pipeline):
    train(1, pipeline)  # what the plan measures with steps of its own is measured once
    replayed, real = [], torch.cuda.CUDAGraph.replay
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda graph: (replayed.append(1), real(graph))[1])
    recorded = train(24, pipeline)
    assert len(replayed) == 24 - recording.PLAIN * len(recorded.stages)
    monkeypatch.setattr(recording, "PLAIN", 1000)
    assert native.joined_weights(train(24, pipeline)) == native.joined_weights(recorded)


def test_a_recording_that_does_not_fit_into_memory_is_none(monkeypatch):
    wanted = native.joined_weights(train(12))

    class Full:
        def __init__(self, *_, **__): ...

        def __enter__(self):
            raise torch.OutOfMemoryError("CUDA out of memory.")

        def __exit__(self, *_): ...

    monkeypatch.setattr(torch.cuda, "graph", Full)
    model = train(12)
    assert model.stages["pose"].fitted.parts == 1 and native.joined_weights(model) == wanted


def test_batch_and_precision_are_measured_and_remembered(monkeypatch, tmp_path):
    monkeypatch.setenv("KROLIK_CACHE", str(tmp_path))
    settings = Settings(budget=Budget(steps=4), pipeline="whole", input_px=128)
    first, again = (plan_training(DATA, settings)[0] for _ in range(2))
    assert first.batch_size == again.batch_size in SIZES and "measured" in first.reasons["batch_size"]
    assert first.precision == again.precision and "measured" in first.reasons["precision"]
    known = json.loads((tmp_path / "machine.json").read_text())
    assert all(any(key.startswith(what) for key in known) for what in ("batch ", "bfloat16 "))
    set_by_hand = replace(settings, batch_size=4, overrides={"precision": "bfloat16"})
    plan = plan_training(DATA, set_by_hand)[0]
    assert plan.batch_size == 4 and plan.precision == "bfloat16"


def test_the_model_of_a_gpu_says_the_same_on_a_processor():
    import onnxruntime

    model = train(120, width=1.0)
    stage = model.stages["pose"]
    assert stage.fitted.error_px < 5
    session = onnxruntime.InferenceSession(stage.onnx, providers=["CPUExecutionProvider"])
    sample = DATA.validation[0]
    items = whole_frame_items([sample], model.plan.input_size)
    batch = next(plain_batches(items, ImageCache(DATA.load), 1))
    poses = np.asarray(session.run(["poses"], {"images": batch.images})[0])
    assert np.linalg.norm(poses[0, 0, :, :2] - batch.points[0, 0], axis=-1).mean() < 8
