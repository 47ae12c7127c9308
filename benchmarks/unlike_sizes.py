"""Training where animals differ in size: frames of several sizes, and a camera that is now near, now far.

    python benchmarks/unlike_sizes.py DATA [--sets sizes distances flies] [--budget 60s] [--seeds 0 1 2] [--json FILE]

sizes: openfield (`every:5`), its frames a third, once, and 2.5 times as wide in turns. distances: openfield, frames of
one size that a camera shows 0.4 to 2.2 times as large, at random. flies: whole frames of flies13, two flies, 100 to
learn from, 0.35 to 1.2 times as large. Each is trained as planned, and with one scale for all animals (`--scale`, as
it would be planned if they were alike). Errors in pixels of the original frames, over all labelled points of the test
frames.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from datasets import project as data_set
from other_films import nearer, resized

import krolik
from krolik import api
from krolik.actions import evaluating
from krolik.actions.labelling import keep_pixels
from krolik.actions.reporter import Silent
from krolik.actions.samples import load_pixels
from krolik.evaluation import Criteria
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.process import prepare
from krolik.project import history, labels, videos
from krolik.project.edits import Change
from krolik.project.models import ModelRecord
from krolik.scales import MARGIN
from krolik.training.machine import core_count

SETS = {"sizes": "openfield", "distances": "openfield", "flies": "flies13-whole:100"}
WIDTHS = (1 / 3, 1.0, 2.5)
NEAR = {"distances": (0.4, 2.2), "flies": (0.35, 1.2)}


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--budget", default="60s")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name in arguments.sets:
        with tempfile.TemporaryDirectory() as folder:
            opened, split, factors = changed(arguments.data, name, Path(folder))
            with opened:
                for seed in arguments.seeds:
                    for row in trained(opened, split, factors, arguments.budget, seed):
                        rows.append(
                            {"set": name, "seed": seed, "budget": arguments.budget, "cores": core_count(), **row}
                        )
                        print(rows[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def trained(opened: api.Project, split: str, factors: np.ndarray, budget: str, seed: int) -> Iterator[dict]:
    """A row as planned, and one with the scale that suits animals that are alike."""
    record = opened.train(split, budget=budget, seed=seed)
    yield {"scales": "as planned", **measured(opened, record, split, factors)}
    extent = record.document["fingerprint"]["data"]["extent_px"]
    scale = min(2.0, record.document["plan"]["input_size"][0] / (MARGIN * extent))
    record = opened.train(split, budget=budget, seed=seed, scale=scale)
    yield {"scales": "one", **measured(opened, record, split, factors)}


def measured(opened: api.Project, record: ModelRecord, split: str, factors: np.ndarray) -> dict:
    seen, model = evaluating.look(opened.file, record, split, Silent())
    _, trust = evaluating.judge(seen, model.skeleton.names, Criteria(), record)
    errors = [
        np.linalg.norm(s.sample.points - s.predicted[..., :2], axis=-1) / factors[s.sample.key.index] for s in seen
    ]
    every = np.concatenate([e.ravel() for e in errors])
    placed = np.concatenate([np.isfinite(s.sample.points[..., 0]).ravel() for s in seen])
    found = every[np.isfinite(every)]
    return {"n": int(placed.sum()), "mean_px": float(found.mean()), "median_px": float(np.median(found)),
            "missed": int(placed.sum() - len(found)), "calibration_error": trust.error,
            "steps_of_size": len(record.document["plan"]["spans"])}  # fmt: skip


def changed(data: Path, name: str, folder: Path) -> tuple[api.Project, str, np.ndarray]:
    """A project whose frames were changed, its split, and how many times as large each of its frames shows all."""
    original, rule = data_set(data, SETS[name], folder)
    pictures, rng = folder / "changed", np.random.default_rng(5)
    pictures.mkdir()
    frames, factors = [], []
    with original:
        keep_pixels(original.file, Silent())
        parts = original.split(rule, "benchmark")
        kept = [frame for frame in original.labels if frame.key in parts]
        for number, frame in enumerate(kept):
            if name in NEAR:
                change, factor = nearer, float(np.exp(rng.uniform(*np.log(NEAR[name]))))
            else:  # the frames of a fifth, which test, come in all sizes too
                change, factor = resized, WIDTHS[(number if number % 5 else number // 5) % 3]
            points = np.array([instance.points for instance in frame.instances])
            picture, moved = change(load_pixels(original.file, frame.key), points, factor)
            cv2.imwrite(str(pictures / f"{number:04d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            frames.append((moved, picture.shape[1::-1]))
            factors.append(factor)
        tests = [number for number, frame in enumerate(kept) if parts[frame.key] == "test"]
        names = original.skeleton.names
    opened = krolik.new(folder / "changed.krolik", pictures, skeleton=",".join(names))
    (record,) = videos.records(opened.file)
    labelled = [
        LabeledFrame(FrameKey(record.id, number), tuple(animal(points, size) for points in moved), f"{number:04d}.png")
        for number, (moved, size) in enumerate(frames)
    ]
    edits = tuple(labels.set_frame(opened.file, f, opened.skeleton) for f in labelled)
    history.commit(opened.file, Change(edits, "benchmark", "label"))
    (folder / "tests.txt").write_text("".join(f"changed,{number:04d}.png\n" for number in tests), "utf-8")
    return opened, f"file:{folder / 'tests.txt'}", np.array(factors)


def animal(points: np.ndarray, size: tuple[int, int]) -> Instance:
    """An animal's labels (K, 2); what lies outside the frame is not known."""
    inside = np.all((points >= 0) & (points <= np.array(size) - 1), axis=-1, keepdims=True)
    states = np.where(inside[:, 0], State.VISIBLE, State.UNKNOWN)
    return Instance(np.where(inside, points, np.nan), states)


if __name__ == "__main__":
    main()
