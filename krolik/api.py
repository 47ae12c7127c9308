"""The verbs. The command of the same name, and the button of the same name, call these and nothing else.

>>> import krolik
>>> project = krolik.open("rabbits.krolik")
>>> model = project.train(budget="5m")
>>> project.evaluate().metrics.overall.mean_error_px
>>> project.predict("rabbits.mp4")
>>> project.render("rabbits.mp4", out="annotated.mp4")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from krolik import defaults
from krolik.errors import InvalidSetting
from krolik.poses import FrameKey, Labels, State
from krolik.project import ProjectFile, history, labels, models, selection
from krolik.skeleton import Skeleton, template

if TYPE_CHECKING:
    from krolik.actions.evaluating import Evaluation
    from krolik.actions.exporting import ExportReport
    from krolik.actions.importing import ImportReport
    from krolik.actions.information import ProjectInformation
    from krolik.actions.labelling import Operation
    from krolik.actions.planning import Preparation
    from krolik.actions.predicting import PredictionReport
    from krolik.actions.reporter import Reporter
    from krolik.actions.running import RunReport
    from krolik.project.history import Logged
    from krolik.project.models import ModelRecord
    from krolik.project.videos import VideoRecord
    from krolik.rendering.overlay import Style
    from krolik.training.plan import Settings

PathLike = str | Path


def _silent() -> Reporter:
    from krolik.actions.reporter import Silent

    return Silent()


def _many(paths: PathLike | Sequence[PathLike]) -> list[PathLike]:
    return [paths] if isinstance(paths, (str, Path)) else list(paths)


def new(
    path: PathLike, videos: PathLike | Sequence[PathLike] = (), skeleton: str | Skeleton = defaults.SKELETON
) -> Project:
    """Makes a project file, with videos if some are given.

    skeleton: a Skeleton, the name of a template (rabbit, mouse, quadruped, fly), or names separated by commas.
    Raises InvalidSetting when the file exists, NotFound, InvalidFile for a video.
    """
    from krolik.actions.adding import expand

    paths = expand(_many(videos))
    project = Project(ProjectFile.create(path, parse_skeleton(skeleton)))
    try:
        project.add(paths)
    except BaseException:
        project.close()
        Path(path).unlink()
        raise
    return project


def _wishes(network: str, budget: str, seed: int, settings: Mapping[str, object]) -> Settings:
    """What the user wishes of a training. Raises InvalidSetting for an unknown setting."""
    from krolik.training.budget import Budget
    from krolik.training.plan import Settings

    try:
        return Settings(network, budget=Budget.parse(budget), seed=seed, **settings)  # pyright: ignore
    except TypeError as error:
        raise InvalidSetting(f"no such setting ({error})", "train") from error


def _import_wishes(missing: str, unconfirmed: bool):
    from krolik.formats.imported import Wishes

    states = {"unknown": State.UNKNOWN, "absent": State.ABSENT}
    if missing not in states:
        raise InvalidSetting(f"{missing!r} is not a state", "--missing", "Say unknown or absent.")
    return Wishes(states[missing], unconfirmed)


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

    return inspect(Path(source), _import_wishes(missing, unconfirmed), form, [Path(p) for p in _many(videos)])


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

    wishes = _import_wishes(missing, unconfirmed)
    return convert(Path(source), to, Path(out), wishes, form, [Path(p) for p in _many(videos)], what)


def parse_skeleton(wish: str | Skeleton) -> Skeleton:
    """A skeleton from a template's name or from keypoint names separated by commas. Raises NotFound, InvalidLabels."""
    if isinstance(wish, Skeleton):
        return wish
    return Skeleton.of([n.strip() for n in wish.split(",")]) if "," in wish else template(wish)


def open(path: PathLike) -> Project:
    """Opens a project file. Raises NotFound, InvalidProject, StorageError."""
    return Project(ProjectFile.open(path))


