"""The demonstration: generate a rabbit, label a few frames exactly, train, predict, and show what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.actions.evaluating import evaluate
from krolik.actions.exporting import Source, export
from krolik.actions.pixels import encoded_frame
from krolik.actions.predicting import load_model, predict
from krolik.actions.rendering import render
from krolik.actions.reporter import Reporter
from krolik.actions.training import train
from krolik.demonstration.motion import RATE, perform
from krolik.demonstration.painter import SIZE, Painter
from krolik.demonstration.report import DemoResult, write_report
from krolik.evaluation import Criteria, Metrics, measure
from krolik.poses import FrameKey, Instance, LabeledFrame, State
from krolik.project import ProjectFile, history, labels, predictions, videos
from krolik.project.edits import Change
from krolik.rendering.overlay import Style
from krolik.skeleton import template
from krolik.training.budget import Budget
from krolik.training.plan import Settings
from krolik.video import VideoFile
from krolik.video.source import content_fingerprint
from krolik.video.writer import VideoWriter

FRAMES = 300
LABELLED_EVERY = 6
SPLIT = "every:5"
TABLES: tuple[tuple[str, str], ...] = (
    ("csv", "predictions.csv"),
    ("csv-wide", "predictions_wide.csv"),
    ("json", "predictions.json"),
    ("hdf5", "predictions.h5"),
    ("model", "model.onnx"),
)


@dataclass(frozen=True, eq=False)
class Truth:
    """Where the generated rabbit's keypoints are. points: (F, K, 2) float64; visible: (F, K) bool."""

    points: np.ndarray
    visible: np.ndarray


def generate(path: Path, seed: int, frames: int, reporter: Reporter) -> Truth:
    """Writes the video of a generated rabbit, and returns where its keypoints are in every frame."""
    names = template("rabbit").names
    painter = Painter(seed)
    points, visible = np.zeros((frames, len(names), 2)), np.zeros((frames, len(names)), bool)
    with VideoWriter(path, SIZE, Fraction(RATE)) as writer:
        for i, pose in enumerate(perform(seed, frames)):
            picture = painter.paint(pose, i)
            writer.write(picture.image)
            points[i] = [picture.points[n] for n in names]
            visible[i] = [picture.visible[n] for n in names]
            reporter.progress("generate a rabbit", (i + 1) / frames)
    return Truth(points, visible)


def label_exactly(file: ProjectFile, path: Path, truth: Truth, every: int) -> list[int]:
    """Adds the video and labels every so many frames: what is seen has its place, what is hidden is absent."""
    bones = labels.skeleton(file)
    with VideoFile(path) as video:
        record = videos.find(file, content_fingerprint(path)) or videos.describe(file, video)
        chosen = list(range(0, len(video), every))
        frames, pixels = [], []
        for i in chosen:
            states = np.where(truth.visible[i], State.VISIBLE, State.ABSENT)
            key = FrameKey(record.id, i)
            frames.append(LabeledFrame(key, (Instance(truth.points[i], states),), video.frame_name(i)))
            data, size = encoded_frame(video, i)
            pixels.append((key, size, data))
        with file.write():
            edits = [labels.set_frame(file, frame, bones) for frame in frames]
            history.commit(file, Change((videos.set_video(file, record), *edits), "demo", "label the demo"))
            labels.store_pixels(file, pixels)
            videos.keep_index(file, record.id, video.index)
    return chosen


def show(wanted: Path, budget: str, seed: int, reporter: Reporter) -> Path:
    """Everything, into a new folder; the path of the report."""
    out = _free_folder(wanted)
    video = out / "rabbit.mp4"
    truth = generate(video, seed, FRAMES, reporter)
    with ProjectFile.create(out / "rabbit.krolik", template("rabbit")) as file:
        chosen = label_exactly(file, video, truth, LABELLED_EVERY)
        model = train(file, Settings("unet", budget=Budget.parse(budget), seed=seed), SPLIT, None, 0, reporter)
        evaluation = evaluate(file, None, None, Criteria(), out / "worst", 4, reporter)
        predicted = predict(file, [video], load_model(file, None), (0, None), False, reporter)[0]
        style = Style(trail=12)
        render(file, video.name, out / "rabbit_annotated.mp4", Source(), None, style, reporter)
        stills = [(2 * i + 1) * FRAMES // 12 for i in range(6)]
        pictures = render(file, video.name, out / "frames", Source(), stills, Style(names=True), reporter)
        tables = [export(file, to, out / f"rabbit_{name}", None, Source(), ()).out for to, name in TABLES]
        result = DemoResult(model, evaluation, _against_truth(file, predicted.run, truth, chosen),
                            predicted, len(chosen), video, out / "rabbit_annotated.mp4", tables, pictures)  # fmt: skip
        return write_report(out / "report.html", result)


def _free_folder(wanted: Path) -> Path:
    """The folder, or one beside it if there is something in it: nothing is ever overwritten."""
    folder, number = wanted, 2
    while folder.exists() and any(folder.iterdir()):
        folder, number = wanted.with_name(f"{wanted.name}-{number}"), number + 1
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _against_truth(file: ProjectFile, run: int, truth: Truth, labelled: list[int]) -> Metrics:
    """Metrics over all frames that were not labelled: here, and only here, the truth is known everywhere."""
    record = videos.records(file)[0]
    blocks = list(predictions.blocks(file, run, record.id))
    found = np.concatenate([np.concatenate([b.xy, b.score[..., None]], axis=-1)[:, 0] for b in blocks])
    others = np.setdiff1d(np.arange(len(found)), labelled)
    states = np.where(truth.visible, State.VISIBLE, State.ABSENT)
    names = labels.skeleton(file).names
    return measure(truth.points[others], states[others], found[others], names, Criteria())
