"""A keypoint that is labelled in only a few training frames: is it found, and do the others suffer?

    python benchmarks/rare_keypoint.py DATA --json rare.json [--keep 3 5 10 0] [--budget 2m] [--seeds 0 1 2]
                                       [--set FIELD=VALUE ...]

openfield, split every:5; the tail base keeps its label in `keep` evenly taken training frames (0: in all of them, for
comparison) and is unknown in the others; test frames keep theirs. `found`: the part of the test frames where the tail
base is predicted within 20 px. Rows that are in the JSON file already are not measured again.

    python benchmarks/rare_keypoint.py DATA --keep 5 --write FOLDER

writes the same labels as a project of DeepLabCut instead, for the scripts in peers/.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np

import krolik
from krolik.cli.plan import parsed_settings
from krolik.process import prepare
from krolik.training.machine import core_count

RARE, FOUND_PX = "tailbase", "20"


def thinned(source: Path, folder: Path, keep: int, every: int = 5) -> Path:
    """A copy of the project whose csv has the rare keypoint in `keep` training rows only."""
    target = folder / "project"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.mp4", "*.h5"))
    path = next(target.glob("labeled-data/*/CollectedData_*.csv"))
    lines = path.read_text("utf-8").splitlines()
    columns = [i for i, name in enumerate(lines[1].split(",")) if name == RARE]
    rows = sorted(range(3, len(lines)), key=lambda i: lines[i])
    train = [row for place, row in enumerate(rows) if place % every != every - 1]
    kept = {train[i] for i in np.linspace(0, len(train) - 1, keep or len(train)).round().astype(int)}
    for row in train:
        if row not in kept:
            cells = lines[row].split(",")
            for column in columns:
                cells[column] = ""
            lines[row] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return target


def measure(data: Path, keep: int, budget: str, seed: int, overrides: list[str]) -> dict:
    with tempfile.TemporaryDirectory() as folder, krolik.new(Path(folder) / "b.krolik") as project:
        project.import_labels(thinned(data / "openfield", Path(folder), keep))
        project.train("every:5", "auto", budget, seed, pretrained="none", overrides=parsed_settings(overrides))
        evaluation = project.evaluate()
    each = {k.name: k for k in evaluation.metrics.keypoints}
    others = [k.mean_error_px for name, k in each.items() if name != RARE]
    return {"keep": keep, "budget": budget, "seed": seed, "overrides": " ".join(overrides), "cores": core_count(),
            "rare_error_px": each[RARE].mean_error_px, "found": each[RARE].pck_px[FOUND_PX],
            "others_error_px": statistics.mean(others), "calibration_error": evaluation.reliability.error,
            "n": each[RARE].n}  # fmt: skip


def write(data: Path, every: list[int], folder: Path) -> None:
    """A project of DeepLabCut, with its HDF5 files, for each number of labels: FOLDER/5 and so on."""
    for keep in every:
        with tempfile.TemporaryDirectory() as place, krolik.new(Path(place) / "b.krolik") as project:
            project.import_labels(thinned(data / "openfield", Path(place), keep))
            project.export(folder / str(keep), to="deeplabcut", what="labels")


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--keep", nargs="+", type=int, default=[3, 5, 10, 0])
    parser.add_argument("--budget", default="2m")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--set", nargs="*", default=[], dest="overrides")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--json", type=Path)
    where.add_argument("--write", type=Path, metavar="FOLDER")
    arguments = parser.parse_args()
    if arguments.write is not None:
        write(arguments.data, arguments.keep, arguments.write)
        return
    rows = json.loads(arguments.json.read_text()) if arguments.json.is_file() else []
    done = {(r["keep"], r["budget"], r["seed"], r["overrides"], r["cores"]) for r in rows}
    for seed in arguments.seeds:
        for keep in arguments.keep:
            if (keep, arguments.budget, seed, " ".join(arguments.overrides), core_count()) not in done:
                rows.append(measure(arguments.data, keep, arguments.budget, seed, arguments.overrides))
                arguments.json.write_text(json.dumps(rows, indent=1))
                print(rows[-1], flush=True)
    show(rows)


def show(rows: list[dict]) -> None:
    groups = defaultdict(list)
    for row in rows:
        groups[row["budget"], row["overrides"], row["cores"], row["keep"]].append(row)
    keys = ("rare_error_px", "found", "others_error_px", "calibration_error")
    print("| budget | overrides | cores | labels | seeds | " + " | ".join(keys) + " |\n|" + "---|" * (5 + len(keys)))
    for (budget, overrides, cores, keep), group in sorted(groups.items()):
        medians = [statistics.median(r[k] for r in group) for k in keys]
        cells = [budget, overrides, str(cores), str(keep or "all"), str(len(group)), *(f"{m:.3g}" for m in medians)]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
