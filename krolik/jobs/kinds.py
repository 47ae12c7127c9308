"""What each kind of job does. Its document holds the arguments of the verb of the same name, as JSON values.

A job that is gone on with gets the same document; what it has done already is in the run that its row names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from krolik import defaults
from krolik.actions.reporter import Reporter
from krolik.errors import Cancelled, InvalidFile, KrolikError
from krolik.inference.smoothing import Smoothing
from krolik.project import ProjectFile, models, runs, videos
from krolik.project.jobs import Job

TRAINING, VIDEO = "training", "video"  # lanes: one job at a time in each, on one computer


@dataclass(frozen=True)
class Kind:
    """work: does it and returns the result as JSON values. lane: what it shares with no other job; "" for nothing."""

    work: Callable[[ProjectFile, Job, Reporter], object]
    lane: str = ""


def train(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    """Trains, measures on the test frames if there are any, and with "propose" predicts the frames that wait."""
    from krolik.actions import proposing, training
    from krolik.actions.planning import wishes

    document = job.document
    run = None if job.run is None else runs.get(file, job.run)
    if run is None:
        split, name, folds = document.get("split"), document.get("name"), document.get("folds", 0)
        model = training.train(file, wishes(**_settings(document)), split, name, folds, reporter)
    elif run.status == "done":  # it was interrupted after the training
        model = next(m for m in models.every(file) if m.run == run.id)
    else:
        model = training.resume(file, reporter, run.id)
    measured = _measured_if_tested(file, model.name, reporter)
    if document.get("propose", False):
        proposing.propose(file, model.name, reporter)
    return {"model": model.name, "error_px": measured}


def _settings(document: dict) -> dict:
    """What a document of a training says of the plan."""
    others = ("split", "name", "folds", "propose", "labelled")
    return {k: v for k, v in document.items() if k not in others}


def _measured(file: ProjectFile, model: str, reporter: Reporter) -> float | None:
    from krolik.actions.evaluating import evaluate
    from krolik.evaluation import Criteria

    criteria = Criteria(defaults.THRESHOLD, defaults.PCK_PX, defaults.PCK_BODY)
    error = evaluate(file, model, None, criteria, None, 0, reporter).metrics.overall.mean_error_px
    return error if math.isfinite(error) else None  # every point was missed


def _measured_if_tested(file: ProjectFile, model: str, reporter: Reporter) -> float | None:
    try:
        return _measured(file, model, reporter)
    except KrolikError as error:  # a split without test frames: there is nothing to measure
        reporter.note(f"not measured on test frames: {error.what}")
        return None


def plan(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions import training
    from krolik.actions.planning import wishes

    return training.plan(file, wishes(**_settings(job.document)), job.document.get("split"), reporter).to_json()


def adopt(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    """Takes another framework's trained network, and measures it on the test frames if there are any."""
    from krolik.actions.adopting import adopt as take

    said = job.document
    model = take(file, Path(said["source"]), said.get("name"), said.get("animals"), reporter)
    return {"model": model.name, "error_px": _measured_if_tested(file, model.name, reporter)}


