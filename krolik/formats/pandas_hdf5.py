"""The data frames that pandas keeps in HDF5; read without pandas and without running anything in the file.

Both layouts are read: "fixed" (levels and labels as arrays) and "table" (records; column names in a pickled
attribute, of which only plain strings, numbers, lists, tuples and dictionaries are accepted).
Layout: pandas/io/pytables.py of pandas 0.15 to 3.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from krolik.errors import InvalidFile

KEY = "df_with_missing"  # what DeepLabCut calls all of its tables
LARGEST_ATTRIBUTE = 4 << 20
BROKEN = (OSError, KeyError, ValueError, TypeError, IndexError, RuntimeError, pickle.UnpicklingError)


@dataclass(frozen=True, eq=False)
class FrameTable:
    """columns: one tuple of level values per column; index: one tuple of strings per row; values: (rows, columns)."""

    columns: list[tuple[str, ...]]
    index: list[tuple[str, ...]]
    values: np.ndarray


class _PlainUnpickler(pickle.Unpickler):
    """Builds plain values only: a pickle that asks for any class or function is refused before it gets it."""

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid):
        raise pickle.UnpicklingError("it asks for an outside object")


def read_frame_table(path: Path) -> FrameTable:
    """The only data frame of a file, whole. Raises InvalidFile."""
    with FrameReader(path) as frame:
        try:
            return FrameTable(frame.columns, frame.index(), frame.values(0, frame.rows))
        except BROKEN as error:
            raise InvalidFile(f"not a readable HDF5 file of labels ({error})", path) from error


def _text(value) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _whole(group: h5py.Group, name: str) -> int:
    return int(np.asarray(group.attrs[name]))


def _plain(raw) -> object:
    data = bytes(raw)
    if len(data) > LARGEST_ATTRIBUTE:
        raise ValueError("an attribute is too large")
    return _PlainUnpickler(io.BytesIO(data), encoding="utf-8").load()


def _axis(group: h5py.Group, name: str) -> list[tuple[str, ...]]:
    if name in group:
        return [(_text(v),) for v in group[name][()].tolist()]  # pyright: ignore
    levels = []
    for number in range(_whole(group, f"{name}_nlevels")):
        values = [_text(v) for v in group[f"{name}_level{number}"][()].tolist()]  # pyright: ignore
        levels.append([values[i] for i in group[f"{name}_label{number}"][()].tolist()])  # pyright: ignore
    return list(zip(*levels))


def write_frames(path: Path, frames: Iterable, fixed: bool = False) -> None:
    """Data frames that follow each other as one under DeepLabCut's key, for every version of pandas.

    fixed: all at once, for more columns than a table can name.
    """
    import pandas

    with pandas.HDFStore(str(path), "w") as store:
        if fixed:
            store.put(KEY, pandas.concat(list(frames)), format="fixed", track_times=False)
        else:
            for frame in frames:
                store.append(KEY, frame, format="table")
        # pandas 3 does not write it, and pandas before that then looks for the columns under other names
        store.get_storer(KEY).attrs.pandas_version = "0.15.2"


class FrameReader:
    """The only data frame of a file, part by part. Raises InvalidFile when there is none that can be read."""

    def __init__(self, path: Path):
        self._path = path
        try:
            self._file = h5py.File(path, "r")
            groups = [g for g in self._file.values() if isinstance(g, h5py.Group) and "pandas_type" in g.attrs]
            if len(groups) != 1:
                raise ValueError(f"{len(groups)} data frames of pandas in this file instead of one")
            self._group = groups[0]
            table = self._group.get("table")
            self._records = table if isinstance(table, h5py.Dataset) else None
            self._parts: list[tuple[str, list[int]]] = []  # name of the block, and its columns' places
            self.columns: list[tuple[str, ...]] = []
            if self._records is not None:
                self._find_record_columns(self._records)
            else:
                self._find_fixed_columns()
        except BROKEN as error:
            raise InvalidFile(f"not a readable HDF5 file of a data frame ({error})", path) from error

    def _find_record_columns(self, records: h5py.Dataset) -> None:
        for name in records.dtype.names or ():
            if name.startswith("values_block_"):
                names = _plain(records.attrs[f"{name}_kind"])
                if not isinstance(names, list):
                    raise ValueError("column names are not a list")
                self._parts.append((name, list(range(len(self.columns), len(self.columns) + len(names)))))
                self.columns += [tuple(map(str, c)) if isinstance(c, tuple) else (str(c),) for c in names]
        self.rows = len(records)

    def _find_fixed_columns(self) -> None:
        self.columns = _axis(self._group, "axis0")
        place = {column: i for i, column in enumerate(self.columns)}
        for block in range(_whole(self._group, "nblocks")):
            items = _axis(self._group, f"block{block}_items")
            self._parts.append((f"block{block}_values", [place[item] for item in items]))
        self.rows = len(self._group[self._parts[0][0]]) if self._parts else 0  # pyright: ignore[reportArgumentType]

    def index(self) -> list[tuple[str, ...]]:
        """The rows' names, one text for each level."""
        if self._records is None:
            return _axis(self._group, "axis1")
        levels = [n for n in self._records.dtype.names or () if n.startswith("level_")] or ["index"]
        columns = (np.asarray(self._records[level]).tolist() for level in levels)  # pyright: ignore
        return [tuple(_text(v) for v in row) for row in zip(*columns)]

    @property
    def numbered(self) -> bool:
        """Whether the rows are numbers, not names."""
        return self._numbers() is not None

    def _numbers(self) -> np.ndarray | None:
        data = self._group.get("axis1") if self._records is None else self._records
        if data is None or (self._records is not None and "index" not in (self._records.dtype.names or ())):
            return None
        values = np.asarray(data[()] if self._records is None else self._records["index"])  # pyright: ignore
        whole = values.dtype.kind in "iuf" and len(values) == self.rows and not (values != np.floor(values)).any()
        return values if whole else None

    def numbers(self) -> np.ndarray:
        """(rows,) int64: the index. Raises InvalidFile when it is not made of whole numbers."""
        values = self._numbers()
        if values is None:
            raise InvalidFile("its rows are not frame numbers", self._path)
        return values.astype(np.int64)

    def values(self, start: int, stop: int) -> np.ndarray:
        """(stop - start, columns) float64."""
        found = np.full((stop - start, len(self.columns)), np.nan)
        records = None if self._records is None else self._records[start:stop]
        for name, places in self._parts:
            part = self._group[name][start:stop] if records is None else records[name]  # pyright: ignore
            found[:, places] = np.asarray(part, float).reshape(stop - start, -1)
        return found

    def __enter__(self) -> FrameReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()
