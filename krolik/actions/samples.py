"""The labelled frames of a project, as training and evaluation see them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from krolik.errors import InvalidLabels, NotFound
from krolik.poses import FrameKey, Labels
from krolik.project import ProjectFile, labels
from krolik.training.framing import with_whole_boxes
from krolik.training.training_set import Sample, TrainingSet
from krolik.video.images import decode_image


def samples(file: ProjectFile, parts: dict[FrameKey, str], wanted: str) -> list[Sample]:
    """The labelled frames of one part, as training sees them."""
    sizes = labels.frame_sizes(file)
    found = labels.load(file)
    lacking = [f for f in found if f.key not in sizes]
    if lacking:
        raise InvalidLabels(f"the pixels of {len(lacking)} labelled frames are not in the project", file.path)
    return [Sample.of(f, sizes[f.key], len(found.skeleton)) for f in found if parts.get(f.key) == wanted]


def load_pixels(file: ProjectFile, key: FrameKey) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a labelled frame."""
    data = labels.pixels(file, key)
    if data is None:
        raise NotFound("the pixels of this frame are not in the project", f"{key.video}, frame {key.index}")
    return decode_image(data, f"{key.video}, frame {key.index}")


def labels_hash(found: Labels, keys: Sequence[FrameKey]) -> str:
    """Tells whether the labels of these frames are what they were."""
    digest, wanted = hashlib.sha256(), set(keys)
    digest.update("\0".join(found.skeleton.names).encode())
    for frame in sorted((f for f in found if f.key in wanted), key=lambda f: f.key):
        digest.update(repr(tuple(frame.key)).encode())
        for instance in frame.instances:
            digest.update(instance.points.tobytes() + instance.states.tobytes())
    return digest.hexdigest()


def training_set(file: ProjectFile, trainable: Sequence[Sample], validating: set[FrameKey]) -> TrainingSet:
    """What a training learns from and what it chooses its best weights by."""
    framed = with_whole_boxes(trainable)
    return TrainingSet(
        labels.skeleton(file),
        [s for s in framed if s.key not in validating],
        [s for s in framed if s.key in validating],
        _StoredPixels(file),
    )


class _StoredPixels:
    """The pixels that a project keeps; sent to another process, it opens the project there."""

    def __init__(self, file: ProjectFile):
        self._file = file

    def __call__(self, key: FrameKey) -> np.ndarray:
        return load_pixels(self._file, key)

    def __reduce__(self):
        return _stored_pixels, (self._file.path,)


def _stored_pixels(path: Path) -> _StoredPixels:
    return _StoredPixels(ProjectFile.open(path))
