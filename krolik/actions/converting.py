"""From one format to another, without a project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from krolik.actions.exporting import ExportReport, writable_format, write_labels, write_predictions
from krolik.actions.pixels import encoded_frame
from krolik.actions.placing import placed
from krolik.errors import InvalidFile, InvalidSetting, NotFound
from krolik.formats import LABELS, PREDICTIONS, read, writable
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import FrameKey
from krolik.video import ImageSequence, Video, open_video
from krolik.video.images import decode_image


def convert(
    source: Path, to: str, out: Path, wishes: Wishes, form: str | None = None, places: Sequence[Path] = (),
    what: str | None = None,
) -> ExportReport:  # fmt: skip
    """Reads `source` and writes it in the format `to`; images and videos are only needed where the format holds them.

    Raises NotFound, InvalidFile, InvalidSetting, InvalidLabels, StorageError.
    """
    target = writable_format(to)
    imported = placed(read(source, wishes, form), places)
    has = {LABELS: bool(imported.labels.frames), PREDICTIONS: bool(imported.predictions)}
    can = {LABELS: "w" in target.labels, PREDICTIONS: "w" in target.predictions}
    chosen = [k for k in (LABELS, PREDICTIONS) if has[k] and can[k] and what in (None, k)]
    if not chosen:
        holds = " and ".join(k for k in has if has[k]) or "neither labels nor predictions"
        raise InvalidSetting(f"{target.title} cannot hold what is in {source.name}: {holds}", "--to",
                             f"Labels go to: {', '.join(writable(LABELS))}; predictions to: "
                             f"{', '.join(writable(PREDICTIONS))}.")  # fmt: skip
    if len(chosen) == 2:
        raise InvalidSetting(f"{source.name} holds labels and predictions", "--what", "Say which of the two.")
    if chosen == [LABELS]:
        opened = Videos(imported)
        try:
            return write_labels(target, out, opened.table())
        finally:
            opened.close()
    return write_predictions(target, out, [_prediction_table(p, imported.videos) for p in imported.predictions])


class Videos:
    """The videos of a file, opened when an image of them is wanted."""

    def __init__(self, imported: Imported):
        self._imported = imported
        self._by_name = {v.name: v for v in imported.videos}
        self._opened: dict[str, Video] = {}

    def table(self) -> LabelTable:
        imported = self._imported
        folders = {v.name: v.images for v in imported.videos if v.images is not None}
        return LabelTable(
            imported.labels, {v.name: v.name for v in imported.videos}, {v.name: str(v.path) for v in imported.videos},
            folders, lambda key: float(key.index), self._image, self._size, imported.selected,
        )  # fmt: skip

    def _video(self, key: FrameKey) -> Video:
        if key.video not in self._opened:
            video = self._by_name[key.video]
            if not video.path.exists():
                raise NotFound(f"the video {video.name!r} is needed for its frames and is not there", video.path,
                               "Say where it is with --video.")  # fmt: skip
            self._opened[key.video] = (
                ImageSequence(video.path, video.images) if video.images else open_video(video.path)
            )
        return self._opened[key.video]

    def _image(self, key: FrameKey) -> bytes:
        video = self._by_name[key.video]
        if video.embedded is not None and video.images is not None:
            return video.embedded(video.images[key.index])
        opened = self._video(key)
        if not 0 <= key.index < len(opened):
            raise InvalidFile(f"frame {key.index} is labelled, but the video has {len(opened)} frames", opened.path)
        return encoded_frame(opened, key.index)[0]

    def _size(self, key: FrameKey) -> tuple[int, int]:
        if self._by_name[key.video].images is None:
            return self._video(key).size
        height, width = decode_image(self._image(key), key.video).shape[:2]
        return width, height

    def close(self) -> None:
        for video in self._opened.values():
            video.close()


def _prediction_table(poses: ImportedPredictions, videos: Sequence[ImportedVideo]) -> PredictionTable:
    video = next(v for v in videos if v.name == poses.video)
    stop = max((block.stop for block in poses.blocks()), default=0)
    times, size = np.arange(stop, dtype=float), (0, 0)
    if video.images is None and video.path.is_file():
        with open_video(video.path) as opened:
            times, size = np.asarray(opened.times_s, float), opened.size
    times = times if len(times) >= stop else np.arange(stop, dtype=float)
    return PredictionTable(
        poses.skeleton, poses.video, poses.model, times, poses.blocks, poses.animals, str(video.path), size
    )
