"""Trains SLEAP's networks (sleap-nn), or takes trained ones, and exports them as ONNX. Runs in SLEAP's own environment.

Its training is its own: the settings of the profiles that its desktop program ships, for a single animal and for
several from the top down. Added is an end after a time. The frames that validate are those that Krolik says; test
frames of the project are not there at all.
"""

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import protocol

MEDIUM = {"filters": 16, "filters_rate": 2.0, "max_stride": 16, "output_stride": 2}
# of each network its parts, one after the other: what it finds, its backbone, and its scale for frames as they are
PROFILES = {
    "single_medium": [("single_instance", MEDIUM, 1.0)],
    "single_large": [
        ("single_instance", {"filters": 32, "filters_rate": 1.5, "max_stride": 32, "output_stride": 4}, 1.0)
    ],
    "topdown_medium": [
        ("centroid", MEDIUM, 0.5),
        ("centered_instance", {"filters": 24, "filters_rate": 2.0, "max_stride": 16, "output_stride": 4}, 1.0),
    ],
    "topdown_large": [
        ("centroid", MEDIUM, 0.5),
        ("centered_instance", {"filters": 24, "filters_rate": 1.5, "max_stride": 32, "output_stride": 4}, 1.0),
    ],
}
SIGMA, LEARNING_RATE, BATCH, EPOCHS, LEAST_STEPS = 2.5, 1e-4, 4, 200, 200
MIDDLES_SHARE = 1 / 3  # of what is given to a training, at most, for the network that finds the middles of animals
PLATEAU = {"threshold": 1e-6, "threshold_mode": "abs", "cooldown": 3, "patience": 5, "factor": 0.5, "min_lr": 1e-8}
STOPPING = {"early_stopping": True, "early_stopping_min_delta": 1e-8, "early_stopping_patience": 10}
TURNED = {"rotation_min": -180.0, "rotation_max": 180.0, "scale_min": 0.9, "scale_max": 1.1, "affine_p": 1.0}
CHECKED = 4  # frames whose poses tell whether the exported network is the one that was trained
CONFIG, STATE, BEST, LAST = "training_config.yaml", "state.ckpt", "best.ckpt", "last.ckpt"


def work(task, talk):
    return adopt(task, talk) if task["do"] == "adopt" else train_networks(task, talk)


def train_networks(task, talk):
    """The parts of a network, one after the other."""
    import json
    import math

    import sleap_nn

    folder = Path(task["folder"])
    data = json.loads((folder / "dataset.json").read_text("utf-8"))
    for name, frames in {"train": data["train"], "validation": data["validation"] or data["train"][:1]}.items():
        write_labels(folder / f"{name}.slp", frames, data, folder)
    parts, batch = PROFILES[task["network"]], task["batch"] or BATCH
    frames, animals = len(data["train"]), sum(len(f["animals"]) for f in data["train"])
    counts = [animals if kind == "centered_instance" else frames for kind, _, _ in parts]
    pace = protocol.Pace(talk, task, EPOCHS * sum(max(LEAST_STEPS, math.ceil(n / batch)) for n in counts))
    finished = {
        kind: keep(protocol.before(task, f"{kind}.yaml"), protocol.before(task, f"{kind}.ckpt"), folder / kind)
        for kind, _, _ in parts if protocol.before(task, f"{kind}.ckpt")
    }  # fmt: skip
    left = parts[len(finished) :]
    for number, part in enumerate(left):
        going_on = number == 0  # what was kept is of the part that was interrupted
        best = protocol.before(task, BEST) if going_on else None
        watched = Watched(pace, folder, part[0], finished, best)
        pace.until = 1.0 if part is left[-1] else MIDDLES_SHARE
        train_part(task, part, batch, watched, protocol.before(task, STATE) if going_on else None)
        weights = watched.weights(bool(data["validation"]))
        if part is not left[-1]:
            finished[part[0]] = keep(watched.run / CONFIG, list(weights.values())[-1], folder / part[0])
            if pace.stopped:
                raise protocol.Refused(
                    "it was stopped before the second of its two networks had begun", "Let it train for longer."
                )
    candidates = []
    for name, file in weights.items():
        both = [*finished.values(), keep(watched.run / CONFIG, file, folder / name)]
        candidates.append(candidate(both, folder, name, data["keypoints"], task))
    return {
        "steps": pace.steps, "seconds": pace.seconds, "curve": pace.curve, "batch": batch,
        "version": sleap_nn.__version__, "candidates": candidates,
        "checked": check([*finished.values(), folder / "last"], pictures(data, folder), data["keypoints"], task),
    }  # fmt: skip


