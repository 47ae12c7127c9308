"""The plan: every decision about one training, each with its reason.

Decisions are of three kinds: fixed (worth no thought), ruled (from the data and the machine), set (by the user).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from numbers import Integral, Real
from typing import Literal, cast

from krolik import defaults
from krolik.errors import InvalidSetting
from krolik.networks import entry
from krolik.scales import ASSUMED, MARGIN, Scales, ladder
from krolik.training.augmentation import AugmentationRanges
from krolik.training.budget import Budget
from krolik.training.fingerprint import DataFingerprint
from krolik.training.machine import MachineFingerprint
from krolik.training.neighbours import FEWEST

CROP_PX = 192  # an input of this side trains to below 2 px in five minutes on two cores
SMALL_CROP_PX, ENLARGED = 128, 1.9  # such a crop is as good where it enlarges a frame's pixels so much, and faster
WHOLE_PX = 256
LOCATOR_PX, LOCATOR_MOST_PX = 192, 576  # the longer side of the locator's thumbnails
LOCATED_PX = 14.0  # an animal that spans less of a thumbnail is hardly found
WORTH_CROPPING = 0.6  # a crop smaller than this part of the frame's longer side is worth a locator
MULTIPLE = 64
FEW_FRAMES = 50  # below so many labelled frames a pretrained body is worth its slower steps
REPEATS = 4.0  # how often at most a frame with a rare keypoint is seen per epoch
CALIBRATED = 0.05  # confidence is the probability of lying within this part of the animal's extent
LEAST_WITHIN_PX = 2.0  # of the network's pixels
BF16_WORTH = 1.15
WORKERS = 4  # threads that prepare pictures for a GPU, at most
LOCATOR_SHARE, LOCATOR_MOST = 0.15, 0.4  # of the budget
LOCATOR_SECONDS, LOCATOR_STEPS = 8.0, 150  # what a locator needs to find the animal at all
UPRIGHT_DEG = 25.0  # how far a picture is turned where up stays up
ANYWHERE_DEG, BEYOND_DEG = 90.0, 10.0  # from above: so far at least, and so much further than half the widest gap
NEIGHBOUR_CHANCE = 0.5  # of another animal laid beside the one that is meant, where there may be several
CIRCLE_DEG = 60.0  # headings without a wider gap cover the circle

LOCATOR, POSE = "locator", "pose"  # the networks of a plan; whole frames need no locator

Pipeline = Literal["whole", "crop"]


def _within(value: object, least: float, most: float, kind: type = Real) -> bool:
    """Whether a wish is none at all, or a number of this kind within these bounds; from Python it may be anything."""
    if value is None:
        return True
    return isinstance(value, kind) and not isinstance(value, bool) and least <= float(cast(float, value)) <= most


@dataclass(frozen=True)
class Settings:
    """What the user wishes; None leaves the decision to the planner.

    `overrides` sets any other field of the plan by its name, after all is decided: {"learning_rate": "1e-3"}.
    """

    network: str | None = None
    width: float | None = None
    pretrained: str | None = None  # "auto", "none", the path or name of a checkpoint, or a model to start from
    pipeline: Pipeline | None = None
    scale: float | None = None  # view pixels per frame pixel in a crop
    input_px: int | None = None
    batch_size: int | None = None
    budget: Budget = field(default_factory=lambda: Budget(seconds=300))
    seed: int = 0
    overrides: Mapping[str, str] = field(default_factory=dict)
    engine: str = defaults.ENGINE  # or the framework that is to train a network of its own

    def __post_init__(self):
        """Raises InvalidSetting for a wish that makes no sense."""
        if self.network in ("auto", None):
            object.__setattr__(self, "network", None)
        elif self.engine == defaults.ENGINE:
            entry(self.network)
        checks = (
            ("--pipeline", self.pipeline, self.pipeline in (None, "whole", "crop"), "Say whole or crop."),
            ("--width", self.width, _within(self.width, 1e-9, 4), "Try 0.5 or 1."),
            ("--scale", self.scale, _within(self.scale, 1e-9, 8), "Try 0.5 or 1."),
            ("--input", self.input_px, _within(self.input_px, MULTIPLE, 4096, Integral), "Try 192 or 256."),
            ("--batch", self.batch_size, _within(self.batch_size, 1, 1024, Integral), "Try 8."),
            (
                "--seed",
                self.seed,
                self.seed is not None and _within(self.seed, 0, math.inf, Integral),
                "Give a whole number from 0.",
            ),
        )
        for option, value, good, fix in checks:
            if not good:
                raise InvalidSetting(f"{value} makes no sense here", option, fix)
        if self.batch_size == 1 and self.input_px == MULTIPLE:  # at its smallest it is a single pixel: no variance
            raise InvalidSetting(f"networks cannot learn from one picture of {MULTIPLE} px at a time", "--batch",
                                 "Try 8, or a larger --input.")  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """The configuration of one training. Sizes (width, height) in view pixels, scale in view pixels per frame pixel.

    spans: the steps in which animals of unlike sizes are looked at (see `scales.py`); then scale is a typical one's.
    keypoint_weights: how much each keypoint counts in the loss. repeats: how often at most a frame with a rare keypoint
    is seen per epoch. proportions: whether distances between keypoints choose among the peaks of one. within_px: the
    distance, in frame pixels (where animals differ in size: at a typical one), that confidence is the probability of.
    """

    network: str
    width: float
    pretrained: str
    pipeline: Pipeline
    input_size: tuple[int, int]
    scale: float
    spans: tuple[float, ...]
    locator_size: tuple[int, int]
    animals: int
    sigma_px: float
    locator_sigma_px: float
    batch_size: int
    learning_rate: float
    body_learning_rate: float
    weight_decay: float
    average_decay: float
    augmentation: AugmentationRanges
    keypoint_weights: tuple[float, ...]
    repeats: float
    proportions: bool
    within_px: float
    locator_share: float
    precision: Literal["float32", "bfloat16"]
    device: str
    devices: int
    threads: int
    workers: int
    budget: Budget
    seed: int
    reasons: Mapping[str, str]

    @property
    def scales(self) -> Scales:
        return Scales(self.input_size[0], self.scale, self.spans)

    def to_json(self) -> dict:
        return asdict(self)

    def rows(self) -> list[tuple[str, str, str]]:
        """Each decision, its value as text and its reason."""
        ranges = {AUGMENTATION + name: value for name, value in asdict(self.augmentation).items()}
        flat = {**asdict(self), **ranges, "budget": str(self.budget)}
        order = [name for name in flat if name in self.reasons]
        return [(name, _text(flat[name]), self.reasons[name]) for name in order]

    @classmethod
    def from_json(cls, value: dict) -> Plan:
        value = {"spans": (), **value}  # plans of trainings that began before there were any
        for name in ("input_size", "spans", "locator_size", "keypoint_weights"):
            value[name] = tuple(value[name])
        ranges = dict(value["augmentation"])
        ranges["scale"], ranges["gain"] = tuple(ranges["scale"]), tuple(ranges["gain"])
        value["augmentation"] = AugmentationRanges(**ranges)
        value["budget"] = Budget(**value["budget"])
        return cls(**value)


def decisions(document: dict) -> list[list[str]]:
    """The rows of a plan that was kept with a model: also of an older one, or of another framework's."""
    try:
        return [list(row) for row in Plan.from_json(document).rows()]
    except (KeyError, TypeError):
        values = {name: document.get(name, "") for name in document["reasons"]}
        said = {name: "auto" if value is None else _text(value) for name, value in values.items()}
        return [[name, said[name], reason] for name, reason in document["reasons"].items()]


