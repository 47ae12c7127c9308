"""DeepLabCut's predictions of a video, csv and h5, single- and multi-animal, filtered or not; Lightning Pose's too.

Header rows scorer, [individuals,] bodyparts, coords (x, y, likelihood), then a row per frame from 0. A point that was
not found is empty, or 0, 0 with likelihood 0 (multi-animal files of DeepLabCut 2).
Source: deeplabcut/pose_estimation_pytorch/apis, movement/io/load_poses.py.
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
from krolik.formats.csv_rows import Table, delimiter_of, head, numbers
from krolik.formats.image_rows import predicted_images
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.pandas_hdf5 import FrameReader, write_frames
from krolik.formats.reading import file_name, find_stem, hdf5_names, refusing
from krolik.formats.tables import PredictionTable, video_stems
from krolik.poses import BLOCK, Labels, Predictions
from krolik.skeleton import Skeleton

TITLE = "DeepLabCut analysed video"
MARKS = ("_filtered", "_el", "_bx", "_sk", "_ctd")
WIDEST_TABLE = 400  # columns; the names of more do not fit where PyTables keeps them


def sniff(path: Path) -> bool:
    """Whether it has the header of predictions: coords with likelihood, and rows that are frame numbers."""
    if path.suffix.lower() == ".csv":
        with path.open("rb") as file:
            start = file.read(1 << 20).replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")
        lines = start.split(b"\n", 5)
        coords = next((line for line in lines[:4] if line.startswith(b"coords")), b"")
        return start.startswith(b"scorer") and b"likelihood" in coords
    if path.suffix.lower() == ".h5" and not path.name.startswith("CollectedData") and hdf5_names(path):
        try:
            with FrameReader(path) as table:
                return any(column[-1] == "likelihood" for column in table.columns)
        except InvalidFile:
            return False
    return False


@dataclass(frozen=True)
class Layout:
    """Where x, y and likelihood of each animal and keypoint stand: columns, (N, K, 3), -1 where there is none."""

    scorer: str
    animals: tuple[str, ...]
    names: list[str]
    places: np.ndarray

    @classmethod
    def of(cls, columns: Sequence[tuple[str, ...]], path: Path) -> Layout:
        """Raises InvalidFile for columns that are not those of predictions."""
        animals: dict[str, None] = {}
        names: dict[str, None] = {}
        at: dict[tuple[str, str, str], int] = {}
        for i, column in enumerate(columns):
            if len(column) not in (3, 4):
                raise InvalidFile(
                    f"{len(column)} header rows; DeepLabCut's predictions have 3, or 4 for several animals", path
                )
            who, part, axis = column[1] if len(column) == 4 else "", column[-2], column[-1]
            if part == "set" or axis not in ("x", "y", "likelihood"):  # Lightning Pose's last column, and further ones
                continue
            if (who, part, axis) in at:
                raise InvalidFile(f"the column {part}, {axis} occurs twice", path)
            at[who, part, axis] = i
            animals[who], names[part] = None, None
        places = np.array([[[at.get((w, n, a), -1) for a in ("x", "y", "likelihood")] for n in names] for w in animals])
        for w in range(len(animals)):
            for n, name in enumerate(names):
                lacking = [a for a, place in zip("xy", places[w, n]) if place < 0]
                if len(lacking) == 1:
                    raise InvalidFile(
                        f"the keypoint {name!r} has no column {lacking[0]}", path, "Repair the file's header."
                    )
        if not names:
            raise InvalidFile("no keypoint in its header", path)
        return cls(columns[0][0], tuple(animals), list(names), places)

    def values(self, table: np.ndarray) -> np.ndarray:
        """(F, columns) → (F, N, K, 3), NaN where there is no point."""
        found = np.where(self.places >= 0, table[:, self.places], np.nan)
        found[(found[..., 0] == 0) & (found[..., 1] == 0) & (found[..., 2] == 0)] = np.nan
        return found


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile."""
    return read_as(TITLE, path)


