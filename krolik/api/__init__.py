"""The verbs. The command of the same name, and the button of the same name, call these and nothing else.

>>> import krolik
>>> project = krolik.open("rabbits.krolik")
>>> model = project.train(budget="5m")
>>> project.evaluate().metrics.overall.mean_error_px
>>> project.predict("rabbits.mp4")
>>> project.render("rabbits.mp4", out="annotated.mp4")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from krolik import defaults
from krolik.api.arguments import PathLike, many, parse_skeleton, parsed_smoothing, silent
from krolik.api.project import Project
from krolik.project import ProjectFile
from krolik.skeleton import Skeleton

if TYPE_CHECKING:
    from krolik.actions.exporting import ExportReport
    from krolik.actions.importing import ImportReport
    from krolik.actions.reporter import Reporter
    from krolik.actions.running import RunReport
    from krolik.engines.environments import Environment
    from krolik.inference.smoothing import Smoothing
    from krolik.rendering.overlay import Style

__all__ = [
    "PathLike", "Project", "convert", "demo", "doctor", "engines", "inspect", "install_engine", "new", "open",
    "parse_skeleton", "remove_engine", "run", "ui", "use_engine",
]  # fmt: skip


def new(
    path: PathLike, videos: PathLike | Sequence[PathLike] = (), skeleton: str | Skeleton = defaults.SKELETON
) -> Project:
    """Makes a project file, with videos if some are given.

    skeleton: a Skeleton, the name of a template (rabbit, mouse, quadruped, fly), or names separated by commas
        (a single one: "nose,").
    Raises InvalidSetting when the file exists, NotFound, InvalidFile for a video.
    """
    from krolik.actions.adding import expand

    paths = expand(many(videos))
    project = Project(ProjectFile.create(path, parse_skeleton(skeleton)))
    try:
        project.add(paths)
    except BaseException:
        project.close()
        Path(path).unlink()
        raise
    return project


def inspect(
    source: PathLike,
    missing: str = defaults.MISSING,
    form: str | None = None,
    videos: PathLike | Sequence[PathLike] = (),
    unconfirmed: bool = False,
) -> ImportReport:
    """What a file of labels or predictions holds, without importing it; arguments as of Project.import_labels.

    Raises NotFound, InvalidFile, InvalidSetting.
    """
    from krolik.actions.importing import inspect
    from krolik.formats.imported import Wishes

    return inspect(Path(source), Wishes.of(missing, unconfirmed), form, [Path(p) for p in many(videos)])


def convert(
    source: PathLike,
    to: str,
    out: PathLike,
    what: str | None = None,
    missing: str = defaults.MISSING,
    form: str | None = None,
    videos: PathLike | Sequence[PathLike] = (),
    unconfirmed: bool = False,
) -> ExportReport:
    """From one format to another without a project. The report says what the new format cannot hold.

    what: "labels" or "predictions", where the source has both; the others as of Project.import_labels.
    Raises NotFound, InvalidFile, InvalidSetting, InvalidLabels, StorageError.
    """
    from krolik.actions.converting import convert
    from krolik.formats.imported import Wishes

    wishes = Wishes.of(missing, unconfirmed)
    return convert(Path(source), to, Path(out), wishes, form, [Path(p) for p in many(videos)], what)


def open(path: PathLike) -> Project:
    """Opens a project file. Raises NotFound, InvalidProject, StorageError."""
    return Project(ProjectFile.open(path))


def run(
    videos: PathLike | Sequence[PathLike],
    model: PathLike | None = None,
    out: PathLike = defaults.OUT,
    tables: Sequence[str] = defaults.RUN_TABLES,
    style: Style | None = None,
    reporter: Reporter | None = None,
    smoothing: str | Smoothing = defaults.SMOOTHING,
) -> list[RunReport]:
    """From videos to annotated videos and tables, beside each other in the folder `out`; no project is needed.

    model: an .onnx file, or a project whose newest model is meant (default: the project beside the first video).
    smoothing: as of `Project.export`. Raises NotFound, InvalidFile, StorageError.
    """
    from krolik.actions.running import Results, run_all
    from krolik.rendering.overlay import Style

    wanted = Results(tables, style or Style(), parsed_smoothing(smoothing))
    return run_all(many(videos), model, Path(out), wanted, reporter or silent())


def demo(out: PathLike = defaults.DEMO_OUT, budget: str = defaults.DEMO_BUDGET, seed: int = defaults.SEED,
         reporter: Reporter | None = None) -> Path:  # fmt: skip
    """Generates a rabbit, learns it and shows it: needs nothing but the package. Returns the report's path."""
    from krolik.demonstration.show import show

    return show(Path(out), budget, seed, reporter or silent())


def doctor() -> dict[str, str]:
    """What this installation and this machine can do, line by line."""
    from krolik.actions.information import examine

    return examine()


def ui(
    path: PathLike | None = None,
    port: int = defaults.PORT,
    browser: bool = True,
    roots: Sequence[PathLike] = (),
) -> None:
    """Serves the user interface on this computer until it is stopped, and opens it in the browser.

    path: a project, or a video, a folder of images or labels of any format to make one of. port: the first one to try.
    roots: folders that may be looked into beside the home folder, the current one and the project's. Raises NotFound,
    InvalidProject, InvalidSetting.
    """
    from krolik.server.serve import serve

    serve(None if path is None else Path(path), port, browser, [Path(r) for r in roots])


def engines() -> dict[str, Environment | None]:
    """The other frameworks whose networks `Project.train(engine=...)` trains; None for one that is not installed."""
    from krolik.engines import environments

    return environments.every()


def install_engine(name: str, python: PathLike | None = None, reporter: Reporter | None = None) -> Environment:
    """Makes an environment of its own for a framework and installs it there; gigabytes are downloaded.

    python: the interpreter to make it with; default: Krolik's. Raises InvalidSetting with what pip said, StorageError.
    """
    from krolik.actions.installing import install

    return install(name, None if python is None else Path(python), reporter or silent())


def use_engine(name: str, python: PathLike) -> Environment:
    """Takes an environment in which a framework is installed already, by its interpreter.

    Raises NotFound, InvalidSetting if something is missing there, StorageError.
    """
    from krolik.engines import environments
    from krolik.engines.frameworks import framework

    return environments.use(framework(name), Path(python))


def remove_engine(name: str) -> None:
    """Forgets a framework's environment and deletes it if Krolik made it. Raises InvalidSetting, StorageError."""
    from krolik.engines import environments
    from krolik.engines.frameworks import framework

    environments.remove(framework(name))
