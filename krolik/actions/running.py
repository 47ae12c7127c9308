"""From a video to its annotated video and tables in one go."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from krolik.actions.adding import expand
from krolik.actions.exporting import latest_runs, prediction_table, write_predictions
from krolik.actions.predicting import load_model, predict
from krolik.actions.rendering import render
from krolik.actions.reporter import Reporter
from krolik.errors import InvalidSetting, KrolikError, NotFound
from krolik.formats import FORMATS, PREDICTIONS, writable
from krolik.inference.model import PoseModel
from krolik.project import ProjectFile
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
    patterns: Sequence[str | Path], model: str | Path, out: Path, tables: Sequence[str], style: Style,
    reporter: Reporter,
) -> list[RunReport]:  # fmt: skip
    """Each video on its own: one that cannot be read does not stop the others. Raises for a bad model or table."""
    unknown = [t for t in tables if t not in writable(PREDICTIONS)]
    if unknown:
        known = ", ".join(writable(PREDICTIONS))
        raise InvalidSetting(f"{unknown[0]!r} cannot be written", "--to", f"There are: {known}.")
    runner = _Runner(load_model(None, model), out, tables, style, reporter)
    reports, stems = [], set()
    for pattern in patterns:
        try:
            paths = expand([pattern])
        except NotFound as error:
            reports.append(RunReport(str(pattern), error=str(error)))
            continue
        for path in paths:
            report = RunReport(str(path))
            reports.append(report)
            try:
                runner.run(path, _free_stem(path, stems), report)
            except KrolikError as error:
                report.error = str(error)
    return reports


def _free_stem(path: Path, taken: set[str]) -> str:
    """The file's name without suffix; two videos of the same name do not overwrite each other."""
    stem, number = path.stem, 2
    while stem in taken:
        stem, number = f"{path.stem}-{number}", number + 1
    taken.add(stem)
    return stem


def _table_name(stem: str, table: str) -> str:
    """VIDEO.csv and so on; the format's name where several have the suffix."""
    form = FORMATS[table]
    kind = {"csv": "", "json": "", "hdf5": "", "csv-wide": "_wide"}.get(table, f"_{table}")
    return f"{stem}{kind}{form.predictions_suffix or form.suffix}"


@dataclass(frozen=True)
class _Runner:
    """What is done with every video."""

    model: PoseModel
    out: Path
    tables: Sequence[str]
    style: Style
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
            for table in self.tables:
                place = self.out / _table_name(stem, table)
                report.files.append(write_predictions(FORMATS[table], place, [prediction_table(file, run)]).out)
            video = self.out / f"{stem}_annotated.mp4"
            report.files += render(file, str(path), video, None, None, self.style, self.reporter)
