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
    task = {"folder": str(tmp_path), "seconds": None, "steps": None, "keep_seconds": 1000.0, **limits}
    return protocol.Pace(Talk(), task, schedule)


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


def test_it_goes_on_from_what_was_kept(tmp_path):
    counted = pace(tmp_path, keep_seconds=0.0)
    for _ in range(500):
        counted.step(2.0)
    counted.keep(lambda folder: (folder / "weights").write_text("w"))
    (kept,) = [tmp_path / said["kept"] for said in counted._talk.said if "kept" in said]
    assert (kept / "weights").read_text() == "w"
    kept.rename(tmp_path / protocol.BEFORE)
    assert protocol.before({"folder": str(tmp_path)}, "weights").read_text() == "w"
    assert protocol.before({"folder": str(tmp_path)}, "other") is None
    again = pace(tmp_path, steps=800)
    assert again.steps == 500 and again.seconds >= counted.seconds - 1 and again.curve == counted.curve
    with pytest.raises(protocol.Finished):
        for _ in range(1000):
            again.step(1.0)
    assert again.steps == 800
    steps = [point["steps"] for point in again.curve]
    assert steps == sorted(set(steps)) and len(steps) <= protocol.CURVE_POINTS


def test_where_nothing_can_be_kept_it_goes_on_and_says_so_once(tmp_path):
    def full(folder):
        (folder / "weights").write_text("a part")
        raise OSError(28, "No space left on device")

    counted = pace(tmp_path, keep_seconds=0.0)
    for _ in range(3):
        counted.step(1.0)
        counted.keep(full)
    assert [said for said in counted._talk.said if "progress" not in said] == [{"note": protocol.UNKEPT}]
    assert not list(tmp_path.glob("kept-*"))


def test_it_does_not_keep_all_the_time(tmp_path):
    counted = pace(tmp_path)
    counted.step(1.0)
    counted.keep(lambda folder: pytest.fail("too early"))
    assert not any("kept" in said for said in counted._talk.said)


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
