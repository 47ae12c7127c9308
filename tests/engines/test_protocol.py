"""What the workers have in common; they run where nothing of Krolik can be imported, and so does this."""

import importlib.util

import pytest

from krolik.engines.frameworks import FRAMEWORKS, WORKERS

spec = importlib.util.spec_from_file_location("protocol", WORKERS / "protocol.py")
assert spec is not None and spec.loader is not None
protocol = importlib.util.module_from_spec(spec)
spec.loader.exec_module(protocol)


class Talk:
    def __init__(self):
        self.said = []

    def say(self, **message):
        self.said.append(message)


def pace(tmp_path, schedule=10**6, **limits):
    return protocol.Pace(Talk(), {"folder": str(tmp_path), "seconds": None, "steps": None, **limits}, schedule)


def test_every_worker_is_there_and_imports_nothing_of_krolik():
    for framework in FRAMEWORKS.values():
        text = framework.script.read_text("utf-8")
        assert "import krolik" not in text and "from krolik" not in text


@pytest.mark.parametrize(
    ("limits", "steps"), [({"schedule": 7}, 7), ({"steps": 5}, 5), ({"steps": 9, "schedule": 7}, 7)]
)
def test_a_training_ends_after_its_steps_or_its_schedule(tmp_path, limits, steps):
    counted = pace(tmp_path, **limits)
    with pytest.raises(protocol.Finished):
        for _ in range(100):
            counted.step(1.0)
    assert counted.steps == steps


def test_a_training_ends_after_its_time_and_when_it_is_told(tmp_path):
    counted = pace(tmp_path, seconds=0.0001)
    with pytest.raises(protocol.Finished):
        for _ in range(10**6):
            counted.step(1.0)
    counted = pace(tmp_path)
    counted.step(1.0)
    (tmp_path / protocol.STOP).touch()
    with pytest.raises(protocol.Finished):
        counted.step(1.0)


def test_a_long_curve_is_thinned(tmp_path):
    counted = pace(tmp_path)
    for number in range(10_000):
        counted.step(number)
    assert protocol.CURVE_POINTS / 2 <= len(counted.curve) <= protocol.CURVE_POINTS
    steps = [point["steps"] for point in counted.curve]
    assert steps == sorted(steps) and steps[-1] > 9_000
    assert all(abs(point["loss"] - point["steps"]) < 300 for point in counted.curve)


def test_small_things():
    assert protocol.order(["a", "b"], ["b", "a"]) == [1, 0]
    assert protocol.order(["a", "b"], ["b", "c"]) == [0, 1]
    assert protocol.some(range(3), 4) == [0, 1, 2] and protocol.some(range(100), 4) == [0, 25, 50, 75]
    assert protocol.padded([640, 481], 32) == [640, 512]


def test_a_refusal_is_told(tmp_path, monkeypatch):
    (tmp_path / "task.json").write_text("{}")
    monkeypatch.setattr(protocol.sys, "argv", ["worker", str(tmp_path / "task.json")])
    talk = Talk()
    monkeypatch.setattr(protocol, "Talk", lambda: talk)

    def work(task, talk):
        raise protocol.Refused("no", "do")

    with pytest.raises(SystemExit):
        protocol.run(work)
    assert talk.said == [{"error": "no", "fix": "do"}]
