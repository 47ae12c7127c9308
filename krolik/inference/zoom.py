"""How large animals are in a film that a model was not made for: in frames of another size, or from another distance.

A crop's scale is that of the training frames. The same scene in a film of half their width shows animals half as large,
and they have to be looked at twice as large. Or the film shows half of the scene, and they are as large as they were.
Or its camera is nearer. A few frames tell: the network is surer of animals of the size that it knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from krolik.inference.model import ModelDescription, PoseModel, Size
from krolik.inference.sureness import FEWEST, known, scores, surer
from krolik.video import Frame

SAME = 1.15  # sizes nearer than this need no other scale: training varies it by more
MOST_SIZES = 3  # a model that learnt from frames of more sizes is not bound to any
STEP, MOST_STEPS = math.sqrt(2), 3  # sizes that are tried: from a third to three times as large


def surest_zoom(model: PoseModel, size: Size, shown: list[Frame]) -> tuple[float, np.ndarray | None]:
    """How much larger these frames of one size are looked at best, and the raw scores then if they were looked at.

    Few of them do not tell how far the camera is.
    """
    looks: dict[float, np.ndarray] = {}

    def seen(zoom: float) -> np.ndarray:
        if zoom not in looks:
            looks[zoom] = scores(model if zoom == 1 else model.zoomed({size: zoom}), shown)
        return looks[zoom]

    ratios = _ratios(model.description, size)
    if not ratios and len(shown) < FEWEST:
        return 1.0, None
    best = max((1.0, *ratios), key=lambda zoom: seen(zoom).mean())
    if len(shown) >= FEWEST and not known(model, seen(best)):
        best = from_another_distance(best, lambda zoom: float(seen(zoom).mean()))
    return best, seen(best)


def from_another_distance(usual: float, sureness: Callable[[float], float]) -> float:
    """The zoom beside the usual one, larger or smaller step by step, that the model is surer of; or else that."""
    step = max((1 / STEP, STEP), key=lambda factor: sureness(usual * factor))
    best = tried = usual
    for _ in range(MOST_STEPS):
        tried *= step
        if sureness(tried) < sureness(best):
            break
        best = tried
    return best if surer(sureness(best), sureness(usual)) else usual


def bound(about: ModelDescription) -> bool:
    """Whether a model knows animals of a certain size in pixels only."""
    return about.pipeline == "crop" and not about.spans and 0 < len(about.frame_sizes) <= MOST_SIZES


def _ratios(about: ModelDescription, size: Size) -> list[float]:
    """How much larger frames of this size would have to be, for the same scene to be as large as it was learnt."""
    if size in about.frame_sizes:
        return []
    found: list[float] = []
    for width, height in about.frame_sizes:
        ratio = math.sqrt(width * height / (size[0] * size[1]))
        if all(max(ratio / other, other / ratio) > SAME for other in (1.0, *found)):
            found.append(ratio)
    return found