def _text(value: object) -> str:
    if isinstance(value, dict):  # a budget as it is kept
        return str(Budget(**value))
    if isinstance(value, (tuple, list)):
        return " ".join(_text(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def decide(data: DataFingerprint, machine: MachineFingerprint, settings: Settings, pretrained: str = "none") -> Plan:
    """The plan for these labels on this machine. `pretrained` names the checkpoint that was found, if any."""
    reasons: dict[str, str] = {}

    def decided(name: str, wish, value, reason: str):
        reasons[name] = reason if wish is None else f"set by you (computed: {value})"
        return value if wish is None else wish

    network = decided("network", settings.network, *choose_network(pretrained))
    pipeline = decided("pipeline", settings.pipeline, *choose_pipeline(data))
    if pipeline == "whole" and data.animals > 1:
        raise InvalidSetting("several animals in a frame need the pipeline 'crop'", "--pipeline", "Leave it out.")
    input_size, reasons["input_size"] = choose_input_size(data, pipeline, settings.input_px)
    spans = choose_spans(data, pipeline, settings.scale, reasons)
    scale = decided("scale", settings.scale, *choose_scale(data, pipeline, input_size, spans))
    augmentation = choose_augmentation(data, reasons)
    within, reasons["within_px"] = choose_within(data, scale)
    precision, reasons["precision"] = choose_precision(machine.bf16_speedup)
    reasons["pretrained"] = (
        "none was found, or labels are many" if pretrained == "none" else "a trained body gains most from few labels"
    )
    if pipeline == "crop":
        reasons["locator_share"] = "the part of the budget for finding the animals, more of a short one"
    reasons["threads"] = f"the machine has {machine.cores} core(s)"
    reasons["devices"] = "one is enough for these networks; with more (--set devices=2) each takes a batch of its own"
    reasons["keypoint_weights"] = "1 each: the loss sees to rare ones; more for one that matters more"
    reasons["repeats"] = "frames that show a rare keypoint come up to this many times as often"
    reasons["proportions"] = "of a keypoint's peaks, the one whose distances to the others are those of your labels"
    reasons["device"] = machine.device_name or machine.device
    reasons["budget"] = "wall time, or steps; the learning rate falls to zero at its end"
    return _overridden(Plan(
        network=network,
        width=decided("width", settings.width, entry(network).width, "the network's own width"),
        pretrained=pretrained,
        pipeline=pipeline,
        input_size=input_size,
        scale=scale, spans=spans,
        locator_size=locator_size(data),
        animals=data.animals,
        sigma_px=5.0,
        locator_sigma_px=7.0,
        batch_size=decided("batch_size", settings.batch_size, 8, "many small steps learn most per minute; "
                           "where memory is short, a batch is taken in parts"),
        learning_rate=2e-3,
        body_learning_rate=3e-4 if pretrained != "none" else 2e-3,
        weight_decay=1e-3,
        average_decay=0.99,
        augmentation=augmentation,
        keypoint_weights=(1.0,) * len(data.labelled),
        repeats=REPEATS,
        proportions=True,
        within_px=within,
        locator_share=choose_locator_share(settings.budget, locator_size(data)) if pipeline == "crop" else 0.0,
        precision=precision,  # pyright: ignore[reportArgumentType]
        device=machine.device,
        devices=1,
        threads=machine.cores,
        workers=decided("workers", None, *choose_workers(machine)),
        budget=settings.budget,
        seed=settings.seed,
        reasons=reasons,
    ), settings.overrides)  # fmt: skip


AUGMENTATION = "augmentation."  # what the names of its fields begin with
# what has an option of its own, or no sense of its own
FIXED = {"reasons", "budget", "seed", "augmentation", "animals", "pretrained", "network",
         "pipeline", "scale", "spans", "width", "batch_size", "input_size", "locator_size", "device"}  # fmt: skip
POSITIVE = {"sigma_px", "locator_sigma_px", "learning_rate", "body_learning_rate", "within_px"}
AT_MOST_256 = {"threads", "workers", "devices"}
AT_MOST_ONE = {"average_decay", "locator_share", "noise_chance", "blur_chance", "shift", "neighbour_chance"}


def _overridden(plan: Plan, wishes: Mapping[str, str]) -> Plan:
    """The plan with single fields set by name. Raises InvalidSetting for an unknown name or an unfit value."""
    for name, text in wishes.items():
        own = name.removeprefix(AUGMENTATION)
        owner = plan.augmentation if name.startswith(AUGMENTATION) else plan
        if own not in owner.__dict__ or (owner is plan and own in FIXED):
            names = sorted(set(plan.__dict__) - FIXED) + [AUGMENTATION + n for n in plan.augmentation.__dict__]
            raise InvalidSetting(f"the plan has no field {name!r}", "--set", f"There are: {', '.join(names)}.")
        now = getattr(owner, own)
        changed = replace(owner, **{own: _parsed(name, str(text), now)})
        reasons = {**plan.reasons, name: f"set by you (computed: {_text(now)})"}
        if isinstance(changed, AugmentationRanges):
            plan = replace(plan, augmentation=changed, reasons=reasons)
        else:
            plan = replace(changed, reasons=reasons)
    return plan


def _parsed(name: str, text: str, now: object):
    """Text as a value of the type that the field has now, within what makes sense for it. Raises InvalidSetting."""
    own = name.removeprefix(AUGMENTATION)
    try:
        if isinstance(now, bool):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}[text.lower()]
        if isinstance(now, tuple):
            values = tuple(type(now[0])(part) for part in re.split(r"[\s,x]+", text.strip()))
            if len(values) != len(now) or not all(0 < v < 1e6 for v in values):
                raise ValueError
            return values
        if isinstance(now, (int, float)):
            value, least = type(now)(text), 1 if isinstance(now, int) else 0
            limit = 1 if own in AT_MOST_ONE else 257 if own in AT_MOST_256 else 1e6
            if not least <= value < limit or (own in POSITIVE and value == 0):
                raise ValueError
            return value
    except (KeyError, ValueError) as error:
        raise InvalidSetting(f"{text!r} is no value for {name}", "--set", f"It is {_text(now)} now.") from error
    if name != "precision" or text not in ("float32", "bfloat16"):
        raise InvalidSetting(f"{text!r} is no value for {name}", "--set", f"It is {now} now.")
    return text


def worth_a_body(data: DataFingerprint, settings: Settings) -> bool:
    """Whether a pretrained body that lies at hand is used: if anything about it was wished, or labels are few.

    On validation frames, the small network from random weights won on every set with more labels (docs/benchmarks.md).
    """
    wished = settings.network is not None or settings.pretrained not in (None, "auto")
    return wished or data.frames < FEW_FRAMES


def choose_network(pretrained: str) -> tuple[str, str]:
    if pretrained != "none":
        return "mobilenetv2", f"a pretrained body was found, and fewer than {FEW_FRAMES} frames are labelled"
    return "unet", "the most accurate per minute on a processor, from random weights"


def choose_within(data: DataFingerprint, scale: float) -> tuple[float, str]:
    within = round(max(CALIBRATED * data.typical_extent_px, LEAST_WITHIN_PX / scale), 2)
    near = f"confidence is the probability of lying this near: {CALIBRATED:.0%} of the animal's extent"
    return within, near if data.sized else f"{near}, as it is assumed"


def choose_pipeline(data: DataFingerprint) -> tuple[Pipeline, str]:
    longest = max(max(size) for size in data.frame_sizes)
    crop = MARGIN * data.shown_px
    if data.animals > 1:
        return "crop", f"up to {data.animals} animals in a frame: each gets a crop of its own"
    if not data.sized:
        return "crop", f"one keypoint does not show how large the animal is: {ASSUMED:.0%} of the frame is assumed"
    if data.outlined:
        said = f"the animal spans {data.extent_px:.0f} px of {longest} px by its outline"
        larger = crop < WORTH_CROPPING * longest
        return ("crop", f"{said}: a crop shows it larger") if larger else ("whole", f"{said}: a crop would gain little")
    if data.varied and MARGIN * data.shares[0] < WORTH_CROPPING:
        return "crop", f"some animals span only {data.shares[0]:.0%} of a frame: crops show all about as large"
    if crop < WORTH_CROPPING * longest:
        return "crop", f"the animal spans {data.extent_px:.0f} px of {longest} px: a crop shows it larger"
    return "whole", f"the animal spans {data.extent_px:.0f} px of {longest} px: a crop would gain little"


def choose_input_size(data: DataFingerprint, pipeline: Pipeline, wish: int | None) -> tuple[tuple[int, int], str]:
    if wish is not None and (wish < MULTIPLE or wish % MULTIPLE):
        raise InvalidSetting(f"{wish} is not a multiple of {MULTIPLE}", "--input", f"Try {CROP_PX} or {WHOLE_PX}.")
    if pipeline == "crop":
        if wish:
            return (wish, wish), "set by you"
        known = data.sized and not data.partial  # the extent is the whole animal's
        side = SMALL_CROP_PX
        if known and not data.varied and ENLARGED * MARGIN * data.shown_px <= side:
            return (side, side), f"a crop of {side} px enlarges an animal of {data.extent_px:.0f} px already"
        side = CROP_PX
        return (side, side), f"a crop of {side} px is detailed enough and fast on two cores"
    longest = wish or WHOLE_PX
    width, height = max(data.frame_sizes, key=lambda size: size[0] * size[1])
    ratio = longest / max(width, height)
    sides = tuple(max(MULTIPLE, MULTIPLE * round(side * ratio / MULTIPLE + 0.2)) for side in (width, height))
    return (sides[0], sides[1]), f"the frame's proportions, longer side {longest} px" + (", set by you" if wish else "")


def choose_spans(
    data: DataFingerprint, pipeline: Pipeline, scale: float | None, reasons: dict[str, str]
) -> tuple[float, ...]:
    """The steps in which animals are looked at, and why in `reasons`; none where one scale suits all, or is wished."""
    if pipeline == "whole" or scale is not None or not data.varied:
        return ()
    least, _, most = data.shares
    spans = ladder(least, most)
    reasons["spans"] = (
        "frames differ in size, and animals with them: they span about the same part of each" if len(spans) == 1 else
        f"animals span {least:.0%} to {most:.0%} of a frame: each is looked at in one of {len(spans)} sizes, as fits it"
    )  # fmt: skip
    return spans


def choose_scale(
    data: DataFingerprint, pipeline: Pipeline, size: tuple[int, int], spans: tuple[float, ...]
) -> tuple[float, str]:
    if pipeline == "whole":
        ratio = min(min(size[0] / w, size[1] / h) for w, h in data.frame_sizes)
        return round(ratio, 4), "the frame fitted into the input"
    if spans:
        extent = MARGIN * math.sqrt(data.shares[2] / data.shares[0]) ** (1 / len(spans)) * data.typical_extent_px
        return round(size[0] / extent, 4), f"where an animal spans {data.typical_extent_px:.0f} px, as is typical"
    # never enlarge by more than 2: an interpolated pixel tells nothing new
    scale = min(2.0, size[0] / max(1.0, MARGIN * data.shown_px))
    around = max(1.0, size[0] / (MARGIN * ASSUMED * max(max(frame) for frame in data.frame_sizes)))
    if data.partial and scale > around:
        apart = f"few keypoints, {data.extent_px:.0f} px apart"
        return round(around, 4), f"a crop of {size[0] / around:.0f} px: {apart}, may be part of a larger animal"
    shown = f"a crop of {size[0] / scale:.0f} px"
    if not data.sized:
        return round(scale, 4), f"{shown} shows an animal of {data.extent_px:.0f} px, as it is assumed, with room"
    if data.outlined:
        said = f"an animal of {data.extent_px:.0f} px by its outline, on whichever side of its keypoint"
        return round(scale, 4), f"{shown}: {said}"
    if not data.sized:
        return round(scale, 4), f"{shown} shows an animal of {data.extent_px:.0f} px, as it is assumed, with room"
    return round(scale, 4), f"{shown} holds 95 % of the animals ({data.extent_px:.0f} px) with room"


def choose_augmentation(data: DataFingerprint, reasons: dict[str, str]) -> AugmentationRanges:
    """The ranges for these labels; why goes into `reasons`."""
    rotation, reasons[AUGMENTATION + "rotation_deg"] = choose_rotation(data)
    mirror, reasons[AUGMENTATION + "mirror"] = choose_mirror(data)
    neighbour, reasons[AUGMENTATION + "neighbour_chance"] = choose_neighbour_chance(data)
    return AugmentationRanges(rotation_deg=rotation, mirror=mirror, neighbour_chance=neighbour)


def choose_rotation(data: DataFingerprint) -> tuple[float, str]:
    if len(data.labelled) == 1 or not data.sized:
        return UPRIGHT_DEG, "one keypoint does not show where the animal points: up stays up, unless you set more"
    if not data.from_above:
        return UPRIGHT_DEG, "the body hardly ever points both up and down the picture: up stays up"
    gap = data.headings.gap_deg
    if gap <= CIRCLE_DEG:
        return 180.0, f"a view from above: headings cover the circle (the widest gap is {gap:.0f}°)"
    unseen = data.headings.unseen_deg
    reach = min(180.0, max(ANYWHERE_DEG, 5.0 * math.ceil((unseen / 2 + BEYOND_DEG) / 5)))
    return reach, (
        f"a view from above: turned until each keypoint is seen at every heading (the widest gap is {unseen:.0f}°)"
    )


def choose_mirror(data: DataFingerprint) -> tuple[bool, str]:
    if data.pairs:
        return True, f"{data.pairs} left/right pair(s) can change places"
    return False, "no left/right pairs: a mirrored animal might be an impossible one"


def choose_neighbour_chance(data: DataFingerprint) -> tuple[float, str]:
    if len(data.labelled) < FEWEST:
        return 0.0, f"fewer than {FEWEST} keypoints are no outline along which another animal could be cut out"
    if data.animals > 1:
        return NEIGHBOUR_CHANCE, "several animals in a frame: another beside the one that is meant teaches which it is"
    if data.cut_out:
        return NEIGHBOUR_CHANCE, "pictures cut out around an animal may show another one: it teaches which is meant"
    return 0.0, "one animal in a frame: no other comes near it"


def choose_precision(bf16_speedup: float) -> tuple[str, str]:
    if bf16_speedup == 0:
        return "float32", "this processor has no bfloat16 of its own"
    measured = f"bfloat16 was measured {bf16_speedup:.2f} times as fast as float32 here"
    return ("bfloat16" if bf16_speedup > BF16_WORTH else "float32"), measured


def choose_workers(machine: MachineFingerprint) -> tuple[int, str]:
    """Threads that prepare batches."""
    if machine.device == "cpu":
        return 1, "one thread prepares the next pictures while the others train"
    return max(1, min(WORKERS, machine.cores - 1)), "so many threads prepare pictures, so that the GPU need not wait"


def choose_locator_share(budget: Budget, size: tuple[int, int]) -> float:
    """The part of the budget that the locator gets: more of a short one, since crops elsewhere are worth nothing."""
    seconds = LOCATOR_SECONDS * max(1.0, size[0] * size[1] / LOCATOR_PX**2)  # large thumbnails take longer
    least = seconds / budget.seconds if budget.seconds else LOCATOR_STEPS / (budget.steps or 1)
    return round(min(LOCATOR_MOST, max(LOCATOR_SHARE, least)), 3)


def locator_size(data: DataFingerprint) -> tuple[int, int]:
    """(width, height) of the thumbnails that animals are found in: larger ones where they are small in the frame."""
    width, height = max(data.frame_sizes, key=lambda size: size[0] * size[1])
    share = data.shares[0] if data.varied else data.typical_extent_px / max(width, height)
    needed = LOCATED_PX / max(share, 1 / max(width, height))
    ratio = min(LOCATOR_MOST_PX, max(LOCATOR_PX, needed)) / max(width, height)
    sides = [max(MULTIPLE, MULTIPLE * round(side * ratio / MULTIPLE + 0.2)) for side in (width, height)]
    return (sides[0], sides[1])
