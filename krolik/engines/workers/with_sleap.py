"""Trains SLEAP's network for a single animal (sleap-nn), or takes a trained one, and exports it as ONNX.

Runs in SLEAP's own environment. Its training is its own: the settings of the profiles that its desktop program ships
for a single animal. Added is an end after a time. The frames that validate are those that Krolik says; test frames of
the project are not there at all.
"""

import sys
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import protocol

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
RUN, STATE, BEST = "run", "state.ckpt", "best.ckpt"


def work(task, talk):
    return adopt(task) if task["do"] == "adopt" else train_network(task, talk)


def train_network(task, talk):
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
    watcher = watch(protocol.Pace(talk, task, EPOCHS * epochs), folder, protocol.before(task, BEST))
    state = protocol.before(task, STATE)
    if state is not None:  # Lightning would read objects as well; what is read here without them has none
        import torch

        torch.load(state, map_location="cpu", weights_only=True)
    maps = {"part_names": None, "sigma": SIGMA, "output_stride": stride}
    with suppress(protocol.Finished, KeyboardInterrupt, SystemExit):
        train(
            train_labels_path=[str(folder / "train.slp")], val_labels_path=[str(folder / "validation.slp")],
            backbone_config={"unet": {**backbone, "in_channels": 1}}, scale=scale, batch_size=batch,
            head_configs={"single_instance": {"confmaps": maps}},
            max_epochs=EPOCHS, learning_rate=LEARNING_RATE, lr_scheduler={"reduce_lr_on_plateau": PLATEAU}, **STOPPING,
            geometry_aug=TURNED, seed=task["seed"], save_ckpt=True, ckpt_dir=str(folder), run_name=RUN,
            resume_ckpt_path=None if state is None else str(state),
            trainer_accelerator="gpu" if task["device"] == "cuda" else "cpu", enable_progress_bar=False,
        )  # fmt: skip
    if not watcher.pace.steps:
        raise protocol.Refused("SLEAP made no step")
    return {
        "steps": watcher.pace.steps, "seconds": watcher.pace.seconds, "curve": watcher.pace.curve, "batch": batch,
        "version": sleap_nn.__version__, "candidates": export(folder, data, protocol.before(task, BEST)),
        "checked": check(folder / "last", pictures(data, folder), data["keypoints"]),
    }  # fmt: skip


def adopt(task):
    """A network that was trained earlier."""
    import sleap_nn

    source, folder = Path(task["source"]), Path(task["folder"])
    kept = folder / "kept"
    keep(source, source / "best.ckpt", kept)
    _, config, _ = load(kept)
    own = names(config)
    keypoints = [own[i] for i in protocol.order(own, task["keypoints"])]
    shape = to_onnx(kept, folder / "last.onnx", keypoints, task["size"])
    return {
        "version": sleap_nn.__version__, "network": "single_instance", "snapshot": "best.ckpt", "keypoints": keypoints,
        "candidates": [{"file": "last.onnx", "name": "last", **shape}],
        "checked": check(kept, {n: folder / p for n, p in enumerate(task["pictures"])}, keypoints),
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


def watch(pace, folder, before):
    """A callback that counts steps, and keeps the last weights when the end has come.

    before: the weights that were the best before an interruption, if there was one.
    """
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

        def on_train_epoch_end(self, trainer, module):
            pace.keep(lambda kept: self.keep(trainer, kept))

        def keep(self, trainer, kept):
            import shutil

            trainer.save_checkpoint(kept / STATE)
            best = folder / RUN / "best.ckpt"
            if best.exists() or before:
                shutil.copy(best if best.exists() else before, kept / BEST)

        def on_train_end(self, trainer, module):
            if not (folder / "last.ckpt").exists():
                trainer.save_checkpoint(folder / "last.ckpt")

    watcher, plain = Watcher(), lightning.Trainer.__init__

    def watched(self, *args, callbacks=None, **settings):
        plain(self, *args, callbacks=[*(callbacks or []), watcher], **{**settings, "num_sanity_val_steps": 0})

    lightning.Trainer.__init__ = watched
    return watcher


def export(folder, data, before):
    """The last weights and those that were best on the validation frames, as ONNX, and how frames are given to them.

    before: those that were the best before an interruption, if there was one.
    """
    weights = {"last": folder / "last.ckpt", "best": folder / RUN / "best.ckpt"}
    if before:
        weights["best-before"] = before
    found = []
    for name, file in weights.items():
        if not file.exists() or (name != "last" and not data["validation"]):
            continue
        keep(folder / RUN, file, folder / name)
        shape = to_onnx(folder / name, folder / f"{name}.onnx", data["keypoints"], data["size"])
        found.append({"file": f"{name}.onnx", "name": name, **shape})
    return found


def keep(run, weights, folder):
    """A folder as it has them: a configuration and weights."""
    import shutil

    folder.mkdir()
    for pattern in ("*.yaml", "*.json"):
        for config in run.glob(pattern):
            shutil.copy(config, folder)
    shutil.copy(weights, folder / "best.ckpt")


def to_onnx(folder, file, keypoints, size):
    """Its network for frames of the size that it takes all to, with its shrinking and its refinement of peaks."""
    import torch

    module, config, backbone = load(folder)
    pre = config.data_config.preprocessing
    scale, size = float(pre.scale), [int(pre.max_width or size[0]), int(pre.max_height or size[1])]
    stride = int(config.model_config.head_configs.single_instance.confmaps.output_stride)
    grey = int(config.model_config.backbone_config[backbone].in_channels) == 1
    multiple = int(config.model_config.backbone_config[backbone].max_stride)
    network = module.model.to("cpu").eval()
    own = names(config)
    order = [own.index(n) for n in keypoints]

    class Posing(torch.nn.Module):
        """(1, H, W, 3) uint8 RGB → (1, 1, K, 3): x, y in pixels of the picture and the height of the peak."""

        def __init__(self):
            super().__init__()
            self.network = network
            self.register_buffer("grid", torch.arange(PATCH, dtype=torch.float32) - (PATCH - 1) / 2)
            self.register_buffer("luma", torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))
            self.register_buffer("order", torch.tensor(order))
            self.register_buffer("across", shrinking(size[0], scale, multiple).T)
            self.register_buffer("down", shrinking(size[1], scale, multiple))

        def forward(self, images):
            seen = images.permute(0, 3, 1, 2).float() / 255
            if grey:
                seen = (seen * self.luma).sum(1, keepdim=True)
            seen = self.down @ seen @ self.across
            maps = self.network(seen)["SingleInstanceConfmapsHead"][0]  # (K, h, w)
            count, width = maps.shape[0], maps.shape[2]
            heights, places = maps.reshape(count, -1).max(1)
            x, y = places % width, places // width
            half = (PATCH - 1) // 2
            around = torch.nn.functional.pad(maps, (half, half, half, half))
            columns = (x[:, None] + torch.arange(PATCH)[None])[:, None].expand(count, PATCH, PATCH)
            rows = (y[:, None] + torch.arange(PATCH)[None])[:, :, None].expand(count, PATCH, PATCH)
            flat = around.reshape(count, -1).gather(1, (rows * (width + 2 * half) + columns).reshape(count, -1))
            patch = flat.reshape(count, PATCH, PATCH)
            total = patch.sum((1, 2))
            total = torch.where(total > 0, total, torch.ones_like(total))  # nothing is there yet
            dx = (patch * self.grid.view(1, 1, -1)).sum((1, 2)) / total
            dy = (patch * self.grid.view(1, -1, 1)).sum((1, 2)) / total
            poses = torch.stack([(x + dx) * stride / scale, (y + dy) * stride / scale, heights.clamp(0, 1)], 1)
            return poses[self.order][None, None]

    example = torch.randint(0, 255, (1, size[1], size[0], 3), dtype=torch.uint8)
    torch.onnx.export(
        Posing().eval(), (example,), str(file), input_names=["images"], output_names=["poses"], opset_version=OPSET,
        dynamo=False,
    )  # fmt: skip
    return {"scale": 1.0, "multiple": 1, "matched": size}


