"""Running out of memory is an event: the batch is taken in parts and training goes on."""

import numpy as np
import pytest
import torch

from krolik.errors import StorageError
from krolik.networks.heatmap_offset import HeatmapOffset
from krolik.training.memory import Parts, is_exhausted
from tests.training.test_loop import train

REAL = HeatmapOffset.outputs
CPU_WORDS = (
    "[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
)


def limited(most: int, error: Exception):
    """Outputs that fail for more than `most` pictures at once while training."""

    def outputs(self, images):
        if self.module.training and len(images) > most:
            raise error
        return REAL(self, images)

    return outputs


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(CPU_WORDS), MemoryError()]
)
def test_batches_are_halved_until_they_fit(monkeypatch, error):
    monkeypatch.setattr(HeatmapOffset, "outputs", limited(2, error))
    model = train(12)
    fitted = model.stages["pose"].fitted
    assert model.plan.batch_size // fitted.parts == 2 and fitted.steps == 12
    assert all(torch.isfinite(v).all() for v in fitted.weights.values())


def test_a_single_picture_that_does_not_fit_is_a_sentence(monkeypatch):
    monkeypatch.setattr(HeatmapOffset, "outputs", limited(0, MemoryError()))
    with pytest.raises(StorageError, match="too small to train even on one picture.*Try a smaller --input"):
        train(5)


def test_other_errors_are_not_taken_for_memory(monkeypatch):
    monkeypatch.setattr(HeatmapOffset, "outputs", limited(2, RuntimeError("shapes cannot be multiplied")))
    with pytest.raises(RuntimeError, match="shapes"):
        train(5)
    assert not is_exhausted(ValueError("out of memory"))


def test_parts_cover_a_batch_once():
    parts = Parts(8)
    for count in (1, 2, 4, 8):
        parts.count = count
        for length in (1, 3, 8):
            covered = np.concatenate([np.arange(length)[part] for part in parts.slices(length)])
            assert covered.tolist() == list(range(length))
    with pytest.raises(StorageError):
        parts.halve("cpu")
