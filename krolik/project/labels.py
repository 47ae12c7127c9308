"""Labels and the skeleton in the project: rows ↔ values, and the edits that change them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from krolik.poses import FrameKey, LabeledFrame, Labels
from krolik.project.edits import Edit, document, frame_document, frame_subject, merge_hidden, read_frame
from krolik.project.file import ProjectFile
from krolik.project.history import current
from krolik.skeleton import Skeleton


def skeleton(file: ProjectFile) -> Skeleton:
    return Skeleton.from_json(json.loads(file.get("skeleton")))


def set_skeleton(file: ProjectFile, new: Skeleton) -> Edit:
    """The edit that replaces the skeleton. Labels refer to keypoint ids, so none of them moves or gets lost."""
    return Edit("skeleton", "", current(file, "skeleton", ""), document(new.to_json()))


def set_frame(file: ProjectFile, frame: LabeledFrame, bones: Skeleton) -> Edit:
    """The edit that makes a frame's labels these."""
    subject = frame_subject(frame.key)
    before = current(file, "frame", subject)
    return Edit("frame", subject, before, merge_hidden(frame_document(frame, bones), before, bones))


def remove_frame(file: ProjectFile, key: FrameKey) -> Edit:
    """The edit that makes a frame unlabelled."""
    return Edit("frame", frame_subject(key), current(file, "frame", frame_subject(key)), None)


def load(file: ProjectFile, video: str | None = None) -> Labels:
    """All labels, or those of one video, ordered by video name, frame name and number."""
    bones = skeleton(file)
    where, values = ("WHERE video = ?", (video,)) if video else ("", ())
    rows = file.rows(f"SELECT video, frame, document FROM labeled_frame {where}", *values)
    names = {identity: json.loads(text)["name"] for identity, text in file.rows("SELECT id, document FROM video")}
    frames = [read_frame(FrameKey(v, f), text, bones) for v, f, text in rows]
    return Labels(bones, tuple(sorted(frames, key=lambda f: (names.get(f.key.video, ""), f.name, f.key.index))))


def store_pixels(file: ProjectFile, pixels: Iterable[tuple[FrameKey, tuple[int, int], bytes]]) -> None:
    """Keeps encoded images of frames, with their sizes (width, height). Frames that are kept already stay."""
    with file.write():
        for key, (width, height), data in pixels:
            file.execute(
                "INSERT OR IGNORE INTO stored_frame VALUES (?, ?, ?, ?, ?)", key.video, key.index, width, height, data
            )


def pixels(file: ProjectFile, key: FrameKey) -> bytes | None:
    """The encoded image of a labelled frame, if it is kept."""
    found = file.rows("SELECT pixels FROM stored_frame WHERE video = ? AND frame = ?", key.video, key.index)
    return found[0][0] if found else None


def frame_size(file: ProjectFile, key: FrameKey) -> tuple[int, int] | None:
    """(width, height) of a frame whose pixels are kept."""
    found = file.rows("SELECT width, height FROM stored_frame WHERE video = ? AND frame = ?", key.video, key.index)
    return (found[0][0], found[0][1]) if found else None


def frame_sizes(file: ProjectFile) -> dict[FrameKey, tuple[int, int]]:
    """(width, height) of every frame whose pixels are kept."""
    rows = file.rows("SELECT video, frame, width, height FROM stored_frame")
    return {FrameKey(video, frame): (width, height) for video, frame, width, height in rows}


def without_pixels(file: ProjectFile) -> list[FrameKey]:
    """The labelled frames whose pixels are not kept yet."""
    rows = file.rows(
        "SELECT l.video, l.frame FROM labeled_frame l LEFT JOIN stored_frame s ON s.video = l.video "
        "AND s.frame = l.frame WHERE s.video IS NULL ORDER BY l.video, l.frame"
    )
    return [FrameKey(*row) for row in rows]


def next_keypoint(file: ProjectFile) -> int:
    """The least keypoint id that no keypoint of this project has ever had: labels of deleted ones are kept by id."""
    texts = [file.get("skeleton")]
    for before, after in file.rows("SELECT before, after FROM edit WHERE kind = 'skeleton'"):
        texts += [t for t in (before, after) if t is not None]
    return 1 + max((k["id"] for text in texts for k in json.loads(text)["keypoints"]), default=-1)


def documents(file: ProjectFile, video: str | None = None, start: int = 0, stop: int = 1 << 62) -> dict[FrameKey, str]:
    """The documents of labelled frames as they are kept, of all videos or a stretch of one, by video and number."""
    if video is None:
        rows = file.rows("SELECT video, frame, document FROM labeled_frame ORDER BY video, frame")
    else:
        rows = file.rows(
            "SELECT video, frame, document FROM labeled_frame WHERE video = ? AND frame >= ? AND frame < ? "
            "ORDER BY frame",
            video, start, stop,
        )  # fmt: skip
    return {FrameKey(v, f): text for v, f, text in rows}
