import numpy as np
import pytest

from krolik.errors import InvalidSetting
from krolik.poses import FrameKey, LabeledFrame
from krolik.training.splits import TEST, assign, validation_keys
from krolik.training.training_set import Sample

FRAMES = [LabeledFrame(FrameKey(v, i), (), f"img{i:03d}.png") for v in ("v1", "v2") for i in range(20)]
NAMES = {"v1": "a.mp4", "v2": "b.mp4"}


def chosen(rule: str, frames=FRAMES) -> list[tuple[str, int]]:
    return [tuple(k) for k, part in assign(rule, frames, NAMES).items() if part == TEST]


def test_every():
    assert chosen("every:5", FRAMES[:20]) == [("v1", i) for i in (4, 9, 14, 19)]


def test_blocks_leave_a_gap():
    parts = assign("blocks:0.25", FRAMES, NAMES)
    assert [k.index for k, p in parts.items() if p == TEST and k.video == "v1"] == [15, 16, 17, 18, 19]
    assert FrameKey("v1", 14) not in parts and FrameKey("v2", 14) not in parts


def test_random_is_seeded():
    assert chosen("random:0.3:7") == chosen("random:0.3:7") != chosen("random:0.3:8")
    assert len(chosen("random:0.3:7")) == 12


def test_by_video():
    assert {v for v, _ in chosen("by-video")} == {"v2"}
    assert {v for v, _ in chosen("by-video:a.mp4")} == {"v1"}


def test_from_file(tmp_path):
    (tmp_path / "s.txt").write_text("# test frames\na.mp4,3\nb.mp4\timg007.png\n")
    assert chosen(f"file:{tmp_path / 's.txt'}") == [("v1", 3), ("v2", 7)]
    (tmp_path / "s.txt").write_text("a.mp4,99\n")
    with pytest.raises(InvalidSetting, match="line 1: no labelled frame 'a.mp4,99'"):
        chosen(f"file:{tmp_path / 's.txt'}")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("thirds", "no rule is named 'thirds'"), ("every:1", "whole number from 2"), ("every:x", "whole number from 2"),
        ("random:2", "not a fraction"), ("random:0.5:x", "not a seed"), ("by-video:c.mp4", "no labelled video"),
        ("by-video:a.mp4,b.mp4", "every video would be tested"), ("file:gone.txt", "no such file"),
    ],
)  # fmt: skip
def test_bad_rules(rule, sentence):
    with pytest.raises(InvalidSetting, match=sentence):
        assign(rule, FRAMES, NAMES)


def test_nothing_to_split_or_train():
    with pytest.raises(InvalidSetting, match="no labelled frames"):
        assign("every:5", [], NAMES)
    with pytest.raises(InvalidSetting, match="all labels are of one video"):
        assign("by-video", FRAMES[:20], NAMES)


def learnt(frames: int, animals: int = 1) -> list[Sample]:
    nothing = np.zeros((animals, 2, 2), np.float32), np.zeros((animals, 2), np.int8)
    return [Sample(FrameKey("v", i), (9, 9), *nothing) for i in range(frames)]


@pytest.mark.parametrize(
    ("frames", "animals", "validating"),
    [(3, 1, []), (8, 1, [4]), (40, 1, [5, 15, 25, 35]), (200, 2, range(5, 200, 10)), (640, 2, range(10, 640, 20))],
)
def test_validation_is_a_tenth_of_few_frames_and_less_of_many(frames, animals, validating):
    assert validation_keys(learnt(frames, animals)) == {FrameKey("v", i) for i in validating}
