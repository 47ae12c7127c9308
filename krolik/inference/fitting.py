"""A model as it is surest of a film that it was not made for: other light, frames of another size, another distance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from krolik.errors import InvalidFile, NotFound
from krolik.inference.model import PoseModel, Size
from krolik.inference.sureness import FEWEST, known, scores, surer
from krolik.inference.zoom import bound, surest_zoom
from krolik.light import levels, table
from krolik.sampling.evenly import evenly
from krolik.video import Frame, Video

LOOKED_AT = 12  # frames of a video
AS_LIGHT = 10.0  # grey levels: a film whose levels are nearer than this to those of training is not evened out


def fit_to_video(model: PoseModel, video: Video) -> PoseModel:
    """The model as it is surest of a video's animals; itself where they look like those that it learnt from."""
    about = model.description
    return fit_to_frames(model, _some(video)) if bound(about) or about.light else model


def fit_to_frames(model: PoseModel, frames: Iterable[Frame]) -> PoseModel:
    """The model as it is surest of the animals in these frames. Few of them tell of another size only."""
    shown = list(frames)
    fitted, usual = _zoomed(model, shown)
    if len(shown) < FEWEST or known(model, usual):
        return fitted
    learnt, own = np.array(model.description.light), levels(frame.rgb for frame in shown)
    if not len(learnt) or np.abs(own - learnt).mean() < AS_LIGHT:
        return fitted
    other, evened = _zoomed(model.evened(own, table(own, learnt)), shown)
    return other if surer(float(evened.mean()), float(usual.mean())) else fitted


def _zoomed(model: PoseModel, shown: list[Frame]) -> tuple[PoseModel, np.ndarray]:
    """The model with the zoom of each size of frames, and its raw scores then, where they were to be had or needed."""
    of_size: dict[Size, list[Frame]] = defaultdict(list)
    for frame in shown:
        of_size[frame.size].append(frame)
    zooms: dict[Size, float] = {}
    raw: list[np.ndarray | None] = [np.zeros(0)]
    for size, alike in of_size.items():
        zoom, sure = surest_zoom(model, size, alike) if bound(model.description) else (1.0, None)
        if zoom != 1:
            zooms[size] = zoom
        raw.append(scores(model, alike) if sure is None and len(shown) >= FEWEST else sure)
    return model.zoomed(zooms) if zooms else model, np.concatenate([r for r in raw if r is not None])


def _some(video: Video) -> Iterator[Frame]:
    """Frames at even steps, of a long film keyframes: all others are decoded from the keyframe before them."""
    keys = np.arange(0) if video.index is None else video.index.keyframes
    frames = keys if len(keys) >= LOOKED_AT else np.arange(len(video))
    for index in frames[evenly(len(frames), LOOKED_AT)].tolist():
        try:
            frame = video[index]
        except (InvalidFile, NotFound):  # it cannot be decoded
            continue
        yield frame
