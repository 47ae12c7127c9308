"""Krolik's own CSV, tidy (a row per keypoint) and wide (a row per frame and animal). UTF-8, comma, RFC 4180.

Tidy labels:       video, frame, frame_name, time_s, animal, track, keypoint, x, y, state
Tidy predictions:  video, frame, time_s, animal, keypoint, x, y, score, decoded, model
Wide labels:       video, frame, frame_name, time_s, animal, track, then KEYPOINT.x, KEYPOINT.y, KEYPOINT.state
Wide predictions:  video, frame, time_s, animal, decoded, model, then KEYPOINT.x, KEYPOINT.y, KEYPOINT.score

Predictions of animals that have names have those in a column "track" after "animal".
Frames and animals count from 0; x and y are pixels of the full frame, the centre of the top-left pixel is (0, 0); a
point that is not there has empty x and y. state is visible, occluded, absent or unknown.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import numpy as np

from krolik.errors import InvalidFile
from krolik.files import replacing
from krolik.formats.blocks import Rows
from krolik.formats.csv_rows import Table, delimiter_of, head, numbers
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes, decode_text
from krolik.formats.losses import Carries
from krolik.formats.reading import refusing, unique_names
from krolik.formats.tables import (
    STATE_NAMES,
    STATES_BY_NAME,
    LabelTable,
    PredictionTable,
    all_blocks,
    block_arrays,
)
from krolik.poses import LOCATED, FrameKey, Instance, LabeledFrame, Labels, Predictions, State
from krolik.skeleton import Skeleton

CARRIES = Carries(boxes=False, edges=False, pairs=False, images=False)
LARGEST_LABELS = 1 << 29
MOST_ANIMALS = 200
TIDY_LABELS = ("video", "frame", "frame_name", "time_s", "animal", "track", "keypoint", "x", "y", "state")
TIDY_PREDICTIONS = ("video", "frame", "time_s", "animal", "keypoint", "x", "y", "score", "decoded", "model")
WIDE_LABELS = ("video", "frame", "frame_name", "time_s", "animal", "track")
WIDE_PREDICTIONS = ("video", "frame", "time_s", "animal", "decoded", "model")


def write_labels(path: Path, table: LabelTable, wide: bool = False) -> None:
    """Raises StorageError."""
    names = table.labels.skeleton.names
    columns = _wide_columns(WIDE_LABELS, names, "state") if wide else TIDY_LABELS
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for frame in table.labels:
            key = frame.key
            head = (table.video_names[key.video], key.index, frame.name, round(table.time_s(key), 6))
            if not frame.instances:  # "no animal here" is a row without one
                writer.writerow((*head, *[""] * (len(columns) - len(head))))
            for animal, instance in enumerate(frame.instances):
                cells = [
                    (repr(x) if s in LOCATED else "", repr(y) if s in LOCATED else "", STATE_NAMES[State(s)])
                    for (x, y), s in zip(instance.points.tolist(), instance.states.tolist())
                ]
                who = (*head, animal, instance.track or "")
                if wide:
                    writer.writerow((*who, *(cell for point in cells for cell in point)))
                else:
                    writer.writerows((*who, name, *cell) for name, cell in zip(names, cells))


def write_predictions(path: Path, tables: Sequence[PredictionTable], wide: bool = False) -> None:
    """All videos into one file. Raises StorageError."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        names, named = tables[0].skeleton.names, any(name for table in tables for name in table.animals)
        head = _with_tracks(WIDE_PREDICTIONS if wide else TIDY_PREDICTIONS, named)
        csv.writer(file, lineterminator="\n").writerow(_wide_columns(head, names, "score") if wide else head)
        for table, block in all_blocks(tables):
            (_write_wide_block if wide else _write_tidy_block)(file, table, block, head)


def _with_tracks(columns: tuple[str, ...], named: bool) -> tuple[str, ...]:
    at = columns.index("animal") + 1
    return (*columns[:at], "track", *columns[at:]) if named else columns


def _tracks(table: PredictionTable, animals: np.ndarray) -> np.ndarray:
    """The name of each, or nothing."""
    names = [*table.animals, *[""] * (int(animals.max(initial=-1)) + 1 - len(table.animals))]
    return np.array(names, object)[animals]


