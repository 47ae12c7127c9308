"""Models, other programs' predictions and other people's labels on the same labelled frames, by the same measure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from krolik.actions.evaluating import pose, refuse_trained
from krolik.actions.importing import in_order, own_record
from krolik.actions.reporter import Reporter
from krolik.actions.samples import load_pixels, samples
from krolik.actions.splitting import NO_SPLIT, split_parts
from krolik.errors import InvalidLabels, InvalidSetting, NotFound
from krolik.evaluation import Criteria
from krolik.evaluation.comparison import Answered, answered, ranked
from krolik.files import replacing
from krolik.formats import read
from krolik.formats.imported import Imported, ImportedVideo, Wishes, shortened
from krolik.formats.reading import distinct
from krolik.inference.model import PoseModel
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels, models, predictions, runs, videos
from krolik.project.models import ModelRecord
from krolik.project.runs import Run
from krolik.project.videos import VideoRecord
from krolik.rendering import plots
from krolik.rendering.comparison import labelled_and_predicted
from krolik.rendering.comparison_page import ComparisonPage, comparison_page
from krolik.skeleton import Skeleton
from krolik.training.machine import core_count
from krolik.training.splits import TEST, TRAIN
from krolik.training.training_set import Sample

WORST = 6  # frames drawn on the page


@dataclass(frozen=True, eq=False)
class Answer:
    """Where somebody says that the animals are. poses: (P, K, 3) x, y, score of each frame that it speaks of.

    told: what the user should know of how it was understood.
    """

    name: str
    kind: str  # "model", "predictions" or "labels"
    names: Sequence[str]
    poses: Mapping[FrameKey, np.ndarray]
    told: Sequence[str] = ()

    def of(self, key: FrameKey, keypoints: Sequence[str]) -> np.ndarray:
        """(P, K, 3) in the order of `keypoints`."""
        return self.poses[key][:, [self.names.index(name) for name in keypoints]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """`answers` in the order that was asked for, over the same `frames`; `written` are the page and what lies by it."""

    split: str
    frames: int
    keypoints: list[str]
    answers: list[Answered]
    notes: list[str]
    written: list[Path]

    def to_json(self) -> dict:
        return {"split": self.split, "frames": self.frames, "keypoints": self.keypoints, "notes": self.notes,
                "answers": [a.to_json() for a in self.answers], "files": [str(p) for p in self.written]}  # fmt: skip


def compare(
    file: ProjectFile, sources: Sequence[Path], model_names: Sequence[str], split_name: str | None, criteria: Criteria,
    out: Path | None, reporter: Reporter,
) -> Comparison:  # fmt: skip
    """Measures files, and models or imported predictions of the project, on the labelled frames that all speak of.

    model_names: of models or imported predictions; default: the newest model, and what was imported of these frames.
    split_name: whose test frames; default: the models' own, without models all labelled frames ("none"). out: a page.
    Raises NotFound, InvalidFile, InvalidLabels, InvalidSetting, StorageError.
    """
    chosen, imported = _named(file, model_names)
    if not (sources or chosen or imported):
        raise NotFound("there is nothing to compare: no file, no model, no imported predictions", file.path,
                       f"Give a file: krolik compare {file.path.name} FILE.")  # fmt: skip
    split_name = split_name or _split_of(chosen)
    tested = _tested(file, split_name)
    for record in chosen:
        refuse_trained(record, [s.key for s in tested], split_name)
    wanted, bones = {s.key for s in tested}, labels.skeleton(file).names
    answers = [_of_file(file, source, name, wanted) for source, name in zip(sources, _called(sources))]
    kept = [_of_runs(file, name, of_videos, wanted) for name, of_videos in imported.items()]
    answers += [one for one in kept if model_names or _concerns(one, bones)]
    answers += [_of_model(file, record, tested, reporter) for record in chosen]
    if not answers:
        raise InvalidLabels("no imported predictions are of these frames", file.path, "Compare a file, or a model.")
    keypoints, notes = _shared_keypoints(bones, answers)
    frames, left_out = _shared_frames(tested, answers)
    notes = [*(note for a in answers for note in a.told), *notes, *left_out]
    if any(a.kind == "predictions" for a in answers) or any(m.document["origin"].get("adopted") for m in chosen):
        notes.append("which of these frames the networks of other programs were trained on is not known here")
    places = [bones.index(name) for name in keypoints]
    points, states = [s.points[:, places] for s in frames], [s.states[:, places] for s in frames]
    compared = ranked([
        answered(a.name, a.kind, points, states, [a.of(s.key, keypoints) for s in frames], keypoints, criteria)
        for a in answers
    ])  # fmt: skip
    result = Comparison(split_name, len(frames), keypoints, compared, notes, [])
    return result if out is None else _write(file, result, frames, points, out)


def _named(file: ProjectFile, names: Sequence[str]) -> tuple[list[ModelRecord], dict[str, list[Run]]]:
    """The models, and the imported predictions, of these names: a run for each video, the newest."""
    every = models.every(file)
    newest: dict[tuple[str, str], Run] = {}
    for run in reversed(runs.every(file, "predict")):
        if run.document.get("imported") and run.status == "done":
            newest[run.document["model_name"], run.document["video"]] = run
    imported: dict[str, list[Run]] = defaultdict(list)
    for (name, _), run in newest.items():
        imported[name].append(run)
    if not names:
        return every[-1:], imported
    trained = {m.name for m in every}
    taken = {name: imported[name] for name in names if name in imported and name not in trained}
    return [models.get(file, name) for name in names if name not in taken], taken


def _concerns(answer: Answer, bones: Sequence[str]) -> bool:
    """Whether it says anything of the frames and keypoints: a project may also have predictions of other videos."""
    return bool(answer.poses) and bool(set(answer.names) & set(bones))


def _split_of(chosen: Sequence[ModelRecord]) -> str:
    """Raises InvalidSetting where models were trained with different splits: their test frames are not the same."""
    own = list(dict.fromkeys(m.document["split"] for m in chosen))
    if len(own) > 1:
        raise InvalidSetting(f"the models were trained with different splits ({', '.join(own)})", "--split",
                             "Say one whose test frames none of them learnt.")  # fmt: skip
    return own[0] if own else NO_SPLIT


def _tested(file: ProjectFile, split_name: str) -> list[Sample]:
    tested = samples(file, split_parts(file, split_name, "compare"), TRAIN if split_name == NO_SPLIT else TEST)
    if not tested:
        raise InvalidLabels(f"the split {split_name!r} has no test frames", file.path, "Choose another.")
    return tested


def _called(sources: Sequence[Path]) -> list[str]:
    return distinct([s.name for s in sources], [s.absolute().parent.name for s in sources])


def _of_file(file: ProjectFile, source: Path, name: str, wanted: set[FrameKey]) -> Answer:
    """Its predictions, or its labels: what another person says. Of both, what speaks of more of the frames.

    Raises InvalidFile, InvalidLabels.
    """
    imported = read(source, Wishes())
    spoken_of = {p.video for p in imported.predictions} | {f.key.video for f in imported.labels}
    if not spoken_of:
        raise InvalidLabels("neither predictions nor labels are in it", source)
    own, told = _owned(file, imported, spoken_of, source)
    told += _taken(name, own)
    labelled = Answer(
        name, "labels", imported.labels.skeleton.names, dict(_labelled(imported, own, wanted)), told
    )  # fmt: skip
    if not imported.predictions:
        return labelled
    names = imported.predictions[0].skeleton.names
    predicted = Answer(name, "predictions", names, dict(_predicted(imported, own, names, wanted)), told)
    answer, other = (predicted, labelled) if len(predicted.poses) >= len(labelled.poses) else (labelled, predicted)
    note = (f"{name} has labels as well: its predictions are compared" if answer is predicted else
            f"{name} has predictions as well: its labels are compared")  # fmt: skip
    return replace(answer, told=[*told, *([note] if other.poses else [])])


def _predicted(
    imported: Imported, own: Mapping[str, VideoRecord], names: Sequence[str], wanted: set[FrameKey]
) -> Iterator[tuple[FrameKey, np.ndarray]]:
    for one in (p for p in imported.predictions if p.video in own):
        video, record = next(v for v in imported.videos if v.name == one.video), own[one.video]
        order = [one.skeleton.names.index(n) if n in one.skeleton.names else -1 for n in names]
        found = in_order(one, video, record)
        frames = [k for k in wanted if k.video == record.id and (found.rows is None or k.index in found.rows)]
        for block in found.blocks():
            for key in frames:
                if block.start <= key.index < block.stop:
                    at = key.index - block.start
                    yield key, _ordered(np.concatenate([block.xy[at], block.score[at][..., None]], axis=-1), order)


def _ordered(animals: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """(P, K, 3) with the keypoints in another order; -1 is one that is not there."""
    padded = np.concatenate([animals, np.full((len(animals), 1, 3), np.nan)], axis=1)
    return padded[:, order].astype(float)


def _labelled(
    imported: Imported, own: Mapping[str, VideoRecord], wanted: set[FrameKey]
) -> Iterator[tuple[FrameKey, np.ndarray]]:
    for frame in (f for f in imported.labels if f.key.video in own):
        record, index = own[frame.key.video], frame.key.index
        if record.names is not None:
            index = record.names.index(frame.name) if frame.name in record.names else -1
        key = FrameKey(record.id, index)
        if key in wanted:
            animals = [np.where(i.located[:, None], i.points, np.nan) for i in frame.instances]
            xy = np.array(animals, float).reshape(len(animals), len(imported.labels.skeleton), 2)
            yield key, np.concatenate([xy, np.isfinite(xy[..., :1]).astype(float)], axis=-1)


def _owned(
    file: ProjectFile, imported: Imported, spoken_of: set[str], source: Path
) -> tuple[dict[str, VideoRecord], list[str]]:
    """The project's video for each that a file speaks of, and what is said of those that it does not have.

    Raises InvalidLabels when it has none of them.
    """
    own, notes = {}, []
    for video in (v for v in imported.videos if v.name in spoken_of):
        record, theirs, answer = _own(file, imported, video), video.name, source.name
        if record is None:
            notes.append(f"the video {theirs} of {answer} is not in the project")
        else:
            own[theirs] = record
    if not own:
        theirs, names = sorted(spoken_of)[0], ", ".join(r.name for r in videos.records(file))
        raise InvalidLabels(f"its video {theirs!r} is none of the project's", source, f"There are: {names}.")
    return own, notes


def _own(file: ProjectFile, imported: Imported, wanted: ImportedVideo) -> VideoRecord | None:
    """The project's video that is meant: the same one, one called the same, or the only one on both sides.

    Frame numbers of a video say nothing of a folder of images.
    """
    own = own_record(file, wanted)
    if own is not None:
        return own
    records = videos.records(file)
    films = [r for r in records if (r.names is None) == (wanted.images is None)]
    alike = [r for r in films if Path(r.name).stem == Path(wanted.name).stem]
    if len(alike) == 1:
        return alike[0]
    return records[0] if len(records) == len(films) == len(imported.videos) == 1 else None


def _taken(answer: str, records: Mapping[str, VideoRecord]) -> list[str]:
    """What is said of videos that are called otherwise in the project."""
    notes = []
    for theirs, record in records.items():
        ours = record.name
        if Path(theirs).stem != Path(ours).stem:
            notes.append(f"the video {theirs} of {answer} is taken for {ours}")
    return notes


def _of_runs(file: ProjectFile, name: str, of_videos: Sequence[Run], wanted: set[FrameKey]) -> Answer:
    names = Skeleton.from_json(of_videos[0].document["skeleton"]).names
    poses = {}
    for run in of_videos:
        own = Skeleton.from_json(run.document["skeleton"]).names
        order = [own.index(n) if n in own else -1 for n in names]
        rows = run.document.get("rows")
        told = None if rows is None else set(rows)
        for key in (k for k in wanted if told is None or k.index in told):
            block = predictions.block_at(file, run.id, key.video, key.index)
            if block is not None:
                at = key.index - block.start
                poses[key] = _ordered(np.concatenate([block.xy[at], block.score[at][..., None]], axis=-1), order)
    return Answer(name, "predictions", names, poses)


def _of_model(file: ProjectFile, record: ModelRecord, tested: Sequence[Sample], reporter: Reporter) -> Answer:
    model = PoseModel(models.onnx(file, record), core_count(), record.name)
    poses = {}
    for number, sample in enumerate(tested):
        poses[sample.key] = pose(file, model, sample.key)
        reporter.progress(f"predict with {record.name}", (number + 1) / len(tested))
    return Answer(record.name, "model", model.skeleton.names, poses)


def _shared_keypoints(own: Sequence[str], answers: Sequence[Answer]) -> tuple[list[str], list[str]]:
    """The keypoints of the project that all answers have, and what is said of the others. Raises InvalidLabels."""
    shared = [name for name in own if all(name in a.names for a in answers)]
    for answer in answers:
        if not set(own) & set(answer.names):
            raise InvalidLabels(f"it has none of the project's keypoints, but {shortened(list(answer.names))}",
                                answer.name, f"The project has: {', '.join(own)}.")  # fmt: skip
    if not shared:
        raise InvalidLabels("no keypoint of the project is in all that is compared", "compare", "Compare two by two.")
    lacking = ", ".join(name for name in own if name not in shared)
    note = f"keypoints that not all have are left out: {lacking}"
    return shared, [note] if lacking else []


def _shared_frames(tested: Sequence[Sample], answers: Sequence[Answer]) -> tuple[list[Sample], list[str]]:
    """The frames that all answers speak of, and what is said of the others. Raises InvalidLabels."""
    shared = [s for s in tested if all(s.key in a.poses for a in answers)]
    lacking = [(a.name, sum(s.key not in a.poses for s in tested)) for a in answers]
    n, notes = len(tested), []
    for name, count in lacking:
        if count:
            notes.append(f"{name} says nothing of {count} of {n} frames: they are left out for all")
    if not shared:
        counts = ", ".join(f"{name}: {count}" for name, count in lacking if count)
        raise InvalidLabels(f"all {n} labelled frames are lacking in something that is compared ({counts})", "compare",
                            "Compare what speaks of the same frames.")  # fmt: skip
    return shared, notes


def _write(
    file: ProjectFile, result: Comparison, frames: Sequence[Sample], points: Sequence[np.ndarray], out: Path
) -> Comparison:
    """OUT.html, OUT.json and the plot as OUT-pck.png. Raises StorageError."""
    base = out.with_suffix("") if out.suffix == ".html" else out
    answers = result.answers
    figure = plots.pck_curves(
        [a.name for a in answers], [a.errors[np.isfinite(a.errors)] for a in answers], answers[0].overall.n,
        answers[0].metrics.body_length_px,
    )  # fmt: skip
    pictures = list(_worst(file, result, frames, points))
    page = ComparisonPage(file.path.stem, result.to_json(), plots.as_svg(figure), pictures)
    paths = [base.with_name(base.name + end) for end in (".html", ".json", "-pck.png")]
    done = replace(result, written=paths)
    table = json.dumps(done.to_json(), ensure_ascii=False, indent=1)
    for path, data in zip(paths, (comparison_page(page).encode(), table.encode(), plots.as_png(figure))):
        with replacing(path) as partial:
            partial.write_bytes(data)
    return done


def _worst(
    file: ProjectFile, result: Comparison, frames: Sequence[Sample], points: Sequence[np.ndarray]
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """The frames where any answer is farthest off: what they are called, and a picture of each answer."""
    largest = np.array([np.nan_to_num(a.errors).reshape(result.frames, -1).max(axis=1) for a in result.answers])
    skeleton = labels.skeleton(file)
    shown = Skeleton(tuple(skeleton.keypoints[skeleton.names.index(n)] for n in result.keypoints), (), ())
    called = {f.key: f.name for f in labels.load(file)}
    of_video = {r.id: r.name for r in videos.records(file)}
    for number in np.argsort(-largest.max(axis=0), kind="stable")[:WORST].tolist():
        key = frames[number].key
        pixels = load_pixels(file, key)
        yield f"{of_video[key.video]} {called[key]}", [
            labelled_and_predicted(pixels, shown, points[number], a.predicted[number],
                                   f"{a.name}: {largest[i, number]:.1f} px")
            for i, a in enumerate(result.answers)
        ]  # fmt: skip
