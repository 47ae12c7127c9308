"""Foreign and own formats: one file each, found by asking all of them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

from krolik.errors import InvalidFile, NotFound
from krolik.formats.imported import Imported, decode_text
from krolik.poses import State

# what can be imported: the name for people, and the module that offers `sniff(path)` and `read(path, missing)`
READERS = {
    "Krolik JSON": "krolik.formats.krolik_json",
    "Krolik CSV": "krolik.formats.krolik_csv",
    "Krolik HDF5": "krolik.formats.krolik_hdf5",
    "DeepLabCut": "krolik.formats.deeplabcut",
}


def detect(path: Path) -> ModuleType:
    """The reader for a file or folder. Raises NotFound, or InvalidFile naming what can be read."""
    if not path.exists():
        raise NotFound("no such file or folder", path)
    for module in map(import_module, READERS.values()):
        if module.sniff(path):
            return module
    if path.is_file() and path.suffix.lower() in (".csv", ".json", ".yaml", ".yml"):
        decode_text(path.read_bytes(), path)  # an empty file or a pointer is worth a sentence of its own
    raise InvalidFile("labels in no format that is known", path, f"These are: {', '.join(READERS)}.")


def read_labels(path: str | Path, missing: State = State.UNKNOWN) -> Imported:
    """Labels from a file or folder of any known format; points that it leaves out get the state `missing`.

    Raises NotFound, InvalidFile.
    """
    return detect(Path(path)).read(Path(path), missing)
