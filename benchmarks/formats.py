"""Speed and memory of writing and reading predictions in each format, with pandas' own CSV beside it.

    python benchmarks/formats.py [--rows 1000000] [--formats csv hdf5 ...] [--json results.json]

A row is one keypoint of one animal in one frame: 2 animals of 8 keypoints. Each measurement is a process of its own;
`MB` is its peak beyond an empty one of the same imports, `MB 4x` that with four times the rows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from krolik.formats import FORMATS, PREDICTIONS, writable
from krolik.training.machine import core_count

ONE = """
import sys, time
from pathlib import Path
import numpy as np, pandas
from krolik.formats import FORMATS, detect, read
from krolik.actions.exporting import write_predictions
from krolik.formats.tables import PredictionTable
from krolik.poses import BLOCK, Predictions
from krolik.skeleton import Skeleton
form, way, path, rows = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
animals = 1 if form == "lightning-pose" else 2
frames = rows // (8 * animals)
names = [f"keypoint {k}" for k in range(8)]

def blocks():
    rng = np.random.default_rng(0)
    for start in range(0, frames, BLOCK):
        count = min(BLOCK, frames - start)
        xy = rng.uniform(0, 1000, (count, animals, 8, 2)).astype("f4")
        yield Predictions(start, xy, rng.uniform(0, 1, xy.shape[:3]).astype("f4"), np.ones(count, bool))

def peak():
    line = next(n for n in Path("/proc/self/status").read_text().splitlines() if n.startswith("VmHWM"))
    return int(line.split()[1]) // 1024

before = peak()
made = 0.0
for _ in blocks():  # what it takes to make them is not the format's
    pass
began = time.perf_counter()
for _ in blocks():
    pass
made = time.perf_counter() - began
table = PredictionTable(Skeleton.of(names), "v.mp4", "m", np.arange(frames) / 30.0, blocks)
began = time.perf_counter()
if form == "pandas":
    if way == "write":
        key = np.arange(frames * 16)
        numbers = {c: np.random.default_rng(0).uniform(0, 1000, len(key)).astype("f4") for c in ("x", "y", "score")}
        frame = pandas.DataFrame({
            "video": "v.mp4", "frame": key // 16, "time_s": key // 16 / 30, "animal": key // 8 % 2,
            "keypoint": np.array(names, object)[key % 8], "decoded": 1, "model": "m", **numbers,
        })
        frame.to_csv(path, index=False)
    else:
        pandas.read_csv(path)
elif way == "write":
    write_predictions(FORMATS[form], path, [table])
else:
    for poses in read(path).predictions:
        for block in poses.blocks():
            pass
spent = time.perf_counter() - began
print(spent - (made if way == "write" and form != "pandas" else 0), peak() - before)
"""


def measured(form: str, way: str, path: Path, rows: int) -> tuple[float, int]:
    """(seconds, MB)."""
    done = subprocess.run([sys.executable, "-c", ONE, form, way, str(path), str(rows)], capture_output=True, text=True,
                          check=False)  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, megabytes = done.stdout.split()
    return float(seconds), int(megabytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--formats", nargs="+", default=["pandas", *writable(PREDICTIONS)])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = []
    print(f"{arguments.rows} rows, {core_count()} cores")
    print(f"{'format':<16}{'way':<7}{'s':>8}{'MB':>7}{'MB 4x':>7}{'file MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for form in arguments.formats:
            suffix = ".csv" if form == "pandas" else FORMATS[form].predictions_suffix or FORMATS[form].suffix or ".h5"
            small, large = (Path(folder) / f"{form}-{n}{suffix}" for n in (1, 4))
            for way in ("write", "read"):
                seconds, memory = measured(form, way, small, arguments.rows)
                _, more = measured(form, way, large, 4 * arguments.rows)
                size = small.stat().st_size / 1e6
                results.append({"format": form, "way": way, "s": seconds, "mb": memory, "mb_4x": more, "file_mb": size})
                print(f"{form:<16}{way:<7}{seconds:8.2f}{memory:7}{more:7}{size:9.1f}", flush=True)
            small.unlink()
            large.unlink()
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
