"""Keypoints, the edges between them, and which are left and right of each other."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from krolik.errors import InvalidLabels, NotFound
from krolik.side_names import symmetric_pairs


@dataclass(frozen=True, slots=True)
class Keypoint:
    """A named point of the body. Labels refer to `id`, so a keypoint can be renamed or moved in the order."""

    id: int
    name: str
    color: str  # "#rrggbb"


@dataclass(frozen=True)
class Skeleton:
    """Keypoints in order, edges and symmetric pairs as pairs of keypoint ids.

    Raises InvalidLabels when a name is empty or doubled, or an edge or pair names an unknown id.
    """

    keypoints: tuple[Keypoint, ...]
    edges: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = field(default=())

    def __post_init__(self):
        ids = [k.id for k in self.keypoints]
        for value, kind in (([str(i) for i in ids], "id"), (self.names, "name")):
            doubled = sorted({v for v in value if value.count(v) > 1})
            if doubled:
                raise InvalidLabels(
                    f"the keypoint {kind} {doubled[0]!r} occurs twice", "skeleton", "Give each its own.",
                    "doubled-name", name=doubled[0],
                )  # fmt: skip
        if any(not name.strip() for name in self.names):
            raise InvalidLabels("a keypoint has an empty name", "skeleton", "Name it.", "empty-name")
        for first, second in self.edges + self.pairs:
            if first not in ids or second not in ids or first == second:
                raise InvalidLabels(f"the connection ({first}, {second}) does not join two keypoints", "skeleton")

    @classmethod
    def of(cls, names: list[str] | tuple[str, ...], edges: list[tuple[str, str]] | tuple = ()) -> Skeleton:
        """A skeleton from names, edges given by names; colours and symmetric pairs are found."""
        ids = {name: i for i, name in enumerate(names)}
        unknown = [n for edge in edges for n in edge if n not in ids]
        if unknown:
            raise InvalidLabels(f"an edge names the unknown keypoint {unknown[0]!r}", "skeleton")
        keypoints = tuple(Keypoint(i, n, c) for i, (n, c) in enumerate(zip(names, palette(len(names)))))
        pairs = tuple((ids[a], ids[b]) for a, b in symmetric_pairs(list(names)))
        return cls(keypoints, tuple((ids[a], ids[b]) for a, b in edges), pairs)

    @property
    def names(self) -> list[str]:
        return [k.name for k in self.keypoints]

    @property
    def colors(self) -> list[str]:
        return [k.color for k in self.keypoints]

    def __len__(self) -> int:
        return len(self.keypoints)

    @cached_property
    def position(self) -> dict[int, int]:
        """Keypoint id → its place in the order (the K axis of every array)."""
        return {k.id: i for i, k in enumerate(self.keypoints)}

    def index(self, name: str) -> int:
        """The place of the keypoint of that name. Raises NotFound."""
        if name not in self.names:
            raise NotFound(f"no keypoint is named {name!r}", "skeleton", f"There are: {', '.join(self.names)}.")
        return self.names.index(name)

    @property
    def edge_positions(self) -> list[tuple[int, int]]:
        return [(self.position[a], self.position[b]) for a, b in self.edges]

    def mirrored(self) -> np.ndarray:
        """(K,) int: the order of the keypoints after the picture is mirrored: left and right change places."""
        order = np.arange(len(self))
        for left, right in ((self.position[a], self.position[b]) for a, b in self.pairs):
            order[left], order[right] = right, left
        return order

    def to_json(self) -> dict:
        return {
            "keypoints": [{"id": k.id, "name": k.name, "color": k.color} for k in self.keypoints],
            "edges": [list(e) for e in self.edges],
            "symmetric_pairs": [list(p) for p in self.pairs],
        }

    @classmethod
    def from_json(cls, value: dict) -> Skeleton:
        """Raises InvalidLabels for anything that is not what `to_json` writes."""
        try:
            keypoints = tuple(Keypoint(int(k["id"]), str(k["name"]), str(k["color"])) for k in value["keypoints"])
            edges, pairs = ([(int(a), int(b)) for a, b in value.get(key, ())] for key in ("edges", "symmetric_pairs"))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidLabels(f"not a skeleton ({error})", "skeleton") from error
        return cls(keypoints, tuple(edges), tuple(pairs))


# Told apart with every kind of colour vision: Okabe and Ito (2008), then the muted scheme of Paul Tol (2021).
SAFE_COLORS: tuple[str, ...] = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#88ccee", "#999933", "#882255",
    "#44aa99", "#ddcc77", "#aa4499", "#117733", "#cc6677", "#332288",
)  # fmt: skip


def palette(count: int) -> list[str]:
    """`count` distinct colours as "#rrggbb": colour-blind-safe ones, then hues by the golden angle."""
    colors = list(SAFE_COLORS[:count])
    for i in range(len(colors), count):
        rgb = colorsys.hls_to_rgb((0.02 + i * 0.381966) % 1.0, 0.62 if i % 2 else 0.5, 0.95)
        colors.append("#" + "".join(f"{round(255 * c):02x}" for c in rgb))
    return colors


def _limbs(body: str, *tips: str) -> list[tuple[str, str]]:
    return [(body, tip) for tip in tips]


TEMPLATES: dict[str, Skeleton] = {
    "rabbit": Skeleton.of(
        ["nose", "left_ear", "right_ear", "left_forepaw", "right_forepaw", "left_hindpaw", "right_hindpaw", "tail"],
        _limbs("nose", "left_ear", "right_ear", "left_forepaw", "right_forepaw", "tail")
        + _limbs("tail", "left_hindpaw", "right_hindpaw"),
    ),
    "mouse": Skeleton.of(
        ["nose", "left_ear", "right_ear", "neck", "left_hip", "right_hip", "tail_base", "tail_middle", "tail_tip"],
        [("nose", "left_ear"), ("nose", "right_ear"), ("left_ear", "neck"), ("right_ear", "neck"),
         ("neck", "left_hip"), ("neck", "right_hip"), ("left_hip", "tail_base"), ("right_hip", "tail_base"),
         ("tail_base", "tail_middle"), ("tail_middle", "tail_tip")],
    ),
    "quadruped": Skeleton.of(
        ["left_eye", "right_eye", "nose", "neck", "tail_base",
         "left_shoulder", "left_elbow", "left_front_paw", "right_shoulder", "right_elbow", "right_front_paw",
         "left_hip", "left_knee", "left_back_paw", "right_hip", "right_knee", "right_back_paw"],
        [("left_eye", "nose"), ("right_eye", "nose"), ("nose", "neck"), ("neck", "tail_base")]
        + [edge for side in ("left", "right") for edge in (
            ("neck", f"{side}_shoulder"), (f"{side}_shoulder", f"{side}_elbow"), (f"{side}_elbow", f"{side}_front_paw"),
            ("tail_base", f"{side}_hip"), (f"{side}_hip", f"{side}_knee"), (f"{side}_knee", f"{side}_back_paw"))],
    ),
    "fly": Skeleton.of(
        ["head", "thorax", "abdomen", "left_wing", "right_wing", "left_eye", "right_eye",
         "left_foreleg", "left_midleg", "left_hindleg", "right_foreleg", "right_midleg", "right_hindleg"],
        _limbs("thorax", "head", "abdomen", "left_wing", "right_wing", "left_foreleg", "left_midleg", "left_hindleg",
               "right_foreleg", "right_midleg", "right_hindleg") + _limbs("head", "left_eye", "right_eye"),
    ),
}  # fmt: skip


def template(name: str) -> Skeleton:
    """The skeleton template of that name. Raises NotFound."""
    if name not in TEMPLATES:
        raise NotFound(
            f"no skeleton template is named {name!r}",
            fix=f"There are: {', '.join(TEMPLATES)}. A single keypoint is written with a comma: {name},",
        )
    return TEMPLATES[name]