def install(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    """Makes an environment for another framework, on this computer."""
    from krolik.actions.installing import install as make

    return {"version": make(job.document["engine"], None, reporter).version}


def evaluate(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    return {"model": job.document["model"], "error_px": _measured(file, job.document["model"], reporter)}


def report(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions.reporting import report as write

    written = write(file, Path(job.document["out"]), job.document["model"], None, reporter)
    return {"files": [str(p) for p in written]}


def compare(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions.comparing import compare as measure
    from krolik.evaluation import Criteria

    document = job.document
    sources, out = [Path(p) for p in document["sources"]], Path(document["out"])
    return measure(file, sources, document["models"], None, Criteria(defaults.THRESHOLD), out, reporter).to_json()


def predict(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions.predicting import load_model
    from krolik.actions.predicting import predict as predict_videos

    again = job.document.get("again", False) and job.run is None  # what it did before it was interrupted stays
    span = (int(job.document.get("start", 0)), job.document.get("stop"))
    model = load_model(file, job.document.get("model"))
    reports = predict_videos(file, job.document["videos"], model, span, again, reporter)
    if reporter.abandoned():
        raise Cancelled("the prediction was cancelled", file.path, code="cancelled")
    failed = [r for r in reports if r.error]
    for report in failed:
        reporter.note(report.error)
    if len(failed) == len(reports) and failed:
        raise InvalidFile(failed[0].error)
    return {"videos": [{"video": r.video, "run": r.run, "frames": r.stop - r.start, "error": r.error,
                        "undecodable": len(r.undecodable)} for r in reports]}  # fmt: skip


def _source(document: dict):
    from krolik.actions.exporting import Source

    return Source(document.get("model"), Smoothing(**document.get("smoothing", {})))


def render(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions.rendering import render as render_video
    from krolik.rendering.overlay import Style

    document = job.document
    style = Style(**document.get("style", {}))
    out, frames = Path(document["out"]), document.get("frames")
    written = render_video(file, document["video"], out, _source(document), frames, style, reporter)
    return {"files": [str(p) for p in written]}


def export(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions.exporting import export as write

    document = job.document
    report = write(file, document["to"], Path(document["out"]), document.get("what"), _source(document),
                   document.get("videos", []))  # fmt: skip
    return {"files": [str(report.out)], "losses": list(report.losses)}


def run(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    """The whole way: predicts videos, then writes their tables and annotated videos into a folder.

    The result has the id of each file's video in "of".
    """
    from krolik.actions.running import write_results

    predicted = predict(file, job, _Part(reporter, 0.0, 0.6))
    out, written, of = Path(job.document["out"]), [], []
    done = [v["run"] for v in predicted["videos"] if not v["error"]]
    for number, predicting in enumerate(done):
        part = _Part(reporter, 0.6 + 0.4 * number / len(done), 0.4 / len(done))
        run = runs.get(file, predicting)
        record = videos.record(file, run.document["video"])
        made = write_results(file, run, out, _wanted(job.document), part, videos.stem(file, record))
        written += made
        of += [record.id] * len(made)
    return {**predicted, "files": [str(p) for p in written], "of": of}


def _wanted(document: dict):
    from krolik.actions.running import Results
    from krolik.rendering.overlay import Style

    tables = tuple(document.get("to", defaults.RUN_TABLES))
    return Results(tables, Style(**document.get("style", {})), Smoothing(**document.get("smoothing", {})))


def add(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    """Reads videos into the project; with "select", frames of a new project are chosen at once."""
    from krolik.actions.adding import add_videos
    from krolik.actions.selecting import select_first
    from krolik.project import selection

    records = add_videos(file, [Path(p) for p in job.document["paths"]], job.source, reporter)
    if job.document.get("select") and not selection.load(file):
        select_first(file, job.source, reporter)
    return {"videos": [r.id for r in records]}


def select(file: ProjectFile, job: Job, reporter: Reporter) -> list:
    from krolik.actions import selecting
    from krolik.sampling import Wish

    document = job.document
    if document.get("first"):
        return [list(k) for k in selecting.select_first(file, job.source, reporter)]
    wish = Wish(document["count"], document.get("strategy", defaults.STRATEGY),
                *selecting.parse_range(document.get("range")), document.get("seed", 0))  # fmt: skip
    names, quotas = document.get("videos", []), document.get("quotas", {})
    return [list(k) for k in selecting.select(file, names, wish, quotas, job.source, reporter)]


def suggest(file: ProjectFile, job: Job, reporter: Reporter) -> list:
    from krolik.actions.suggesting import suggest as find

    document = job.document
    count = document.get("count", defaults.SUGGEST_COUNT)
    found = find(file, document.get("videos", []), count, document.get("model"), job.source, reporter)
    return [list(s.key) for s in found]


def import_labels(file: ProjectFile, job: Job, reporter: Reporter) -> dict:
    from krolik.actions.importing import import_file
    from krolik.formats.imported import Wishes

    document = job.document
    places = [Path(p) for p in document.get("videos", [])]
    wishes = Wishes.of(document.get("missing", defaults.MISSING), document.get("unconfirmed", False))
    report = import_file(file, Path(document["source"]), wishes, reporter, document.get("form"), places)
    return {"report": asdict(report)}


def proxy(file: ProjectFile, job: Job, reporter: Reporter) -> None:
    """The display copy of a video, in the cache."""
    from krolik.folders import cache_folder
    from krolik.project import videos
    from krolik.video import proxy as copies

    record = videos.record(file, job.document["video"])
    index = videos.frame_index(file, record.id)
    if index is None:
        return
    target = copies.place(cache_folder(), record.fingerprint)
    for fraction in copies.build(videos.locate(file, record), index, target):
        reporter.progress("display copy", fraction, record.name)
        if reporter.cancelled():
            raise Cancelled("the display copy was cancelled", record.name, code="cancelled")


class _Part:
    """Passes on the progress of one part of a job as that of the whole, and all else as it is."""

    def __init__(self, reporter: Reporter, first: float, share: float):
        self._reporter, self._first, self._share = reporter, first, share
        self.note, self.curve, self.began = reporter.note, reporter.curve, reporter.began
        self.cancelled, self.abandoned = reporter.cancelled, reporter.abandoned

    def progress(self, title: str, fraction: float, text: str = "", seconds_left: float | None = None) -> None:
        self._reporter.progress(title, self._first + fraction * self._share, text, None)


KINDS: dict[str, Kind] = {
    "train": Kind(train, TRAINING),
    "plan": Kind(plan),
    "adopt": Kind(adopt),
    "install": Kind(install),
    "evaluate": Kind(evaluate),
    "report": Kind(report),
    "compare": Kind(compare),
    "predict": Kind(predict, VIDEO),
    "render": Kind(render, VIDEO),
    "run": Kind(run, VIDEO),
    "export": Kind(export),
    "add": Kind(add),
    "select": Kind(select),
    "suggest": Kind(suggest),
    "import": Kind(import_labels),
    "proxy": Kind(proxy),
}
