"""What the program says in English about plans and labels is known to the page's other language, wording by wording."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from krolik.engines import foreign
from krolik.engines.frameworks import FRAMEWORKS
from krolik.poses import FrameKey, State
from krolik.skeleton import Skeleton
from krolik.training.budget import Budget
from krolik.training.findings import examine
from krolik.training.fingerprint import DataFingerprint, Headings, measure_data
from krolik.training.machine import MachineFingerprint
from krolik.training.near_duplicates import near_duplicates
from krolik.training.plan import Settings, decide
from krolik.training.training_set import Sample, TrainingSet

ROOT = Path(__file__).parents[2]
RUSSIAN = json.loads((ROOT / "web/src/locales/sentences.ru.json").read_text("utf-8"))
NOTES = json.loads((ROOT / "web/src/locales/notes.ru.json").read_text("utf-8"))  # see test_note_sentences.py
PATTERNS = {s: re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>.+?)", re.escape(s))) for s in RUSSIAN}
NAMES = ("nose", "left_ear", "right_ear", "tail")
TURNS, UPRIGHT = Headings(0.13, 0.4, 40.0, 40.0), Headings(0.0, 0.05, 150.0, 150.0)
SHARES = (0.14, 0.17, 0.2)
MOUSE = DataFingerprint(93, ((640, 480),), 1, 125.0, 110.0, SHARES, 1.3, 0.3, TURNS, 1.0, 1, (93, 93, 93, 93))
MACHINE = MachineFingerprint(2, "cpu", "a processor", 0.5)
# said where a plan is made ready, which takes a GPU, a model or folds; and by a training
ELSEWHERE = ("goes on from the model hare-1", "measured here: of 8, 16, 32 the largest whose steps are hardly slower",
             "an equal share for each of 5 folds and the final model",
             "about 25 steps of fastpose fit into this budget, and a useful model takes at least 100. "
             "Try --budget 12m, a smaller --input, or another --network.",
             "other programs keep this computer busy: with 1 of 2 threads a step takes less time at present",
             "the locator misses the animal by 80 px in the validation frames: crops will often show something else. "
             "Train longer, or set locator_share to more.")  # fmt: skip
# what models keep that were trained before it was worded anew
EARLIER = ("the body points up, and down, in at least 15% of the frames: a view from above",)


def reasons() -> set[str]:
    halves = replace(TURNS, gap_deg=150.0, unseen_deg=150.0)
    datas = [
        MOUSE,
        replace(MOUSE, animals=3, headings=halves),
        replace(MOUSE, extent_px=600.0, headings=UPRIGHT, pairs=0),
        replace(MOUSE, off_middle=0.01),
        replace(MOUSE, size_spread=3.0, shares=(0.1, 0.2, 0.5)),
        replace(MOUSE, size_spread=3.0),
        replace(MOUSE, extent_px=21.0, labelled=(93, 93)),
        replace(MOUSE, extent_px=40.0),
        replace(MOUSE, extent_px=96.0, typical_extent_px=96.0, labelled=(93,), sized=False),
        replace(MOUSE, labelled=(93,), outlined=True),
        replace(MOUSE, labelled=(93,), outlined=True, extent_px=500.0),
    ]
    machines = [MACHINE, replace(MACHINE, bf16_speedup=0.0), replace(MACHINE, device="cuda", bf16_speedup=1.6)]
    wishes = [
        Settings(), Settings(input_px=256, budget=Budget(steps=100)),
        Settings(network="resnet18", pipeline="crop", width=0.5, overrides={"learning_rate": "1e-3"}),
    ]  # fmt: skip
    plans = [decide(d, m, w, p) for d in datas for m in machines for w in wishes for p in ("none", "body.safetensors")]
    names = {m.device_name for m in machines}
    return {reason for plan in plans for _, _, reason in plan.rows()} - names


def reasons_elsewhere() -> set[str]:
    """Of trainings by other frameworks."""
    points, states = np.ones((1, 4, 2), np.float32), np.full((1, 4), 3, np.int8)
    sample = Sample(FrameKey("v", 0), (640, 480), points, states)
    data = TrainingSet(Skeleton.of(list(NAMES)), [sample], [], lambda key: np.zeros((480, 640, 3), np.uint8))
    wishes = [Settings(engine=name, pretrained=p) for name in FRAMEWORKS for p in (None, "none")]
    wishes.append(Settings("single_large", scale=0.5, batch_size=2, engine="sleap"))
    plans = [foreign.plan(FRAMEWORKS[w.engine], data, w, MACHINE, 5.0) for w in wishes]
    return {reason for plan in plans for _, _, reason in plan.rows()} - {MACHINE.device_name}


def findings() -> set[str]:
    """Of nine frames with every fault at once, of three, and of frames that look alike."""
    skeleton, points = Skeleton.of(list(NAMES)), np.array([[0, 60], [20, 40], [20, 80], [60, 60]], np.float32)
    samples = []
    for i in range(9):
        turned = points if i else points[[0, 2, 1, 3]]
        states = np.array([[3, 3, 3, 3 if i < 2 else 0]], np.int8)
        mirror = np.array([1, -1]) if i % 2 else np.array([1, 1])
        upright = turned[:, ::-1] * mirror + (0, 120 * (i % 2)) if i < 6 else turned
        samples.append(Sample(FrameKey("v", i), (1920, 1080), upright[None].astype(np.float32), states))
    never = [replace(s, states=np.where(np.arange(4) == 3, State.UNKNOWN, s.states).astype(np.int8)) for s in samples]
    found = [f for some in (samples, never, samples[:3]) for f in examine(measure_data(some, skeleton), some, skeleton)]
    found += near_duplicates(samples, samples[5:], 40.0, lambda key: np.zeros((64, 64, 3), np.uint8))
    assert {f.code for f in found} == {
        "never-labelled", "few-labels", "few-frames", "sides", "small-animal", "border", "near-duplicates",
    }  # fmt: skip
    return {text for f in found for text in (f.what, f.fix)}


def test_every_sentence_is_known_and_none_is_left_over():
    said = reasons() | reasons_elsewhere() | findings() | {*ELSEWHERE, *EARLIER}
    assert len(said) > 40
    used = set()
    for sentence in said:
        fitting = [s for s, pattern in PATTERNS.items() if pattern.fullmatch(sentence)]
        assert len(fitting) == 1, (sentence, fitting)
        used |= set(fitting)
    assert used == set(RUSSIAN)


@pytest.mark.parametrize("english, russian", [*RUSSIAN.items(), *NOTES.items()])
def test_the_translation_has_the_same_values(english, russian):
    def values(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    assert values(english) == values(russian)
    assert re.search("[а-я]", russian)


def test_what_is_said_elsewhere_is_said_there():
    files = (
        "training/planning.py",
        "training/gpu_steps.py",
        "training/pace.py",
        "actions/folding.py",
        "actions/training.py",
    )
    source = re.sub(r'"\s*f?"', "", "".join((ROOT / "krolik" / p).read_text("utf-8") for p in files))
    assert all(part in source for part in (
        "goes on from the model {", "measured here: of {", "the largest whose steps are hardly slower",
        "an equal share for each of {", "fit into this budget, and a useful model takes at least {",
        "m, a smaller --input, or another --network.", "the locator misses the animal by {",
        "px in the validation frames: crops will often show something else. ",
        "Train longer, or set locator_share to more."))  # fmt: skip
