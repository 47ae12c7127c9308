"""Is a confidence of 0.8 right in 80 of 100 cases? Expected calibration error over all labelled frames of a set.

    python benchmarks/calibration.py DATA --json calibration.json [--sets openfield reaching] [--budget 3m] [--seed 0]

A single test split of a small set has too few points to tell a good confidence from a bad one. So every fifth frame
tests, five times, each time beginning with another frame: five models, each frame tested once, by a model that never
saw it and whose confidence was fitted on other frames. The bins of the five are put together. `by chance` is what would
be seen if every claim were exactly right. Rows that are in the JSON file already are not measured again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from datasets import project

from krolik.evaluation.calibration import Reliability
from krolik.process import prepare
from krolik.project.videos import records
from krolik.training.machine import core_count

FOLDS = 5


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["openfield", "reaching"])
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    rows = json.loads(arguments.json.read_text()) if arguments.json.is_file() else []
    for name in arguments.sets:
        for fold in range(FOLDS):
            job = {"set": name, "budget": arguments.budget, "seed": arguments.seed, "fold": fold}
            if not any(all(row[k] == v for k, v in job.items()) for row in rows):
                rows.append({**job, **measure(arguments.data, job)})
                arguments.json.write_text(json.dumps(rows, indent=1))
                print(rows[-1], flush=True)
    show(rows)


def measure(data: Path, job: dict) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        opened, _ = project(data, job["set"], Path(folder))
        with opened:
            videos = {v.id: v.name for v in records(opened.file)}
            keys = sorted(f.key for f in opened.labels)[job["fold"] :: FOLDS]
            tested = Path(folder) / "tested.txt"
            tested.write_text("".join(f"{videos[k.video]},{k.index}\n" for k in keys), "utf-8")
            opened.split(f"file:{tested}", "benchmark")
            model = opened.train("benchmark", budget=job["budget"], seed=job["seed"])
            found = opened.evaluate()
            return {
                "reliability": found.reliability.to_json(),
                "mean_error_px": found.metrics.overall.mean_error_px,
                "n": found.metrics.overall.n,
                "steps": model.document["statistics"]["stages"]["pose"]["steps"],
                "cores": core_count(),
            }


def together(parts: list[Reliability]) -> Reliability:
    """The bins of several, as one."""
    counts = np.sum([p.counts for p in parts], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        claimed, true = (
            np.nansum([np.multiply(getattr(p, name), p.counts) for p in parts], axis=0) / counts
            for name in ("claimed", "true")
        )
    error = float(np.nansum(np.abs(claimed - true) * counts) / counts.sum())
    return Reliability(
        tuple(map(float, claimed)), tuple(map(float, true)), tuple(map(int, counts)), error, int(counts.sum()),
        parts[0].within_px,
    )  # fmt: skip


def show(rows: list[dict]) -> None:
    """As a table of Markdown."""
    print("| set | budget | n | error of each fold | together | by chance | mean px |\n" + "|---" * 7 + "|")
    for name, budget in dict.fromkeys((r["set"], r["budget"]) for r in rows):
        group = [r for r in rows if (r["set"], r["budget"]) == (name, budget)]
        parts = [Reliability.from_json(r["reliability"]) for r in group]
        whole = together(parts)
        folds = ", ".join(f"{p.error:.3f}" for p in parts)
        mean = np.average([r["mean_error_px"] for r in group], weights=[r["n"] for r in group])
        print(f"| {name} | {budget} | {whole.n} | {folds} | {whole.error:.3f} | {whole.by_chance:.3f} | {mean:.2f} |")


if __name__ == "__main__":
    main()
