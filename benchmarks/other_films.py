"""Errors in pictures that are not like the film a model was made for: other times, sizes, distances, light.

    python benchmarks/other_films.py DATA [--budget 60s] [--seeds 0 1 2] [--json results.json]

openfield, split `every:5`: the test frames, in which the mouse is somewhere else each time, are written as a folder of
images, as they are, larger and smaller, as a nearer or farther camera would show them in frames of the same size, and
in other light, and predicted as one video; `evaluate` looks at each by itself, as it is. Errors in pixels of the
original frames, over all labelled points of the test frames.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

import krolik
from krolik import api
from krolik.actions.samples import load_pixels
from krolik.process import prepare
from krolik.project import predictions, runs
from krolik.training.machine import core_count
from krolik.training.splits import TEST

SIZES = (1.0, 0.33, 0.5, 0.75, 1.5, 2.0, 3.0)
DISTANCES = (0.35, 0.5, 0.7, 1.4, 2.0, 2.8)  # how many times as large animals are in frames of the same size
LIGHTS = {
    "a quarter of the light": lambda grey: grey / 4,
    "lighter by 100": lambda grey: grey + 100,
    "0.3 of the contrast": lambda grey: 128 + 0.3 * (grey - 128),
    "gamma 2": lambda grey: 255 * (grey / 255) ** 2,
    "a yellow light": lambda grey: grey * (1.3, 1.0, 0.6),
}
ROOM = 1.2  # between the animal's farthest point and the frame's border
Change = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray]]


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--budget", default="60s")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        with tempfile.TemporaryDirectory() as folder, krolik.new(Path(folder) / "o.krolik") as project:
            project.import_labels(arguments.data / "openfield")
            project.train("every:5", budget=arguments.budget, seed=seed)
            for row in measure(project, Path(folder)):
                rows.append({"seed": seed, "budget": arguments.budget, "cores": core_count(), **row})
                print(rows[-1], flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


def measure(project: api.Project, folder: Path):
    """A row for `evaluate` and one for each size."""
    overall = project.evaluate().metrics.overall
    yield {"how": "evaluate", "n": overall.n, "mean_px": overall.mean_error_px, "p95_px": overall.p95_error_px}
    parts = project.split("every:5", "benchmark")
    tested = [frame for frame in project.labels if parts[frame.key] == TEST]
    shown = [(load_pixels(project.file, frame.key), frame.instances[0].points) for frame in tested]
    ways = [(f"{size:g} times as large", resized, size) for size in SIZES]
    ways += [(f"{distance:g} times as near", nearer, distance) for distance in DISTANCES]
    ways += [(words, relit(curve), 1.0) for words, curve in LIGHTS.items()]
    for words, change, factor in ways:
        pictures = folder / words
        pictures.mkdir()
        truth = []
        for number, (rgb, points) in enumerate(shown):
            picture, moved = change(rgb, points, factor)
            truth.append(moved)
            cv2.imwrite(str(pictures / f"{number:03d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        project.predict(pictures)
        run = runs.every(project.file, "predict")[0]
        blocks = list(predictions.blocks(project.file, run.id, run.document["video"]))
        errors = np.linalg.norm(np.concatenate([b.xy for b in blocks])[:, 0] - np.array(truth), axis=-1) / factor
        yield {
            "how": f"a folder, {words}", "n": errors.size, "mean_px": float(errors.mean()),
            "p95_px": float(np.percentile(errors, 95)),
        }  # fmt: skip


def relit(curve: Callable[[np.ndarray], np.ndarray]) -> Change:
    """The same in another light."""
    return lambda rgb, points, _: (np.clip(curve(rgb.astype(float)), 0, 255).astype(np.uint8), points)


def resized(rgb: np.ndarray, points: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """The picture so many times as wide and high, and its points (K, 2)."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return cv2.resize(rgb, None, fx=factor, fy=factor, interpolation=how), (points + 0.5) * factor - 0.5


def nearer(rgb: np.ndarray, points: np.ndarray, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """The same from a camera that shows all so many times as large, the animal inside; beyond the frame, its border.

    points: (..., 2), of all animals.
    """
    size, middle = np.array(rgb.shape[1::-1]), np.nanmean(points.reshape(-1, 2), axis=0)
    reach = ROOM * factor * np.nanmax(np.abs(points - middle))
    place = np.clip(middle, np.minimum(reach, size / 2), np.maximum(size - reach, size / 2))
    soft = cv2.GaussianBlur(rgb, (0, 0), 0.5 / factor) if factor < 1 else rgb
    matrix = np.column_stack([factor * np.eye(2), place - factor * middle])
    picture = cv2.warpAffine(soft, matrix, size.tolist(), borderMode=cv2.BORDER_REPLICATE)
    return picture, points * factor + matrix[:, 2]


if __name__ == "__main__":
    main()
