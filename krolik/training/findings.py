"""What in the labels will make a model worse than it could be: said before training, each with what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from krolik.poses import FrameKey, State
from krolik.skeleton import Skeleton
from krolik.training.fingerprint import DataFingerprint
from krolik.training.sides import sides
from krolik.training.training_set import Sample

FEW_LABELS = 5
MIXED_SIDES = 0.25  # a minority smaller than this looks like mistakes; a larger one like an animal seen from both sides
SMALL_ANIMAL = 0.1  # of the frame's longer side
AT_BORDER_PX = 1.0
OFTEN_AT_BORDER = 0.05


@dataclass(frozen=True)
class Finding:
    """One sentence of what was found, what to do, and the frames that it is about (keys), if it is about frames."""

    code: str
    what: str
    fix: str
    frames: tuple[FrameKey, ...] = ()

    def to_json(self) -> dict:
        return {**asdict(self), "frames": [list(key) for key in self.frames]}


def examine(data: DataFingerprint, samples: Sequence[Sample], skeleton: Skeleton) -> list[Finding]:
    """What the labels of the training frames show, without their pixels."""
    exchanged = _sides(samples, skeleton) if data.from_above else []  # from the side, left and right lie either way
    return [*_rare(data, skeleton), *exchanged, *_small(data), *_border(samples)]


def _rare(data: DataFingerprint, skeleton: Skeleton) -> list[Finding]:
    never = [n for n, count in zip(skeleton.names, data.labelled) if count == 0]
    few = [f"{n} ({c})" for n, c in zip(skeleton.names, data.labelled) if 0 < c < FEW_LABELS]
    found = []
    if never:
        found.append(Finding("never-labelled", f"never labelled in a training frame: {', '.join(never)}",
                             "Predictions of them are worthless; label them, or take them out."))  # fmt: skip
    if few:
        found.append(Finding("few-labels", f"fewer than {FEW_LABELS} training frames show: {', '.join(few)}",
                             "They count more in training; a few more labels of them help most."))  # fmt: skip
    if data.frames < FEW_LABELS:
        found.append(Finding("few-frames", f"only {data.frames} frame(s) to train on",
                             "Twenty frames that differ give a useful model."))  # fmt: skip
    return found


def _sides(samples: Sequence[Sample], skeleton: Skeleton) -> list[Finding]:
    told = sides(samples, skeleton)
    odd = [key for key, usual in told if not usual]
    if not odd or len(odd) > MIXED_SIDES * len(told):
        return []
    return [Finding("sides", f"left and right may be exchanged in {len(set(odd))} frame(s): the others have them the "
                    "other way round", "Look at these frames; swap left and right where it is so.",
                    tuple(dict.fromkeys(odd)))]  # fmt: skip


def _small(data: DataFingerprint) -> list[Finding]:
    longest = max(max(size) for size in data.frame_sizes)
    if data.extent_px and data.shares[2] < SMALL_ANIMAL:
        return [Finding("small-animal", f"the animal spans {data.extent_px:.0f} px of frames of {longest} px",
                        "It is located, then seen in a crop; a nearer camera would show more of it.")]  # fmt: skip
    return []


def _border(samples: Sequence[Sample]) -> list[Finding]:
    touching, labels = [], 0
    for sample in samples:
        located = sample.states >= State.OCCLUDED
        last = np.array(sample.frame_size) - 1 - AT_BORDER_PX
        at_border = ((sample.points <= AT_BORDER_PX) | (sample.points >= last)).any(axis=-1) & located
        labels += int(located.sum())
        touching += [sample.key] * int(at_border.sum())
    if len(touching) <= OFTEN_AT_BORDER * labels:
        return []
    return [Finding("border", f"{len(touching)} of {labels} labels lie on the frame's border",
                    "Mark what is out of the picture as absent instead of putting it on the border.",
                    tuple(dict.fromkeys(touching)))]  # fmt: skip
