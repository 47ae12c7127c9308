"""Predictions in the project: compressed blocks of consecutive frames, found in constant time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from krolik.errors import InvalidProject
from krolik.poses import BLOCK, Predictions
from krolik.project.file import ProjectFile


def store(file: ProjectFile, run: int, video: str, block: Predictions) -> None:
    """Keeps a block of at most BLOCK frames that does not cross a multiple of BLOCK."""
    if block.start // BLOCK != (block.stop - 1) // BLOCK:
        raise ValueError(f"frames {block.start} to {block.stop - 1} cross a multiple of {BLOCK}")
    raw = b"".join(
        (block.xy.astype("<f4").tobytes(), block.score.astype("<f4").tobytes(), block.decoded.astype("u1").tobytes())
    )
    frames, animals, keypoints = block.score.shape
    with file.write():
        file.execute(
            "INSERT OR REPLACE INTO prediction_block VALUES (?, ?, ?, ?, ?, ?, ?)",
            run, video, block.start, frames, animals, keypoints, zlib.compress(raw, 1),
        )  # fmt: skip


def _unpack(start: int, frames: int, animals: int, keypoints: int, data: bytes) -> Predictions:
    raw = zlib.decompress(data)
    points = frames * animals * keypoints
    if len(raw) != 12 * points + frames:
        raise InvalidProject(f"the predictions from frame {start} on are damaged")
    xy = np.frombuffer(raw, "<f4", 2 * points).reshape(frames, animals, keypoints, 2)
    score = np.frombuffer(raw, "<f4", points, 8 * points).reshape(frames, animals, keypoints)
    return Predictions(start, xy, score, np.frombuffer(raw, "u1", frames, 12 * points).astype(bool))


_COLUMNS = "start, frames, animals, keypoints, data"


def block_at(file: ProjectFile, run: int, video: str, frame: int) -> Predictions | None:
    """The block that holds a frame, if it is predicted."""
    rows = file.rows(
        f"SELECT {_COLUMNS} FROM prediction_block WHERE run = ? AND video = ? AND start <= ? AND start > ? "
        "ORDER BY start DESC LIMIT 1",
        run, video, frame, frame - BLOCK,
    )  # fmt: skip
    return _unpack(*rows[0]) if rows and frame < rows[0][0] + rows[0][1] else None


def blocks(file: ProjectFile, run: int, video: str, start: int = 0, stop: int = 1 << 62) -> Iterator[Predictions]:
    """The blocks that have frames of start to stop - 1, in order, one in memory at a time."""
    last = start - BLOCK
    while True:
        rows = file.rows(
            f"SELECT {_COLUMNS} FROM prediction_block WHERE run = ? AND video = ? AND start > ? AND start < ? "
            "ORDER BY start LIMIT 1",
            run, video, last, stop,
        )  # fmt: skip
        if not rows:
            return
        last = rows[0][0]
        if last + rows[0][1] > start:
            yield _unpack(*rows[0])


def next_frame(file: ProjectFile, run: int, video: str) -> int | None:
    """The frame after the last predicted one; None when nothing is predicted yet."""
    found = file.rows("SELECT max(start + frames) FROM prediction_block WHERE run = ? AND video = ?", run, video)
    return found[0][0]


def videos_of(file: ProjectFile, run: int) -> list[str]:
    """The ids of the videos that a run has predictions of."""
    return [r[0] for r in file.rows("SELECT DISTINCT video FROM prediction_block WHERE run = ? ORDER BY video", run)]


def ranges(file: ProjectFile, run: int, video: str) -> list[tuple[int, int]]:
    """(start, stop) of the stretches of frames that are predicted, without reading the predictions."""
    found: list[tuple[int, int]] = []
    for start, frames in file.rows(
        "SELECT start, frames FROM prediction_block WHERE run = ? AND video = ? ORDER BY start", run, video
    ):
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], start + frames)
        else:
            found.append((start, start + frames))
    return found
