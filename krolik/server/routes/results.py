"""Models and what they predicted: statistics, poses of a stretch of frames, curves over a whole video."""

from __future__ import annotations

from itertools import chain
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Depends, Query

from krolik.actions.exporting import prediction_blocks, run_skeleton
from krolik.errors import NotFound
from krolik.formats import FORMATS, LABELS, PREDICTIONS, writable
from krolik.inference.smoothing import Smoothing
from krolik.project import ProjectFile, models, predictions, runs
from krolik.project.models import ModelRecord
from krolik.project.runs import Run
from krolik.server.routes.context import Project, VideoOf

router = APIRouter(prefix="/api/projects/{project}")
MOST_FRAMES = 512  # of poses in one answer
MOST_BINS = 4000


@router.get("/models")
def every(opened: Project) -> list[dict]:
    """The trained models, newest first."""
    return [_model(m) for m in reversed(models.every(opened.file))]


def _model(record: ModelRecord) -> dict:
    document = record.document
    pose = document["statistics"]["stages"].get("pose", {})
    tests = {split: {**_error(m["overall"]), "keypoints": {k["name"]: _error(k) for k in m["keypoints"]}}
             for split, m in document["metrics"].items()}  # fmt: skip
    crossed = document.get("cross_validation")
    return {
        "name": record.name, "created": record.created, "split": document["split"], "tests": tests,
        "train": len(document["train"]) - len(document["validation"]), "validation": len(document["validation"]),
        "validation_error_px": pose.get("validation_error_px"), "steps": pose.get("steps"),
        "seconds": document["statistics"].get("seconds"), "curve": pose.get("curve", []),
        "decisions": _decisions(document["plan"]), "findings": document.get("findings", []),
        "began_from": document["origin"].get("began_from"),
        "cross_validation": None if not crossed else {"folds": crossed["folds"], **crossed["overall"]},
        "keypoints": [k["name"] for k in document["skeleton"]["keypoints"]],
    }  # fmt: skip


def _error(metrics: dict) -> dict:
    return {"n": metrics["n"], "mean_error_px": metrics["mean_error_px"]}


def _decisions(plan: dict) -> list[list]:
    """(field, value, reason) as they were kept with the model, without what this program does not know."""
    reasons = plan.get("reasons", {})
    return [[k, v, reasons[k]] for k, v in plan.items() if k in reasons]


@router.get("/formats")
def formats(opened: Project) -> dict:
    """What labels and predictions can be exported to: name and title."""
    return {"labels": [[n, FORMATS[n].title] for n in writable(LABELS)],
            "predictions": [[n, FORMATS[n].title] for n in writable(PREDICTIONS)]}  # fmt: skip


@router.get("/videos/{video}/runs")
def runs_of(opened: Project, video: VideoOf) -> list[dict]:
    """The predictions that there are of a video, newest first."""
    found = [r for r in runs.every(opened.file, "predict") if r.document["video"] == video.id]
    return [
        {"id": r.id, "model": r.document["model_name"], "status": r.status, "created": r.created,
         "ranges": predictions.ranges(opened.file, r.id, video.id), "skeleton": r.document["skeleton"],
         "animals": list(r.document.get("animals", ())), "undecodable": r.document.get("undecodable", 0)}
        for r in found
    ]  # fmt: skip


def _smoothing(
    method: str = "none",
    frames: Annotated[int, Query(ge=2, le=500)] = 5,
    fill: Annotated[int, Query(ge=0, le=500)] = 0,
    threshold: Annotated[float, Query(ge=0, le=1)] = 0.0,
) -> Smoothing:
    return Smoothing(method, frames, fill, threshold)


Smoothed = Annotated[Smoothing, Depends(_smoothing)]


def _run(file: ProjectFile, video: str, number: int) -> Run:
    run = runs.get(file, number)
    if run.kind != "predict" or run.document["video"] != video:
        raise NotFound(f"run {number} has no predictions of this video", file.path, code="no-predictions")
    return run


