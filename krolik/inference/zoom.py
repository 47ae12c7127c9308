"""How large animals are in a film that a model was not made for: in frames of another size, or from another distance.

A crop's scale is that of the training frames. The same scene in a film of half their width shows animals half as large,
and they have to be looked at twice as large. Or the film shows half of the scene, and they are as large as they were.
Or its camera is nearer. A few frames tell: the network is surer of animals of the size that it knows.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from krolik.errors import InvalidFile, NotFound
from krolik.inference.model import PoseModel, Size
from krolik.inference.poser import Poser
from krolik.video import Frame, Video

LOOKED_AT = 12  # frames of a video
SAME = 1.15  # sizes nearer than this need no other scale: training varies it by more
MOST_SIZES = 3  # a model that learnt from frames of more sizes is not bound to any
FEWEST = 6  # frames that tell how far the camera is
KNOWN = 0.93  # points that are right so often, as the model says, are of animals of a size that it knows
STEP, MOST_STEPS = math.sqrt(2), 3  # sizes that are tried: from a third to three times as large
# how much surer of another distance a model must be. Of films like its own, none was (0.80 to 0.97 times as sure of the
# next size); of animals 1.4 times as large or small, 1.06 to 1.36 times.
SURER, SURER_BY = 1.04, 0.03


def fit_to_video(model: PoseModel, video: Video) -> PoseModel:
    """The model as it is surest of a video's animals; itself where they are as large as those it learnt from."""
    return fit_to_frames(model, _some(video)) if _bound(model) else model


def fit_to_frames(model: PoseModel, frames: Iterable[Frame]) -> PoseModel:
    """The model as it is surest of the animals in these frames, for each of their sizes."""
    of_size: dict[Size, list[Frame]] = defaultdict(list)
    for frame in frames if _bound(model) else ():
        of_size[frame.size].append(frame)
    zooms = {size: zoom for size, shown in of_size.items() if (zoom := _surest(model, size, shown)) != 1}
    return model.zoomed(zooms) if zooms else model


def _surest(model: PoseModel, size: Size, shown: list[Frame]) -> float:
    """How much larger these frames of one size are looked at best."""
    ratios = _ratios(model, size)
    if not ratios and len(shown) < FEWEST:
        return 1.0
    looks: dict[float, np.ndarray] = {}

    def scores(zoom: float) -> np.ndarray:
        if zoom not in looks:
            looks[zoom] = _scores(model if zoom == 1 else model.zoomed({size: zoom}), shown)
        return looks[zoom]

    best = max((1.0, *ratios), key=lambda zoom: scores(zoom).mean())
    curve = model.description.calibration
    if len(shown) < FEWEST or (curve is not None and curve(scores(best)).mean() >= KNOWN):
        return best
    return _from_another_distance(best, lambda zoom: float(scores(zoom).mean()))


def _from_another_distance(usual: float, sureness: Callable[[float], float]) -> float:
    """The zoom beside the usual one, larger or smaller step by step, that the model is surer of; or else that."""
    step = max((1 / STEP, STEP), key=lambda factor: sureness(usual * factor))
    best = tried = usual
    for _ in range(MOST_STEPS):
        tried *= step
        if sureness(tried) < sureness(best):
            break
        best = tried
    surer = sureness(best) > max(SURER * sureness(usual), sureness(usual) + SURER_BY)
    return best if surer else usual


def _bound(model: PoseModel) -> bool:
    """Whether the model knows animals of a certain size in pixels only."""
    about = model.description
    return about.pipeline == "crop" and not about.spans and 0 < len(about.frame_sizes) <= MOST_SIZES


def _ratios(model: PoseModel, size: Size) -> list[float]:
    """How much larger frames of this size would have to be, for the same scene to be as large as it was learnt."""
    about = model.description
    if not _bound(model) or size in about.frame_sizes:
        return []
    found: list[float] = []
    for width, height in about.frame_sizes:
        ratio = math.sqrt(width * height / (size[0] * size[1]))
        if all(max(ratio / other, other / ratio) > SAME for other in (1.0, *found)):
            found.append(ratio)
    return found


def _some(video: Video) -> Iterator[Frame]:
    """Frames at even steps, of a long film keyframes: all others are decoded from the keyframe before them."""
    keys = np.arange(0) if video.index is None else video.index.keyframes
    frames = keys if len(keys) >= LOOKED_AT else np.arange(len(video))
    for index in frames[np.unique(np.linspace(0, len(frames) - 1, LOOKED_AT).round().astype(int))].tolist():
        try:
            frame = video[index]
        except (InvalidFile, NotFound):  # it cannot be decoded
            continue
        yield frame


def _scores(model: PoseModel, frames: Iterable[Frame]) -> np.ndarray:
    """Raw scores of all keypoints, each frame looked at by itself; a curve of few labels makes all of them alike."""
    raw = model.uncalibrated()
    return np.concatenate([Poser(raw)(frame)[..., 2].ravel() for frame in frames])
