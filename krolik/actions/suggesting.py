"""Suggesting the frames whose labels would help a model most: those that cover what it doubts, each with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from krolik.actions import proposing
from krolik.actions.doubting import Doubtful, Knowledge, Watched, predicted_doubts, second_look
from krolik.actions.reporter import Reporter
from krolik.actions.splitting import split_parts
from krolik.errors import Cancelled, Conflict, InvalidSetting, KrolikError, NotFound
from krolik.evaluation import doubts
from krolik.evaluation.doubts import Reason
from krolik.inference.fitting import fit_to_video
from krolik.inference.model import PoseModel
from krolik.poses import FrameKey
from krolik.project import ProjectFile, history, labels, models, runs, selection, videos
from krolik.project.edits import Change
from krolik.project.models import ModelRecord
from krolik.project.videos import VideoRecord
from krolik.sampling.cover import Likeness, cover
from krolik.sampling.evenly import evenly
from krolik.skeleton import Skeleton
from krolik.training.machine import core_count
from krolik.training.splits import TRAIN

LOOKS = 4  # frames that get a second look for each one that is wanted
FEWEST_LOOKS = 60
APART_SECONDS = 0.5  # suggestions of one video are this far apart, where there are enough frames
MOST_COMPARED = 2000  # frames among which the suggested ones are chosen: those of the most doubt
TYPICAL = 0.1  # what a frame without any doubt counts beside one with nothing but doubt
MANY = 3  # a frame that stands for so many is said to
ORIGIN = "suggested"


@dataclass(frozen=True)
class Suggestion:
    """A frame to label. score: 0..1, how likely the model is wrong there; reasons: the strongest first."""

    key: FrameKey
    video: str
    score: float
    reasons: tuple[Reason, ...]

    def to_json(self, skeleton: Skeleton) -> dict:
        """Plain values, with the ids and names of keypoints."""
        return {"video": self.video, "frame": self.key.index, "score": round(self.score, 3),
                "reasons": [reason_json(r, skeleton) for r in self.reasons]}  # fmt: skip


def reason_json(reason: Reason, skeleton: Skeleton) -> dict:
    """A reason as it is kept with the frame and shown by the page."""
    keypoint = skeleton.keypoints[reason.keypoint] if reason.keypoint >= 0 else None
    return {"kind": reason.kind, "severity": round(reason.severity, 3), "value": round(reason.value, 3),
            "keypoint": keypoint.id if keypoint else None}  # fmt: skip


def in_words(reason: Reason, names: Sequence[str]) -> str:
    """What is said of a reason on the command line."""
    name = names[reason.keypoint] if reason.keypoint >= 0 else ""
    value = reason.value
    return {
        "confidence": f"confidence {value:.2f}: {name}",
        "mirror": f"{name} lies {value:.0f} px elsewhere in the mirrored picture",
        "sides": f"left and right changed places? {name}",
        "jump": f"{name} jumps {value:.0f} px",
        "limb": f"the limb to {name} is {value:.1f} times as long as usual",
        "peaks": f"two places compete for {name}",
        "pose": "an unusual pose",
        "novel": "unlike every labelled frame",
        "typical": f"stands for {value:.0f} frames like it",
        "rare": f"{name} is labelled {value:.0f} times only",
    }[reason.kind]


def suggest(
    file: ProjectFile, names: Sequence[str], count: int, model_name: str | None, source: str, reporter: Reporter
) -> list[Suggestion]:
    """Selects `count` frames of the videos (default: of all) for labelling, the most helpful first.

    Predictions of these frames are kept as proposals. Raises NotFound, InvalidSetting, Conflict, Cancelled.
    """
    if count < 1:
        raise InvalidSetting(f"{count} frames cannot be suggested", "--count", "Say 1 or more.")
    record = models.get(file, model_name)
    model = PoseModel(models.onnx(file, record), core_count(), record.name)
    if model.skeleton.names != labels.skeleton(file).names:
        raise Conflict("the skeleton has changed since the model was trained", record.name, "Train a new one.",
                       "other-skeleton")  # fmt: skip
    wanted = [videos.record(file, n) for n in names] or videos.records(file)
    knowledge = _knowledge(file, record)
    looked = []
    for number, video in enumerate(wanted):
        found = _doubtful(file, video, model, knowledge, count, (number, len(wanted)), reporter)
        if found is not None and len(found.frames):
            looked.append(found)
    chosen = _spread(looked, knowledge, count, {v.id: _rate(v) for v in wanted})
    names_of = {v.id: v.name for v in wanted}
    suggested = []
    for doubtful, at, stands_for in chosen:
        key, score = FrameKey(doubtful.video, int(doubtful.frames[at])), float(doubts.total(doubtful.signs)[at])
        why = doubts.reasons(doubtful.signs, at)
        if stands_for >= MANY and len(why) < doubts.MOST_REASONS:
            why = (*why, Reason("typical", 0.0, -1, float(stands_for)))
        suggested.append(Suggestion(key, names_of[key.video], score, why))
    _keep(file, suggested, [d.poses[at] for d, at, _ in chosen], model, source)
    return suggested


def _knowledge(file: ProjectFile, record: ModelRecord) -> Knowledge:
    """From all labelled frames but the test frames of the model's split."""
    parts, kept = split_parts(file, record.document["split"], "suggest"), labels.frame_sizes(file)
    known = [f for f in labels.load(file) if parts.get(f.key) == TRAIN and f.key in kept]
    if not known:
        raise NotFound("there are no labelled frames to compare with", file.path, "Label some first.")
    return Knowledge.of(file, known, labels.skeleton(file))


