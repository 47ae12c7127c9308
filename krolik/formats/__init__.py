"""Foreign and own formats: one file each, found by asking all of them, and what each of them can hold."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from krolik.errors import InvalidFile, InvalidSetting, NotFound
from krolik.files import ensure_no_project
from krolik.formats.probe import ensure_readable

if TYPE_CHECKING:  # the command line reads this table before it does anything: it must cost nothing
    from krolik.formats.imported import Imported, Wishes
    from krolik.formats.losses import Carries

LABELS, PREDICTIONS = "labels", "predictions"
_EXPORT_FIRST = "Write its labels to a file that can be imported: krolik export."


@dataclass(frozen=True)
class Format:
    """A format by its name on the command line.

    module: offers `sniff(path)` and `read(path, wishes)` where the format can be read, `write_labels(out, table)` with
    CARRIES and `write_predictions(out, tables)` where it can be written; writer and predictor name other modules that
    write. labels, predictions: "r", "w", "rw" or "". suffix: of what is written; "" for a folder. each: predictions
    are written as a file for each video. drops: what of predictions it cannot hold ("edges", "identities",
    "names"). about: what people should know of it.
    """

    title: str
    module: str
    labels: str
    predictions: str
    suffix: str = ""
    about: str = ""
    writer: str = ""
    predictor: str = ""
    predictions_suffix: str = ""
    each: bool = False
    drops: tuple[str, ...] = ()

    def carries(self) -> Carries:
        """What of labels it can hold."""
        return import_module(f"krolik.formats.{self.writer or self.module}").CARRIES

    def load(self) -> ModuleType:
        """The module that reads it."""
        return import_module(f"krolik.formats.{self.module}")

    @property
    def own(self) -> bool:
        """Whether it is one of Krolik's own."""
        return self.module.startswith("krolik_")


FORMATS: dict[str, Format] = {
    "json": Format("Krolik JSON", "krolik_json", "rw", "rw", ".json", "everything"),
    "csv": Format("Krolik CSV", "krolik_csv", "rw", "rw", ".csv", "tidy: a row per keypoint",
                  drops=("edges",)),
    "csv-wide": Format("Krolik CSV, wide", "krolik_csv_wide", "w", "w", ".csv", "a row per animal; read as csv",
                       drops=("edges",)),
    "hdf5": Format("Krolik HDF5", "krolik_hdf5", "rw", "rw", ".h5", "everything"),
    "lightning-pose": Format("Lightning Pose", "lightning_pose", "rw", "rw", about="one animal", each=True,
                             predictions_suffix=".csv", drops=("edges", "identities")),
    "deeplabcut-analysed": Format("DeepLabCut analysed video", "deeplabcut_analysed", "", "r",
                                  about="csv and h5; written with deeplabcut"),
    "deeplabcut": Format("DeepLabCut", "deeplabcut", "rw", "w", about="a project; of predictions csv and h5",
                         writer="deeplabcut_project", predictor="deeplabcut_analysed", each=True,
                         drops=("edges",)),
    "sleap": Format("SLEAP .slp", "sleap_slp", "rw", "rw", ".slp", "format 1.0 to 2.8, packages too; written as 1.4"),
    "sleap-package": Format("SLEAP .pkg.slp", "sleap_package", "w", "", ".pkg.slp", "with images; read with sleap"),
    "sleap-analysis": Format("SLEAP analysis h5", "sleap_analysis", "", "rw", ".analysis.h5", each=True),
    "sleap-csv": Format("SLEAP csv", "sleap_csv", "", "rw", ".analysis.csv", each=True, drops=("edges",)),
    "sleap-skeleton": Format("SLEAP skeleton", "sleap_skeleton", "r", "", ".json", "a skeleton alone"),
    "alphatracker": Format("AlphaTracker", "alphatracker", "rw", "rw", about="names of keypoints are not in it",
                           predictions_suffix="-forvis-tracked.json", each=True,
                           drops=("edges", "identities", "names")),
    "deepposekit": Format("DeepPoseKit", "deepposekit", "rw", "", ".h5", "images of one size, one animal"),
    "coco": Format("COCO keypoints", "coco", "rw", ""),
    "yolo-pose": Format("YOLO-pose", "yolo_pose", "rw", ""),
    "cvat": Format("CVAT", "cvat", "rw", "", about="written for images; of videos the keyframes are read"),
    "label-studio": Format("Label Studio", "label_studio", "rw", ""),
    "nwb": Format("NWB ndx-pose", "nwb", "rw", "rw", ".nwb", 'to write it: pip install "krolik[nwb]"'),
    "jabs": Format("JABS", "jabs", "", "r", ".h5"),
    "leap": Format("LEAP", "leap", "r", "", ".mat"),
}  # fmt: skip


def readable() -> dict[str, Format]:
    """The formats that can be read, in the order in which a file is shown to them."""
    return {name: f for name, f in FORMATS.items() if "r" in f.labels + f.predictions}


def writable(what: str) -> list[str]:
    """The names of the formats in which labels, or predictions, can be written."""
    return [name for name, f in FORMATS.items() if "w" in (f.labels if what == LABELS else f.predictions)]


def detect(path: Path) -> str:
    """The name of the format of a file or folder. Raises NotFound, or InvalidFile naming what can be read."""
    if not path.exists():
        raise NotFound("no such file or folder", path)
    ensure_no_project(path, "a file of labels", _EXPORT_FIRST)
    if path.suffix.lower() in (".pickle", ".pkl"):
        raise InvalidFile("a pickle can run programs when it is opened, so it is not opened", path,
                          "Import the .h5 or .csv that lies beside it.")  # fmt: skip
    for name, found in readable().items():
        if found.load().sniff(path):
            return name
    from krolik.formats.imported import decode_text

    if path.is_file() and path.suffix.lower() in (".csv", ".json", ".yaml", ".yml", ".xml", ".txt"):
        decode_text(path.read_bytes()[: 1 << 20], path)  # an empty file or a pointer is worth a sentence of its own
    if path.is_file() and path.suffix.lower() in (".h5", ".hdf5", ".slp", ".nwb", ".mat"):
        with path.open("rb") as file:
            start = file.read(200)
        if not start.startswith(b"\x89HDF") and start.strip():
            decode_text(start, path)
    titles = ", ".join(f.title for f in readable().values())
    raise InvalidFile("labels or predictions in no format that is known", path, f"These are: {titles}.",
                      "unknown-format")  # fmt: skip


def read(path: str | Path, wishes: Wishes | None = None, form: str | None = None) -> Imported:
    """Labels and predictions from a file or folder. form: the format's name, where it should not be detected.

    Raises NotFound, InvalidFile, InvalidSetting.
    """
    from krolik.formats.imported import Wishes
    from krolik.formats.reading import forget

    path = Path(path)
    if form is not None and form not in readable():
        raise InvalidSetting(f"the format {form!r} cannot be read", "--format", f"There are: {', '.join(readable())}.")
    if not path.exists():
        raise NotFound("no such file or folder", path)
    if path.is_file():
        ensure_no_project(path, "a file of labels", _EXPORT_FIRST)
        ensure_readable(path)
    try:
        return FORMATS[form or detect(path)].load().read(path, wishes or Wishes())
    finally:
        forget()
