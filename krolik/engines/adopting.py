"""Taking a network that another framework trained earlier: from its folder to a model that Krolik runs itself."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from krolik.engines import environments
from krolik.engines.foreign import ensure_same
from krolik.engines.frameworks import Framework
from krolik.engines.worker import Listener, work
from krolik.errors import InvalidFile, InvalidLabels, NotFound
from krolik.inference.model import ModelDescription, PoseModel, pack
from krolik.rendering.annotated import write_image
from krolik.skeleton import Keypoint, Skeleton, palette
from krolik.training.machine import core_count

# by a file that lies in their folders, or in the one named "train" below it
KNOWN_BY = {"pytorch_config.yaml": "deeplabcut", "training_config.yaml": "sleap", "training_config.json": "sleap"}
NOISE_SIDE = 256  # of the picture that is looked at where no frame is labelled yet


@dataclass(frozen=True, eq=False)
class Adopted:
    """onnx: Krolik's model file. said: the decisions that are known of it, as a plan's JSON values."""

    onnx: bytes
    skeleton: Skeleton
    plan: dict
    trained_by: str


@dataclass(frozen=True, eq=False)
class Wanted:
    """What a network is taken for. frames: some, (H, W, 3) uint8 RGB. animals: in a frame at most; None: not known."""

    skeleton: Skeleton
    frames: Sequence[np.ndarray]
    animals: int | None


def framework_of(folder: Path) -> str:
    """The name of the framework whose trained network lies in a folder. Raises NotFound, InvalidFile."""
    if not folder.is_dir():
        raise NotFound("no such folder", folder, "Give the folder of a trained network.")
    for place in (folder, folder / "train"):
        for name, framework in KNOWN_BY.items():
            if (place / name).is_file():
                return framework
    raise InvalidFile(
        "no trained network of another framework lies there", folder,
        f"DeepLabCut's folder train (of dlc-models-pytorch) and sleap-nn's folder of a model hold one of: "
        f"{', '.join(KNOWN_BY)}.",
    )  # fmt: skip


def adopt(framework: Framework, source: Path, wanted: Wanted, name: str, origin: dict, listener: Listener) -> Adopted:
    """Takes the network of a folder, whose findings in the wanted frames are held against the framework's.

    Raises NotFound, InvalidFile, InvalidLabels for keypoints of which the project has none, Cancelled.
    """
    environment = environments.expected(framework)
    skeleton = wanted.skeleton
    shown = list(wanted.frames) or [np.random.default_rng(0).integers(0, 255, (NOISE_SIDE, NOISE_SIDE, 3), np.uint8)]
    height, width = shown[0].shape[:2]
    with tempfile.TemporaryDirectory(prefix="krolik-") as place:
        folder = Path(place)
        pictures = [write_image(folder / f"{number:06d}.png", frame).name for number, frame in enumerate(shown)]
        task = {"do": "adopt", "source": str(source.absolute()), "keypoints": skeleton.names, "pictures": pictures,
                "size": (width, height), "animals": wanted.animals}  # fmt: skip
        told = work(framework, environment, task, folder, listener)
        seen = told["candidates"][0]
        onnx = (folder / seen["file"]).read_bytes()
    names = told["keypoints"]
    if not set(names) & set(skeleton.names):
        raise InvalidLabels(f"it has none of the project's keypoints, but {', '.join(names[:12])}", source,
                            f"The project has: {', '.join(skeleton.names)}.")  # fmt: skip
    bones = skeleton if names == skeleton.names else _skeleton(names)
    by = f"{framework.title} {told['version']}"
    plan = {
        "engine": framework.name, "network": told["network"], "snapshot": told["snapshot"], "pipeline": "whole",
        "input_size": [width, height], "scale": seen["scale"], "spans": [],
        "reasons": {"engine": "it was trained there", "network": "as its configuration says",
                    "snapshot": "the best by its own measure, else the last"},
    }  # fmt: skip
    about = ModelDescription(
        name, bones, "whole", (width, height), seen["scale"], (0, 0), seen["animals"], plan,
        {**origin, "trained_by": by},
        multiple=seen["multiple"], matched=tuple(seen["matched"]) if seen["matched"] else None,
    )  # fmt: skip
    packed = pack(about, onnx, None)
    ensure_same(framework, PoseModel(packed, core_count(), name), dict(enumerate(shown)), told["checked"])
    return Adopted(packed, bones, plan, by)


def _skeleton(names: Sequence[str]) -> Skeleton:
    """Of keypoints that the project has not, or not all: names alone."""
    colours = palette(len(names))
    return Skeleton(tuple(Keypoint(i, name, colour) for i, (name, colour) in enumerate(zip(names, colours))))
