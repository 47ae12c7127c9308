"""Errors in pictures that are not like the film a model was made for: far apart in time, or of another size.

    python benchmarks/other_films.py DATA [--budget 60s] [--seeds 0 1 2] [--json results.json]

openfield, split `every:5`: the test frames, in which the mouse is somewhere else each time, are written as a folder of
images, as they are and larger and smaller, and predicted as one video; `evaluate` looks at each by itself, as it is.
Errors in pixels of the original frames, over all labelled points of the test frames.
"""

from __future__ import annotations

import argparse
import json
import tempfile
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
    truth = np.array([frame.instances[0].points for frame in tested])
    for size in SIZES:
        pictures = folder / f"{size}"
        pictures.mkdir()
        for number, frame in enumerate(tested):
            how = cv2.INTER_AREA if size < 1 else cv2.INTER_LINEAR
            picture = cv2.resize(load_pixels(project.file, frame.key), None, fx=size, fy=size, interpolation=how)
            cv2.imwrite(str(pictures / f"{number:03d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        project.predict(pictures)
        run = runs.every(project.file, "predict")[0]
        blocks = list(predictions.blocks(project.file, run.id, run.document["video"]))
        found = (np.concatenate([b.xy for b in blocks])[:, 0] + 0.5) / size - 0.5
        errors = np.linalg.norm(found - truth, axis=-1)
        yield {
            "how": f"a folder, {size:g} times as large", "n": errors.size, "mean_px": float(errors.mean()),
            "p95_px": float(np.percentile(errors, 95)),
        }  # fmt: skip


if __name__ == "__main__":
    main()