def _wide_columns(head: tuple[str, ...], names: list[str], last: str) -> tuple[str, ...]:
    return (*head, *(f"{name}.{axis}" for name in names for axis in ("x", "y", last)))


def _write_tidy_block(file: TextIO, table: PredictionTable, block: Predictions, columns: tuple[str, ...]) -> None:
    import pandas

    arrays = block_arrays(table, block)
    names = np.array(table.skeleton.names, object)
    frame = pandas.DataFrame(
        {**arrays, "keypoint": names[arrays["keypoint"]], "video": table.video, "model": table.model,
         "decoded": arrays["decoded"].astype(int), "track": _tracks(table, arrays["animal"])}
    )  # fmt: skip
    frame.to_csv(file, columns=list(columns), header=False, index=False, lineterminator="\n")


def _write_wide_block(file: TextIO, table: PredictionTable, block: Predictions, columns: tuple[str, ...]) -> None:
    import pandas

    frames, animals, keypoints = block.score.shape
    index = np.repeat(np.arange(block.start, block.stop), animals)
    animal = np.tile(np.arange(animals), frames)
    head = pandas.DataFrame(
        {"video": table.video, "frame": index, "time_s": np.round(table.times_s[index], 6), "animal": animal,
         "track": _tracks(table, animal), "decoded": np.repeat(block.decoded, animals).astype(int),
         "model": table.model}
    )[list(columns)]  # fmt: skip
    points = np.concatenate([block.xy, block.score[..., None]], axis=-1).reshape(frames * animals, keypoints * 3)
    body = pandas.DataFrame(points)
    pandas.concat([head, body], axis=1).to_csv(file, header=False, index=False, lineterminator="\n")


def sniff(path: Path) -> bool:
    """Whether this is a CSV of labels or predictions in one of the two forms."""
    if path.suffix.lower() != ".csv":
        return False
    with path.open("rb") as file:
        first = file.read(65536).replace(b"\0", b"").split(b"\n")[0].lstrip(b"\xef\xbb\xbf\xff\xfe")
    first = first.replace(b";", b",").replace(b"\t", b",")  # as spreadsheets save it
    return first.startswith((b"video,frame,frame_name,", b"video,frame,time_s,"))


def read(path: Path, wishes: Wishes) -> Imported:
    """Labels or predictions, tidy or wide. Raises InvalidFile that names the line or row and the column."""
    (first, *_), encoding = head(path, 1)
    delimiter = delimiter_of(first)
    header = tuple(next(csv.reader([first], delimiter=delimiter)))
    if header[:3] == WIDE_PREDICTIONS[:3]:
        return _read_predictions(Table(path, encoding, 1, header, delimiter))
    if path.stat().st_size > LARGEST_LABELS:
        raise InvalidFile(f"larger than {LARGEST_LABELS >> 20} MB, too large for labels", path)
    text, _ = decode_text(path.read_bytes(), path)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = tuple(next(rows))
        cells = list(_tidy_cells(rows, header, path) if header == TIDY_LABELS else _wide_cells(rows, header, path))
    except csv.Error as error:
        raise InvalidFile(f"line {rows.line_num} is not CSV ({error})", path) from error
    names = list(dict.fromkeys(cell.keypoint for cell in cells if cell.keypoint))
    if not names:
        raise InvalidFile("the file names no keypoint", path)
    return _imported(path, Skeleton.of(names), cells)


class _Cell:
    """One keypoint of one animal in one frame, or (without a keypoint) a frame without animals."""

    __slots__ = ("video", "frame", "name", "animal", "track", "keypoint", "point", "state")

    def __init__(self, head: Sequence[str], keypoint: str, place: Sequence[str], where: str, path: Path):
        x, y, state = place
        self.video, self.name, self.track, self.keypoint = head[0], head[2], head[5], keypoint
        self.frame = _whole(head[1], "frame", where, path)
        self.animal = _whole(head[4], "animal", where, path) if keypoint else -1
        if keypoint and state not in STATES_BY_NAME:
            raise InvalidFile(f"{where}: {state!r} is not a state ({', '.join(STATES_BY_NAME)})", path)
        self.state = STATES_BY_NAME.get(state, State.UNKNOWN)
        self.point = (np.nan, np.nan)
        if self.state in LOCATED:
            self.point = (_finite(x, "x", where, path), _finite(y, "y", where, path))


