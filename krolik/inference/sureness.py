"""How sure a model is of some frames of a film: what tells how they had better be looked at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from krolik.inference.model import PoseModel
from krolik.inference.poser import Poser
from krolik.video import Frame

FEWEST = 6  # frames that tell it
KNOWN = 0.93  # points that are right so often, as the model says, are of animals that it knows as they are
# How much surer a model must be to look at a film in another way. Of films like its own, none was: it was 0.80 to 0.97
# times as sure of the next size; of animals 1.4 times as large or small, 1.06 to 1.36 times.
SURER, SURER_BY = 1.04, 0.03


def scores(model: PoseModel, frames: Iterable[Frame]) -> np.ndarray:
    """Raw scores of all keypoints, each frame looked at by itself; a curve of few labels makes all of them alike."""
    raw = model.uncalibrated()
    return np.concatenate([Poser(raw)(frame)[..., 2].ravel() for frame in frames])


def known(model: PoseModel, raw: np.ndarray) -> bool:
    """Whether raw scores are those of animals that the model knows; not where it has no curve of confidence."""
    curve = model.description.calibration
    return curve is not None and float(curve(raw).mean()) >= KNOWN


def surer(other: float, usual: float) -> bool:
    """Whether a mean score is so much better than the usual way's that it is not so by chance."""
    return other > max(SURER * usual, usual + SURER_BY)