def read_as(title: str, path: Path) -> Imported:
    """The predictions of a file in this layout, under the name of the program that they are of. Raises InvalidFile."""
    with refusing(path, "file of predictions"):
        if path.suffix.lower() == ".h5":
            with FrameReader(path) as table:
                layout, frames = Layout.of(table.columns, path), table.rows
                if frames and not table.numbered:
                    images = ["/".join(parts) for parts in table.index()]
                    return _images(title, path, layout, images, table.values(0, frames))
                _whole(table.numbers(), path)
            make = lambda: _from_hdf5(path, layout)  # noqa: E731
        else:
            layout, header, encoding, delimiter = _csv_header(path)
            if images := _csv_images(path, layout, header, encoding, delimiter):
                return _images(title, path, layout, *images)
            frames = _survey(path, header, encoding, delimiter)
            make = lambda: _from_csv(path, layout, header, encoding, delimiter)  # noqa: E731
        if not frames:
            raise InvalidFile("the file has a header but no rows", path)
        video = _video(path, layout.scorer)
        skeleton = Skeleton.of(layout.names)
        poses = ImportedPredictions(file_name(str(video)), skeleton, layout.scorer, layout.animals, frames, make)
        return Imported(title, Labels(skeleton), (ImportedVideo(poses.video, video),), (), (poses,))


def _images(title: str, path: Path, layout: Layout, images: list[str], table: np.ndarray) -> Imported:
    return predicted_images(
        title, path, layout.scorer, layout.animals, layout.names, images, layout.values(table)
    )  # fmt: skip


def _video(path: Path, scorer: str) -> Path:
    """The video: its name is the file's up to the scorer."""
    stem = path.name[: -len(path.suffix)]
    for mark in MARKS:
        stem = stem.removesuffix(mark)
    return find_stem(stem.removesuffix(scorer) or stem, path)


def _csv_header(path: Path) -> tuple[Layout, int, str, str]:
    lines, encoding = head(path, 5)
    delimiter = delimiter_of(lines[0])
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)]
    header = next((i for i, row in enumerate(rows[:4]) if row[0] == "coords"), None)
    if header is None or header < 2:
        raise InvalidFile("the header rows scorer, bodyparts, coords are missing", path)
    if len({len(row) for row in rows[: header + 1]}) != 1:
        raise InvalidFile("the header rows have different lengths", path)
    columns = list(zip(*(row[_index_cells(rows[0]) :] for row in rows[: header + 1])))
    return Layout.of(columns, path), header + 1, encoding, delimiter


def _index_cells(scorer: list[str]) -> int:
    """How many cells name a row: a frame number or a path is one, a path that is cut at its folders three."""
    return next((i for i, cell in enumerate(scorer) if i and cell), len(scorer))


def _csv_images(
    path: Path, layout: Layout, header: int, encoding: str, delimiter: str
) -> tuple[list[str], np.ndarray] | None:
    """The images that the rows are called by, and the table; None where rows are frame numbers."""
    lines = [[cell.strip() for cell in row] for row in csv.reader(head(path, header + 1)[0], delimiter=delimiter)]
    cells, width = _index_cells(lines[0]), len(lines[0])
    if len(lines) <= header or not lines[header][:cells] or _is_number(lines[header][0]):
        return None
    images: list[str] = []
    tables = []
    for first, chunk in Table(path, encoding, header, range(width), delimiter).parts(text=range(cells)):
        images += ["/".join(parts) for parts in zip(*(chunk[c].astype(str) for c in range(cells)))]
        tables.append(np.stack([numbers(chunk, c, first, path) if c - cells in layout.places else np.zeros(len(chunk))
                                for c in range(cells, width)], axis=1))  # fmt: skip
    return images, np.concatenate(tables)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _whole(index: np.ndarray, path: Path) -> None:
    if len(index) and ((np.diff(index) <= 0).any() or index[0] < 0):
        row = int(np.flatnonzero(np.diff(index) <= 0)[0]) + 1 if (np.diff(index) <= 0).any() else 0
        raise InvalidFile(f"row {row}: frame {index[row]} is out of order", path, "Sort the rows and keep each once.")


def _survey(path: Path, header: int, encoding: str, delimiter: str) -> int:
    """How many frames a csv has, the order of its frame numbers checked."""
    count, last = 0, -1
    width = len(next(csv.reader(head(path, 1)[0], delimiter=delimiter)))
    for first, chunk in Table(path, encoding, header, range(width), delimiter).parts(wanted=[0]):
        index = numbers(chunk, 0, first, path, whole=True)
        _whole(np.concatenate([[last] if count else [], index]).astype(np.int64), path)
        count, last = count + len(index), int(index[-1])
    return count


