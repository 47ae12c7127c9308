"""A trained model as one ONNX file: the pose network, and in its metadata the locator and all that is to be known.

Metadata: "krolik" is JSON (see `ModelDescription`), "krolik.locator" the locator's ONNX file in base64. Runs on ONNX
Runtime; no torch is imported.

Legend: B batch, N animals, K keypoints.
"""

from __future__ import annotations

import base64
import binascii
import copy
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

import numpy as np
import onnxruntime

from krolik.errors import InvalidFile, KrolikError, NotFound
from krolik.evaluation.calibration import Calibration
from krolik.inference.appearance import SURE, Appearance, features
from krolik.light import lit
from krolik.scales import Scales
from krolik.skeleton import Skeleton
from krolik.video import Frame
from krolik.views import View

FORMAT, VERSION = "krolik-model", 1
DESCRIPTION_KEY, LOCATOR_KEY = "krolik", "krolik.locator"
LOCATOR_SURE = 0.15  # several animals: lower hills of a locator that has learnt enough are noise
Size = tuple[int, int]  # width, height in pixels
Light = tuple[tuple[float, ...], ...]  # `light.levels` of each channel; empty where they are not known
ONLY_WANTED = onnxruntime.RunOptions()  # leaves out of a run what its outputs do not need
ONLY_WANTED.only_execute_path_to_fetches = True