def _rate(video: VideoRecord) -> float:
    """Frames per second; the pictures of a folder need no distance."""
    numerator, _, denominator = video.rate.partition("/")
    return 0.0 if video.names is not None else float(numerator) / float(denominator or 1)


def _doubtful(
    file: ProjectFile, record: VideoRecord, model: PoseModel, knowledge: Knowledge, count: int, part: tuple[int, int],
    reporter: Reporter,
) -> Doubtful | None:  # fmt: skip
    """The most doubtful free frames of one video, looked at; None when it cannot be read or has none."""
    taken = {k.index for k in labels.documents(file, record.id)} | {k.index for k in selection.load(file, record.id)}
    run = next((r.id for r in runs.every(file, "predict") if r.document["video"] == record.id
                and r.document["model"] == model.identity), None)  # fmt: skip
    many = max(LOOKS * count, FEWEST_LOOKS)
    following = False
    if run is None:
        free = np.array([i for i in range(record.frames) if i not in taken], np.int64)
        shortlist = free[evenly(len(free), many)]
    else:
        known = predicted_doubts(file, run, record.id, knowledge)
        free, following = ~np.isin(known.frames, list(taken)), known.following
        shortlist = _apart(known.frames[free], known.severity[free], many, APART_SECONDS * _rate(record) / 2)
    if not len(shortlist):
        return None

    def done(number: int) -> None:
        if reporter.cancelled():
            raise Cancelled("the search was cancelled", record.name, code="cancelled")
        reporter.progress("look for doubtful frames", (part[0] + number / len(shortlist)) / part[1], record.name)

    try:
        with videos.open_record(file, record) as video:
            watched = Watched(video, record.id, run, following)
            return second_look(file, watched, shortlist.tolist(), fit_to_video(model, video), knowledge, done)
    except Cancelled:
        raise
    except KrolikError as error:
        reporter.note(f"{record.name} is left out: {error}")
        return None


def _apart(frames: np.ndarray, severity: np.ndarray, count: int, apart: float) -> np.ndarray:
    """The `count` frames of the highest severity, ascending, at least `apart` from each other while there are such."""
    chosen: list[int] = []
    blocked = np.zeros(len(frames), bool)
    for position in np.argsort(-severity, kind="stable"):
        if len(chosen) == count:
            break
        if not blocked[position]:
            chosen.append(int(position))
            first, last = np.searchsorted(frames, [frames[position] - apart, frames[position] + apart])
            blocked[first:last] = True
    return np.sort(frames[chosen])


def _spread(
    looked: Sequence[Doubtful], knowledge: Knowledge, count: int, rates: dict[str, float]
) -> list[tuple[Doubtful, int, int]]:
    """The frames that cover most of what is doubtful, the most useful first, each with how many it stands for.

    What looks like a labelled frame is covered already, as far as the model is not in doubt about it all the same.
    """
    places = [(d, at) for d in looked for at in range(len(d.frames))]
    if not places:
        return []
    severity = np.concatenate([doubts.total(d.signs) for d in looked])
    most = np.sort(np.argsort(-severity, kind="stable")[: max(MOST_COMPARED, count)])
    places, severity = [places[i] for i in most], severity[most]
    pictures = np.array([d.pictures[at] for d, at in places])
    frames = np.array([d.frames[at] for d, at in places])
    videos_of = np.array([d.video for d, _ in places])
    reach = APART_SECONDS * np.array([rates[d.video] for d, _ in places])
    near = (videos_of[:, None] == videos_of) & (np.abs(frames[:, None] - frames) < reach)
    likeness = Likeness.of(pictures)
    covered = likeness.to(pictures, knowledge.thumbnails) * (1 - severity)
    chosen = cover(likeness.between, severity + TYPICAL, covered, near, count)
    return [(*places[position], stands_for) for position, stands_for in chosen]


def _keep(
    file: ProjectFile, suggested: Sequence[Suggestion], poses: Sequence[np.ndarray], model: PoseModel, source: str
) -> None:
    """Selects the frames, with their rank and reasons, and keeps what was predicted of them as proposals."""
    if not suggested:
        return
    bones = model.skeleton
    with file.write():
        edits = []
        for rank, one in enumerate(suggested):
            said = {"rank": rank, "score": round(one.score, 3),
                    "reasons": [reason_json(r, bones) for r in one.reasons]}  # fmt: skip
            edits += selection.mark(file, [one.key], ORIGIN, said)
        history.commit(file, Change(tuple(edits), source, f"suggest {len(suggested)} frames"))
        proposing.keep(file, model, [(s.key, proposing.single(s.key.index, p)) for s, p in zip(suggested, poses)])
