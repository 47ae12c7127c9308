"""Which labelled frames train and which test: rules that name frames, never row numbers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from krolik.errors import InvalidSetting
from krolik.poses import FrameKey, LabeledFrame
from krolik.training.training_set import Sample

TRAIN, TEST = "train", "test"
RULES = "every:N, blocks[:FRACTION], random[:FRACTION[:SEED]], by-video[:NAME,...], file:PATH"
EMBARGO = 0.02  # of the frames, left out of training beside a block of test frames, because neighbours look alike
VALIDATION_EVERY = 10
MOST_VALIDATING = 64  # animals


def assign(rule: str, frames: Sequence[LabeledFrame], video_names: Mapping[str, str]) -> dict[FrameKey, str]:
    """The part of each frame: "train" or "test"; frames left out of both are not in it.

    frames: in order of video and frame name. Raises InvalidSetting for a rule that is unknown or leaves nothing.
    """
    name, _, argument = rule.partition(":")
    rules = {"every": _every, "blocks": _blocks, "random": _random, "by-video": _by_video, "file": _from_file}
    if name not in rules:
        raise InvalidSetting(f"no rule is named {name!r}", "split", f"There are: {RULES}.")
    if not frames:
        raise InvalidSetting("there are no labelled frames to split", "split", "Import or make labels first.")
    parts = rules[name](argument, frames, video_names)
    if TRAIN not in parts.values():
        raise InvalidSetting(f"{rule!r} leaves no frame to train on", "split", f"{len(frames)} frames are labelled.")
    return parts


def _every(argument: str, frames: Sequence[LabeledFrame], _: Mapping[str, str]) -> dict[FrameKey, str]:
    """every:5 → the frames at positions 4, 9, 14, ... test."""
    if not argument.isdigit() or int(argument) < 2:
        raise InvalidSetting(f"{argument!r} is not a whole number from 2", "split every:N")
    step = int(argument)
    return {f.key: TEST if i % step == step - 1 else TRAIN for i, f in enumerate(frames)}


def _fraction(text: str) -> float:
    try:
        value = float(text or 0.2)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise InvalidSetting(f"{text!r} is not a fraction between 0 and 1", "split")
    return value


def _blocks(argument: str, frames: Sequence[LabeledFrame], names: Mapping[str, str]) -> dict[FrameKey, str]:
    """The last part of each video's frames test; the neighbours just before them are left out."""
    fraction = _fraction(argument)
    parts: dict[FrameKey, str] = {}
    for video in dict.fromkeys(f.key.video for f in frames):
        own = sorted((f for f in frames if f.key.video == video), key=lambda f: (f.name, f.key.index))
        tested = round(len(own) * fraction)
        gap = min(max(1, round(len(own) * EMBARGO)), max(0, len(own) - tested - 1)) if tested else 0
        for i, frame in enumerate(own):
            if i >= len(own) - tested:
                parts[frame.key] = TEST
            elif i < len(own) - tested - gap:
                parts[frame.key] = TRAIN
    return parts


def _random(argument: str, frames: Sequence[LabeledFrame], _: Mapping[str, str]) -> dict[FrameKey, str]:
    fraction, seed = (*argument.split(":", 1), "")[:2]
    if seed and not seed.isdigit():
        raise InvalidSetting(f"{seed!r} is not a seed", "split random:FRACTION:SEED")
    keys = [f.key for f in frames]
    tested = round(len(keys) * _fraction(fraction))
    chosen = set(random.Random(int(seed or 0)).sample(range(len(keys)), tested))  # noqa: S311 (not a secret)
    return {key: TEST if i in chosen else TRAIN for i, key in enumerate(keys)}


def _by_video(argument: str, frames: Sequence[LabeledFrame], names: Mapping[str, str]) -> dict[FrameKey, str]:
    """Whole videos test: those named, else the last fifth of the videos, at least one."""
    videos = sorted({names.get(f.key.video, f.key.video) for f in frames})
    tested = [n.strip() for n in argument.split(",") if n.strip()] or videos[-max(1, len(videos) // 5) :]
    unknown = [n for n in tested if n not in videos]
    if unknown:
        raise InvalidSetting(f"no labelled video is named {unknown[0]!r}", "split", f"There are: {', '.join(videos)}.")
    if set(tested) == set(videos):
        raise InvalidSetting("all labels are of one video" if len(videos) == 1 else "every video would be tested",
                             "split by-video", "Use another rule, for instance every:5.")  # fmt: skip
    return {f.key: TEST if names.get(f.key.video, f.key.video) in tested else TRAIN for f in frames}


def _from_file(argument: str, frames: Sequence[LabeledFrame], names: Mapping[str, str]) -> dict[FrameKey, str]:
    """A text file with one test frame per line: VIDEO and frame number or image name, separated by a tab or comma."""
    path = Path(argument)
    if not path.is_file():
        raise InvalidSetting("no such file", path)
    by_name: dict[tuple[str, str], FrameKey] = {}
    for frame in frames:
        for spelling in (frame.name, str(frame.key.index)):
            by_name[names.get(frame.key.video, frame.key.video), spelling] = frame.key
    tested = set()
    for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            video, _, frame = line.replace("\t", ",").rpartition(",")
            key = by_name.get((video.strip(), frame.strip()))
            if key is None:
                raise InvalidSetting(f"line {number}: no labelled frame {line.strip()!r}", path)
            tested.add(key)
    return {f.key: TEST if f.key in tested else TRAIN for f in frames}


def validation_keys(train: Sequence[Sample]) -> set[FrameKey]:
    """A tenth of the training frames, evenly taken, to choose the best weights by; none of fewer than four.

    Not more than so many animals: they are looked at 25 times, and what more of them could tell is better learnt from.
    """
    keys = [sample.key for sample in train]
    if len(keys) < 4:
        return set()
    if len(keys) < VALIDATION_EVERY:
        return {keys[len(keys) // 2]}
    animals = sum(len(sample.points) for sample in train)
    every = max(VALIDATION_EVERY, round(animals / MOST_VALIDATING))
    return set(keys[every // 2 :: every])