@dataclass(frozen=True)
class ModelDescription:
    """What a model says of itself. Sizes in view pixels; scale in view pixels per frame pixel.

    frame_sizes: those of the frames that it learnt from; none where they are not known. spans: the steps in which
    animals of unlike sizes are looked at (see `scales.py`); then scale is a typical one's. light: how light the frames
    are (`light.levels`); nothing where it is not known.

    Networks of other frameworks see whole frames in another way, if `multiple` is not 0: `scale` times as large as they
    are, or as they are when they fit into `matched`, filled up on the right and below to a multiple of so many pixels.
    """

    name: str
    skeleton: Skeleton
    pipeline: Literal["whole", "crop"]
    input_size: Size
    scale: float
    locator_size: Size
    animals: int
    plan: dict
    origin: dict
    calibration: Calibration | None = None  # None: scores are as the network gives them
    frame_sizes: tuple[Size, ...] = ()
    spans: tuple[float, ...] = ()
    light: Light = ()
    multiple: int = 0
    matched: Size | None = None
    appearance: Appearance | None = None  # where animals that were named can be told apart
    locator_sure: float = LOCATOR_SURE  # the height from which on the locator's hills are looked at, of several animals

    @property
    def scales(self) -> Scales:
        return Scales(self.input_size[0], self.scale, self.spans)

    def whole(self, frame_size: Size) -> View:
        """How a whole frame of this size is seen."""
        if not self.multiple:
            return View.fit(frame_size, self.input_size)
        shown = self.matched or frame_size
        scale = self.scale * min(most / side for most, side in zip(shown, frame_size))
        width, height = (-(-int(side * self.scale) // self.multiple) * self.multiple for side in shown)
        corner = (scale - 1) / 2  # where the middle of the first pixel comes to lie
        return View(np.array([[scale, 0, corner], [0, scale, corner]], float), (width, height))

    def to_json(self) -> dict:
        return {
            "format": FORMAT, "version": VERSION, "name": self.name, "skeleton": self.skeleton.to_json(),
            "pipeline": self.pipeline, "input_size": self.input_size, "scale": self.scale,
            "locator_size": self.locator_size, "animals": self.animals, "plan": self.plan, "origin": self.origin,
            "calibration": self.calibration.to_json() if self.calibration else None,
            "frame_sizes": self.frame_sizes, "spans": self.spans, "light": self.light, "multiple": self.multiple,
            "matched": self.matched, "appearance": self.appearance.to_json() if self.appearance else None,
            "locator_sure": self.locator_sure,
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: dict) -> ModelDescription:
        """Raises ValueError, KeyError, TypeError for anything else."""
        if value["format"] != FORMAT or value["version"] != VERSION:
            raise ValueError(f"format {value['format']!r}, version {value['version']!r}")
        found = cls(
            str(value["name"]), Skeleton.from_json(value["skeleton"]), value["pipeline"], tuple(value["input_size"]),
            float(value["scale"]), tuple(value["locator_size"]), int(value["animals"]), value["plan"], value["origin"],
            Calibration(**value["calibration"]) if value.get("calibration") else None,
            tuple((int(width), int(height)) for width, height in value.get("frame_sizes", ())),
            tuple(map(float, value.get("spans", ()))),
            tuple(tuple(map(float, channel)) for channel in value.get("light", ())), int(value.get("multiple", 0)),
            tuple(value["matched"]) if value.get("matched") else None,
            Appearance.from_json(value["appearance"]) if value.get("appearance") else None,
            float(value.get("locator_sure", LOCATOR_SURE)),
        )  # fmt: skip
        if found.appearance is not None and not found.appearance.fits(found.skeleton, found.animals):
            raise ValueError("the looks of animals are those of others")
        return found


def pack(description: ModelDescription, pose: bytes, locator: bytes | None) -> bytes:
    """One ONNX file of a pose network, its locator and their description."""
    from krolik.networks.export import with_metadata  # where models are made, torch is at hand

    metadata = {DESCRIPTION_KEY: json.dumps(description.to_json(), ensure_ascii=False)}
    if locator is not None:
        metadata[LOCATOR_KEY] = base64.b64encode(locator).decode()
    return with_metadata(pose, metadata)


class PoseModel:
    """A model ready to run. `identity` is its name with a hash of the file's content.

    zooms: how much larger than in training frames of a size are looked at, where that is not 1 (see `zoom.py`).
    brightened: the levels (see `light.py`) of a film whose frames it sees as light as those it learnt from.
    """

    zooms: Mapping[Size, float] = {}
    brightened: np.ndarray | None = None
    _table: np.ndarray | None = None

    def __init__(self, data: bytes, threads: int, where: object = "model"):
        """Raises InvalidFile when the bytes are no Krolik model."""
        self._pose = _session(data, threads, where)
        metadata = self._pose.get_modelmeta().custom_metadata_map
        if DESCRIPTION_KEY not in metadata:
            raise InvalidFile("an ONNX file, but not a Krolik model", where, "Export one: krolik export --to model.")
        try:
            self.description = ModelDescription.from_json(json.loads(metadata[DESCRIPTION_KEY]))
            locator = metadata.get(LOCATOR_KEY)
            locator_bytes = base64.b64decode(locator, validate=True) if locator else None
        except (KrolikError, ValueError, KeyError, TypeError, binascii.Error) as error:
            raise InvalidFile(f"the model's description cannot be read ({error})", where) from error
        if self.description.pipeline == "crop" and locator_bytes is None:
            raise InvalidFile("the model's locator is missing", where)
        self._locator = _session(locator_bytes, threads, where) if locator_bytes else None
        self.identity = f"{self.description.name}@{hashlib.sha256(data).hexdigest()[:8]}"

    @classmethod
    def open(cls, path: str | Path, threads: int) -> PoseModel:
        """Raises NotFound, InvalidFile."""
        path = Path(path)
        if not path.is_file():
            raise NotFound("no such model", path)
        return cls(path.read_bytes(), threads, path)

    @property
    def skeleton(self) -> Skeleton:
        return self.description.skeleton

    def zoomed(self, zooms: Mapping[Size, float]) -> Self:
        """The same model, which looks at frames of these sizes so much larger."""
        other = copy.copy(self)
        other.zooms = zooms
        return other

    def evened(self, film: np.ndarray, table: np.ndarray) -> Self:
        """The same model, which sees frames of a film with these levels through a table (256, 3) of grey levels."""
        other = copy.copy(self)
        other.brightened, other._table = film, table
        return other

    def uncalibrated(self) -> Self:
        """The same model, whose scores are as its network gives them."""
        other = copy.copy(self)
        other.description = replace(self.description, calibration=None)
        return other

    def scales(self, size: Size) -> Scales:
        """View pixels per pixel of a frame of this size, in crops."""
        scales = self.description.scales
        return replace(scales, scale=scales.scale * self.zooms.get(size, 1.0))

    def pose(self, images: np.ndarray) -> np.ndarray:
        """(B, h, w, 3) uint8 RGB views → (B, K, 3) float32: x, y in view pixels, score."""
        return self._pose.run(["poses"], {"images": self._lit(images)}, ONLY_WANTED)[0][:, 0]  # pyright: ignore

    def poses(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 RGB view of a whole frame → (N, K, 3), as above; NaN for an animal that is not there."""
        return self._pose.run(["poses"], {"images": self._lit(image[None])}, ONLY_WANTED)[0][0]  # pyright: ignore

    def rivals(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Of (B, h, w, 3) uint8 RGB views the raw scores (B, K) of the chosen peaks and the heights of the second ones.

        None for models that were made before Krolik exported these.
        """
        if "rivals" not in {o.name for o in self._pose.get_outputs()}:
            return None
        poses, second = self._pose.run(["poses", "rivals"], {"images": self._lit(images)})
        return poses[:, 0, :, 2], second  # pyright: ignore

    def locate(self, image: np.ndarray) -> np.ndarray:
        """(h, w, 3) uint8 RGB thumbnail → (N, 3) float32: centres in thumbnail pixels and scores, best first."""
        if self._locator is None:
            raise RuntimeError("a whole-frame model has no locator")
        seen = self._lit(image[None])
        return self._locator.run(["poses"], {"images": seen}, ONLY_WANTED)[0][0, :, 0]  # pyright: ignore

    def says(self, frame: Frame, poses: np.ndarray) -> np.ndarray:
        """(N, K, 3) of a frame → (N, C): how much their looks speak for each name, in nats. With an appearance only."""
        looks, span = self.description.appearance, self.span_px(frame.size)
        assert looks is not None
        points = np.where(poses[..., 2:] >= SURE, poses[..., :2], np.nan)

        def see(view: View) -> np.ndarray:
            return self._lit(frame.warp(view)[None])[0]

        return looks.says(np.stack([features(see, animal, self.skeleton, span) for animal in points]))

    def span_px(self, size: Size) -> float:
        """The extent of a usual animal in frames of this size. With an appearance only."""
        looks = self.description.appearance
        assert looks is not None
        return looks.span_px / self.zooms.get(size, 1.0)

    def _lit(self, images: np.ndarray) -> np.ndarray:
        return images if self._table is None else lit(images, self._table)


def _session(data: bytes, threads: int, where: object) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # the decoder needs the cores too: waiting threads sleep (395 instead of 340 frames/s on two cores)
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        raise InvalidFile(f"not an ONNX model that can be run ({str(error).splitlines()[0]})", where) from error
