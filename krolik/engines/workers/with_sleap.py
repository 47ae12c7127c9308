"""Trains SLEAP's network for a single animal (sleap-nn) and exports it as ONNX. Runs in SLEAP's own environment.

Its training is its own: the settings of the profiles that its desktop program ships for a single animal. Added is an
end after a time. The frames that validate are those that Krolik says; test frames of the project are not there at all.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import protocol  # noqa: E402

PROFILES = {
    "single_medium": ({"filters": 16, "filters_rate": 2.0, "max_stride": 16, "output_stride": 2}, 2),
    "single_large": ({"filters": 32, "filters_rate": 1.5, "max_stride": 32, "output_stride": 4}, 4),
}
SIGMA, LEARNING_RATE, BATCH, EPOCHS, LEAST_STEPS = 2.5, 1e-4, 4, 200, 200
PLATEAU = {"threshold": 1e-6, "threshold_mode": "abs", "cooldown": 3, "patience": 5, "factor": 0.5, "min_lr": 1e-8}
STOPPING = {"early_stopping": True, "early_stopping_min_delta": 1e-8, "early_stopping_patience": 10}
TURNED = {"rotation_min": -180.0, "rotation_max": 180.0, "scale_min": 0.9, "scale_max": 1.1, "affine_p": 1.0}
PATCH = 5  # cells around a peak that say where it is between them, as its inference has it
CHECKED = 4  # frames whose poses tell whether the exported network is the one that was trained
OPSET = 17


def work(task, talk):
    import json
    import math

    import sleap_nn
    from sleap_nn.train import train

    folder = Path(task["folder"])
    data = json.loads((folder / "dataset.json").read_text("utf-8"))
    backbone, stride = PROFILES[task["network"]]
    parts = {"train": data["train"], "validation": data["validation"] or data["train"][:1]}
    for name, frames in parts.items():
        write_labels(folder / f"{name}.slp", frames, data, folder)
    batch, scale = task["batch"] or BATCH, task["scale"]
    epochs = max(LEAST_STEPS, math.ceil(len(data["train"]) / batch))
    watcher = watch(protocol.Pace(talk, task, EPOCHS * epochs), folder)
    try:
        train(
            train_labels_path=[str(folder / "train.slp")], val_labels_path=[str(folder / "validation.slp")],
            backbone_config={"unet": {**backbone, "in_channels": 1}}, scale=scale, batch_size=batch,
            head_configs={"single_instance": {"confmaps": {"part_names": None, "sigma": SIGMA, "output_stride": stride}}},
            max_epochs=EPOCHS, learning_rate=LEARNING_RATE, lr_scheduler={"reduce_lr_on_plateau": PLATEAU}, **STOPPING,
            geometry_aug=TURNED, seed=task["seed"], save_ckpt=True, ckpt_dir=str(folder), run_name="run",
            trainer_accelerator="gpu" if task["device"] == "cuda" else "cpu", enable_progress_bar=False,
        )  # fmt: skip
    except (protocol.Finished, KeyboardInterrupt, SystemExit):
        pass
    if not watcher.pace.steps:
        raise protocol.Refused("SLEAP made no step")
    return {
        "steps": watcher.pace.steps, "seconds": watcher.pace.seconds, "curve": watcher.pace.curve, "batch": batch,
        "version": sleap_nn.__version__, "candidates": export(folder, data),
        "checked": check(folder / "last", folder / "train.slp", data),
    }  # fmt: skip


def write_labels(path, frames, data, folder):
    """The labels as its file; each picture is a video of one frame, as its importers have pictures."""
    import numpy as np
    import sleap_io as sio

    names = data["keypoints"]
    skeleton = sio.Skeleton(nodes=list(names), edges=[tuple(e) for e in data["edges"]])
    video = sio.Video.from_filename([str(folder / f["image"]) for f in frames])
    labelled = []
    for number, frame in enumerate(frames):
        points = np.array([xy or (np.nan, np.nan) for xy in frame["animals"][0]], float)
        animal = sio.Instance.from_numpy(points, skeleton=skeleton)
        labelled.append(sio.LabeledFrame(video=video, frame_idx=number, instances=[animal]))
    sio.Labels(labeled_frames=labelled, videos=[video], skeletons=[skeleton]).save(str(path), embed=False)


def watch(pace, folder):
    """A callback that counts steps, and keeps the last weights when the end has come."""
    import lightning

    class Watcher(lightning.Callback):
        def __init__(self):
            self.pace = pace

        def on_train_batch_end(self, trainer, module, outputs, batch, number):
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            try:
                pace.step(loss.detach())
            except protocol.Finished:
                trainer.save_checkpoint(folder / "last.ckpt")
                trainer.should_stop = True
                trainer.limit_val_batches = 0
                raise KeyboardInterrupt from None  # that, Lightning lets pass

        def on_train_end(self, trainer, module):
            if not (folder / "last.ckpt").exists():
                trainer.save_checkpoint(folder / "last.ckpt")

    watcher, plain = Watcher(), lightning.Trainer.__init__

    def watched(self, *args, callbacks=None, **settings):
        plain(self, *args, callbacks=[*(callbacks or []), watcher], **{**settings, "num_sanity_val_steps": 0})

    lightning.Trainer.__init__ = watched
    return watcher


def export(folder, data):
    """The last weights and those that were best on the validation frames, as ONNX, and how frames are given to them."""
    import shutil

    found = []
    for name, weights in (("last", folder / "last.ckpt"), ("best", folder / "run" / "best.ckpt")):
        if not weights.exists() or (name == "best" and not data["validation"]):
            continue
        model = folder / name
        model.mkdir()
        for config in (folder / "run").glob("*.yaml"):
            shutil.copy(config, model)
        shutil.copy(weights, model / "best.ckpt")
        shape = to_onnx(model, folder / f"{name}.onnx", data)
        found.append({"file": f"{name}.onnx", "name": name, **shape})
    return found


def to_onnx(folder, file, data):
    """Its network with its preprocessing and its integral refinement of peaks, for whole frames."""
    import torch

    module, config, backbone = load(folder)
    pre = config.data_config.preprocessing
    scale, stride = float(pre.scale), int(config.model_config.head_configs.single_instance.confmaps.output_stride)
    grey = int(config.model_config.backbone_config[backbone].in_channels) == 1
    multiple = int(config.model_config.backbone_config[backbone].max_stride)
    network, shift = module.model.to("cpu").eval(), 0.5 * scale - 0.5
    own = names(config)
    order = [own.index(n) for n in data["keypoints"]]

    class Posing(torch.nn.Module):
        """(1, H, W, 3) uint8 RGB → (1, 1, K, 3): x, y in pixels of the picture given, with Krolik's centres, and height."""

        def __init__(self):
            super().__init__()
            self.network = network
            self.register_buffer("grid", torch.arange(PATCH, dtype=torch.float32) - (PATCH - 1) / 2)
            self.register_buffer("luma", torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))
            self.register_buffer("order", torch.tensor(order))

        def forward(self, images):
            seen = images.permute(0, 3, 1, 2).float() / 255
            if grey:
                seen = (seen * self.luma).sum(1, keepdim=True)
            maps = self.network(seen)["SingleInstanceConfmapsHead"][0]  # (K, h, w)
            keypoints, width = maps.shape[0], maps.shape[2]
            heights, places = maps.reshape(keypoints, -1).max(1)
            x, y = places % width, places // width
            half = (PATCH - 1) // 2
            around = torch.nn.functional.pad(maps, (half, half, half, half))
            columns = (x[:, None] + torch.arange(PATCH)[None])[:, None].expand(keypoints, PATCH, PATCH)
            rows = (y[:, None] + torch.arange(PATCH)[None])[:, :, None].expand(keypoints, PATCH, PATCH)
            flat = around.reshape(keypoints, -1).gather(1, (rows * (width + 2 * half) + columns).reshape(keypoints, -1))
            patch = flat.reshape(keypoints, PATCH, PATCH)
            total = patch.sum((1, 2))
            dx = (patch * self.grid.view(1, 1, -1)).sum((1, 2)) / total
            dy = (patch * self.grid.view(1, -1, 1)).sum((1, 2)) / total
            poses = torch.stack([(x + dx) * stride + shift, (y + dy) * stride + shift, heights.clamp(0, 1)], 1)
            return poses[self.order][None, None]

    width, height = (max(multiple, protocol.padded([int(side * scale)], multiple)[0]) for side in data["size"])
    example = torch.randint(0, 255, (1, height, width, 3), dtype=torch.uint8)
    torch.onnx.export(
        Posing().eval(), (example,), str(file), input_names=["images"], output_names=["poses"], opset_version=OPSET,
        dynamic_axes={"images": {1: "height", 2: "width"}}, dynamo=False,
    )  # fmt: skip
    limits = pre.max_width, pre.max_height
    return {"scale": scale, "multiple": multiple, "matched": [int(side) for side in limits]}


