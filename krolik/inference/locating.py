"""How high a locator's hill is over an animal: lower than 1 where it has learnt for a short time, or of few frames.

Legend: A animals.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from krolik.inference.model import LOCATOR_SURE, PoseModel
from krolik.inference.poser import Poser
from krolik.video import Frame

PART = LOCATOR_SURE / 0.9  # of the usual height; 0.9 is that of a locator that has learnt enough
NEAR = 0.25  # of a crop's side: so near to an animal's middle, a hill is that animal's


def sure_enough(model: PoseModel, seen: Iterable[tuple[Frame, np.ndarray]]) -> float:
    """From which height on a place is looked at, where there are several animals: less for a locator with low hills.

    seen: labelled frames and the middles (A, 2) of the animals in them, in frame pixels.
    """
    poser, heights = Poser(model), []
    for frame, middles in seen:
        places, near = poser.places(frame), NEAR * model.description.input_size[0] / model.scales(frame.size).scale
        for middle in middles:
            own = [score for place, score in places if np.linalg.norm(place - middle) < near]
            heights += [max(own)] if own else []
    return min(LOCATOR_SURE, PART * float(np.median(heights))) if heights else LOCATOR_SURE