def train_part(task, part, batch, watched, state):
    """Trains one network until its schedule, or what is given to it, ends. state: what it goes on from, if anything."""
    import lightning
    from sleap_nn.train import train

    kind, backbone, scale = part
    folder = watched.folder
    if state is not None:  # Lightning would read objects as well; what is read here without them has none
        import torch

        torch.load(state, map_location="cpu", weights_only=True)
    maps = {"sigma": SIGMA, "output_stride": backbone["output_stride"]}
    maps |= {"anchor_part": None} if kind != "single_instance" else {}
    maps |= {"part_names": None} if kind != "centroid" else {}
    plain, steps = lightning.Trainer.__init__, watched.pace.steps

    def init(self, *args, callbacks=None, **settings):
        plain(self, *args, callbacks=[*(callbacks or []), callback(watched)], **{**settings, "num_sanity_val_steps": 0})

    lightning.Trainer.__init__ = init
    try:
        with suppress(protocol.Finished, KeyboardInterrupt, SystemExit):
            train(
                train_labels_path=[str(folder / "train.slp")], val_labels_path=[str(folder / "validation.slp")],
                backbone_config={"unet": {**backbone, "in_channels": 1}}, scale=scale * task["scale"],
                batch_size=batch, head_configs={kind: {"confmaps": maps}},
                max_epochs=EPOCHS, learning_rate=LEARNING_RATE, lr_scheduler={"reduce_lr_on_plateau": PLATEAU},
                **STOPPING, geometry_aug=TURNED, seed=task["seed"], save_ckpt=True, ckpt_dir=str(folder),
                run_name=f"run-{kind}", resume_ckpt_path=None if state is None else str(state),
                trainer_accelerator="gpu" if task["device"] == "cuda" else "cpu", enable_progress_bar=False,
            )  # fmt: skip
    finally:
        lightning.Trainer.__init__ = plain
    if watched.pace.steps == steps:
        raise protocol.Refused("SLEAP made no step")


def adopt(task, talk):
    """Networks that were trained earlier."""
    import sleap_nn
    import sleap_onnx

    folder = Path(task["folder"])
    sources = together(Path(task["source"]), talk)
    if len(sources) > 1 and not task["animals"]:
        raise protocol.Refused(
            "how many animals a frame shows at most is not known",
            "Say it (--animals 2), or label a frame.",
        )
    kinds = [keep(source / CONFIG, source / BEST, folder / f"kept-{n}") for n, source in enumerate(sources)]
    kind, config = sleap_onnx.read(kinds[-1])
    own = sleap_onnx.keypoints(config)
    wanted = [own[i] for i in protocol.order(own, task["keypoints"])]
    found = candidate(kinds, folder, "last", wanted, task)
    shown = {n: folder / p for n, p in enumerate(task["pictures"])}
    return {
        "version": sleap_nn.__version__, "network": kind, "snapshot": BEST, "keypoints": wanted,
        "candidates": [found], "checked": check(kinds, shown, wanted, task),
    }  # fmt: skip


def together(source, talk):
    """The folders of the networks that belong together: a single one, or that for middles and that for crops."""
    import sleap_onnx

    kind, config = sleap_onnx.read(source)
    if kind == sleap_onnx.SINGLE:
        return [source]
    middles = kind == sleap_onnx.MIDDLES
    wanted, own = sleap_onnx.CENTRED if middles else sleap_onnx.MIDDLES, set(sleap_onnx.keypoints(config))
    beside = []
    for folder in sorted(source.parent.iterdir()):
        if (folder / CONFIG).is_file() and (folder / BEST).is_file():
            with suppress(Exception):  # whatever lies there
                other, its = sleap_onnx.read(folder)
                beside += [folder] if other == wanted and set(sleap_onnx.keypoints(its)) == own else []
    alike = {folder: len(os.path.commonprefix([folder.name, source.name])) for folder in beside}
    best = [folder for folder in beside if alike[folder] == max(alike.values())]
    if not best:
        raise protocol.Refused(
            f"it is one of two networks, and no {wanted} lies beside it", "Put the folders of both side by side."
        )
    if len(best) > 1:
        found = ", ".join(folder.name for folder in best)
        raise protocol.Refused(
            f"it is one of two networks, and which {wanted} belongs to it cannot be told: {found}",
            "Put the folders of both, and of no others, side by side.",
        )
    talk.say(note=f"{source.name} and {best[0].name} belong together")
    return [source, best[0]] if middles else [best[0], source]


