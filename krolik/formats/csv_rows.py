"""Large CSV files part by part, so that memory does not grow with them, and what is wrong in them by row and column."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas

from krolik.errors import InvalidFile
from krolik.formats.blocks import MOST_FRAMES
from krolik.formats.imported import decode_text

ROWS = 50_000
HEAD = 1 << 16
MISSING = ("", "nan", "NaN", "NA", "null", "none", "None", "<NA>", "N/A", "NULL")


def head(path: Path, lines: int) -> tuple[list[str], str]:
    """The first lines of a text file and its encoding. Raises InvalidFile."""
    with path.open("rb") as file:
        data = file.read(HEAD)
        while len(data) < HEAD * 64 and data.count(b"\n") <= lines:
            more = file.read(HEAD)
            if not more:
                break
            data += more
        whole = not file.read(1)
    if not whole:  # not in the middle of a letter
        cut = data.rfind(b"\n")
        data = data[: cut + (2 if data[:2] == b"\xff\xfe" else 1)] if cut > 0 else data
    text, encoding = decode_text(data, path)
    return text.splitlines()[:lines], encoding


def delimiter_of(line: str) -> str:
    return max(",;\t", key=line.count)


@dataclass(frozen=True)
class Table:
    """A CSV file whose columns, after `skip` lines of header, are called `names`."""

    path: Path
    encoding: str
    skip: int
    names: Sequence
    delimiter: str = ","

    def parts(
        self, wanted: Sequence | None = None, text: Sequence = (), categories: Sequence = ()
    ) -> Iterator[tuple[int, pandas.DataFrame]]:
        """(number of the first row, rows). `text` columns stay text; `categories` are text of few kinds.

        Raises InvalidFile.
        """
        first = 0
        try:
            with pandas.read_csv(
                self.path, sep=self.delimiter, header=None, names=list(self.names), skiprows=self.skip,
                encoding=self.encoding, chunksize=ROWS, usecols=None if wanted is None else list(wanted),
                dtype={**dict.fromkeys(text, str), **dict.fromkeys(categories, "category")},
                decimal="," if self.delimiter == ";" else ".", keep_default_na=False,
                na_values={c: list(MISSING) for c in self.names if c not in {*text, *categories}},
                index_col=False, low_memory=False,
            ) as chunks:  # fmt: skip
                while (chunk := _next(chunks)) is not None:
                    yield first, chunk
                    first += len(chunk)
        except pandas.errors.EmptyDataError:
            return
        except pandas.errors.ParserWarning as error:
            raise InvalidFile(f"after row {first} a row has more than {len(self.names)} cells", self.path) from error
        except (pandas.errors.ParserError, UnicodeDecodeError, ValueError, OverflowError) as error:
            raise InvalidFile(f"not a csv file that can be read ({str(error).splitlines()[0]})", self.path) from error


def _next(chunks) -> pandas.DataFrame | None:
    """The next rows that there are; a row with too many cells is an error, not a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pandas.errors.ParserWarning)
        return next((chunk for chunk in chunks if len(chunk)), None)


def numbers(chunk: pandas.DataFrame, column, first: int, path: Path, whole: bool = False) -> np.ndarray:
    """A column as float64, missing cells NaN. whole: as int64 from 0, none missing.

    Raises InvalidFile that names the row.
    """
    values = chunk[column]
    if not pandas.api.types.is_numeric_dtype(values) or pandas.api.types.is_bool_dtype(values):
        found = pandas.Series(pandas.to_numeric(values, errors="coerce"))
        bad = np.flatnonzero((found.isna() & values.notna()).to_numpy())
        if len(bad):
            row = int(bad[0])
            raise InvalidFile(f"row {first + row}, {said(column)}: {values.iloc[row]!r} is not a number", path)
        values = found
    array = np.asarray(values, np.float64)
    if whole:
        bad = ~(np.isfinite(array) & (array >= 0) & (array == np.floor(array)) & (array < MOST_FRAMES))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise InvalidFile(f"row {first + row}, {said(column)}: {array[row]:g} is not a whole number from 0", path)
        return array.astype(np.int64)
    return array


def said(column) -> str:
    return " ".join(map(str, column)) if isinstance(column, tuple) else str(column)
