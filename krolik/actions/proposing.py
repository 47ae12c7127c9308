"""Proposals: what a model says of frames that wait to be labelled, for a person to accept or to drag into place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from krolik.actions.reporter import Reporter
from krolik.errors import InvalidFile, KrolikError, NotFound
from krolik.inference.fitting import fit_to_video
from krolik.inference.model import PoseModel
from krolik.inference.pipeline import predict_frame
from krolik.poses import FrameKey, Predictions
from krolik.project import ProjectFile, labels, models, predictions, runs, selection, videos
from krolik.training.machine import core_count

KIND = "propose"  # of the runs that hold proposals: single frames, not stretches of a video


def propose(file: ProjectFile, model_name: str | None, reporter: Reporter) -> int:
    """Predicts every selected frame that has no labels; how many. Videos that cannot be read are left out."""
    record = models.get(file, model_name)
    model = PoseModel(models.onnx(file, record), core_count(), record.name)
    if model.skeleton.names != labels.skeleton(file).names:
        return 0
    labelled = set(labels.documents(file))
    waiting = [k for k in selection.load(file) if k not in labelled]
    found: list[tuple[FrameKey, Predictions]] = []
    for identity in dict.fromkeys(k.video for k in waiting):
        frames = [k.index for k in waiting if k.video == identity]
        try:
            found += _predicted(file, identity, frames, model, reporter)
        except KrolikError as error:
            reporter.note(str(error))
    keep(file, model, found)
    return len(found)


def _predicted(
    file: ProjectFile, identity: str, frames: Sequence[int], model: PoseModel, reporter: Reporter
) -> list[tuple[FrameKey, Predictions]]:
    found = []
    with videos.open_record(file, videos.record(file, identity)) as video:
        fitted = fit_to_video(model, video)
        for number, index in enumerate(frames):
            try:
                pose = predict_frame(fitted, video[index])
            except (InvalidFile, NotFound):  # it cannot be decoded
                continue
            found.append((FrameKey(identity, index), single(index, pose)))
            reporter.progress("propose points", (number + 1) / len(frames), video.name)
            if reporter.cancelled():
                break
    return found


def single(frame: int, pose: np.ndarray) -> Predictions:
    """The poses (N, K, 3) of one frame as predictions."""
    score = np.nan_to_num(pose[None, ..., 2]).astype(np.float32)
    return Predictions(frame, pose[None, ..., :2].astype(np.float32), score, np.ones(1, bool))


def keep(file: ProjectFile, model: PoseModel, proposals: Iterable[tuple[FrameKey, Predictions]]) -> int:
    """Keeps proposals as a run; earlier ones stay but the newest of a frame counts. The run's number."""
    with file.write():
        looks = model.description.appearance
        run = runs.start(file, KIND, {"model": model.identity, "model_name": model.description.name,
                                      "skeleton": model.skeleton.to_json(),
                                      "animals": list(looks.names) if looks else []})  # fmt: skip
        for key, block in proposals:
            predictions.store(file, run, key.video, block)
        runs.finish(file, run, "done")
    return run