def _tidy_cells(rows, header: tuple[str, ...], path: Path) -> Iterator[_Cell]:
    for row in rows:
        where = f"line {rows.line_num}"
        if len(row) != len(header):
            raise InvalidFile(f"{where} has {len(row)} cells instead of {len(header)}", path)
        yield _Cell(row, row[6], row[7:], where, path)


def _wide_cells(rows, header: tuple[str, ...], path: Path) -> Iterator[_Cell]:
    triples = header[len(WIDE_LABELS) :]
    names = [column.removesuffix(".x") for column in triples[::3]]
    if header != _wide_columns(WIDE_LABELS, names, "state"):
        raise InvalidFile("the columns are not those of a CSV of labels", path, "Compare with docs/formats.md.")
    for row in rows:
        where = f"line {rows.line_num}"
        if len(row) != len(header):
            raise InvalidFile(f"{where} has {len(row)} cells instead of {len(header)}", path)
        if row[4] == "":
            yield _Cell(row, "", ("", "", ""), where, path)
        else:
            for k, name in enumerate(names):
                yield _Cell(row, name, row[len(WIDE_LABELS) + 3 * k :][:3], where, path)


def _whole(text: str, column: str, where: str, path: Path) -> int:
    if not (text.isascii() and text.isdigit()):
        raise InvalidFile(f"{where}: {column} is {text!r}, not a whole number from 0", path)
    return int(text)


def _finite(text: str, column: str, where: str, path: Path) -> float:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        raise InvalidFile(f"{where}: {column} is {text!r}, not a number", path)
    return value


def _imported(path: Path, skeleton: Skeleton, cells: list[_Cell]) -> Imported:
    frames: dict[FrameKey, dict[int, Instance | dict]] = {}
    names: dict[FrameKey, str] = {}
    for cell in cells:
        key = FrameKey(cell.video, cell.frame)
        names[key] = cell.name
        animals = frames.setdefault(key, {})
        if cell.keypoint:
            found = animals.setdefault(cell.animal, {"track": cell.track})
            assert isinstance(found, dict)
            if cell.keypoint in found:
                raise InvalidFile(f"{cell.video}, frame {cell.frame}: {cell.keypoint} occurs twice", path)
            found[cell.keypoint] = (cell.point, cell.state)
    labelled = []
    for key, animals in frames.items():
        instances = []
        for _, values in sorted(animals.items()):
            assert isinstance(values, dict)
            points = [values.get(n, ((np.nan, np.nan), State.UNKNOWN)) for n in skeleton.names]
            instances.append(Instance(np.array([p for p, _ in points]), np.array([s for _, s in points]),
                                      values["track"] or None))  # fmt: skip
        labelled.append(LabeledFrame(key, tuple(instances), names[key]))
    videos = tuple(ImportedVideo(v, path.parent / v) for v in dict.fromkeys(k.video for k in frames))
    return Imported("Krolik CSV", Labels(skeleton, tuple(labelled)), videos)


@dataclass
class _Stretch:
    """What the first pass over a file of predictions tells of one video."""

    model: str
    animals: int = 0
    frames: int = 0
    last: int = -1
    tracks: dict[int, str] = field(default_factory=dict)  # of the animals that have a name


def _read_predictions(table: Table) -> Imported:
    path, header = table.path, tuple(table.names)
    head = _with_tracks(WIDE_PREDICTIONS, "track" in header[:5])
    names = [c.removesuffix(".x") for c in header[len(head) :: 3]]
    wide = header == _wide_columns(head, names, "score") and bool(names)
    if not wide and header != _with_tracks(TIDY_PREDICTIONS, "track" in header[:5]):
        raise InvalidFile("the columns are not those of a CSV of predictions", path, "Compare with docs/formats.md.")
    with refusing(path, "CSV of predictions"):
        stretches, found = _survey(table, wide)
        names = unique_names(names if wide else found)
        if not stretches:
            raise InvalidFile("the file has a header but no rows", path)
    skeleton = Skeleton.of(names)
    videos = tuple(ImportedVideo(v, path.parent / v) for v in stretches)
    predictions = tuple(
        ImportedPredictions(v, skeleton, s.model, tuple(s.tracks.get(i, "") for i in range(s.animals)), s.frames,
                            lambda v=v, s=s: _prediction_blocks(table, names, v, s.animals, wide))
        for v, s in stretches.items()
    )  # fmt: skip
    return Imported("Krolik CSV", Labels(skeleton), videos, (), predictions)


