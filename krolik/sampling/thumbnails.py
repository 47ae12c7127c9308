"""What pixel strategies see of a frame: a small blurred grey picture, as a vector."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from krolik.video import Frame

SIDE = 24  # pixels of a thumbnail's side; enough to tell where an animal is and how it lies


def thumbnails(frames: Iterable[tuple[int, Frame]]) -> tuple[np.ndarray, np.ndarray]:
    """frames: (C,) int64, features: (C, SIDE²) float32, grey levels 0..1 averaged over each cell."""
    numbers, features = [], []
    for number, frame in frames:
        numbers.append(number)
        features.append(thumbnail(frame))
    return np.array(numbers, np.int64), np.array(features, np.float32).reshape(len(numbers), SIDE * SIDE)


def thumbnail(frame: Frame) -> np.ndarray:
    """(SIDE²,) float32: the luminance, averaged over the cells of a SIDE × SIDE grid."""
    import cv2

    small = cv2.resize(frame.luma, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small.ravel().astype(np.float32) / 255


def distances(features: np.ndarray, to: np.ndarray) -> np.ndarray:
    """(C,) float32: the root mean square difference of grey levels of every candidate to one of them."""
    return np.sqrt(np.mean((features - to) ** 2, axis=1))
