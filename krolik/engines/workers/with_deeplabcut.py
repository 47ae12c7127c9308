"""Trains a network of DeepLabCut 3 (PyTorch), or takes a trained one, and exports it as ONNX. Runs in its environment.

Its training is its own: its project, its configuration of the network, its augmentation and schedule. Added are an end
after a time, and weights that are not downloaded where none are wanted, for which it has no option. The frames that it
calls its test set are those that validate; test frames of the project are not there at all.
"""

import math
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import protocol

SCORER, FOLDER = "krolik", "frames"
EPOCHS = 200  # as its configurations have it
CHECKED = 4  # frames whose poses tell whether the exported network is the one that was trained
SELDOM = 10**6
STATE, BEST = "state.pt", "best.pt"  # of what is kept of a training
OPSET = 17


def work(task, talk):
    return adopt(task) if task["do"] == "adopt" else train(task, talk)


def train(task, talk):
    import json

    import deeplabcut
    from deeplabcut.pose_estimation_pytorch.runners.train import PoseTrainingRunner

    folder = Path(task["folder"])
    data = json.loads((folder / "dataset.json").read_text("utf-8"))
    project = folder / "project"
    config, trained, tested = write_project(project, folder / FOLDER, data)
    deeplabcut.create_training_dataset(
        str(config), net_type=task["network"], trainIndices=[trained], testIndices=[tested or trained[:1]],
        userfeedback=False,
    )  # fmt: skip
    if not task["pretrained"]:
        begin_from_random_weights()
    batch = task["batch"] or 8
    pace = protocol.Pace(talk, task, EPOCHS * math.ceil(len(trained) / batch))
    step, runners = PoseTrainingRunner.step, []

    def watched(self, batch, mode="train"):
        losses = step(self, batch, mode)
        if mode == "train":
            runners[:] = [self]
            pace.step(losses["total_loss"])
            pace.keep(lambda kept: keep(self, kept, project, task))
        return losses

    PoseTrainingRunner.step = watched
    updates = {"train_settings.seed": task["seed"]}
    if not tested:
        updates["runner.eval_interval"] = SELDOM
    state = protocol.before(task, STATE)
    epochs = EPOCHS if state is None else max(1, EPOCHS - epoch_of(state))
    try:
        deeplabcut.train_network(
            str(config), epochs=epochs, batch_size=batch, device=task["device"], pytorch_cfg_updates=updates,
            snapshot_path=state,
        )  # fmt: skip
    except protocol.Finished:
        pass
    except Exception as error:
        if task["pretrained"] and not pace.steps and ("Hub" in repr(error) or "huggingface" in repr(error).lower()):
            raise protocol.Refused(
                "DeepLabCut could not download its pretrained weights",
                "Connect to the internet, or begin from random weights: --pretrained none.",
            ) from error
        raise
    if not runners:
        raise protocol.Refused("DeepLabCut made no step")
    PoseTrainingRunner.step = step
    written = next(project.glob("dlc-models-pytorch/**/train/pytorch_config.yaml"))
    return {
        "steps": pace.steps, "seconds": pace.seconds, "curve": pace.curve, "version": deeplabcut.__version__,
        "candidates": export(written, runners[0].model, folder, task["size"], None, bests(project, task)),
        "batch": batch,
        "checked": check(written, runners[0].model, folder, pictures(data, project / "labeled-data" / FOLDER)),
    }  # fmt: skip


def adopt(task):
    """A network that was trained earlier: of its snapshots the one that it calls best, or else the last."""
    import deeplabcut
    import torch
    from deeplabcut.pose_estimation_pytorch.config import PoseConfig
    from deeplabcut.pose_estimation_pytorch.models import PoseModel

    source = Path(task["source"])
    config = next(f for f in (source / "pytorch_config.yaml", source / "train" / "pytorch_config.yaml") if f.is_file())
    snapshots = sorted(
        config.parent.glob("snapshot-*.pt"), key=lambda p: ("best" in p.stem, int(p.stem.rpartition("-")[2]))
    )
    if not snapshots:
        raise protocol.Refused(f"there is no snapshot-....pt beside {config}")
    about = PoseConfig.from_any(config)
    metadata = about["metadata"]
    if about["method"] != "bu" or len(metadata["individuals"]) > 1 or metadata["unique_bodyparts"]:
        raise protocol.Refused("it was made for several animals", "Networks for one animal a frame can be taken.")
    model = PoseModel.build(about["model"])
    model.load_state_dict(torch.load(snapshots[-1], map_location="cpu", weights_only=True)["model"])
    own, folder = list(metadata["bodyparts"]), Path(task["folder"])
    order = protocol.order(own, task["keypoints"])
    found = export(config, model, folder, task["size"], order)
    return {
        "version": deeplabcut.__version__, "network": about["net_type"], "snapshot": snapshots[-1].name,
        "candidates": found, "keypoints": [own[i] for i in order],
        "checked": check(config, model, folder, {n: folder / p for n, p in enumerate(task["pictures"])}, order),
    }  # fmt: skip


