"""Test error after a time budget, on real labelled data.

    python benchmarks/training.py DATA [--sets openfield reaching] [--budgets 1m 2m 5m] [--networks unet mobilenetv2]
                                       [--pretrained none auto] [--seeds 0 1 2] [--json results.json]

DATA is a folder with DeepLabCut projects. Split every:5: no test frame is trained on or chosen by. Each row is the
median over the seeds; mean error of all labelled points on the test frames, in pixels of the full frame.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import krolik
from krolik.process import prepare
from krolik.training.machine import core_count


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["openfield", "reaching"])
    parser.add_argument("--budgets", nargs="+", default=["1m", "2m", "5m"])
    parser.add_argument("--networks", nargs="+", default=["unet", "mobilenetv2"])
    parser.add_argument("--pretrained", nargs="+", default=["none"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows: list[dict] = []
    for name in arguments.sets:
        for budget in arguments.budgets:
            for network in arguments.networks:
                for pretrained in arguments.pretrained if network != "unet" else ["none"]:
                    results = [
                        measure(arguments.data / name, budget, network, pretrained, seed) for seed in arguments.seeds
                    ]
                    rows.append(summary(name, budget, network, pretrained, results))
                    show(rows[-1], header=len(rows) == 1)
                    if arguments.json:
                        arguments.json.write_text(json.dumps({"cores": core_count(), "rows": rows}, indent=1))


def measure(data: Path, budget: str, network: str, pretrained: str, seed: int) -> dict:
    with tempfile.TemporaryDirectory() as folder, krolik.new(Path(folder) / "b.krolik") as project:
        project.import_labels(data)
        started = time.monotonic()
        model = project.train("every:5", network, budget, seed, pretrained=pretrained)
        wall = time.monotonic() - started
        evaluation = project.evaluate()
        overall = evaluation.metrics.overall
        return {
            "seed": seed, "wall_s": wall, "steps": model.document["statistics"]["stages"]["pose"]["steps"],
            "pipeline": model.document["plan"]["pipeline"], "n": overall.n, "mean_error_px": overall.mean_error_px,
            "median_error_px": overall.median_error_px, "p95_error_px": overall.p95_error_px, "missed": overall.missed,
            "keypoints": {k.name: {"n": k.n, "mean_error_px": k.mean_error_px} for k in evaluation.metrics.keypoints},
        }  # fmt: skip


def summary(name: str, budget: str, network: str, pretrained: str, results: list[dict]) -> dict:
    def middle(key: str) -> float:
        return statistics.median(r[key] for r in results)

    keys = ("mean_error_px", "median_error_px", "p95_error_px", "wall_s", "steps")
    return {"set": name, "budget": budget, "network": network, "pretrained": pretrained, "n": results[0]["n"],
            **{k: middle(k) for k in keys}, "seeds": results}  # fmt: skip


def show(row: dict, header: bool) -> None:
    columns = ("set", "budget", "network", "pretrained", "n", "mean_error_px", "median_error_px", "p95_error_px",
               "wall_s", "steps")  # fmt: skip
    if header:
        print("  ".join(f"{c:>15}" for c in columns))
    cells = [f"{row[c]:.2f}" if isinstance(row[c], float) else str(row[c]) for c in columns]
    print("  ".join(f"{c:>15}" for c in cells), flush=True)


if __name__ == "__main__":
    main()
