"""Labels and predictions on one picture, for looking at the worst frames."""

from __future__ import annotations

import numpy as np

from krolik.rendering.overlay import SHIFT, fixed_point, rgb, write
from krolik.scales import ASSUMED, FEW_KEYPOINTS
from krolik.skeleton import Skeleton
from krolik.views import View

PICTURE_PX, LEAST_PX = 480, 64.0


def labelled_and_predicted(
    image: np.ndarray, skeleton: Skeleton, labels: np.ndarray, predicted: np.ndarray, caption: str
) -> np.ndarray:
    """A square picture around the labels: rings are labels (N, K, 2), filled dots predictions (N, K, 3).

    A few keypoints may lie close together on a large animal, or be one: then it shows more around them.
    """
    import cv2

    both = np.concatenate([labels.reshape(-1, 2), predicted[..., :2].reshape(-1, 2)])
    both = both[np.isfinite(both).all(axis=1)]
    low, high = (both.min(axis=0), both.max(axis=0)) if len(both) else (np.zeros(2), np.array(image.shape[1::-1]))
    least = ASSUMED * max(image.shape[:2]) if len(skeleton) <= FEW_KEYPOINTS else 0.0
    side = max(LEAST_PX, least, 1.25 * float((high - low).max()))
    centre = (low + high) / 2
    view = View.crop((float(centre[0]), float(centre[1])), (PICTURE_PX, PICTURE_PX), PICTURE_PX / side)
    picture = view.warp(image)
    for truth, guess in zip(labels, predicted):
        for (x, y), (u, v), color in zip(view.apply(truth), view.apply(guess[:, :2]), map(rgb, skeleton.colors)):
            if np.isfinite(x) and np.isfinite(u):
                cv2.line(picture, fixed_point(x, y), fixed_point(u, v), (255, 255, 255), 1, cv2.LINE_AA, SHIFT)
            if np.isfinite(u):
                cv2.circle(picture, fixed_point(u, v), 4 << SHIFT, color, -1, cv2.LINE_AA, SHIFT)
            if np.isfinite(x):
                cv2.circle(picture, fixed_point(x, y), 8 << SHIFT, color, 2, cv2.LINE_AA, SHIFT)
    write(picture, caption, (8, PICTURE_PX - 10), (255, 255, 255), 15)
    return picture