def _from_csv(path: Path, layout: Layout, header: int, encoding: str, delimiter: str) -> Iterator[Predictions]:
    width = len(next(csv.reader(head(path, 1)[0], delimiter=delimiter)))
    rows = Rows(*layout.places.shape[:2])
    for first, chunk in Table(path, encoding, header, range(width), delimiter).parts():
        index = numbers(chunk, 0, first, path, whole=True)
        table = np.stack([numbers(chunk, c, first, path) if c - 1 in layout.places else np.zeros(len(chunk))
                          for c in range(1, width)], axis=1)  # fmt: skip
        yield from _add(rows, index, layout.values(table))
    yield from rows.finish()


def _from_hdf5(path: Path, layout: Layout) -> Iterator[Predictions]:
    with refusing(path, "file of predictions"), FrameReader(path) as table:
        index = table.numbers()
        rows = Rows(*layout.places.shape[:2])
        for start in range(0, table.rows, 16 * BLOCK):
            stop = min(table.rows, start + 16 * BLOCK)
            yield from _add(rows, index[start:stop], layout.values(table.values(start, stop)))
        yield from rows.finish()


def _add(rows: Rows, index: np.ndarray, values: np.ndarray) -> Iterator[Predictions]:
    frames, animals, keypoints, _ = values.shape
    places = (
        np.tile(np.repeat(np.arange(animals), keypoints), frames),
        np.tile(np.arange(keypoints), frames * animals),
    )
    return rows.add(np.repeat(index, animals * keypoints), places, values.reshape(-1, 3))


def write_predictions(out: Path, tables: Sequence[PredictionTable]) -> None:
    """A file .csv or .h5 for one video; else a folder with both, named as DeepLabCut does. Raises StorageError."""
    if out.suffix.lower() in (".csv", ".h5") and len(tables) == 1:
        (write_csv if out.suffix.lower() == ".csv" else write_hdf5)(out, tables[0])
        return
    out.mkdir(parents=True, exist_ok=True)
    for table, stem in zip(tables, video_stems(tables)):
        write_csv(out / f"{stem}{scorer_of(table)}.csv", table)
        write_hdf5(out / f"{stem}{scorer_of(table)}.h5", table)


def scorer_of(table: PredictionTable) -> str:
    """Who the predictions are of, in letters that fit into a file name."""
    return "Krolik_" + "".join(c if c.isalnum() or c in "-." else "_" for c in table.model)


def _frames(table: PredictionTable, scorer: str):
    """Data frames of DeepLabCut's form: a row for every frame of the video from 0, predicted or not."""
    import pandas

    animals, keypoints = table.animal_count(), table.skeleton.names
    several = animals > 1 or any(table.animals)
    people = table.animal_names(animals) if several else [""]
    coords = ["x", "y", "likelihood"]
    columns = [(scorer, *([who] if several else []), name, axis)
               for who in people for name in keypoints for axis in coords]  # fmt: skip
    labels = ["scorer", *(["individuals"] if several else []), "bodyparts", "coords"]
    index = pandas.MultiIndex.from_tuples(columns, names=labels)

    def made(start: int, values: np.ndarray):
        return pandas.DataFrame(values, columns=index, index=pandas.RangeIndex(start, start + len(values)))

    following = 0
    for block in table.blocks():
        if block.start > following:
            yield made(following, np.full((block.start - following, len(columns)), np.nan, np.float32))
        there = np.isfinite(block.xy).all(axis=-1, keepdims=True)
        values = np.where(there, np.concatenate([block.xy, block.score[..., None]], axis=-1), np.float32(np.nan))
        values = np.pad(
            values, ((0, 0), (0, max(1, animals) - values.shape[1]), (0, 0), (0, 0)), constant_values=np.nan
        )
        yield made(block.start, values.reshape(len(block), -1))
        following = block.stop
    if following < len(table.times_s):
        yield made(following, np.full((len(table.times_s) - following, len(columns)), np.nan, np.float32))


def write_csv(path: Path, table: PredictionTable, scorer: str | None = None) -> None:
    """Raises StorageError."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        for number, frame in enumerate(_frames(table, scorer or scorer_of(table))):
            frame.to_csv(file, header=number == 0, lineterminator="\n")


def write_hdf5(path: Path, table: PredictionTable) -> None:
    """Raises StorageError."""
    columns = len(table.skeleton) * 3 * max(1, table.animal_count())
    with replacing(path) as partial:
        write_frames(partial, _frames(table, scorer_of(table)), fixed=columns > WIDEST_TABLE)