def write_labels(path, frames, data, folder):
    """The labels as its file; each picture is a video of one frame, as its importers have pictures."""
    import numpy as np
    import sleap_io as sio

    names = data["keypoints"]
    skeleton = sio.Skeleton(nodes=list(names), edges=[tuple(e) for e in data["edges"]])
    video = sio.Video.from_filename([str(folder / f["image"]) for f in frames])
    labelled = []
    for number, frame in enumerate(frames):
        animals = [np.array([xy or (np.nan, np.nan) for xy in points], float) for points in frame["animals"]]
        instances = [sio.Instance.from_numpy(points, skeleton=skeleton) for points in animals]
        labelled.append(sio.LabeledFrame(video=video, frame_idx=number, instances=instances))
    sio.Labels(labeled_frames=labelled, videos=[video], skeletons=[skeleton]).save(str(path), embed=False)


@dataclass
class Watched:
    """A network's training. finished: the folders of the parts that were trained before it, by what they find.

    before: the weights that were the best before an interruption, if there was one.
    """

    pace: protocol.Pace
    folder: Path
    kind: str
    finished: dict
    before: Path | None

    @property
    def run(self):
        return self.folder / f"run-{self.kind}"

    @property
    def last(self):
        return self.folder / f"{self.kind}-{LAST}"

    def weights(self, validated):
        """The last weights and those that were best on the validation frames, if there were any; its best come last."""
        found = {"last": self.last}
        if validated:
            found |= {"best-before": self.before, "best": self.run / BEST}
        return {name: file for name, file in found.items() if file is not None and file.exists()}

    def keep(self, trainer, kept):
        """What it needs to go on: its state, its best weights, and the parts before it."""
        import shutil

        trainer.save_checkpoint(kept / STATE)
        best = self.weights(True)
        best.pop("last", None)
        if best:
            shutil.copy(list(best.values())[-1], kept / BEST)
        for kind, folder in self.finished.items():
            shutil.copy(folder / BEST, kept / f"{kind}.ckpt")
            shutil.copy(folder / CONFIG, kept / f"{kind}.yaml")


def callback(watched):
    """Counts steps, and keeps the last weights when the end has come."""
    import lightning

    class Watcher(lightning.Callback):
        def on_train_batch_end(self, trainer, module, outputs, batch, number):
            loss = outputs["loss"] if isinstance(outputs, dict) else outputs
            try:
                watched.pace.step(loss.detach())
            except protocol.Finished:
                trainer.save_checkpoint(watched.last)
                trainer.should_stop = True
                trainer.limit_val_batches = 0
                raise KeyboardInterrupt from None  # that, Lightning lets pass

        def on_train_epoch_end(self, trainer, module):
            watched.pace.keep(lambda kept: watched.keep(trainer, kept))

        def on_train_end(self, trainer, module):
            if not watched.last.exists():
                trainer.save_checkpoint(watched.last)

    return Watcher()


def keep(config, weights, folder):
    """A folder of a model as it has them: a configuration and weights."""
    import shutil

    folder.mkdir()
    shutil.copy(config, folder / CONFIG)
    shutil.copy(weights, folder / BEST)
    return folder


def candidate(folders, folder, name, wanted, task):
    """The networks of some folders as one ONNX file, and how frames are given to it."""
    import sleap_onnx

    file = f"{name}.onnx"
    return {"file": file, "name": name,
            **sleap_onnx.export(folders, folder / file, wanted, task["size"], task["animals"])}  # fmt: skip


def pictures(data, folder):
    """A few of the frames that train, by their numbers."""
    train = data["train"]
    return {number: folder / train[number]["image"] for number in protocol.some(train, CHECKED)}


def check(models, pictures, keypoints, task):
    """What its own inference finds with the last weights in some pictures, by their numbers."""
    import sleap_io as sio
    import sleap_onnx
    from sleap_nn.inference.predictor import Predictor

    least = 0.0 if len(models) == 1 else [sleap_onnx.THERE, 0.0]
    most = {} if len(models) == 1 else {"max_instances": task["animals"]}
    predictor = Predictor.from_model_paths([str(m) for m in models], device="cpu", peak_threshold=least, **most)
    checked = []
    for number, picture in pictures.items():  # one by one: they may be of different sizes
        for frame in predictor.predict(sio.Video.from_filename([str(picture)])):
            names = [instance.skeleton.node_names for instance in frame.instances]
            poses = [
                instance.numpy()[[own.index(n) for n in keypoints]].tolist()
                for instance, own in zip(frame.instances, names, strict=True)
            ]
            checked.append({"number": number, "poses": poses})
    return checked


if __name__ == "__main__":
    protocol.run(work)
