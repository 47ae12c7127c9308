"""An open project: its methods are the verbs that need one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from krolik import defaults
from krolik.api.arguments import PathLike, anywhere, many, parse_skeleton, parsed_smoothing, silent
from krolik.poses import FrameKey, Labels
from krolik.project import ProjectFile, history, labels, models, selection
from krolik.skeleton import Skeleton

if TYPE_CHECKING:
    from krolik.actions.comparing import Comparison
    from krolik.actions.evaluating import Evaluation
    from krolik.actions.exporting import ExportReport
    from krolik.actions.importing import ImportReport
    from krolik.actions.information import ProjectInformation
    from krolik.actions.labelling import Operation
    from krolik.actions.planning import Preparation
    from krolik.actions.predicting import PredictionReport
    from krolik.actions.reporter import Reporter
    from krolik.actions.suggesting import Suggestion
    from krolik.engines.foreign import ForeignPlan
    from krolik.inference.smoothing import Smoothing
    from krolik.project.history import Logged
    from krolik.project.jobs import Job
    from krolik.project.models import ModelRecord
    from krolik.project.videos import VideoRecord
    from krolik.rendering.overlay import Style
    from krolik.training.plan import Plan

Result = TypeVar("Result")


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

        return add_videos(self.file, expand(many(videos)), "api")

    def remove(self, videos: str | Sequence[str]) -> list[VideoRecord]:
        """Takes videos, by name or id, out of the project with their labels and marks; one change, which can be undone.

        Their files are not touched. Raises NotFound.
        """
        from krolik.actions.adding import remove_videos

        return remove_videos(self.file, [videos] if isinstance(videos, str) else videos, "api")

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
        return select(self.file, names, wish, quotas or {}, "api", reporter or silent())

    def suggest(
        self,
        videos: str | Sequence[str] = (),
        count: int = defaults.SUGGEST_COUNT,
        model: str | None = None,
        reporter: Reporter | None = None,
    ) -> list[Suggestion]:
        """Selects the frames of the videos (default: of all) whose labels would help a model most, each with reasons.

        Test frames are not looked at, labelled and selected ones not suggested again. model: default the newest.
        Raises NotFound, InvalidSetting, Conflict when the skeleton has changed since the model was trained.
        """
        from krolik.actions.suggesting import suggest

        names = [str(v) for v in many(videos)]
        return suggest(self.file, names, count, model, "api", reporter or silent())

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
        from krolik.formats.imported import Wishes

        places = [Path(p) for p in many(videos)]
        return import_file(self.file, Path(source), Wishes.of(missing, unconfirmed), reporter or silent(), form, places)

    def adopt(
        self, source: PathLike, name: str | None = None, animals: int | None = None, reporter: Reporter | None = None
    ) -> ModelRecord:
        """Takes a network that another framework trained earlier: it predicts and is measured as any model here.

        source: DeepLabCut's folder of a training (with pytorch_config.yaml), or sleap-nn's of a model (with
        training_config.yaml), for one animal a frame; sleap-nn's two networks for several from the top down as well,
        whose folders lie side by side: either is named. animals: in a frame at most, by default as labelled. The
        framework must be installed (`krolik.api.install_engine`). Which frames it learnt is not known. Raises
        NotFound, InvalidFile, InvalidLabels, InvalidSetting.
        """
        from krolik.actions.adopting import adopt

        return adopt(self.file, Path(source), name, animals, reporter or silent())

    def split(self, rule: str = defaults.SPLIT, name: str | None = None) -> dict[FrameKey, str]:
        """Divides the labelled frames into "train" and "test" and keeps that under a name (default: the rule).

        rule: every:N, blocks[:FRACTION], random[:FRACTION[:SEED]], by-video[:NAME,...], file:PATH.
        """
        from krolik.actions.splitting import split

        return split(self.file, rule, name, "api")

    def plan(
        self,
        split: str | None = None,
        network: str = defaults.NETWORK,
        budget: str = defaults.BUDGET,
        seed: int = defaults.SEED,
        *,
        reporter: Reporter | None = None,
        **settings: object,
    ) -> Preparation[Plan] | Preparation[ForeignPlan]:
        """What `train` would do with the same arguments: each decision with its reason, and what in the labels to mend.

        `plan.rows()` of the result has the decisions, `findings` what was found. Raises as `train` does.
        """
        from krolik.actions import training
        from krolik.actions.planning import wishes

        return training.plan(self.file, wishes(network, budget, seed, **settings), split, reporter or silent())

    def train(
        self,
        split: str | None = None,
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

        split: a kept split, a rule (see `split`), or "none" for all frames; default: the one that `split` made last,
        every:5 if there is none.

        budget: wall time ("90s", "5m") or steps ("2000steps", which repeats exactly with the same seed).
        folds: cross-validate first, so that every training frame is tested once by a model that never saw it; the
        budget is shared equally by the folds and the final model. With split "none", that is every labelled frame.
        resume: go on with the training that was interrupted last; the other arguments are then not used.
        settings: name, width, pretrained ("auto", "none", a checkpoint's path or name, a model of the project or the
        path of another project to go on from), pipeline ("whole" or "crop"), scale, input_px, batch_size, overrides
        (any other field of the plan by name); each left out is decided from the data, with a reason (see `plan`).
        engine: another framework ("deeplabcut", "sleap") that is to train one of its own networks.
        Raises InvalidLabels, InvalidSetting, NotFound, StorageError.
        """
        from krolik.actions import training
        from krolik.actions.planning import wishes

        name = settings.pop("name", None)
        said = None if name is None else str(name)
        wished = None if resume else wishes(network, budget, seed, **settings)

        def work(reporter: Reporter) -> ModelRecord:
            if wished is None:
                return training.resume(self.file, reporter)
            return training.train(self.file, wished, split, said, folds, reporter)

        document = {"split": split, "network": network, "budget": budget, "seed": seed, "name": said, "folds": folds}
        return self._as_job("train", {**document, **settings}, work, reporter)

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
        return evaluate(self.file, model, split, criteria, folder, worst, reporter or silent())

    def compare(
        self,
        sources: PathLike | Sequence[PathLike] = (),
        models: str | Sequence[str] = (),
        split: str | None = None,
        threshold: float = defaults.THRESHOLD,
        out: PathLike | None = None,
        reporter: Reporter | None = None,
    ) -> Comparison:
        """Measures models, other programs' predictions and other people's labels on the same labelled frames.

        sources: files of predictions or labels in any format. models: names of models or imported predictions (default:
        the newest model, and what was imported of these frames). split: whose test frames; "none" is all labelled ones
        (default: the models' own split, without a model "none"). out: a page; JSON and a plot are written beside it.
        Raises NotFound, InvalidFile, InvalidLabels, InvalidSetting if a test frame was trained on, StorageError.
        """
        from krolik.actions.comparing import compare
        from krolik.evaluation import Criteria

        places, names = [Path(s) for s in many(sources)], [models] if isinstance(models, str) else list(models)
        page = None if out is None else Path(out)
        return compare(self.file, places, names, split, Criteria(threshold), page, reporter or silent())

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

        return report(self.file, Path(out), model, split, reporter or silent())

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

        network, wanted = load_model(self.file, model), many(videos)
        document = {"videos": [anywhere(v) for v in wanted], "model": None if model is None else anywhere(model),
                    "start": start, "stop": stop, "again": again}  # fmt: skip

        def work(reporter: Reporter) -> list[PredictionReport]:
            return predict(self.file, wanted, network, (start, stop), again, reporter)

        return self._as_job("predict", document, work, reporter)

    def export(
        self,
        out: PathLike,
        to: str = defaults.EXPORT_TO,
        what: Literal["predictions", "labels"] | None = None,
        model: str | None = None,
        videos: Sequence[str] = (),
        smoothing: str | Smoothing = defaults.SMOOTHING,
    ) -> ExportReport:
        """Writes predictions or labels in a format that docs/formats.md names, or a model as one .onnx file.

        what: predictions unless there are none or the format holds none, then labels. smoothing of predictions: none,
        median, one-euro or kalman, with a number of frames ("kalman:9"), or a `Smoothing`. The report says where it was
        written and what the format could not hold. Raises NotFound, InvalidSetting, InvalidLabels, StorageError.
        """
        from krolik.actions.exporting import Source, export

        return export(self.file, to, Path(out), what, Source(model, parsed_smoothing(smoothing)), videos)

    def render(
        self,
        video: PathLike,
        out: PathLike,
        model: str | None = None,
        frames: Sequence[int] | None = None,
        style: Style | None = None,
        reporter: Reporter | None = None,
        smoothing: str | Smoothing = defaults.SMOOTHING,
    ) -> list[Path]:
        """Writes the annotated video, or with `frames` pictures of those frames into the folder `out`.

        smoothing: as of `export`.
        """
        from krolik.actions.exporting import Source
        from krolik.actions.rendering import render
        from krolik.rendering.overlay import Style

        source, looks = Source(model, parsed_smoothing(smoothing)), style or Style()

        def work(reporter: Reporter) -> list[Path]:
            return render(self.file, str(video), Path(out), source, frames, looks, reporter)

        document = {"video": anywhere(video), "out": str(Path(out).absolute()), "model": model,
                    "frames": None if frames is None else list(frames), "style": asdict(looks),
                    "smoothing": source.smoothing.to_json()}  # fmt: skip
        return self._as_job("render", document, work, reporter)

    @property
    def jobs(self) -> list[Job]:
        """Long work on this project, by whatever program, newest first; what has died is told apart."""
        from krolik.jobs import settle
        from krolik.project import jobs

        settle(self.file)
        return jobs.every(self.file)

    def start(self, kind: str, **document: object) -> Job:
        """Starts work that goes on when this program ends: "train", "predict", "render", ... with their arguments.

        `krolik.jobs` has `wait`, `stop`, `cancel` and `resume`, which take `project.file` and the job's number.
        """
        from krolik.jobs import submit

        return submit(self.file, kind, document, "api")

    def _as_job(
        self, kind: str, document: dict, work: Callable[[Reporter], Result], reporter: Reporter | None
    ) -> Result:
        """Does it in this process, seen by all who have the project open."""
        from krolik.jobs.process import here

        return here(self.file, kind, document, "api", reporter or silent(), work)

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
