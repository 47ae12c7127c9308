"""SLEAP's analysis CSV: a row per animal and frame: track, frame_idx, instance.score, NODE.x, NODE.y, NODE.score.

Frames count from 0; a frame without animals has no row. Source: SLEAP 1.6, File > Export Analysis CSV.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile
from krolik.files import replacing
from krolik.formats.blocks import Rows
from krolik.formats.csv_rows import Table, head, numbers
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.reading import file_name, find_stem, refusing
from krolik.formats.tables import PredictionTable, one_file_each
from krolik.poses import Labels, Predictions
from krolik.skeleton import Skeleton

TITLE = "SLEAP csv"
FIRST = ("track", "frame_idx", "instance.score")


def sniff(path: Path) -> bool:
    if path.suffix.lower() != ".csv":
        return False
    with path.open("rb") as file:
        first = file.read(4096).replace(b"\0", b"").split(b"\n")[0]
    return b"frame_idx" in first and b"instance.score" in first


@dataclass(frozen=True)
class _Contents:
    columns: list[str]
    names: list[str]
    encoding: str
    tracks: list[str]
    untracked: int  # rows that animals without a track need
    frames: int


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile that names the row and column."""
    with refusing(path, "SLEAP csv"):
        lines, encoding = head(path, 1)
        columns = [c.strip() for c in next(csv.reader(lines))]
        names = [c[:-2] for c in columns if c.endswith(".x")]
        for name in names:
            if f"{name}.y" not in columns:
                raise InvalidFile(f"the keypoint {name!r} has no column {name}.y", path)
        if not names or len(set(columns)) != len(columns):
            raise InvalidFile("no keypoint in it, or a column twice", path)
        contents = _survey(path, columns, names, encoding)
    skeleton = Skeleton.of(names)
    video = find_stem(path.name.removesuffix(".csv").removesuffix(".analysis"), path)
    animals = (*contents.tracks, *[""] * contents.untracked)
    poses = ImportedPredictions(file_name(str(video)), skeleton, "SLEAP", animals, contents.frames,
                                lambda: _blocks(path, contents))  # fmt: skip
    return Imported(TITLE, Labels(skeleton), (ImportedVideo(poses.video, video),), (), (poses,))


def _survey(path: Path, columns: list[str], names: list[str], encoding: str) -> _Contents:
    """Tracks and frames of the whole file, its order checked."""
    tracks: dict[str, None] = {}
    untracked = frames = streak = 0
    last = -1
    seen: set[str] = set()
    wanted = ["track", "frame_idx"]
    for first, chunk in Table(path, encoding, 1, columns).parts(wanted, text=["track"]):
        index = numbers(chunk, "frame_idx", first, path, whole=True)
        for row, (frame, track) in enumerate(zip(index.tolist(), chunk["track"].fillna("").tolist())):
            if frame < last:
                raise InvalidFile(f"row {first + row}: frame {frame} comes after frame {last}", path, "Sort the rows.")
            if frame > last:
                last, streak, frames = frame, 0, frames + 1
                seen.clear()
            if track in seen:
                raise InvalidFile(f"row {first + row}: the track {track!r} occurs twice in frame {frame}", path)
            if track:
                seen.add(track)
                tracks[track] = None
            else:
                streak += 1
                untracked = max(untracked, streak)
    if not frames:
        raise InvalidFile("the file has a header but no rows", path)
    return _Contents(columns, names, encoding, list(tracks), untracked, frames)


def _blocks(path: Path, contents: _Contents) -> Iterator[Predictions]:
    names, slots = contents.names, {t: i for i, t in enumerate(contents.tracks)}
    rows = Rows(len(slots) + contents.untracked, len(names))
    last, untracked = -1, 0
    for first, chunk in Table(path, contents.encoding, 1, contents.columns).parts(text=["track"]):
        index = numbers(chunk, "frame_idx", first, path, whole=True)
        animal = np.empty(len(index), int)
        for row, (frame, track) in enumerate(zip(index.tolist(), chunk["track"].fillna("").tolist())):
            if frame != last:
                last, untracked = frame, 0
            animal[row] = slots[track] if track else len(slots) + untracked
            untracked += not track
        values = np.full((len(index), len(names), 3), np.nan)
        for k, name in enumerate(names):
            for axis, part in enumerate(("x", "y", "score")):
                if f"{name}.{part}" in chunk:
                    values[:, k, axis] = numbers(chunk, f"{name}.{part}", first, path)
        count = len(names)
        yield from rows.add(np.repeat(index, count), (np.repeat(animal, count), np.tile(np.arange(count), len(index))),
                            values.reshape(-1, 3))  # fmt: skip
    yield from rows.finish()


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """One file for one video; a folder of files for several. Raises StorageError."""
    one_file_each(out, tables, ".analysis.csv", _write)


def _write(path: Path, table: PredictionTable) -> None:
    import pandas

    count = table.animal_count()
    names = table.animal_names(count) if count > 1 or any(table.animals) else [""] * count
    columns = [*FIRST, *(f"{n}.{part}" for n in table.skeleton.names for part in ("x", "y", "score"))]
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        pandas.DataFrame(columns=columns).to_csv(file, index=False, lineterminator="\n")
        for block in table.blocks():
            there = np.asarray(np.isfinite(block.xy).all(axis=-1))
            frame, animal = np.nonzero(there.sum(axis=2))
            chosen = there[frame, animal]
            score = np.where(chosen, block.score[frame, animal], np.nan)
            points = np.concatenate([block.xy[frame, animal], score[..., None]], axis=-1).reshape(
                len(frame), 3 * len(table.skeleton)
            )
            mean = np.where(chosen, block.score[frame, animal], 0).sum(axis=1) / np.maximum(1, chosen.sum(axis=1))
            start = pandas.DataFrame({"track": np.array(names, object)[animal] if len(names) else [],
                                      "frame_idx": block.start + frame, "instance.score": mean})  # fmt: skip
            whole = pandas.concat(
                [start, pandas.DataFrame(points.reshape(len(frame), 3 * len(table.skeleton)))], axis=1
            )
            whole.to_csv(file, header=False, index=False, lineterminator="\n")
