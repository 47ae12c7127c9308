"""From a video to its annotated video and tables in one go."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from krolik.actions.adding import expand
from krolik.actions.exporting import Source, latest_runs, prediction_table, write_predictions
from krolik.actions.predicting import load_model, predict
from krolik.actions.rendering import render
from krolik.actions.reporter import Reporter
from krolik.errors import InvalidSetting, KrolikError, NotFound
from krolik.formats import FORMATS, PREDICTIONS, writable
from krolik.inference.model import PoseModel
from krolik.inference.smoothing import Smoothing
from krolik.project import ProjectFile, videos
from krolik.project.naming import distinct, stems
from krolik.project.runs import Run
from krolik.rendering.overlay import Style


@dataclass
class RunReport:
    """What became of one video: the files written, or the error."""

    video: str
    files: list[Path] = field(default_factory=list)
    frames: int = 0
    undecodable: int = 0
    error: str = ""


def run_all(
    patterns: Sequence[str | Path], model: str | Path | None, out: Path, wanted: Results, reporter: Reporter
) -> list[RunReport]:
    """Each video on its own: one that cannot be read does not stop the others. Raises for a bad model or table."""
    unknown = [t for t in wanted.tables if t not in writable(PREDICTIONS)]
    if unknown:
        known = ", ".join(writable(PREDICTIONS))
        raise InvalidSetting(f"the format {unknown[0]!r} cannot be written", "--to", f"There are: {known}.")
    runner = _Runner(load_model(None, model or _project_beside(patterns)), out, wanted, reporter)
    reports = list({r.video: r for pattern in patterns for r in _expanded(pattern)}.values())
    there = [report for report in reports if not report.error]
    names = stems(distinct([str(Path(report.video).absolute()) for report in there]))
    for report, name in zip(there, names, strict=True):
        try:
            runner.run(Path(report.video), name, report)
        except KrolikError as error:
            report.error = str(error)
    return reports


def _expanded(pattern: str | Path) -> list[RunReport]:
    """A report to be filled for each video that the pattern means; one that says so where there is none."""
    try:
        return [RunReport(str(path)) for path in expand([pattern])]
    except NotFound as error:
        return [RunReport(str(pattern), error=str(error))]


def _project_beside(patterns: Sequence[str | Path]) -> Path:
    """The project of the first video's name, or the only one in its folder. Raises NotFound."""
    first = Path(patterns[0])
    own = first.with_suffix(".krolik")
    others = sorted(first.parent.glob("*.krolik"))
    if own.is_file() or len(others) == 1:
        return own if own.is_file() else others[0]
    raise NotFound(f"no model is named and {len(others)} projects lie beside the video", first, "Say --model.")


def table_name(stem: str, table: str) -> str:
    """VIDEO.csv and so on; the format's name where several have the suffix."""
    form = FORMATS[table]
    kind = {"csv": "", "json": "", "hdf5": "", "csv-wide": "_wide"}.get(table, f"_{table}")
    return f"{stem}{kind}{form.predictions_suffix or form.suffix}"


@dataclass(frozen=True)
class Results:
    """What is written of a predicted video: tables by format, and the annotated video."""

    tables: Sequence[str]
    style: Style
    smoothing: Smoothing


def write_results(file: ProjectFile, run: Run, out: Path, wanted: Results, reporter: Reporter, stem: str) -> list[Path]:
    """Tables and annotated video of a run, side by side in the folder `out`, named by `stem`; the paths."""
    record = videos.record(file, run.document["video"])
    written = []
    for table in wanted.tables:
        place = out / table_name(stem, table)
        written.append(write_predictions(FORMATS[table], place, [prediction_table(file, run, wanted.smoothing)]).out)
    source = Source(run.document["model"], wanted.smoothing)
    return written + render(file, record.id, out / f"{stem}_annotated.mp4", source, None, wanted.style, reporter)


@dataclass(frozen=True)
class _Runner:
    """What is done with every video."""

    model: PoseModel
    out: Path
    wanted: Results
    reporter: Reporter

    def run(self, path: Path, stem: str, report: RunReport) -> None:
        """Predictions go through a passing project, so that memory does not grow with the video."""
        with (
            tempfile.TemporaryDirectory(prefix="krolik-") as folder,
            ProjectFile.create(Path(folder) / "run.krolik", self.model.skeleton) as file,
        ):
            done = predict(file, [path], self.model, (0, None), False, self.reporter)[0]
            if done.error:
                report.error = done.error
                return
            report.frames, report.undecodable = done.stop - done.start, len(done.undecodable)
            run = latest_runs(file, None, [])[0]
            report.files += write_results(file, run, self.out, self.wanted, self.reporter, stem)
