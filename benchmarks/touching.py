"""Two mice that run over each other: how often one is missed, how often they change places in the table.

    python benchmarks/touching.py DATA [--budget 1200steps] [--seeds 0 1 2] [--lags 300 500 700 850 1000 1150 1200]
                                  [--json results.json]

openfield has one mouse, dark on a light floor, so the darker of two pictures shows two: 60 pairs of labelled frames are
learnt, and films are the darker of each frame of another session's film and the one so many frames later (lag), 1300
frames each. The truth is what a model of one mouse says of that film: frames in which it is not sure do not count. An
animal is missed where no pose lies within 30 px of it. `alone` is the film itself: how often a second mouse is seen.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np

import krolik
from krolik import api
from krolik.actions.samples import load_pixels
from krolik.inference.model import PoseModel
from krolik.inference.poser import Poser
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.process import prepare
from krolik.project import history, labels, models, videos
from krolik.project.edits import Change
from krolik.training.machine import core_count
from krolik.video import Frame, open_video

PAIRS, EVERY, FRAMES = 60, 5, 1300
SURE, NEAR = 0.6, 30.0  # the truth's confidence; pixels


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--budget", default="1200steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--lags", nargs="+", type=int, default=[300, 500, 700, 850, 1000, 1150, 1200])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        film, truth, paired = prepared(arguments.data / "openfield", Path(folder))
        for seed in arguments.seeds:
            with krolik.open(paired) as project:
                model = trained(project, arguments.budget, seed)
            for lag in (0, *arguments.lags):
                rows.append({"seed": seed, "lag": lag, "cores": core_count(), **measure(model, film, truth, lag)})
                print(rows[-1], flush=True)
    for name in ("missed", "n", "switches", "alone"):
        print(name, sum(row.get(name, 0) for row in rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def trained(project: api.Project, budget: str, seed: int) -> PoseModel:
    record = project.train("none", budget=budget, seed=seed, pretrained="none")
    return PoseModel(models.onnx(project.file, record), 1)


def prepared(
    source: Path, folder: Path, pale: float = 1.0, names: tuple[str | None, ...] = (None, None)
) -> tuple[np.ndarray, np.ndarray, Path]:
    """The film (T, H, W) as grey levels, its mouse (T, K, 3), and a project of pairs of labelled frames.

    pale: how dark the second mouse of a pair is, of how dark it was. names: of both mice.
    """
    with krolik.new(folder / "one.krolik") as project:
        project.import_labels(source)
        poser = Poser(trained(project, "1500steps", 0))
        with open_video(source / "videos" / "m3v1mp4.mp4") as video:
            frames = (frame for _, frame in video.frames(0, len(video)) if frame is not None)
            seen = [(frame.rgb[..., 0], poser(frame)[0]) for frame in frames]
        paired = pairs(project, folder, pale, names)
    return np.stack([grey for grey, _ in seen]), np.stack([pose for _, pose in seen]), paired


def paler(grey: np.ndarray, pale: float) -> np.ndarray:
    """uint8 grey levels: nearer to white."""
    return (255 - pale * (255 - grey.astype(np.float32))).round().astype(np.uint8)


def pairs(project: api.Project, folder: Path, pale: float, names: tuple[str | None, ...]) -> Path:
    """A project of labelled frames laid over each other; those that `every:5` would test are not among them."""
    pictures, rng = folder / "pairs", np.random.default_rng(0)
    pictures.mkdir()
    train = [frame for i, frame in enumerate(project.labels) if i % EVERY != EVERY - 1]
    chosen = [[train[i] for i in rng.choice(len(train), 2, replace=False)] for _ in range(PAIRS)]
    for number, both in enumerate(chosen):
        first, second = (load_pixels(project.file, frame.key) for frame in both)
        image = np.minimum(first, paler(second, pale))
        cv2.imwrite(str(pictures / f"{number:03d}.png"), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    with krolik.new(folder / "two.krolik", pictures, skeleton=",".join(project.skeleton.names)) as paired:
        (record,) = videos.records(paired.file)
        found = []
        for number, both in enumerate(chosen):
            animals = [frame.instances[0].points for frame in both]
            mice = tuple(
                Instance(xy, np.full(len(xy), State.VISIBLE), name) for xy, name in zip(animals, names, strict=True)
            )
            found.append(LabeledFrame(FrameKey(record.id, number), mice, f"{number:03d}.png"))
        edits = tuple(labels.set_frame(paired.file, frame, paired.skeleton) for frame in found)
        history.commit(paired.file, Change(edits, "benchmark", "label"))
        return paired.path


def measure(model: PoseModel, film: np.ndarray, truth: np.ndarray, lag: int) -> dict:
    """With a lag, of both mice; without, of the film as it is."""
    count, poser = min(FRAMES, len(film) - lag), Poser(model)
    poses = np.stack([poser(frame) for frame in composed(film, count, lag)])  # (T, 2, K, 3)
    if not lag:
        there = np.isfinite(poses[..., 0]).any(axis=2)  # (T, 2)
        return {"alone": int((there.sum(axis=1) == 2).sum())}
    mice = np.stack([truth[:count], truth[lag : lag + count]], axis=1)
    missed, n, switches, errors, before = 0, 0, 0, [], None
    for found, both in zip(poses, mice):
        order, apart = matched(found, both)
        known = ~np.isnan(apart)
        near = known & (apart <= NEAR)
        n, missed, errors = n + int(known.sum()), missed + int((known & ~near).sum()), [*errors, *apart[near]]
        if near.all():
            switches += before is not None and order != before
            before = order
    return {"n": n, "missed": missed, "switches": switches, "mean_error_px": float(np.mean(errors))}


def composed(film: np.ndarray, count: int, lag: int, pale: float = 1.0) -> Iterator[Frame]:
    for first, second in zip(film[:count], film[lag : lag + count]):
        yield Frame(np.repeat(np.minimum(first, paler(second, pale))[..., None], 3, axis=2))


def matched(found: np.ndarray, mice: np.ndarray) -> tuple[tuple[int, ...], np.ndarray]:
    """Which pose is which mouse's, and how far each mouse is from its pose: inf where there is none, NaN if unsure."""
    sure = mice[..., 2] > SURE
    best, order = None, (0, 1)
    for trial in permutations(range(2)):
        apart = [
            np.linalg.norm(found[p, s, :2] - mouse[s, :2], axis=1).mean() if s.any() else -1
            for p, s, mouse in zip(trial, sure, mice)
        ]
        distances = np.nan_to_num(np.array(apart, float), nan=np.inf)
        if best is None or np.minimum(distances, 2 * NEAR).sum() < np.minimum(best, 2 * NEAR).sum():
            best, order = distances, trial
    assert best is not None
    return order, np.where(best < 0, np.nan, best)


if __name__ == "__main__":
    main()
