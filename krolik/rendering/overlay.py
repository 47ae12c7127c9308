"""Drawing poses onto a frame.

Legend: N animals, K keypoints. Frames are (H, W, 3) uint8 RGB and are drawn on in place.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from krolik.errors import InvalidSetting
from krolik.skeleton import Skeleton

SHIFT = 4  # OpenCV's fixed-point bits: points are drawn to a sixteenth of a pixel


@dataclass(frozen=True)
class Style:
    """How poses are drawn. radius 0: chosen by `radius_for`; trail is a number of past frames.

    numbers: of several animals each gets the number that it has in the tables, or its name, if it has one in `animals`.
    """

    radius: float = 0.0
    threshold: float = 0.2
    edges: bool = True
    names: bool = False
    trail: int = 0
    opacity: float = 1.0
    colors: Mapping[str, str] = field(default_factory=dict)  # by keypoint, "#rrggbb"; the others keep the skeleton's
    numbers: bool = True
    animals: tuple[str, ...] = ()

    def __post_init__(self):
        checks = (
            ("--radius", self.radius, 0 <= self.radius <= 200),
            ("--threshold", self.threshold, 0 <= self.threshold <= 1),
            ("--trail", self.trail, 0 <= self.trail <= 1000),
            ("--opacity", self.opacity, 0 < self.opacity <= 1),
        )
        for option, value, good in checks:
            if not good:
                raise InvalidSetting(f"{value} is out of range", option)
        for name, color in self.colors.items():
            if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
                raise InvalidSetting(f"{color!r} is not a colour", f"--color {name}", "Write #rrggbb, as #ff8800.")


def radius_for(frame_size: tuple[int, int], extent_px: float = math.inf) -> float:
    """A radius that can be seen in the whole frame and does not cover the animal, whose length is `extent_px`."""
    return max(2.0, min(min(frame_size) / 110, 0.03 * extent_px))


class Overlay:
    """Draws the poses of consecutive frames; remembers the past ones for trails."""

    def __init__(self, skeleton: Skeleton, style: Style, frame_size: tuple[int, int]):
        self.skeleton, self.style = skeleton, style
        for name in style.colors:
            skeleton.index(name)  # raises NotFound
        self._colors = [rgb(style.colors.get(k.name, k.color)) for k in skeleton.keypoints]
        self._radius = style.radius or radius_for(frame_size)
        self._past: deque[np.ndarray] = deque(maxlen=style.trail + 1)

    def remember(self, poses: np.ndarray) -> np.ndarray:
        """Keeps the poses of a frame for trails without drawing it; (N, K, 2), what of them is shown."""
        shown = np.where((poses[..., 2:] >= self.style.threshold), poses[..., :2], np.nan)
        self._past.append(shown)
        return shown

    def draw(self, image: np.ndarray, poses: np.ndarray) -> np.ndarray:
        """poses: (N, K, 3) x, y, score; points below the threshold or NaN are left out. Returns the image."""
        shown = self.remember(poses)
        target = image if self.style.opacity >= 1 else image.copy()
        if self.style.trail:
            self._draw_trails(target)
        for points in shown:
            if self.style.edges:
                self._draw_edges(target, points)
            self._draw_points(target, points)
        if self.style.numbers and len(shown) > 1:
            self._draw_numbers(target, shown)
        if target is not image:
            import cv2

            cv2.addWeighted(target, self.style.opacity, image, 1 - self.style.opacity, 0, dst=image)
        return image

    def _draw_points(self, image: np.ndarray, points: np.ndarray) -> None:
        import cv2

        for (x, y), color, keypoint in zip(points, self._colors, self.skeleton.keypoints):
            if not np.isfinite(x):
                continue
            place = fixed_point(x, y)
            cv2.circle(image, place, round((self._radius + 1) * 2**SHIFT), (0, 0, 0), -1, cv2.LINE_AA, SHIFT)
            cv2.circle(image, place, round(self._radius * 2**SHIFT), color, -1, cv2.LINE_AA, SHIFT)
            if self.style.names:
                write(image, keypoint.name, (x + 1.5 * self._radius, y - self._radius), color, 2.6 * self._radius)

    def _draw_numbers(self, image: np.ndarray, shown: np.ndarray) -> None:
        """Above each animal's highest point."""
        height = max(14.0, 3.5 * self._radius)
        for number, points in enumerate(shown):
            if np.isfinite(points[:, 1]).any():
                x, y = points[np.nanargmin(points[:, 1])]
                name = self.style.animals[number] if number < len(self.style.animals) else ""
                write(image, name or str(number), (x - height / 4, y - 2 * self._radius), (255, 255, 255), height)

    def _draw_edges(self, image: np.ndarray, points: np.ndarray) -> None:
        for a, b in self.skeleton.edge_positions:
            if np.isfinite(points[[a, b]]).all():
                mixed = tuple((p + q) // 2 for p, q in zip(self._colors[a], self._colors[b]))
                self._line(image, points[a], points[b], mixed, self._radius / 2)

    def _draw_trails(self, image: np.ndarray) -> None:
        past = list(self._past)
        for age, (older, newer) in enumerate(zip(past, past[1:])):
            fade = (age + 1) / len(past)
            for before, after in zip(older, newer):
                for p, q, color in zip(before, after, self._colors):
                    if np.isfinite([p, q]).all():
                        self._line(image, p, q, tuple(int(c * fade) for c in color), self._radius / 3)

    def _line(
        self, image: np.ndarray, start: np.ndarray, end: np.ndarray, color: tuple[int, ...], width: float
    ) -> None:
        import cv2

        cv2.line(image, fixed_point(*start), fixed_point(*end), color, max(1, round(width)), cv2.LINE_AA, SHIFT)


def write(image: np.ndarray, text: str, place: tuple[float, float], color: tuple[int, int, int], height: float) -> None:
    """Text in any script, with a dark outline; `place` is the left end of its baseline."""
    import cv2

    face, size = cv2.FontFace("uni"), max(9, round(height))
    origin = (round(place[0]), round(place[1]))
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        cv2.putText(image, text, (origin[0] + dx, origin[1] + dy), (0, 0, 0), face, size)
    cv2.putText(image, text, origin, color, face, size)


def fixed_point(x: float, y: float) -> tuple[int, int]:
    return round(float(np.clip(x, -1e5, 1e5)) * 2**SHIFT), round(float(np.clip(y, -1e5, 1e5)) * 2**SHIFT)


def rgb(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
