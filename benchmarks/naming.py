"""Named animals: how often predictions give each its name.

    python benchmarks/naming.py DATA [--sets mice flies] [--pale 0.7 0.85] [--budget 1200steps] [--seeds 0 1 2]
                                [--lags 300 850 1200] [--json results.json]

mice: those of `touching.py`, of which one is paler (0.7: seven tenths as dark), named in 60 labelled pictures; films in
which they run over each other. flies: two flies in whole frames of flies13, 40 labelled in the first 60 % of the time;
its last 30 % are the film. `right` is the share of animals, found within 30 px, that have their name; `rows` is the
same without looks: of all ways to name the rows of the table for the whole film, the best.
"""

from __future__ import annotations

import argparse
import copy
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
from touching import FRAMES, NEAR, SURE, composed, prepared

import krolik
from krolik import api
from krolik.inference.model import PoseModel
from krolik.inference.pipeline import predict_blocks
from krolik.process import prepare
from krolik.project import models, videos
from krolik.training.machine import core_count
from krolik.video import Frame, open_video

LABELLED = 40


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["mice", "flies"])
    parser.add_argument("--pale", nargs="+", type=float, default=[0.7, 0.85])
    parser.add_argument("--budget", default="1200steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--lags", nargs="+", type=int, default=[300, 850, 1200])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for row in every(arguments):
        rows.append({"cores": core_count(), **row})
        print(rows[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def every(arguments: argparse.Namespace) -> Iterator[dict]:
    if "mice" in arguments.sets:
        for pale in arguments.pale:
            yield from mice(arguments, pale)
    if "flies" in arguments.sets:
        for seed in arguments.seeds:
            yield flies(arguments, seed)


def mice(arguments: argparse.Namespace, pale: float) -> Iterator[dict]:
    with tempfile.TemporaryDirectory() as folder:
        film, truth, paired = prepared(arguments.data / "openfield", Path(folder), pale, ("dark", "pale"))
        for seed in arguments.seeds:
            with krolik.open(paired) as project:
                model = trained(project, "none", arguments.budget, seed)
            for lag in arguments.lags:
                count = min(FRAMES, len(film) - lag)
                both = np.stack([truth[:count], truth[lag : lag + count]], axis=1)
                both[both[..., 2] <= SURE] = np.nan
                shown = Film(list(composed(film, count, lag, pale)))
                yield {"set": f"mice {pale:g}", "seed": seed, "lag": lag, **measure(model, shown, both[..., :2])}


def flies(arguments: argparse.Namespace, seed: int) -> dict:
    source = arguments.data / "flies13"
    with tempfile.TemporaryDirectory() as folder, krolik.new(Path(folder) / "flies.krolik") as project:
        project.import_labels(source / "demo-flies13-preds.slp")
        frames = sorted((f for f in project.labels if len(f.instances) == 2), key=lambda f: f.key.index)
        last = frames[-1].key.index
        early = [f for f in frames if f.key.index < 0.6 * last]
        learnt = {early[i].key for i in np.linspace(0, len(early) - 1, LABELLED).round().astype(int)}
        parts = Path(folder) / "test.txt"
        (record,) = videos.records(project.file)
        parts.write_text("\n".join(f"{record.name},{f.key.index}" for f in project.labels if f.key not in learnt))
        model = trained(project, f"file:{parts}", arguments.budget, seed)
        late = [f for f in frames if f.key.index >= 0.7 * last]
        names = sorted({i.track or "" for f in late for i in f.instances})
        truth = np.full((last + 1 - late[0].key.index, 2, len(project.labels.skeleton), 2), np.nan)
        for frame in late:
            for animal in frame.instances:
                truth[frame.key.index - late[0].key.index, names.index(animal.track or "")] = animal.points
        with open_video(source / "demo-flies13-preds.mp4") as video:
            shown = Film([f for _, f in video.frames(late[0].key.index, last + 1) if f is not None])
        return {"set": "flies", "seed": seed, "lag": 0, **measure(model, shown, truth)}


def trained(project: api.Project, split: str, budget: str, seed: int) -> PoseModel:
    record = project.train(split, budget=budget, seed=seed, pretrained="none")
    return PoseModel(models.onnx(project.file, record), 1)


class Film:
    """Frames that are in memory, as a video has them."""

    def __init__(self, frames: list[Frame]):
        self._frames = frames
        self.size = frames[0].size

    def frames(self, start: int, stop: int) -> Iterator[tuple[int, Frame]]:
        yield from enumerate(self._frames[start:stop], start)

    def __len__(self) -> int:
        return len(self._frames)


def measure(model: PoseModel, film: Film, truth: np.ndarray) -> dict:
    """truth: (T, 2, K, 2), in the order of the names; NaN where it is not known."""
    looks = model.description.appearance
    named, n = right(model, film, truth, [(0, 1)]) if looks else (float("nan"), 0)
    nameless = copy.copy(model)
    nameless.description = replace(model.description, appearance=None)
    rows, n = right(nameless, film, truth, list(permutations(range(2))))
    return {"right": named, "rows": rows, "n": n, "held_out": looks.right if looks else None,
            "labelled": looks.frames if looks else None}  # fmt: skip


def right(model: PoseModel, film: Film, truth: np.ndarray, ways: list[tuple[int, ...]]) -> tuple[float, int]:
    """The share of found animals that lie in the row of their name, if rows are named in the best of some ways."""
    blocks = predict_blocks(model, film, 0, len(film), lambda i: None)  # pyright: ignore[reportArgumentType]
    found = np.concatenate([block.xy for block in blocks])  # (T, rows, K, 2)
    with np.errstate(invalid="ignore"):
        known = np.isfinite(truth).all(axis=3).sum(axis=2)  # (T, 2)
        distance = np.nan_to_num(np.linalg.norm(found[:, :, None] - truth[:, None], axis=4), nan=0.0)
        missing = ~np.isfinite(found).all(axis=(2, 3))
    apart = distance.sum(axis=3) / np.maximum(known, 1)[:, None]  # (T, rows, names)
    apart[missing] = np.inf
    apart[np.broadcast_to((known == 0)[:, None], apart.shape)] = np.inf
    nearest, near = apart.argmin(axis=1), apart.min(axis=1) <= NEAR  # (T, names)
    n = int(near.sum())
    return max(
        sum(int((nearest[:, name] == way[name])[near[:, name]].sum()) for name in range(2)) for way in ways
    ) / n, n


if __name__ == "__main__":
    main()
