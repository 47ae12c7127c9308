"""What choosing frames costs beside decoding: python benchmarks/sampling.py VIDEO [--minutes 10] [--count 20]

The video is repeated until it is so long, and every strategy chooses from it. Times are given as ratios to decoding the
same file once in the same run, on the same cores; memory is the peak of the process that chooses.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.prediction import repeat_video
from krolik.sampling import NAMES, Wish, choose
from krolik.video import open_video

PEAK = """
import resource, sys
from krolik.sampling import Wish, choose
from krolik.video import open_video
with open_video(sys.argv[1]) as video:
    choose(video, Wish(int(sys.argv[2])), set())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def peak_mb(path: Path, count: int) -> float:
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), str(count)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("video", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_video(options.video) as short:
        long = Path(folder) / f"long{options.video.suffix}"
        repeat_video(options.video, long, max(1, round(options.minutes * 60 * float(short.rate) / len(short))))
        with open_video(long) as video:
            start = time.perf_counter()
            frames = sum(1 for _ in video.frames())
            decoding = time.perf_counter() - start
            print(f"{frames} frames of {video.size[0]}×{video.size[1]}, decoded in {decoding:.1f} s")
            table: dict[str, float] = {"frames": frames, "decoding_s": decoding}
            for strategy in NAMES:
                start = time.perf_counter()
                choose(video, Wish(options.count, strategy), set())
                table[strategy] = (time.perf_counter() - start) / decoding
                print(f"{strategy:8} {table[strategy]:.2f} of decoding")
        table |= {
            "peak_mb": peak_mb(long, options.count),
            "peak_mb_of_the_short_video": peak_mb(options.video, options.count),
        }
        print(f"peak memory {table['peak_mb']:.0f} MB, of the short video {table['peak_mb_of_the_short_video']:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
