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
from krolik.video import Frame, Video

LOOKED_AT = 12  # frames of a video


def fit_to_video(model: PoseModel, video: Video) -> PoseModel:
    """The model as it is surest of a video's animals; itself where they look like those that it learnt from."""
    about = model.description
    return fit_to_frames(model, _some(video)) if bound(about) or about.light else model


def fit_to_frames(model: PoseModel, frames: Iterable[Frame]) -> PoseModel:
    """The model as it is surest of the animals in these frames. Few of them tell of another size only.

    Where it is not surer with the light of its training, it may be so once it looks at the animals in the right size.
    """
    shown = list(frames)
    evened = _evened(model, shown)
    fitted = _zoomed(evened, shown)
    return _evened(fitted, shown) if fitted.zooms and evened.brightened is None else fitted


def _zoomed(model: PoseModel, shown: list[Frame]) -> PoseModel:
    """The model with the zoom of each size of frames."""
    of_size: dict[Size, list[Frame]] = defaultdict(list)
    for frame in shown if bound(model.description) else ():
        of_size[frame.size].append(frame)
    zooms = {size: zoom for size, alike in of_size.items() if (zoom := surest_zoom(model, size, alike)) != 1}
    return model.zoomed(zooms) if zooms else model


def _evened(model: PoseModel, shown: list[Frame]) -> PoseModel:
    """The model that sees these frames as light and dark as those it learnt from, if it is surer of them so."""
    learnt = model.description.light
    if not learnt or len(shown) < FEWEST:
        return model
    raw = scores(model, shown)
    if known(model, raw):
        return model
    own = levels(frame.rgb for frame in shown)
    other = model.evened(own, table(own, np.array(learnt)))
    return other if surer(float(scores(other, shown).mean()), float(raw.mean())) else model


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