def shrinking(side, scale, multiple):
    """(shrunk side, side): a row of pixels made smaller as it does it, a triangle over the pixels around each, and
    filled up with zeros to a multiple."""
    import torch

    shrunk = int(side * scale)
    if scale == 1:
        weights = torch.eye(side)
    else:
        reach, ratio = max(1.0, side / shrunk), side / shrunk
        middles = (torch.arange(shrunk) + 0.5) * ratio
        weights = (1 - ((torch.arange(side) + 0.5)[None] - middles[:, None]).abs() / reach).clamp(min=0)
        weights = weights / weights.sum(1, keepdim=True)
    return torch.cat([weights, torch.zeros(protocol.padded([shrunk], multiple)[0] - shrunk, side)])


def load(folder):
    """The trained module, its configuration and the name of its backbone. Only weights are read, no objects."""
    import torch
    from sleap_nn.inference import loaders
    from sleap_nn.training.lightning_modules import SingleInstanceLightningModule

    config, old = loaders._load_training_config(str(folder))
    if old or config.model_config.head_configs.get("single_instance") is None:
        raise protocol.Refused("it is no network of sleap-nn for a single animal", "Such networks can be taken.")
    backbone = loaders._detect_backbone_type(config)
    module = SingleInstanceLightningModule(**loaders._common_lightning_kwargs(config, backbone, "single_instance"))
    saved = torch.load(folder / "best.ckpt", map_location="cpu", weights_only=True)
    module.load_state_dict(saved["state_dict"])
    return module, config, backbone


def names(config):
    """The keypoints in the order of the network's outputs: its files sort them."""
    from sleap_nn.inference.loaders import get_skeleton_from_config

    return list(get_skeleton_from_config(config.data_config.skeletons)[0].node_names)


def pictures(data, folder):
    """A few of the frames that train, by their numbers."""
    train = data["train"]
    return {number: folder / train[number]["image"] for number in protocol.some(train, CHECKED)}


def check(model, pictures, keypoints):
    """What its own inference finds with the last weights in some pictures, by their numbers."""
    import sleap_io as sio
    from sleap_nn.inference.predictor import Predictor

    predictor = Predictor.from_model_paths([str(model)], device="cpu", peak_threshold=0.0)
    checked = []
    for number, picture in pictures.items():  # one by one: they may be of different sizes
        for frame in predictor.predict(sio.Video.from_filename([str(picture)])):
            if frame.instances:
                order = [frame.instances[0].skeleton.node_names.index(n) for n in keypoints]
                checked.append({"number": number, "pose": frame.instances[0].numpy()[order].tolist()})
    return checked


if __name__ == "__main__":
    protocol.run(work)
