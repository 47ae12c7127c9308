"""Trains DeepLabCut 3 on a project of its own and measures it on the test frames. Runs in DeepLabCut's environment.

    python deeplabcut_train.py PROJECT OUT.json --network cspnext_s --minutes 1 5 10 20 [--test-every 5 | --test FILE]
    python deeplabcut_train.py PROJECT OUT.json --network resnet_50 --device cuda --epochs 200 --workers 4

PROJECT is copied, never changed. Labelled frames in order of their names; position i tests where i % N == N - 1, or
those that the lines FOLDER,NAME of a file name. With --epochs its own schedule runs to its end, if the last mark is not
before that.
The clock is wall time from the training call. Weights are random: its hub is out of reach on a machine without
internet, and it has no option for that, so the builder of its model is wrapped; nothing else is changed.
"""

import argparse
import json
import shutil
import tempfile
import time
from pathlib import Path

import deeplabcut
import numpy as np
import pandas as pd
import torch
import yaml
from deeplabcut.pose_estimation_pytorch.apis import training as dlc_training
from deeplabcut.pose_estimation_pytorch.apis.utils import get_pose_inference_runner
from deeplabcut.pose_estimation_pytorch.models import PoseModel
from deeplabcut.pose_estimation_pytorch.runners.train import PoseTrainingRunner
from errors import summary
from split import parts

FOREVER = 100_000  # epochs


class BudgetSpent(Exception):
    """The last mark is passed."""


def prepare(source: Path, folder: Path, arguments) -> tuple[Path, pd.DataFrame, list[int], list[int]]:
    project = folder / "project"
    shutil.copytree(source, project, ignore=shutil.ignore_patterns("*.mp4", "*.avi"))
    config_path = project / "config.yaml"
    config = yaml.safe_load(config_path.read_text("utf-8"))
    video = next(p for p in sorted((project / "labeled-data").iterdir()) if p.is_dir()).name
    config["project_path"] = str(project)
    config["video_sets"] = {str(project / "videos" / f"{video}.mp4"): {"crop": "0, 640, 0, 480"}}
    table = pd.read_hdf(next((project / "labeled-data" / video).glob("CollectedData_*.h5")))
    names = [i if isinstance(i, str) else "/".join(i) for i in table.index]
    trained, tested = parts(names, arguments.test_every, arguments.test)
    config["TrainingFraction"] = [round(len(trained) / len(table), 2)]
    config_path.write_text(yaml.safe_dump(config), "utf-8")
    return config_path, table, trained, tested


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--network", default="cspnext_s")
    parser.add_argument("--minutes", nargs="+", type=float, default=[1, 5, 10, 20])
    parser.add_argument("--test-every", type=int, default=5)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--epochs", type=int, default=FOREVER)
    parser.add_argument("--workers", type=int, default=0, help="processes that load pictures")
    parser.add_argument("--pretrained", action="store_true", help="start from its own weights (needs its hub)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = run(arguments, Path(folder))
    arguments.out.write_text(json.dumps(result, indent=1))


def run(arguments: argparse.Namespace, folder: Path) -> dict:
    config, table, trained, tested = prepare(arguments.project, folder, arguments)
    deeplabcut.create_training_dataset(
        str(config), net_type=arguments.network, trainIndices=[trained], testIndices=[tested], userfeedback=False,
    )  # fmt: skip
    if not arguments.pretrained:
        build = PoseModel.build
        random = staticmethod(lambda cfg, weight_init=None, pretrained_backbone=False: build(cfg, weight_init, False))
        PoseModel.build = random
        dlc_training.PoseModel.build = random
    snapshots = watch(folder, arguments.minutes)
    started = time.monotonic()
    try:
        deeplabcut.train_network(
            str(config), epochs=arguments.epochs, device=arguments.device,
            pytorch_cfg_updates={"train_settings.dataloader_workers": arguments.workers},
        )  # fmt: skip
    except BudgetSpent:
        pass
    else:
        snapshots.append({"minutes": (time.monotonic() - started) / 60, "file": None})
    model_config = next(config.parent.glob("dlc-models-pytorch/**/train/pytorch_config.yaml"))
    rows = []
    for mark in snapshots:
        file = str(mark.pop("file") or last_snapshot(model_config.parent))
        rows.append({**mark, **measure(model_config, file, table, tested, config.parent, arguments.device)})
    return {"framework": f"deeplabcut {deeplabcut.__version__}", "network": arguments.network, "rows": rows,
            "train_frames": len(trained), "test_frames": len(tested), "threads": torch.get_num_threads()}  # fmt: skip


def last_snapshot(folder: Path) -> Path:
    """Of its own schedule; those named "best" are chosen on the test frames."""
    return max(folder.glob("snapshot-[0-9]*.pt"), key=lambda p: int(p.stem.split("-")[1]))


def watch(folder: Path, minutes: list[float]) -> list[dict]:
    """Keeps the weights at each mark and stops after the last one."""
    marks, kept, started, steps = sorted(minutes), [], time.monotonic(), [0]
    step = PoseTrainingRunner.step

    def watched(self, batch, mode="train"):
        result = step(self, batch, mode)
        steps[0] += mode == "train"
        while marks and time.monotonic() - started >= 60 * marks[0]:
            file = folder / f"mark_{marks[0]:g}.pt"
            torch.save({"model": self.model.state_dict(), "metadata": {"epoch": self.current_epoch}}, file)
            kept.append({"minutes": marks.pop(0), "steps": steps[0], "file": str(file)})
        if not marks:
            raise BudgetSpent
        return result

    PoseTrainingRunner.step = watched
    return kept


def measure(model_config: Path, snapshot: str, table: pd.DataFrame, tested: list[int], project: Path,
            device: str) -> dict:  # fmt: skip
    runner = get_pose_inference_runner(str(model_config), snapshot, device=device, max_individuals=1)
    images = [str(project.joinpath(*(i if isinstance(i, tuple) else (i,)))) for i in table.index[tested]]
    poses = np.stack([np.asarray(p["bodyparts"])[0] for p in runner.inference(images)])  # (F, K, 3)
    truth = table.to_numpy(float)[tested].reshape(len(tested), -1, 2)
    errors = np.linalg.norm(poses[..., :2] - truth, axis=-1)
    names = list(dict.fromkeys(table.columns.get_level_values("bodyparts")))
    return summary(errors, names)


if __name__ == "__main__":
    main()