class Project:
    """An open project. Use it in a `with` statement, or close it. Its methods are the verbs."""

    def __init__(self, file: ProjectFile):
        self.file = file

    @property
    def path(self) -> Path:
        """Where the project file is."""
        return self.file.path

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints, edges and symmetric pairs that labels are made with."""
        return labels.skeleton(self.file)

    @property
    def labels(self) -> Labels:
        """All labels, by video name and frame name."""
        return labels.load(self.file)

    @property
    def models(self) -> list[ModelRecord]:
        """The trained models, oldest first."""
        return models.every(self.file)

    def info(self, check: bool = False) -> ProjectInformation:
        """What the project holds. `check` reads every page of the file first. Raises InvalidProject."""
        from krolik.actions.information import describe

        return describe(self.file, check)

    def add(self, videos: PathLike | Sequence[PathLike]) -> list[VideoRecord]:
        """Adds videos or image folders; those that it has already stay as they are. Raises NotFound, InvalidFile."""
        from krolik.actions.adding import add_videos, expand

        return add_videos(self.file, expand(_many(videos)), "api")

    def relink(self, path: PathLike) -> VideoRecord:
        """Tells the project where one of its videos lies now. Raises NotFound, InvalidFile."""
        from krolik.actions.adding import relink

        return relink(self.file, Path(path), "api")

    def select(
        self,
        videos: str | Sequence[str] = (),
        count: int = defaults.SELECT_COUNT,
        strategy: str = defaults.STRATEGY,
        *,
        frames: str | None = None,
        seed: int = defaults.SEED,
        quotas: Mapping[str, int] | None = None,
        reporter: Reporter | None = None,
    ) -> list[FrameKey]:
        """Selects exactly `count` new frames of each video (default: of all) for labelling; returns their keys.

        strategy: diverse, kmeans, motion, uniform or random. frames: a range as "START:STOP:STEP", each part
        optional. quotas: another count for single videos, by name. Labelled and selected frames are not chosen again.
        Raises NotFound, InvalidSetting when fewer frames are free; then nothing is selected.
        """
        from krolik.actions.selecting import parse_range, select
        from krolik.sampling import Wish

        names = [videos] if isinstance(videos, str) else list(videos)
        wish = Wish(count, strategy, *parse_range(frames), seed)
        return select(self.file, names, wish, quotas or {}, "api", reporter or _silent())

    def mark(self, video: str, frames: str | Sequence[int]) -> list[FrameKey]:
        """Selects frames by number: a list, or text as "3,10-20,100-200:25" (ends included). Raises NotFound."""
        from krolik.actions.selecting import mark, parse_frames

        return mark(self.file, video, parse_frames(frames) if isinstance(frames, str) else frames, "api")

    def unmark(self, video: str, frames: str | Sequence[int] | None = None) -> int:
        """Takes the selection of frames back (default: of the whole video); how many were selected."""
        from krolik.actions.selecting import parse_frames, unmark

        return unmark(self.file, video, parse_frames(frames) if isinstance(frames, str) else frames, "api")

    @property
    def selected(self) -> list[FrameKey]:
        """The selected frames, by video and number."""
        return list(selection.load(self.file))

    def label(self, video: str, frame: int, *operations: Operation) -> None:
        """Labels a frame by operations of `krolik.actions.labelling`: SetPoints, RemoveAnimal, NoAnimals, ...

        Raises NotFound, InvalidLabels for a point outside the frame; then nothing is changed.
        """
        from krolik.actions.labelling import label
        from krolik.project import videos

        label(self.file, FrameKey(videos.record(self.file, video).id, frame), operations, "api")

    def set_skeleton(self, skeleton: str | Skeleton) -> Skeleton:
        """Replaces the skeleton: labels stay with their keypoints, whatever is renamed, moved, added or deleted.

        skeleton: a changed `project.skeleton`, or a template's name or names separated by commas, whose keypoints
        are matched to the present ones by name. Raises InvalidLabels.
        """
        from krolik.actions.skeletons import adopt, set_skeleton

        new = adopt(self.file, parse_skeleton(skeleton)) if isinstance(skeleton, str) else skeleton
        return set_skeleton(self.file, new, "api")

    def import_labels(
        self,
        source: PathLike,
        missing: str = defaults.MISSING,
        form: str | None = None,
        videos: PathLike | Sequence[PathLike] = (),
        unconfirmed: bool = False,
        reporter: Reporter | None = None,
    ) -> ImportReport:
        """Imports labels, predictions and skeletons of any format that docs/formats.md names.

        missing: what a point that is left out means: "unknown" (nobody looked; not trained) or "absent".
        form: the format's name (default: detected). videos: where videos are that the source names.
        unconfirmed: take points that the source calls not confirmed by a person as labels, not as predictions.
        Raises NotFound, InvalidFile, InvalidLabels, InvalidSetting; then nothing is changed.
        """
        from krolik.actions.importing import import_file

        places = [Path(p) for p in _many(videos)]
        return import_file(
            self.file, Path(source), _import_wishes(missing, unconfirmed), reporter or _silent(), form, places
        )

    def split(self, rule: str = defaults.SPLIT, name: str | None = None) -> dict[FrameKey, str]:
        """Divides the labelled frames into "train" and "test" and keeps that under a name (default: the rule).

        rule: every:N, blocks[:FRACTION], random[:FRACTION[:SEED]], by-video[:NAME,...], file:PATH.
        """
        from krolik.actions.splitting import split

        return split(self.file, rule, name, "api")

    def plan(
        self,
        split: str = defaults.SPLIT,
        network: str = defaults.NETWORK,
        budget: str = defaults.BUDGET,
        seed: int = defaults.SEED,
        *,
        reporter: Reporter | None = None,
        **settings: object,
    ) -> Preparation:
        """What `train` would do with the same arguments: each decision with its reason, and what in the labels to mend.

        `plan.rows()` of the result has the decisions, `findings` what was found. Raises as `train` does.
        """
        from krolik.actions.planning import prepare

        return prepare(self.file, _wishes(network, budget, seed, settings), split, reporter or _silent())

    def train(
        self,
        split: str = defaults.SPLIT,
        network: str = defaults.NETWORK,
        budget: str = defaults.BUDGET,
        seed: int = defaults.SEED,
        *,
        folds: int = 0,
        resume: bool = False,
        reporter: Reporter | None = None,
        **settings: object,
    ) -> ModelRecord:
        """Trains a model on the training frames of a split and keeps it in the project.

        budget: wall time ("90s", "5m") or steps ("2000steps", which repeats exactly with the same seed).
        folds: cross-validate first, so that every training frame is tested once by a model that never saw it; the
        budget is shared equally by the folds and the final model. With split "none", that is every labelled frame.
        resume: go on with the training that was interrupted last; the other arguments are then not used.
        settings: name, width, pretrained ("auto", "none", a checkpoint's path or name, a model of the project or the
        path of another project to go on from), pipeline ("whole" or "crop"), scale, input_px, batch_size, overrides
        (any other field of the plan by name); each left out is decided from the data, with a reason (see `plan`).
        Raises InvalidLabels, InvalidSetting, NotFound, StorageError.
        """
        from krolik.actions import training

        if resume:
            return training.resume(self.file, reporter or _silent())
        name = settings.pop("name", None)
        wishes = _wishes(network, budget, seed, settings)
        said = None if name is None else str(name)
        return training.train(self.file, wishes, split, said, folds, reporter or _silent())

    def evaluate(
        self,
        model: str | None = None,
        split: str | None = None,
        threshold: float = defaults.THRESHOLD,
        pck: Sequence[float] = defaults.PCK_PX,
        pck_body: Sequence[float] = defaults.PCK_BODY,
        pictures: PathLike | None = None,
        worst: int = defaults.WORST,
        reporter: Reporter | None = None,
    ) -> Evaluation:
        """Measures a model (default: the newest) on the test frames of a split (default: the one it trained with).

        threshold: points of a lower score count as missed. pck, pck_body: distances, in pixels and in body lengths,
        within which a point counts as right. pictures: a folder for drawings of the `worst` frames.
        Raises InvalidSetting if a test frame was trained on.
        """
        from krolik.actions.evaluating import evaluate
        from krolik.evaluation import Criteria

        folder = None if pictures is None else Path(pictures)
        criteria = Criteria(threshold, tuple(pck), tuple(pck_body))
        return evaluate(self.file, model, split, criteria, folder, worst, reporter or _silent())

    def report(
        self,
        out: PathLike = defaults.REPORT,
        model: str | None = None,
        split: str | None = None,
        reporter: Reporter | None = None,
    ) -> list[Path]:
        """Writes the statistics of a model's training as a page, as JSON and its plots as PNG; returns their paths.

        Errors are those on the test frames of the split, or of the cross-validation where there are none.
        Raises NotFound, InvalidSetting, StorageError.
        """
        from krolik.actions.reporting import report

        return report(self.file, Path(out), model, split, reporter or _silent())

    def predict(
        self,
        videos: PathLike | Sequence[PathLike],
        model: PathLike | None = None,
        start: int = 0,
        stop: int | None = None,
        again: bool = False,
        reporter: Reporter | None = None,
    ) -> list[PredictionReport]:
        """Predicts videos (paths, patterns, or names in the project) and keeps the predictions.

        model: a name in the project (default: the newest), an .onnx file, or another project. Frames start to
        stop - 1. What an interrupted run predicted is not predicted again, unless `again`.
        A video that cannot be read does not stop the others: its report has an `error`.
        """
        from krolik.actions.predicting import load_model, predict

        network = load_model(self.file, model)
        return predict(self.file, _many(videos), network, (start, stop), again, reporter or _silent())

    def export(
        self,
        out: PathLike,
        to: str = defaults.EXPORT_TO,
        what: Literal["predictions", "labels"] | None = None,
        model: str | None = None,
        videos: Sequence[str] = (),
    ) -> ExportReport:
        """Writes predictions or labels in a format that docs/formats.md names, or a model as one .onnx file.

        what: predictions unless there are none or the format holds none, then labels. The report says where it was
        written and what the format could not hold. Raises NotFound, InvalidSetting, InvalidLabels, StorageError.
        """
        from krolik.actions.exporting import export

        return export(self.file, to, Path(out), what, model, videos)

    def render(
        self,
        video: PathLike,
        out: PathLike,
        model: str | None = None,
        frames: Sequence[int] | None = None,
        style: Style | None = None,
        reporter: Reporter | None = None,
    ) -> list[Path]:
        """Writes the annotated video, or with `frames` pictures of those frames into the folder `out`."""
        from krolik.actions.rendering import render
        from krolik.rendering.overlay import Style

        return render(self.file, str(video), Path(out), model, frames, style or Style(), reporter or _silent())

    def backup(self, out: PathLike) -> Path:
        """A complete copy of the project, even while it is in use. Raises InvalidSetting, StorageError."""
        return self.file.backup(out)

    def undo(self) -> Logged:
        """Reverts the last change of labels, skeleton, videos or splits. Raises NotFound when there is none."""
        return history.undo(self.file, "api")

    def redo(self) -> Logged:
        """Repeats the change that was undone last. Raises NotFound when there is none."""
        return history.redo(self.file, "api")

    def close(self) -> None:
        """Closes the file; what was saved is saved already."""
        self.file.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *exc) -> None:
        self.close()


def run(
    videos: PathLike | Sequence[PathLike],
    model: PathLike,
    out: PathLike = defaults.OUT,
    tables: Sequence[str] = defaults.RUN_TABLES,
    style: Style | None = None,
    reporter: Reporter | None = None,
) -> list[RunReport]:
    """From videos to annotated videos and tables, beside each other in the folder `out`; no project is needed.

    model: an .onnx file, or a project whose newest model is meant. Raises NotFound, InvalidFile, StorageError.
    """
    from krolik.actions.running import run_all
    from krolik.rendering.overlay import Style

    return run_all(_many(videos), model, Path(out), tables, style or Style(), reporter or _silent())


def demo(out: PathLike = defaults.DEMO_OUT, budget: str = defaults.DEMO_BUDGET, seed: int = defaults.SEED,
         reporter: Reporter | None = None) -> Path:  # fmt: skip
    """Generates a rabbit, learns it and shows it: needs nothing but the package. Returns the report's path."""
    from krolik.demonstration.show import show

    return show(Path(out), budget, seed, reporter or _silent())


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

    path: a project, or a video to make one of. port: the first one to try. roots: folders that may be looked into
    beside the home folder, the current one and the project's. Raises NotFound, InvalidProject, InvalidSetting.
    """
    from krolik.server.serve import serve

    serve(None if path is None else Path(path), port, browser, [Path(r) for r in roots])
