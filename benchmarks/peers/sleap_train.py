"""Trains SLEAP's network (sleap-nn) on a DeepLabCut project, measures it on the test frames. Runs in its environment.

    python sleap_train.py PROJECT OUT.json --minutes 1 5 10 20 [--scale 0.5] [--test-every 5 | --test FILE]
    python sleap_train.py PROJECT OUT.json --minutes 1 3 9 --device gpu --epochs 200

Labelled frames in order of their names; position i tests where i % N == N - 1, or those that the lines FOLDER,NAME of a
file name. With --epochs the profile's schedule runs: the learning rate halves on a plateau, and it ends when it no
longer improves, if the last mark is not before that. The single-animal U-Net of SLEAP's
shipped profile (filters 16, rate 2, strides 16 and 2, sigma 2.5), random weights and a tenth of the training frames
validating, both as by default.
--scale 0.5 halves the pictures: that is no default, but 4.5 times as fast on a CPU and so in its favour. The clock is
wall time from the training call; test frames are predicted with a peak threshold of 0, so that every point counts.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import lightning
import numpy as np
import pandas as pd
import sleap_io as sio
import torch
from errors import summary
from sleap_nn.train import train
from split import parts


class Marks(lightning.Callback):
    """Keeps a checkpoint at each mark and stops after the last one."""

    def __init__(self, folder: Path, minutes: list[float]):
        self.folder, self.left, self.kept, self.started = folder, sorted(minutes), [], time.monotonic()

    def on_train_batch_end(self, trainer, *_):
        while self.left and time.monotonic() - self.started >= 60 * self.left[0]:
            file = self.folder / f"mark_{self.left[0]:g}.ckpt"
            trainer.save_checkpoint(file)
            self.kept.append({"minutes": self.left.pop(0), "steps": trainer.global_step, "file": file})
        if not self.left:
            trainer.should_stop = True
            trainer.limit_val_batches = 0
            raise KeyboardInterrupt

    def on_train_end(self, trainer, *_):
        if self.left:
            taken = (time.monotonic() - self.started) / 60
            best = self.folder / "run" / "best.ckpt"
            self.kept.append({"minutes": taken, "steps": trainer.global_step, "file": best})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 5, 10, 20])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--test-every", type=int, default=5)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu"])
    parser.add_argument("--epochs", type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments, Path(folder))
    arguments.out.write_text(json.dumps(result, indent=1))


def run(arguments: argparse.Namespace, folder: Path) -> dict:
    source = next(arguments.project.glob("labeled-data/*/CollectedData_*.csv"))
    labels = sio.load_file(str(source))
    table = pd.read_csv(source, header=[0, 1, 2])
    points = table.columns.get_level_values(2).isin(["x", "y"])
    names = ["/".join(cells) for cells in table.loc[:, ~points].astype(str).to_numpy()]
    table = table.loc[:, points]
    keypoints = list(dict.fromkeys(table.columns.get_level_values(1)))
    trained, tested = parts(names, arguments.test_every, arguments.test)
    files = {"train": trained, "test": tested}
    for name, indices in files.items():
        labels.extract(indices, copy=True).save(str(folder / f"{name}.pkg.slp"), embed="user")
    marks = Marks(folder, arguments.minutes)
    plain = lightning.Trainer.__init__

    def watched(self, *args, callbacks=None, **kwargs):
        kwargs["num_sanity_val_steps"] = 0
        plain(self, *args, callbacks=[*(callbacks or []), marks], **kwargs)

    lightning.Trainer.__init__ = watched
    marks.started = time.monotonic()
    with suppress(KeyboardInterrupt, SystemExit):
        train(
            train_labels_path=[str(folder / "train.pkg.slp")], backbone_config=BACKBONE, head_configs=HEAD,
            scale=arguments.scale, batch_size=4, max_epochs=arguments.epochs or 100_000, learning_rate=1e-4,
            save_ckpt=True, ckpt_dir=str(folder), run_name="run",
            geometry_aug=ROTATION, trainer_accelerator=arguments.device, enable_progress_bar=False,
            **(UNTIL_FLAT if arguments.epochs else {}),
        )  # fmt: skip
    test = Test(table.to_numpy(float)[tested], keypoints, [labels[i].frame_idx for i in tested])
    rows = [row(folder, mark, test, arguments.device) for mark in marks.kept]
    return {"framework": f"sleap-nn {version('sleap-nn')}", "network": f"U-Net, medium, scale {arguments.scale:g}",
            "rows": rows, "train_frames": len(trained), "test_frames": len(tested),
            "threads": torch.get_num_threads()}  # fmt: skip


BACKBONE = {"unet": {"filters": 16, "filters_rate": 2.0, "max_stride": 16, "output_stride": 2, "in_channels": 1}}
HEAD = {"single_instance": {"confmaps": {"part_names": None, "sigma": 2.5, "output_stride": 2}}}
UNTIL_FLAT = {"early_stopping": True, "early_stopping_min_delta": 1e-8, "early_stopping_patience": 10}
ROTATION = {"rotation_min": -180.0, "rotation_max": 180.0, "scale_min": 0.9, "scale_max": 1.1, "affine_p": 1.0}


class Test(NamedTuple):
    """What the test frames should give."""

    truth: np.ndarray
    """(F, 2 K), in pixels."""
    keypoints: list[str]
    numbers: list[int]
    """Of the frames, as the framework counts them."""


def row(folder: Path, mark: dict, test: Test, device: str) -> dict:
    model, out = folder / f"model_{mark['minutes']:g}", folder / f"out_{mark['minutes']:g}.slp"
    model.mkdir()
    for config in (folder / "run").glob("*.yaml"):
        shutil.copy(config, model)
    shutil.copy(mark["file"], model / "best.ckpt")
    command = [sys.executable, "-m", "sleap_nn.cli", "predict", "-i", folder / "test.pkg.slp", "-m", model,
               "-o", out, "--peak_threshold", "0", "-d", "cuda" if device == "gpu" else "cpu"]  # fmt: skip
    subprocess.run([str(c) for c in command], check=True)
    found = sio.load_file(str(out))
    truth = test.truth.reshape(len(test.numbers), -1, 2)
    nodes = [n.name for n in found.skeletons[0].nodes]
    errors = np.full(truth.shape[:2], np.nan)
    for frame in found:
        if frame.instances:
            xy = frame.instances[0].numpy()[[nodes.index(n) for n in test.keypoints]]
            place = test.numbers.index(frame.frame_idx)
            errors[place] = np.linalg.norm(xy - truth[place], axis=-1)
    return {"minutes": mark["minutes"], "steps": mark["steps"], **summary(errors, test.keypoints)}


if __name__ == "__main__":
    main()
