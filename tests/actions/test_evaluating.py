"""What a model's confidence is held to, where animals are of unlike sizes."""

import numpy as np
import pytest

from krolik.actions.evaluating import Seen, judge
from krolik.evaluation import Criteria
from krolik.poses import FrameKey, State
from krolik.project.models import ModelRecord
from krolik.training.training_set import Sample

BODY = np.array([[100, 100], [220, 100]], np.float32)


def seen(factor: float, off: float) -> Seen:
    """An animal so many times as large in a frame so many times as large, found `off` pixels beside its place."""
    points = factor * BODY[None]
    sample = Sample(FrameKey("v", int(factor * 8)), (int(640 * factor), int(480 * factor)), points,
                    np.full((1, 2), State.VISIBLE, np.int8))  # fmt: skip
    predicted = np.concatenate([points + (off, 0), np.full((1, 2, 1), 0.9)], axis=-1)
    return Seen(sample, predicted, np.arange(len(predicted)))


def record(*spans: float) -> ModelRecord:
    plan = {"within_px": 6.0, "input_size": [192, 192], "scale": 192 / (1.3 * 120), "spans": list(spans)}
    return ModelRecord(1, "m", 0.0, None, {"plan": plan})


@pytest.mark.parametrize(("spans", "right"), [((), (1, 1, 0)), ((1.3 * 120 / 640,), (0, 1, 1))])
def test_a_distance_is_a_part_of_the_animal_where_sizes_differ(spans, right):
    """4 px off is near for a usual animal, far for a third of it; 12 px are near for one that is three times as large.

    Without a ladder, the distance is in pixels of any frame.
    """
    for (factor, off), held in zip(((1 / 3, 4.0), (1.0, 4.0), (3.0, 12.0)), right, strict=True):
        _, trust = judge([seen(factor, off)], ["nose", "tail"], Criteria(), record(*spans))
        assert np.nanmax(trust.true) == held


def test_models_from_before_there_were_ladders():
    old = record()
    del old.document["plan"]["spans"], old.document["plan"]["within_px"]
    _, trust = judge([seen(1.0, 4.0)], ["nose", "tail"], Criteria(), old)
    assert (trust.within_px, trust.n, np.nanmax(trust.true)) == (5.0, 2, 1)
