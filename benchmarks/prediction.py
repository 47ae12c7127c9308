"""Speed and memory of prediction and rendering, with the decoder's own speed in the same run.

    python benchmarks/prediction.py VIDEO --model PROJECT.krolik|MODEL.onnx [--repeats 3] [--json results.json]

Medians over the repeats. `predict` is from the file to stored predictions, in a fresh project each time; `memory` is
the peak of a process that predicts the video, and of one that predicts it ten times over in one file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import krolik
from krolik.process import prepare
from krolik.training.machine import core_count

PEAK = """
import sys, krolik
from pathlib import Path
with krolik.new(sys.argv[1]) as project:
    project.predict(sys.argv[2], model=sys.argv[3])
# the kernel's high-water mark of this very program; getrusage's would include the parent that it was forked from
line = next(n for n in Path("/proc/self/status").read_text().splitlines() if n.startswith("VmHWM"))
print(int(line.split()[1]) // 1024)
"""


def main() -> None:
    prepare()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    model = arguments.model
    with tempfile.TemporaryDirectory() as folder:
        if model.suffix == ".krolik":
            with krolik.open(model) as project:
                model = project.export(Path(folder) / "model.onnx", to="model").out
        speeds = [measure(arguments.video, model, Path(folder) / str(i)) for i in range(arguments.repeats)]
        result: dict[str, float] = {key: statistics.median(s[key] for s in speeds) for key in speeds[0]}
        long = Path(folder) / "long.mp4"
        repeat_video(arguments.video, long, 10)
        result["memory_mb"] = peak(arguments.video, model, Path(folder))
        result["memory_10x_mb"] = peak(long, model, Path(folder))
    result |= {"cores": core_count(), "start_import_s": start_up("import krolik"), "start_help_s": start_up(HELP)}
    for key, value in result.items():
        print(f"{key:>24}  {value:10.2f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1))


def measure(video: Path, model: Path, folder: Path) -> dict[str, float]:
    """Frames per second of decoding alone, of predicting, and of rendering."""
    folder.mkdir()
    with krolik.open_video(video) as opened:
        started = time.perf_counter()
        frames = sum(1 for _ in opened.frames())
        decoding = frames / (time.perf_counter() - started)
    with krolik.new(folder / "p.krolik") as project:
        project.add(video)
        started = time.perf_counter()
        project.predict(video, model=model)
        predicting = frames / (time.perf_counter() - started)
        started = time.perf_counter()
        project.render(video.name, folder / "annotated.mp4")
        rendering = frames / (time.perf_counter() - started)
    return {"frames": frames, "decode_fps": decoding, "predict_fps": predicting, "render_fps": rendering}


def repeat_video(source: Path, target: Path, times: int) -> None:
    """The same packets again and again in one file, without encoding them anew."""
    import av

    with av.open(str(source)) as first, av.open(str(target), "w") as out:
        template = first.streams.video[0]
        stream = out.add_stream_from_template(template)
        length = (template.duration or 0) + 1
        for number in range(times):
            with av.open(str(source)) as container:
                for packet in container.demux(container.streams.video[0]):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts += number * length
                    packet.dts += number * length
                    packet.stream = stream
                    out.mux(packet)


def peak(video: Path, model: Path, folder: Path) -> float:
    """Peak memory, in MB, of a process that predicts the video (Linux)."""
    project = folder / f"peak-{video.stem}.krolik"
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(project), str(video), str(model)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)


HELP = "import sys; sys.argv = ['krolik', '--help']; from krolik.cli.main import main; main()"


def start_up(code: str, repeats: int = 7) -> float:
    """Median seconds of a fresh interpreter running the code, less those of an empty one."""

    def seconds(line: str) -> float:
        times = []
        for _ in range(repeats):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", line], capture_output=True, check=False)
            times.append(time.perf_counter() - started)
        return statistics.median(times)

    return seconds(code) - seconds("pass")


if __name__ == "__main__":
    main()
