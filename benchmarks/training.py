"""Test error after a time budget, on real labelled data, for the planner's choice and for every network.

    python benchmarks/training.py DATA --json results.json [--sets openfield reaching flies13:100] [--budgets 1m 3m 5m]
                                  [--networks auto unet resnet18] [--pretrained none auto] [--seeds 0 1 2]
                                  [--set FIELD=VALUE] [--input PX] [--batch N]

DATA is a folder with the sets that `datasets.py` knows. Test frames are never trained on or chosen by; what the plan is
chosen by is the error on the validation frames, which is shown beside. Errors are means over all labelled points, in
pixels of the full frame. Rows that are in the JSON file already are not measured again, so a benchmark that was stopped
goes on; each row says how many cores it had.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from datasets import project

from krolik.cli.plan import parsed_settings
from krolik.process import prepare
from krolik.training.machine import core_count

KEYS = ("set", "network", "pretrained", "budget", "cores", "overrides")
SHOWN = ("n", "mean_error_px", "median_error_px", "p95_error_px", "validation_error_px", "calibration_error", "steps")


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["openfield", "reaching", "flies13:100"])
    parser.add_argument("--budgets", nargs="+", default=["1m", "3m", "5m", "10m"])
    parser.add_argument("--networks", nargs="+", default=["auto"])
    parser.add_argument("--pretrained", nargs="+", default=["none"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], dest="overrides", metavar="FIELD=VALUE")
    parser.add_argument("--input", type=int)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    rows = json.loads(arguments.json.read_text()) if arguments.json.is_file() else []
    for job in jobs(arguments):
        if not any(all(row[k] == job[k] for k in (*KEYS, "seed")) for row in rows):
            rows.append({**job, **measure(arguments.data, job, arguments.input, arguments.batch)})
            arguments.json.write_text(json.dumps(rows, indent=1))
            print({k: rows[-1][k] for k in (*KEYS, "seed", *SHOWN)}, flush=True)
    show(rows)


def jobs(arguments: argparse.Namespace):
    own = {"input": arguments.input, "batch": arguments.batch}
    overrides = " ".join([*arguments.overrides, *(f"{name}={value}" for name, value in own.items() if value)])
    for seed in arguments.seeds:
        for name in arguments.sets:
            for budget in arguments.budgets:
                for network in arguments.networks:
                    for pretrained in arguments.pretrained:
                        yield {"set": name, "network": network, "pretrained": pretrained, "budget": budget,
                               "cores": core_count(), "overrides": overrides, "seed": seed}  # fmt: skip


def measure(data: Path, job: dict, input_px: int | None, batch_size: int | None) -> dict:
    wishes = parsed_settings([w for w in job["overrides"].split() if not w.startswith(("input=", "batch="))])
    with tempfile.TemporaryDirectory() as folder:
        opened, split = project(data, job["set"], Path(folder))
        with opened:
            started = time.monotonic()
            model = opened.train(split, job["network"], job["budget"], job["seed"], pretrained=job["pretrained"],
                                 overrides=wishes, input_px=input_px, batch_size=batch_size)  # fmt: skip
            wall = time.monotonic() - started
            evaluation = opened.evaluate()
    overall, statistics_ = evaluation.metrics.overall, model.document["statistics"]["stages"]["pose"]
    return {
        "wall_s": wall, "steps": statistics_["steps"], "chosen": model.document["plan"]["network"],
        "pipeline": model.document["plan"]["pipeline"], "validation_error_px": statistics_["validation_error_px"],
        "n": overall.n, "mean_error_px": overall.mean_error_px, "median_error_px": overall.median_error_px,
        "p95_error_px": overall.p95_error_px, "missed": overall.missed,
        "calibration_error": evaluation.reliability.error, "by_chance": evaluation.reliability.by_chance,
        "within_px": evaluation.reliability.within_px,
        "keypoints": {k.name: {"n": k.n, "mean_error_px": k.mean_error_px} for k in evaluation.metrics.keypoints},
    }  # fmt: skip


def show(rows: list[dict]) -> None:
    """Medians over the seeds, as a table of Markdown."""
    groups = defaultdict(list)
    for row in rows:
        groups[tuple(row[k] for k in KEYS)].append(row)
    print("| " + " | ".join([*KEYS, "seeds", *SHOWN]) + " |\n|" + "---|" * (len(KEYS) + 1 + len(SHOWN)))
    for key, group in groups.items():
        cells = [statistics.median(r[k] for r in group if r[k] is not None) for k in SHOWN]
        print("| " + " | ".join([*map(str, key), str(len(group)), *(f"{c:.4g}" for c in cells)]) + " |")


if __name__ == "__main__":
    main()
