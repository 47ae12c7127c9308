"""Predictions of labelled images in DeepLabCut's layout: the rows are images instead of frame numbers.

DeepLabCut writes them when a network is evaluated (evaluation-results, h5), Lightning Pose for its labelled frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo
from krolik.formats.reading import find_image, from_images
from krolik.poses import Labels
from krolik.skeleton import Skeleton

ABOVE = 6  # folders above the file in which a project may lie


def predicted_images(
    title: str, path: Path, scorer: str, animals: tuple[str, ...], names: Sequence[str], written: Sequence[str],
    values: np.ndarray,
) -> Imported:  # fmt: skip
    """written: the image of each row, as the file has it; values: (F, N, K, 3), NaN where there is no point.

    A set of images for each folder; images there that have no row have no points. Raises InvalidFile.
    """
    root = next((r for r in path.parents[:ABOVE] if written and (r / written[0]).is_file()), path.parent)
    places = [find_image(name, root) for name in written]
    _, folders = from_images([(place, ()) for place in places], path)
    skeleton = Skeleton.of(list(names))
    poses = []
    for folder in folders:
        rows = [row for row, place in enumerate(places) if place.parent == folder.path]
        poses.append(_of_folder(folder, skeleton, scorer, animals, [places[row].name for row in rows], values[rows]))
    return Imported(title, Labels(skeleton), folders, (), tuple(poses))


def _of_folder(
    folder: ImportedVideo, skeleton: Skeleton, scorer: str, animals: tuple[str, ...], images: Sequence[str],
    values: np.ndarray,
) -> ImportedPredictions:  # fmt: skip
    assert folder.images is not None
    at = {name: index for index, name in enumerate(folder.images)}
    rows = [at[name] for name in images]
    every = np.full((len(at), *values.shape[1:]), np.nan)
    every[rows] = values
    read = lambda start, stop: (every[start:stop, ..., :2], every[start:stop, ..., 2])  # noqa: E731
    blocks = lambda: sliced(read, len(every))  # noqa: E731
    return ImportedPredictions(folder.name, skeleton, scorer, animals, len(images), blocks, frozenset(rows))
