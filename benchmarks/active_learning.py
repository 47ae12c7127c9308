"""Does labelling where the model is wrong pay? Test error after adding suggested frames, against adding random ones.

    python benchmarks/active_learning.py DATA --json loop.json [--sets openfield flies13:300] [--budget 600steps]
                                         [--seeds 0 1 2] [--inner]

From 10 labelled frames (drawn by the seed, the same for both), 10 more are added at a time up to 50, either those that
`krolik suggest` ranks first or random ones of the same pool; each time training goes on from the last model with the
same budget and seed, and the model is measured on the test frames (openfield: every fifth frame; flies13: the last
30 % of the time, flies13-spread: of each tenth of the time, see `datasets.py`). Suggestions see the labels of the
labelled training frames and the pixels of the pool, never a test frame. --inner is for development: test frames are
put aside, and every fourth frame of the pool takes their place. Rows that are in the JSON file already are not measured
again.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from datasets import project

from krolik import api
from krolik.poses import FrameKey, LabeledFrame
from krolik.process import prepare
from krolik.project import history, labels
from krolik.project.edits import Change
from krolik.training.machine import core_count
from krolik.training.splits import TEST

FIRST, STEP, LAST = 10, 10, 50
KEYS = ("set", "strategy", "seed", "budget", "inner")


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", default=["openfield", "flies13:300"])
    parser.add_argument("--strategies", nargs="+", default=["random", "suggested"])
    parser.add_argument("--budget", default="600steps")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--inner", action="store_true")
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    rows = json.loads(arguments.json.read_text()) if arguments.json.is_file() else []
    for seed in arguments.seeds:
        for name in arguments.sets:
            for strategy in arguments.strategies:
                job = {"set": name, "strategy": strategy, "seed": seed, "budget": arguments.budget,
                       "inner": arguments.inner}  # fmt: skip
                if not any(all(row[k] == job[k] for k in KEYS) and row["labels"] == LAST for row in rows):
                    rows = [r for r in rows if not all(r[k] == job[k] for k in KEYS)]
                    for row in measure(arguments.data, job):
                        rows.append({**job, **row, "cores": core_count()})
                        arguments.json.write_text(json.dumps(rows, indent=1))
                        print(rows[-1], flush=True)
    show(rows)


def measure(data: Path, job: dict):
    """A row for each number of labelled frames."""
    with tempfile.TemporaryDirectory() as folder:
        opened, rule = project(data, job["set"], Path(folder))
        with opened:
            truth = {f.key: f for f in opened.labels}
            parts = opened.split(rule, "benchmark")
            pool = [k for k, part in sorted(parts.items()) if part != TEST]
            if job["inner"]:
                unlabel(opened, [k for k, part in parts.items() if part == TEST])
                opened.split("every:4", "benchmark")
                pool = [k for i, k in enumerate(pool) if i % 4 != 3]
            rng = random.Random(job["seed"])
            order = rng.sample(pool, len(pool))
            unlabel(opened, order[FIRST:])
            count, order = FIRST, order[FIRST:]
            while True:
                yield {"labels": count, **trained(opened, job)}
                if count == LAST:
                    return
                if job["strategy"] == "random":
                    new, order = order[:STEP], order[STEP:]
                else:
                    new = suggested(opened)
                label(opened, [truth[k] for k in new])
                count += len(new)


def trained(opened: api.Project, job: dict) -> dict:
    before = opened.models[-1].name if opened.models else "none"
    opened.train("benchmark", budget=job["budget"], seed=job["seed"], pretrained=before)
    overall = opened.evaluate().metrics.overall
    return {k: getattr(overall, k) for k in ("n", "mean_error_px", "median_error_px", "p95_error_px")}


def suggested(opened: api.Project) -> list[FrameKey]:
    found = [s.key for s in opened.suggest(count=STEP)]
    opened.undo()  # the frames are labelled here, not selected
    return found


def unlabel(opened: api.Project, keys: list[FrameKey]) -> None:
    edits = tuple(labels.remove_frame(opened.file, k) for k in keys)
    history.commit(opened.file, Change(edits, "benchmark", "unlabel the pool"))


def label(opened: api.Project, frames: list[LabeledFrame]) -> None:
    edits = tuple(labels.set_frame(opened.file, f, opened.skeleton) for f in frames)
    history.commit(opened.file, Change(edits, "benchmark", "label"))


def show(rows: list[dict]) -> None:
    """Means over the seeds, as a table of Markdown."""
    groups = defaultdict(list)
    for row in rows:
        groups[row["set"], row["inner"], row["budget"], row["strategy"], row["labels"]].append(row)
    print(
        "| set | inner | budget | strategy | labels | seeds | n | mean error px | median | 95 % |\n" + "|---" * 10 + "|"
    )
    for key, group in sorted(groups.items()):
        means = [statistics.mean(r[k] for r in group) for k in ("mean_error_px", "median_error_px", "p95_error_px")]
        cells = [*map(str, key), str(len(group)), str(group[0]["n"]), *(f"{m:.2f}" for m in means)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
