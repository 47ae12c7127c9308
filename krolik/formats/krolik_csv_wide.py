"""Krolik's own CSV in its wide form: a row for each frame and animal. Read like the tidy one."""

from collections.abc import Sequence
from pathlib import Path

from krolik.formats import krolik_csv
from krolik.formats.krolik_csv import CARRIES
from krolik.formats.tables import LabelTable, PredictionTable

__all__ = ["CARRIES", "write_labels", "write_predictions"]


def write_labels(path: Path, table: LabelTable) -> None:
    """Raises StorageError."""
    krolik_csv.write_labels(path, table, wide=True)


def write_predictions(path: Path, tables: Sequence[PredictionTable]) -> None:
    """All videos into one file. Raises StorageError."""
    krolik_csv.write_predictions(path, tables, wide=True)