def _survey(table: Table, wide: bool) -> tuple[dict[str, _Stretch], list[str]]:
    """Videos, animals and keypoints of the whole file; frames must not go back within a video."""
    path = table.path
    stretches: dict[str, _Stretch] = {}
    names: dict[str, None] = {}
    words = ["video", "model"] if wide else ["video", "model", "keypoint"]
    tracks = [name for name in ("track",) if name in table.names]
    for first, chunk in table.parts([*words, *tracks, "frame", "animal"], categories=[*words, *tracks]):
        frame, animal = (numbers(chunk, c, first, path, whole=True) for c in ("frame", "animal"))
        codes = chunk["video"].cat.codes.to_numpy()
        for word in words:
            blank = np.flatnonzero(chunk[word].isna() | (chunk[word] == ""))
            if len(blank):
                raise InvalidFile(f"row {first + int(blank[0])}, {word}: nothing is there", path)
        if not wide:
            seen = chunk["keypoint"].cat.categories
            order = {seen[c]: None for c in _in_order(chunk["keypoint"].cat.codes.to_numpy())}
            names.update(order)
        for code in _in_order(codes):
            here = codes == code
            video = str(chunk["video"].cat.categories[code])
            stretch = stretches.setdefault(video, _Stretch(str(chunk["model"].iloc[int(np.flatnonzero(here)[0])])))
            steps = np.diff(np.concatenate([[stretch.last], frame[here]]))
            if (steps < 0).any():
                row = first + int(np.flatnonzero(here)[np.flatnonzero(steps < 0)[0]])
                raise InvalidFile(f"row {row}: the frames of {video!r} go back", path, "Sort the rows.")
            stretch.frames += int((steps > 0).sum())
            stretch.last = int(frame[here][-1])
            stretch.animals = max(stretch.animals, int(animal[here].max()) + 1)
            for number in np.unique(animal[here]).tolist() if tracks else ():
                track = chunk["track"].iloc[int(np.flatnonzero(here & (animal == number))[0])]
                stretch.tracks.setdefault(number, "" if isinstance(track, float) else str(track))
            if stretch.animals > MOST_ANIMALS:
                raise InvalidFile(f"{stretch.animals} animals; {MOST_ANIMALS} can be read", path)
    return stretches, list(names)


def _in_order(codes: np.ndarray) -> list[int]:
    """The different values in order of their first places."""
    values, first = np.unique(codes, return_index=True)
    return values[np.argsort(first)].tolist()


def _prediction_blocks(table: Table, names: list[str], video: str, animals: int, wide: bool) -> Iterator[Predictions]:
    path, header = table.path, table.names
    rows = Rows(animals, len(names))
    words = ["video", "model"] if wide else ["video", "model", "keypoint"]
    for first, chunk in table.parts(categories=words):
        frame, animal, decoded = (numbers(chunk, c, first, path, whole=True) for c in ("frame", "animal", "decoded"))
        here = (chunk["video"] == video).to_numpy()
        if wide:
            columns = header[-3 * len(names) :]
            values = np.stack([numbers(chunk, c, first, path) for c in columns], axis=1)
            values = values[here].reshape(-1, 3)
            frame, animal, decoded = (np.repeat(a[here], len(names)) for a in (frame, animal, decoded))
            keypoint = np.tile(np.arange(len(names)), int(here.sum()))
        else:
            values = np.stack([numbers(chunk, c, first, path) for c in ("x", "y", "score")], axis=1)[here]
            frame, animal, decoded = frame[here], animal[here], decoded[here]
            places = np.array([names.index(str(n).strip()) for n in chunk["keypoint"].cat.categories], int)
            keypoint = places[chunk["keypoint"].cat.codes.to_numpy()[here]]
        yield from rows.add(frame, (animal, keypoint), values, decoded > 0)
    yield from rows.finish()
