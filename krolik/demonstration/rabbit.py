"""The rabbit's anatomy: ellipsoids posed by a few parameters, and where its keypoints are.

Body coordinates: x forward, y to the rabbit's left, z up; the unit is about the length of the body.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

FUR, BELLY, WHITE = (0.52, 0.42, 0.33), (0.80, 0.74, 0.66), (0.95, 0.93, 0.90)
PINK, DARK = (0.86, 0.58, 0.56), (0.07, 0.05, 0.05)


@dataclass(frozen=True)
class Pose:
    """How the rabbit holds itself. Angles in radians, lengths in body units."""

    x: float = 0.0  # where on the ground
    y: float = 0.0
    yaw: float = 0.0  # where it looks: 0 is along +x
    height: float = 0.0  # above the ground, in a hop
    pitch: float = 0.0  # nose up
    stretch: float = 0.0  # -1 gathered, 1 stretched, in a hop
    sit: float = 0.0  # 0 on all fours, 1 sitting up
    groom: float = 0.0  # 0 forepaws down, 1 at the face
    groom_phase: float = 0.0
    nod: float = 0.0
    look: float = 0.0  # head to the left
    ears: tuple[float, float] = (0.0, 0.0)  # left, right: backwards
    ears_apart: tuple[float, float] = (0.0, 0.0)  # left, right: sidewards


@dataclass(frozen=True, eq=False)
class Ellipsoid:
    """centre (3,), axes (3, 3): columns are the half axes. fur: how strongly textured."""

    centre: np.ndarray
    axes: np.ndarray
    color: tuple[float, float, float]
    below: tuple[float, float, float] | None = None  # the colour of its underside
    fur: float = 1.0


def rotation(axis: int, angle: float) -> np.ndarray:
    """(3, 3): a right-handed turn about x, y or z (0, 1, 2)."""
    c, s = math.cos(angle), math.sin(angle)
    i, j = [(1, 2), (2, 0), (0, 1)][axis]
    out = np.eye(3)
    out[i, i] = out[j, j] = c
    out[i, j], out[j, i] = -s, s
    return out


@dataclass(frozen=True, eq=False)
class Frame3:
    """A place and a turn: where a part of the body is."""

    turn: np.ndarray
    origin: np.ndarray

    def at(self, x: float, y: float, z: float) -> np.ndarray:
        return self.origin + self.turn @ np.array([x, y, z])

    def then(self, place: tuple[float, float, float], *turns: np.ndarray) -> Frame3:
        turn = self.turn
        for one in turns:
            turn = turn @ one
        return Frame3(turn, self.at(*place))

    def blob(self, place, radii, color, below=None, fur: float = 1.0) -> Ellipsoid:
        return Ellipsoid(self.at(*place), self.turn * np.asarray(radii), color, below, fur)


def limb(start: np.ndarray, end: np.ndarray, thick: float, color) -> Ellipsoid:
    """An ellipsoid along a bone."""
    along = (end - start) / 2 * 1.15
    length = float(np.linalg.norm(along))
    side = np.cross(along, [0.3, 0.2, 1.0])
    side *= thick / max(1e-6, float(np.linalg.norm(side)))
    other = np.cross(along, side)
    other *= thick / max(1e-6, float(np.linalg.norm(other)))
    return Ellipsoid((start + end) / 2, np.column_stack([along, side, other]), color, None, 0.8 if length else 1.0)


def build(pose: Pose) -> tuple[list[Ellipsoid], dict[str, np.ndarray]]:
    """The ellipsoids in the world, and the keypoints of the template "rabbit" as world points (3,)."""
    ground = Frame3(rotation(2, pose.yaw), np.array([pose.x, pose.y, pose.height]))
    up = pose.pitch + 0.75 * pose.sit
    trunk = ground.then((-0.2, 0.0, 0.24), rotation(1, -up))  # turns about the hips
    long = 1.0 + 0.16 * pose.stretch
    parts = [
        trunk.blob((0.20 * long, 0, 0.09), (0.40 * long, 0.235, 0.245), FUR, BELLY),
        trunk.blob((0.0, 0, 0.05), (0.26, 0.25, 0.25), FUR, BELLY),
        trunk.blob((0.45 * long, 0, 0.10), (0.20, 0.18, 0.20), FUR, BELLY),
        trunk.blob((-0.27, 0, 0.05), (0.10, 0.09, 0.10), WHITE),
    ]
    points = {"tail": trunk.at(-0.36, 0, 0.06)}
    head_parts, head_points, head = _head(trunk, pose, long, up)
    parts += head_parts
    points |= head_points
    for side, name in ((1, "left"), (-1, "right")):
        legs, paws = _legs(ground, trunk, head, pose, side)
        parts += legs
        points |= {f"{name}_{k}": v for k, v in paws.items()}
    return parts, points


def _head(trunk: Frame3, pose: Pose, long: float, up: float):
    neck = trunk.then((0.56 * long, 0, 0.20), rotation(1, 0.85 * up), rotation(2, pose.look), rotation(1, pose.nod))
    parts = [
        neck.blob((-0.03, 0, 0.02), (0.15, 0.13, 0.16), FUR, BELLY),
        neck.blob((0.10, 0, 0.13), (0.165, 0.125, 0.135), FUR, BELLY),
        neck.blob((0.21, 0, 0.08), (0.095, 0.085, 0.085), FUR, WHITE),
        neck.blob((0.292, 0, 0.105), (0.026, 0.030, 0.022), PINK, None, 0.1),
    ]
    points = {"nose": neck.at(0.312, 0, 0.105)}
    for side, name, back, apart in (
        (1, "left", pose.ears[0], pose.ears_apart[0]),
        (-1, "right", pose.ears[1], pose.ears_apart[1]),
    ):
        parts.append(neck.blob((0.155, side * 0.098, 0.165), (0.036, 0.022, 0.036), DARK, None, 0.0))
        parts.append(neck.blob((0.168, side * 0.116, 0.178), (0.010, 0.006, 0.010), WHITE, None, 0.0))
        parts.append(neck.blob((0.15, side * 0.075, 0.055), (0.09, 0.05, 0.075), FUR, BELLY))
        ear = neck.then((0.02, side * 0.055, 0.23), rotation(0, -side * (0.18 + apart)), rotation(1, -0.28 - back))
        parts.append(ear.blob((0, 0, 0.22), (0.030, 0.070, 0.245), FUR))
        parts.append(ear.blob((0.012, 0, 0.22), (0.026, 0.048, 0.20), PINK, None, 0.35))
        points[f"{name}_ear"] = ear.at(0, 0, 0.455)
    return parts, points, neck


def _legs(ground: Frame3, trunk: Frame3, head: Frame3, pose: Pose, side: int):
    reach = 0.22 * pose.stretch
    lifted = pose.height > 0.02
    # hind: the big thigh belongs to the trunk, the foot stays on the ground except in a hop
    thigh = trunk.blob((-0.02, side * 0.165, -0.02), (0.20, 0.095, 0.20), FUR, BELLY)
    foot = ground.then((-0.12 - 1.1 * reach, side * 0.20, 0.035 - (0.05 if lifted else 0.0)),
                       rotation(1, 0.5 * max(0.0, pose.stretch)))  # fmt: skip
    hind = foot.blob((0.06, 0, 0), (0.17, 0.052, 0.042), FUR, WHITE)
    points = {"hindpaw": foot.at(0.21, 0, 0.012)}
    # fore: from the shoulder to the ground, or to the face
    shoulder = trunk.at(0.44, side * 0.12, 0.0)
    down = ground.at(0.36 + reach + 0.5 * pose.sit * 0.1, side * 0.11, 0.03)
    hanging = trunk.at(0.58, side * 0.09, -0.18)
    stroke = math.sin(pose.groom_phase + (0.0 if side > 0 else 0.5))
    face = head.at(0.20 + 0.05 * stroke, side * (0.075 + 0.02 * stroke), 0.02 + 0.09 * stroke)
    paw = (1 - pose.sit) * down + pose.sit * ((1 - pose.groom) * hanging + pose.groom * face)
    if lifted:
        paw = paw + np.array([0, 0, -0.03])
    fore = limb(shoulder, paw, 0.058, FUR)
    tip = Ellipsoid(paw, ground.turn * np.array([0.072, 0.046, 0.040]), WHITE, None, 0.6)
    points["forepaw"] = paw + ground.turn @ np.array([0.045, 0.0, 0.0])
    shank = limb(trunk.at(-0.02, side * 0.18, -0.10), foot.at(0.02, 0, 0.02), 0.05, FUR)
    return [thigh, shank, hind, fore, tip], points