@router.get("/videos/{video}/poses")
def poses(opened: Project, video: VideoOf, run: int, start: int, stop: int, smoothing: Smoothed) -> dict:
    """Frames start to stop - 1: for each its animals, each a list of [x, y, score] or null by keypoint."""
    stop = min(stop, start + MOST_FRAMES, video.frames)
    found = _run(opened.file, video.id, run)
    frames: dict[int, list] = {}
    for block in prediction_blocks(opened.file, found, smoothing, start, stop):
        for row in range(max(0, start - block.start), min(len(block), stop - block.start)):
            frames[block.start + row] = [_animal(xy, score) for xy, score in zip(block.xy[row], block.score[row])]
    return {"start": start, "stop": stop, "frames": frames}


def _animal(xy: np.ndarray, score: np.ndarray) -> list:
    return [
        [round(float(x), 2), round(float(y), 2), round(float(s), 3)] if np.isfinite(x) and np.isfinite(y) else None
        for (x, y), s in zip(xy, score)
    ]


@router.get("/videos/{video}/curves")
def curves(
    opened: Project, video: VideoOf, run: int, smoothing: Smoothed, animal: Annotated[int | None, Query(ge=0)] = None,
    bins: Annotated[int, Query(ge=1, le=MOST_BINS)] = 1200,
) -> dict:  # fmt: skip
    """The whole video in at most `bins` steps: each keypoint's lowest score, and mean places.

    Of one animal each keypoint's place. Of all together the lowest score of those that are there, and each animal's
    middle.
    """
    found = _run(opened.file, video.id, run)
    names = run_skeleton(opened.file, found).names
    width = max(1, -(-video.frames // bins))
    count = -(-video.frames // width)
    lowest = np.full((count, len(names)), np.inf)
    blocks = prediction_blocks(opened.file, found, smoothing)
    first = next(blocks, None)
    animals = 1 if first is None else first.score.shape[1]  # as many in all of a run
    if animals == 1:
        animal = animal or 0
    places = _Means(count, animals if animal is None else len(names))
    for block in () if first is None else chain((first,), blocks):
        bin_of = np.arange(block.start, block.stop) // width
        if animal is None:
            shown = np.isfinite(block.xy[..., 0]).any(axis=2, keepdims=True)
            score = np.where(shown, block.score, np.inf).min(axis=1, initial=np.inf)
            places.add(bin_of, _middles(block.xy))
        elif animal < animals:
            score = block.score[:, animal]
            places.add(bin_of, block.xy[:, animal])
        else:
            continue
        np.minimum.at(lowest, bin_of, score)
    x, y = np.moveaxis(places.means(), -1, 0)
    return {
        "width": width, "animals": animals, "animal": animal, "names": names, "x": _columns(x, 1), "y": _columns(y, 1),
        "score": _columns(np.where(np.isfinite(lowest), lowest, np.nan), 3),
    }  # fmt: skip


def _middles(xy: np.ndarray) -> np.ndarray:
    """(F, N, K, 2) → (F, N, 2): the mean of each animal's points, NaN without any."""
    there = np.asarray(np.isfinite(xy).all(axis=3))[..., None]
    with np.errstate(invalid="ignore"):
        return np.where(there, xy, 0.0).sum(axis=2) / there.sum(axis=2)


class _Means:
    """Mean places over the frames of each step; NaN where nothing is."""

    def __init__(self, steps: int, rows: int):
        self._sums, self._counts = np.zeros((steps, rows, 2)), np.zeros((steps, rows))

    def add(self, steps: np.ndarray, xy: np.ndarray) -> None:
        """xy: (F, R, 2); steps: of each frame (F,)."""
        there = np.asarray(np.isfinite(xy).all(axis=2))
        np.add.at(self._counts, steps, there)
        np.add.at(self._sums, steps, np.where(there[..., None], xy, 0.0))

    def means(self) -> np.ndarray:
        """(steps, rows, 2)."""
        with np.errstate(invalid="ignore"):
            return self._sums / self._counts[..., None]


def _columns(values: np.ndarray, digits: int) -> list[list[float | None]]:
    """(K, count) with None for NaN."""
    rounded = np.round(values.T, digits).astype(object)
    rounded[np.isnan(values.T)] = None
    return rounded.tolist()
