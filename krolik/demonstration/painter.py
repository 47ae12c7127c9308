"""Painting the rabbit: ray-cast ellipsoids with fur, a soft shadow, a meadow, changing light and the camera's noise.

Screen coordinates are pixels as everywhere; the camera looks along +y of the world, from a little above, without
perspective. Seeing is exact: a keypoint is hidden when the animal or a tuft of grass is in front of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from krolik.demonstration.rabbit import Ellipsoid, Pose, build

SIZE = (640, 480)  # width, height
BODY_PX = 180.0  # pixels per body unit
FINE = 2  # the animal is drawn this many times larger and shrunk: smooth edges
TILT = math.radians(24)
HIDDEN = 0.045  # body units: a keypoint this far behind what is seen is hidden
LIGHT = np.array([-0.45, -0.55, 0.70]) / np.linalg.norm([-0.45, -0.55, 0.70])

RIGHT = np.array([1.0, 0.0, 0.0])
UP = np.array([0.0, math.sin(TILT), math.cos(TILT)])
FORWARD = np.array([0.0, math.cos(TILT), -math.sin(TILT)])  # away from the camera
ORIGIN = np.array([SIZE[0] / 2, SIZE[1] * 0.66])


def project(points: np.ndarray) -> np.ndarray:
    """World points (..., 3) as screen points (..., 2)."""
    return ORIGIN + BODY_PX * np.stack([points @ RIGHT, -(points @ UP)], axis=-1)


@dataclass(frozen=True, eq=False)
class Picture:
    """image (H, W, 3) uint8 RGB; points: keypoint → (2,) screen pixels; visible: keypoint → whether it is seen."""

    image: np.ndarray
    points: dict[str, np.ndarray]
    visible: dict[str, bool]


class Painter:
    """Paints frames of one scene; the meadow is painted once."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)
        self._meadow = _meadow(np.random.default_rng(seed + 1))
        self._tufts, self._tuft_mask = _tufts(np.random.default_rng(seed + 2))
        self._fur = _fur_texture(np.random.default_rng(seed + 3))

    def paint(self, pose: Pose, frame: int) -> Picture:
        parts, points = build(pose)
        color, depth, cover = _cast(parts, self._fur)
        scene = self._meadow * (1 - 0.55 * _shadow(parts))[..., None]
        scene = scene * (1 - cover[..., None]) + color
        scene = scene * (1 - self._tuft_mask[..., None]) + self._tufts
        light = 1.0 + 0.10 * math.sin(frame / 47) + 0.05 * math.sin(frame / 11 + 1)
        warm = np.array([1.0, 1.0 - 0.02 * math.sin(frame / 60), 1.0 - 0.05 * math.sin(frame / 60)])
        noisy = scene * light * warm * 255 + self._rng.normal(0, 3.0, (SIZE[1], SIZE[0], 1))
        screen = {name: project(p) for name, p in points.items()}
        visible = {name: self._seen(p, screen[name], depth) for name, p in points.items()}
        return Picture(np.clip(noisy, 0, 255).astype(np.uint8), screen, visible)

    def _seen(self, point: np.ndarray, place: np.ndarray, depth: np.ndarray) -> bool:
        x, y = round(float(place[0])), round(float(place[1]))
        if not (0 <= x < SIZE[0] and 0 <= y < SIZE[1]) or self._tuft_mask[y, x] > 0.5:
            return False
        around = depth[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        return bool(point @ FORWARD - HIDDEN < around.max())


def _cast(parts: list[Ellipsoid], fur: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Premultiplied colour (H, W, 3), depth (H, W; far is +inf) and cover (H, W) of the animal."""
    width, height = SIZE[0] * FINE, SIZE[1] * FINE
    depth = np.full((height, width), np.inf, np.float32)
    color = np.zeros((height, width, 3), np.float32)
    for part in parts:
        _cast_one(part, fur, color, depth)
    cover = np.isfinite(depth).astype(np.float32)
    small = [cv2.resize(a, SIZE, interpolation=cv2.INTER_AREA) for a in (color, cover)]
    return small[0], depth[FINE // 2 :: FINE, FINE // 2 :: FINE], small[1]


def _cast_one(part: Ellipsoid, fur: np.ndarray, color: np.ndarray, depth: np.ndarray) -> None:
    """Rays through the pixels around an ellipsoid: the nearer root of |inverse(axes) (p - centre)| = 1."""
    inverse = np.linalg.inv(part.axes)
    reach = np.abs(np.array([np.linalg.norm(part.axes.T @ RIGHT), np.linalg.norm(part.axes.T @ UP)])) * BODY_PX
    centre = project(part.centre)
    x0, y0 = np.maximum(0, np.floor((centre - reach) * FINE).astype(int))
    x1, y1 = np.ceil((centre + reach) * FINE).astype(int) + 1
    window = np.s_[y0 : min(y1, depth.shape[0]), x0 : min(x1, depth.shape[1])]
    shape = depth[window].shape
    if 0 in shape:
        return
    px = ((np.arange(shape[1]) + x0 + 0.5) / FINE - 0.5 - centre[0]) / BODY_PX
    py = -((np.arange(shape[0]) + y0 + 0.5) / FINE - 0.5 - centre[1]) / BODY_PX
    start = (inverse @ RIGHT)[:, None, None] * px[None, None, :] + (inverse @ UP)[:, None, None] * py[None, :, None]
    along = inverse @ FORWARD
    b, a = np.tensordot(along, start, 1), float(along @ along)
    root = b * b - a * ((start * start).sum(axis=0) - 1)
    hit = root > 0
    t = np.where(hit, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf)
    where = t + float(part.centre @ FORWARD)
    nearer = hit & (where < depth[window])
    if not nearer.any():
        return
    on = start[:, nearer] + along[:, None] * t[nearer]  # (3, n) points on the unit sphere
    normal = inverse.T @ on
    normal /= np.linalg.norm(normal, axis=0)
    depth[window][nearer] = where[nearer]
    color[window][nearer] = _shade(part, on, normal, fur)


def _shade(part: Ellipsoid, on: np.ndarray, normal: np.ndarray, fur: np.ndarray) -> np.ndarray:
    """(n, 3) colours: lit from the upper left, the underside paler, hairs as streaks that move with the part."""
    base = np.array(part.color)[None, :]
    if part.below is not None:
        under = np.clip(-0.25 - normal[2] * 1.6 + 0.1, 0, 1)[:, None]
        base = base * (1 - under) + np.array(part.below) * under
    lit = np.clip(LIGHT @ normal, 0, 1)
    rim = np.clip(1 + FORWARD @ normal, 0, 1) ** 2.5
    size = np.linalg.norm(part.axes, axis=0)
    u = ((np.arctan2(on[1], on[2]) / (2 * math.pi) + 0.5) * 420 * (size[1] + size[2])).astype(int) % fur.shape[1]
    v = ((on[0] * 0.5 + 0.5) * 560 * size[0]).astype(int) % fur.shape[0]
    hair = 1 + part.fur * fur[v, u]
    brightness = (0.42 + 0.62 * lit) * hair + 0.18 * rim
    if part.fur == 0:  # eyes shine
        brightness = brightness + 0.5 * lit**12
    return np.clip(base * brightness[:, None], 0, 1)


def _shadow(parts: list[Ellipsoid]) -> np.ndarray:
    """(H, W) 0..1: the parts let fall along the light onto the ground."""
    mask = np.zeros((SIZE[1] // 2, SIZE[0] // 2), np.uint8)
    for part in parts:
        drop = part.centre - LIGHT * part.centre[2] / LIGHT[2] * 0.55
        drop[2] = 0.0
        place = project(drop) / 2
        radius = np.array([np.linalg.norm(part.axes[0]), np.linalg.norm(part.axes[1]) * math.sin(TILT)])
        radius = np.maximum(1, radius * BODY_PX / 2 * 0.9)
        cv2.ellipse(mask, tuple(int(p) for p in place), tuple(int(r) for r in radius), 0, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 5)
    return cv2.resize(soft, SIZE).astype(np.float32) / 255


def _noise(rng: np.random.Generator, shape: tuple[int, int], cell: float) -> np.ndarray:
    """Smooth noise, about -1..1, with features of `cell` pixels."""
    coarse = rng.normal(0, 1, (max(2, int(shape[0] / cell)), max(2, int(shape[1] / cell)))).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _fur_texture(rng: np.random.Generator) -> np.ndarray:
    """Streaks along the first axis, two lengths of hair."""
    fine = cv2.GaussianBlur(rng.normal(0, 1, (512, 512)).astype(np.float32), (0, 0), 0.7, sigmaY=5)
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (512, 512)).astype(np.float32), (0, 0), 4, sigmaY=12)
    return 0.10 * fine / fine.std() + 0.07 * coarse / coarse.std()


def _meadow(rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) 0..1: grass that gets finer with distance, a hedge behind it."""
    width, height = SIZE
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    image = np.array([0.32, 0.43, 0.19]) + rows[..., None] * np.array([0.14, 0.13, 0.04])
    image = np.broadcast_to(image, (height, width, 3)).copy()
    for cell, strength in ((90, 0.05), (30, 0.035), (8, 0.02)):
        image += strength * _noise(rng, (height, width), cell)[..., None] * np.array([1.0, 0.9, 0.6])
    canvas = (np.clip(image, 0, 1) * 255).astype(np.uint8)
    for y in np.sort(rng.uniform(30, height + 20, 5200)):
        size = 3 + 13 * y / height
        x = rng.uniform(0, width)
        tone = rng.normal(0, 14)
        color = (90 + tone + 30 * y / height, 122 + tone + 26 * y / height, 56 + 0.5 * tone)
        tip = (int(x + rng.normal(0, size * 0.4)), int(y - size))
        cv2.line(canvas, (int(x), int(y)), tip, color, 1, cv2.LINE_AA)
    hedge = np.clip((0.17 - rows) / 0.10, 0, 1)[..., None] * 0.75
    dark = np.array([0.13, 0.20, 0.11]) + 0.05 * _noise(rng, (height, width), 14)[..., None]
    return canvas.astype(np.float32) / 255 * (1 - hedge) + dark.astype(np.float32) * hedge


def _tufts(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Premultiplied colour and cover of the grass that grows in front of the animal."""
    image = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    for root_x, root_y, many in ((200, 415, 34), (440, 400, 30), (565, 445, 40), (60, 460, 40)):
        for _ in range(many):
            x, length = root_x + rng.normal(0, 15), rng.uniform(26, 62)
            bend, tone = rng.normal(0, 0.35), rng.normal(0, 16)
            t = np.linspace(0, 1, 8)[:, None]
            blade = np.hstack([x + bend * length * t**2, root_y + rng.normal(0, 4) - length * t]).astype(np.int32)
            cv2.polylines(image, [blade], False, (104 + tone, 146 + tone, 62 + tone / 2), 2, cv2.LINE_AA)
            cv2.polylines(mask, [blade], False, 255, 2, cv2.LINE_AA)
    cover = mask.astype(np.float32) / 255
    return image.astype(np.float32) / 255, cover
