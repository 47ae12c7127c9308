"""From a training set to a plan: what is refused, and what it does without."""

import pytest

from krolik.errors import InvalidLabels, InvalidSetting
from krolik.training.budget import Budget
from krolik.training.plan import Settings
from krolik.training.planning import plan_training
from krolik.training.training_set import TrainingSet
from tests.training.test_loop import DATA


def test_no_label_at_all():
    with pytest.raises(InvalidLabels, match="no labelled point"):
        plan_training(TrainingSet(DATA.skeleton, [], [], DATA.load), Settings())


def test_without_fabric_one_sentence_before_anything_trains(monkeypatch):
    monkeypatch.setattr("krolik.training.planning.find_spec", lambda name: None)
    with pytest.raises(InvalidSetting, match=r"krolik\[gpus\]"):
        plan_training(DATA, Settings(overrides={"devices": "2"}))


@pytest.mark.parametrize("devices", ["200", "100000"])
def test_more_devices_than_there_are(devices):
    settings = Settings(budget=Budget(steps=2), overrides={"devices": devices})
    with pytest.raises(InvalidSetting, match=devices):
        plan_training(DATA, settings)
