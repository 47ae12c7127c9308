"""The data that benchmarks train on, as projects of Krolik: a folder of DeepLabCut, or flies cut out of a SLEAP file.

    from datasets import project
    with project(DATA, "openfield", folder) as opened: ...
    with project(DATA, "openfield:20", folder) as opened: ... # 20 training pictures, all test pictures
    with project(DATA, "openfield@leftear,rightear", folder) as opened: ... # only these keypoints

openfield, reaching: split every:5. flies13: two flies in 1350 frames, each cut out as a picture of its own (its box
and a margin, so that neighbours are in view as well); training pictures evenly from the first 60 % of the time, test
pictures from the last 30 %, every fifth frame; the 10 % between are left out. flies13-spread: the same ten times over,
in each tenth of the time, so that what is seldom seen is in the training pictures as well. flies13-whole: whole frames
of the times of flies13, with both flies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import h5py
import numpy as np

import krolik
from krolik import api
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.project import history, labels, videos
from krolik.project.edits import Change
from krolik.video import open_video
from krolik.views import View

SIDE, MARGIN = 192, 1.6  # pixels of a picture of one fly; how much larger than the fly's box it is
TRAIN_END, TEST_START, TEST_STEP = 0.6, 0.7, 5


def project(data: Path, name: str, folder: Path) -> tuple[api.Project, str]:
    """A new project with the labels of a set, and the rule of its split."""
    name, _, kept = name.partition("@")
    opened, split = with_all_keypoints(data, name, folder)
    if kept:
        opened.set_skeleton(f"{kept},")
    return opened, split


def with_all_keypoints(data: Path, name: str, folder: Path) -> tuple[api.Project, str]:
    """The same, whatever keypoints are wanted of it."""
    source, _, count = name.partition(":")
    opened = krolik.new(folder / "benchmark.krolik")
    if source == "flies13-whole":
        return whole_flies(data / "flies13", folder, int(count or 100))
    if source in ("flies13", "flies13-spread"):
        flies(data / "flies13", folder / "flies", int(count or 100), 10 if source == "flies13-spread" else 1)
        opened.import_labels(folder / "flies")
        return opened, f"file:{folder / 'flies' / 'test.txt'}"
    whole = data / source
    opened.import_labels(thinned(whole, folder, int(count)) if count else whole)
    if count:
        return opened, f"file:{folder / 'test.txt'}"
    return opened, "every:5"


def whole_flies(source: Path, folder: Path, count: int) -> tuple[api.Project, str]:
    """A project of `count` training frames and the test frames, as images, both flies labelled in each."""
    names, found = labelled(source / "demo-flies13-preds.slp")
    flies_of: dict[int, list[np.ndarray]] = {}
    for frame, xy in found:
        flies_of.setdefault(frame, []).append(xy)
    last = max(flies_of)
    train = [f for f in sorted(flies_of) if f < TRAIN_END * last]
    test = [f for f in sorted(flies_of) if f >= TEST_START * last and f % TEST_STEP == 0]
    chosen = [train[i] for i in np.linspace(0, len(train) - 1, count).round().astype(int)]
    pictures = folder / "flies"
    pictures.mkdir()
    with open_video(source / "demo-flies13-preds.mp4") as video:
        for frame in [*chosen, *test]:
            cv2.imwrite(str(pictures / f"{frame:04d}.png"), cv2.cvtColor(video[frame].rgb, cv2.COLOR_RGB2BGR))
    opened = krolik.new(folder / "whole.krolik", pictures, skeleton=",".join(names))
    (record,) = videos.records(opened.file)
    frames = []
    for index, frame in enumerate([*chosen, *test]):
        animals = [
            Instance(xy, np.where(np.isfinite(xy[:, 0]), State.VISIBLE, State.UNKNOWN)) for xy in flies_of[frame]
        ]
        frames.append(LabeledFrame(FrameKey(record.id, index), tuple(animals), f"{frame:04d}.png"))
    edits = tuple(labels.set_frame(opened.file, f, opened.skeleton) for f in frames)
    history.commit(opened.file, Change(edits, "benchmark", "label"))
    (folder / "test.txt").write_text("".join(f"flies,{frame:04d}.png\n" for frame in test), "utf-8")
    return opened, f"file:{folder / 'test.txt'}"


def thinned(source: Path, folder: Path, count: int, every: int = 5) -> Path:
    """A copy of a DeepLabCut project with `count` training rows, evenly taken, and all test rows; and test.txt."""
    target = folder / "project"
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.mp4", "*.h5"))
    path = next(target.glob("labeled-data/*/CollectedData_*.csv"))
    lines = path.read_text("utf-8").splitlines()
    rows = sorted(lines[3:])
    train = [row for i, row in enumerate(rows) if i % every != every - 1]
    test = [row for i, row in enumerate(rows) if i % every == every - 1]
    kept = [train[i] for i in np.linspace(0, len(train) - 1, count).round().astype(int)]
    path.write_text("\n".join([*lines[:3], *kept, *test]) + "\n", "utf-8")
    names = [row.split(",")[0].rpartition("/") for row in test]
    (folder / "test.txt").write_text("".join(f"{Path(place).name},{name}\n" for place, _, name in names), "utf-8")
    return target


def labelled(path: Path) -> tuple[list[str], list[tuple[int, np.ndarray]]]:
    """Keypoint names and (frame, points (K, 2)) of every instance of a SLEAP file of format 1.2 or newer."""
    import json

    with h5py.File(path) as file:
        metadata = json.loads(file["metadata"].attrs["json"])  # pyright: ignore
        frames, instances, points = (np.array(file[n]) for n in ("frames", "instances", "points"))
    order = [node["id"] for node in metadata["skeletons"][0]["nodes"]]
    names = [metadata["nodes"][i]["name"] for i in order]
    number = {int(f["frame_id"]): int(f["frame_idx"]) for f in frames}
    found = []
    for one in instances:
        own = points[int(one["point_id_start"]) : int(one["point_id_end"])]
        xy = np.column_stack([own["x"], own["y"]])
        if np.isfinite(xy).any():
            found.append((number[int(one["frame_id"])], xy))
    return names, sorted(found, key=lambda f: f[0])


def flies(source: Path, folder: Path, count: int, stretches: int = 1) -> None:
    """Writes `count` training pictures and the test pictures as a DeepLabCut folder, and test.txt with the latter."""
    names, found = labelled(source / "demo-flies13-preds.slp")
    last = max(frame for frame, _ in found)

    def place(frame: int) -> float:
        """Where in its stretch of the time a frame lies, from 0 to 1."""
        position = stretches * frame / last
        return position - min(int(position), stretches - 1)

    train = [f for f in found if place(f[0]) < TRAIN_END]
    test = [f for f in found if place(f[0]) >= TEST_START and f[0] % TEST_STEP == 0]
    chosen = [train[i] for i in np.linspace(0, len(train) - 1, count).round().astype(int)]
    side = MARGIN * float(np.percentile([np.ptp(xy, axis=0)[np.isfinite(np.ptp(xy, axis=0))].max(initial=0)
                                         if np.isfinite(xy).all() else 0 for _, xy in train], 95))  # fmt: skip
    pictures = folder / "labeled-data" / "flies"
    pictures.mkdir(parents=True)
    rows = [",".join(["scorer", *["b"] * 2 * len(names)]), ",".join(["bodyparts", *[n for n in names for _ in "xy"]]),
            ",".join(["coords", *["x", "y"] * len(names)])]  # fmt: skip
    tests = []
    with open_video(source / "demo-flies13-preds.mp4") as video:
        for part, wanted in (("train", chosen), ("test", test)):
            for number, (index, xy) in enumerate(wanted):
                centre = (np.nanmin(xy, axis=0) + np.nanmax(xy, axis=0)) / 2
                view = View.crop((float(centre[0]), float(centre[1])), (SIDE, SIDE), SIDE / side)
                name = f"{part}{number:04d}.png"
                image = video[index].warp(view)
                cv2.imwrite(str(pictures / name), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
                cells = ["" if np.isnan(v) else f"{v:.3f}" for v in view.apply(xy).ravel()]
                rows.append(",".join([f"labeled-data/flies/{name}", *cells]))
                if part == "test":
                    tests.append(f"flies,{name}")
    (pictures / "CollectedData_b.csv").write_text("\n".join(rows) + "\n", "utf-8")
    (folder / "test.txt").write_text("\n".join(tests) + "\n", "utf-8")