def load(folder):
    """The trained module, its configuration and the name of its backbone."""
    from sleap_nn.inference.loaders import _load_lightning_module
    from sleap_nn.training.lightning_modules import SingleInstanceLightningModule

    return _load_lightning_module(
        SingleInstanceLightningModule, str(folder), model_type="single_instance", device="cpu",
        backbone_ckpt_path=None, head_ckpt_path=None,
    )  # fmt: skip


def names(config):
    """The keypoints in the order of the network's outputs: its files sort them."""
    from sleap_nn.inference.loaders import get_skeleton_from_config

    return list(get_skeleton_from_config(config.data_config.skeletons)[0].node_names)


def check(model, labels, data):
    """What its own inference finds with the last weights in a few of the frames that it was trained on."""
    import sleap_io as sio
    from sleap_nn.inference.predictor import Predictor

    predictor = Predictor.from_model_paths([str(model)], device="cpu", peak_threshold=0.0)
    shown = sio.load_file(str(labels))
    frames = [f.frame_idx for f in shown][:CHECKED]
    found = predictor.predict(shown.extract(list(range(len(frames))), copy=True))
    checked = []
    for frame in found:
        if not frame.instances:
            continue
        points = frame.instances[0].numpy()
        order = [frame.instances[0].skeleton.node_names.index(n) for n in data["keypoints"]]
        checked.append({"number": int(frame.frame_idx), "pose": points[order].tolist()})
    return checked


if __name__ == "__main__":
    protocol.run(work)