def write_project(project, frames, data):
    """The labels as its project: its path, and the numbers of the frames that train and validate."""
    import numpy as np
    import pandas as pd
    import yaml

    labelled = project / "labeled-data"
    labelled.mkdir(parents=True)
    frames.rename(labelled / FOLDER)
    names, every = data["keypoints"], [*data["train"], *data["validation"]]
    columns = pd.MultiIndex.from_product([[SCORER], names, ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    rows = pd.MultiIndex.from_tuples([("labeled-data", FOLDER, Path(f["image"]).name) for f in every])
    points = np.array([[xy or (None, None) for xy in f["animals"][0]] for f in every], float).reshape(len(every), -1)
    pd.DataFrame(points, rows, columns).to_hdf(labelled / FOLDER / f"CollectedData_{SCORER}.h5", key="df_with_missing")
    width, height = data["size"]
    config = project / "config.yaml"
    config.write_text(yaml.safe_dump({
        "Task": "krolik", "scorer": SCORER, "date": "Jan1", "multianimalproject": False, "identity": False,
        "project_path": str(project), "engine": "pytorch", "bodyparts": names, "skeleton": data["edges"],
        "video_sets": {str(project / "videos" / f"{FOLDER}.mp4"): {"crop": f"0, {width}, 0, {height}"}},
        "TrainingFraction": [round(len(data["train"]) / len(every), 2)], "iteration": 0, "snapshotindex": -1,
        "default_net_type": "resnet_50", "default_augmenter": "albumentations", "batch_size": 8, "pcutoff": 0.6,
    }, allow_unicode=True), "utf-8")  # fmt: skip
    return config, list(range(len(data["train"]))), list(range(len(data["train"]), len(every)))


def bests(project, task):
    """The weights that it calls the best, and those that it called so before it was interrupted."""
    found = sorted(project.glob("dlc-models-pytorch/**/train/snapshot-best-*.pt"))[-1:]
    before = protocol.before(task, BEST)
    return [*found, *([before] if before else [])]


def keep(runner, folder, project, task):
    """The weights and how far the optimizer is, as of the end of the last epoch: this one is begun anew."""
    import shutil

    import torch

    state = {k: v for k, v in runner.state_dict().items() if k != "metadata"}
    torch.save({**state, "metadata": {"epoch": runner.current_epoch - 1}}, folder / STATE)
    for weights in bests(project, task)[:1]:
        shutil.copy(weights, folder / BEST)


def epoch_of(state):
    import torch

    return torch.load(state, map_location="cpu", weights_only=True)["metadata"]["epoch"]


def begin_from_random_weights():
    from deeplabcut.pose_estimation_pytorch.apis import training
    from deeplabcut.pose_estimation_pytorch.models import PoseModel

    build = PoseModel.build
    random = staticmethod(lambda cfg, weight_init=None, pretrained_backbone=False: build(cfg, weight_init, False))
    PoseModel.build = random
    training.PoseModel.build = random


def export(config, model, folder, size, order=None, best=()):
    """The last weights and those that it calls best, each as an ONNX file with how frames are to be given to it."""
    import torch
    from deeplabcut.pose_estimation_pytorch.config import PoseConfig

    about = PoseConfig.from_any(config)
    padding = about["data"]["inference"].get("auto_padding") or {}
    multiple = int(padding.get("pad_width_divisor") or 1)
    model = getattr(model, "module", model).to("cpu").eval()
    weights = {"last": {k: v.clone() for k, v in model.state_dict().items()}}
    for number, file in enumerate(best):
        weights[f"best-{number}"] = torch.load(file, map_location="cpu", weights_only=True)["model"]
    found = []
    for name, values in weights.items():
        model.load_state_dict(values)
        file = folder / f"{name}.onnx"
        to_onnx(model, protocol.padded(size, multiple), file, order)
        found.append(
            {"file": file.name, "name": name, "scale": 1.0, "multiple": multiple, "matched": None, "animals": 1}
        )
    model.load_state_dict(weights["last"])
    return found


def to_onnx(model, size, file, order):
    import torch

    class Posing(torch.nn.Module):
        """(B, H, W, 3) uint8 RGB → (B, 1, K, 3): its own arithmetic, from normalization to the peak's offset."""

        def __init__(self):
            super().__init__()
            self.model = model
            self.register_buffer("mean", 255 * torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
            self.register_buffer("std", 255 * torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

        def forward(self, images):
            seen = (images.permute(0, 3, 1, 2).float() - self.mean) / self.std
            poses = self.model.get_predictions(self.model(seen))["bodypart"]["poses"]
            return poses if order is None else poses[:, :, order]

    example = torch.zeros(1, size[1], size[0], 3, dtype=torch.uint8)
    axes = {"images": {1: "height", 2: "width"}}
    torch.onnx.export(
        Posing().eval(), (example,), str(file), input_names=["images"], output_names=["poses"], dynamic_axes=axes,
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip


def pictures(data, folder):
    """A few of the frames that train, by their numbers."""
    train = data["train"]
    return {number: folder / Path(train[number]["image"]).name for number in protocol.some(train, CHECKED)}


def check(config, model, folder, pictures, order=None):
    """What its own inference finds with the last weights in some pictures, by their numbers."""
    import numpy as np
    import torch
    from deeplabcut.pose_estimation_pytorch.apis.utils import get_pose_inference_runner

    snapshot = folder / "last.pt"
    torch.save({"model": getattr(model, "module", model).state_dict(), "metadata": {"epoch": 1}}, snapshot)
    runner = get_pose_inference_runner(str(config), str(snapshot), device="cpu", max_individuals=1)
    found = [np.asarray(p["bodyparts"])[0] for p in runner.inference([str(p) for p in pictures.values()])]
    return [
        {"number": number, "poses": [(pose if order is None else pose[order]).tolist()]}
        for number, pose in zip(pictures, found, strict=True)
    ]


if __name__ == "__main__":
    protocol.run(work)
