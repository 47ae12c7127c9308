"""DeepLabCut projects: config.yaml, CollectedData csv or h5 in both index styles, and the images beside them.

Single- and multi-animal labels. Coordinates are taken as they are: DeepLabCut's labelling tool gives the centre of the
top-left pixel as (0, 0). Pickles in a project are never touched.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from krolik.errors import InvalidFile, KrolikError, NotFound
from krolik.formats.imported import Imported, ImportedVideo, Wishes, decode_text, shortened, unreadable
from krolik.formats.pandas_hdf5 import FrameTable, read_frame_table
from krolik.formats.probe import ensure_readable
from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, State
from krolik.skeleton import Skeleton
from krolik.video.images import image_names, read_image
from krolik.video.source import check_video

LARGEST_CONFIG = 4 << 20
MISSING = {"", "nan", "na", "null", "none"}


class _Loader(yaml.SafeLoader):
    """Plain YAML, and the tuples that older DeepLabCut versions wrote."""


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", lambda loader, node: loader.construct_sequence(node))  # pyright: ignore


@dataclass
class _Reading:
    """What is being put together while files are read."""

    names: list[str]
    edges: list[tuple[str, str]]
    missing: State
    notes: list[str] = field(default_factory=list)
    frames: list[LabeledFrame] = field(default_factory=list)
    videos: list[ImportedVideo] = field(default_factory=list)
    further: tuple[Path, ...] = ()


def sniff(path: Path) -> bool:
    """Whether this is a DeepLabCut project, its config, the folder of one video's labels, or a label file."""
    if path.is_dir():
        return (path / "config.yaml").is_file() or any(
            found for place in ("labeled-data/*/", "") for found in path.glob(f"{place}CollectedData_*")
        )
    if path.suffix in (".yaml", ".yml"):
        with path.open("rb") as file:
            start = file.read(1 << 16).replace(b"\0", b"")
        return b"bodyparts" in start or not (b"kpt_shape" in start or b"nodes:" in start)
    if path.suffix == ".h5":
        return path.name.startswith("CollectedData") or _holds_labels(path)
    if path.suffix == ".csv":
        with path.open("rb") as file:
            head = file.read(16)
        return head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe").startswith(b"scorer")
    return False


def _holds_labels(path: Path) -> bool:
    with path.open("rb") as file:
        return b"df_with_missing" in file.read(1 << 16)


def read(path: Path, wishes: Wishes) -> Imported:
    """A project folder, a config.yaml, the folder of one video's labels or a label file.

    Cells without a point get the state `wishes.missing`.
    Raises InvalidFile, NotFound.
    """
    if path.is_dir() and (path / "config.yaml").is_file():
        path = path / "config.yaml"
    if path.suffix in (".yaml", ".yml"):
        config, notes = read_config(path)
        reading = _Reading(*_skeleton_of(config, path), wishes.missing, notes, further=_videos_of(config, path, notes))
        files = _label_files(path.parent, str(config.get("scorer") or ""))
        if not files:
            skeleton = Skeleton.of(reading.names, reading.edges)
            reading.notes.append(
                "no labels in this project (labeled-data holds no CollectedData file): only its skeleton"
            )
            return Imported("DeepLabCut", Labels(skeleton), (), tuple(reading.notes), further=reading.further)
    else:
        files = _label_files(path, "") if path.is_dir() else [path]
        reading = _Reading([], [], wishes.missing)
    for file in files:
        _read_labels(file, reading)
    if not reading.frames:
        raise InvalidFile("no frame in it has a labelled point", files[0])
    skeleton = Skeleton.of(reading.names, reading.edges)
    frames = tuple(_with_points(f, skeleton) for f in reading.frames)
    labels, notes = Labels(skeleton, frames), tuple(reading.notes)
    return Imported("DeepLabCut", labels, tuple(reading.videos), notes, further=reading.further)


def _with_points(frame: LabeledFrame, skeleton: Skeleton) -> LabeledFrame:
    """Frames read before a later file added keypoints get those as unknown."""
    padded = []
    for instance in frame.instances:
        lacking = len(skeleton) - len(instance.states)
        points = np.pad(instance.points, ((0, lacking), (0, 0)), constant_values=np.nan)
        padded.append(Instance(points, np.pad(instance.states, (0, lacking)), instance.track))
    return LabeledFrame(frame.key, tuple(padded), frame.name)


def read_config(path: Path) -> tuple[dict, list[str]]:
    """A config.yaml in any encoding, and notes. Raises InvalidFile."""
    if path.stat().st_size > LARGEST_CONFIG:
        raise InvalidFile("too large for a config.yaml", path)
    text, encoding = decode_text(path.read_bytes(), path)
    try:
        config = yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        raise InvalidFile(f"not valid YAML (line {mark.line + 1})" if mark else "not valid YAML", path) from error
    if not isinstance(config, dict) or not ("bodyparts" in config or "multianimalbodyparts" in config):
        raise InvalidFile("not a DeepLabCut config: it lists no bodyparts", path)
    notes = [] if encoding == "utf-8-sig" else [f"{path.name} is not UTF-8; it was read as {encoding}"]
    return config, notes


def _skeleton_of(config: dict, path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    parts = config.get("bodyparts")
    if not isinstance(parts, list):  # "MULTI!"
        parts = [*(config.get("multianimalbodyparts") or []), *(config.get("uniquebodyparts") or [])]
    names = [str(p) for p in parts]
    if not names:
        raise InvalidFile("no bodyparts are listed", path)
    doubled = [n for n, count in Counter(names).items() if count > 1]
    if doubled:
        raise InvalidFile(f"the bodypart {doubled[0]!r} is listed twice", path)
    edges = []
    for chain in config.get("skeleton") or []:
        parts = [str(n) for n in chain] if isinstance(chain, list) else []
        edges += [(a, b) for a, b in zip(parts, parts[1:]) if a in names and b in names and a != b]
    return names, edges


def _videos_of(config: dict, path: Path, notes: list[str]) -> tuple[Path, ...]:
    """The project's videos: where the config says, or by their names in videos/ where the project was moved.

    Notes are made of those that are not there or cannot be read. What else lies in videos/ is left alone: DeepLabCut
    writes its annotated videos there as well.
    """
    sets = config.get("video_sets")
    found, gone = [], []
    broken: list[Path] = []
    for written in map(str, sets) if isinstance(sets, dict) else ():
        name = PurePosixPath(written.replace("\\", "/")).name
        if not PurePosixPath(name).suffix:
            continue  # what stands in projects that were never opened on this computer
        place = next((p for p in (path.parent / written, path.parent / "videos" / name) if p.is_file()), None)
        if place is None:
            gone.append(name)
            continue
        try:
            check_video(place)
            found.append(place)
        except KrolikError:
            broken.append(place)
    if gone:
        notes.append(f"{len(gone)} video(s) of the project are not where it says: {shortened(gone)}")
    notes += unreadable(broken)
    return tuple(dict.fromkeys(found))


def _label_files(root: Path, scorer: str) -> list[Path]:
    """One label file per folder of labeled-data: the scorer's, .h5 before .csv as DeepLabCut does it.

    Of a folder without labeled-data its own.
    """
    files = []
    for folder in sorted(p for p in (root / "labeled-data").glob("*") if p.is_dir()) or [root]:
        found = [*folder.glob("CollectedData_*.h5"), *folder.glob("CollectedData_*.csv")]
        own = [p for p in found if p.stem == f"CollectedData_{scorer}"] or found
        if len({p.stem for p in own}) > 1:
            raise InvalidFile(f"labels of several scorers ({shortened([p.stem for p in own])})", folder,
                              "Import one of the files by its own path.")  # fmt: skip
        files += own[:1]
    return files


def _read_labels(path: Path, reading: _Reading) -> None:
    if path.suffix == ".h5":
        ensure_readable(path)
    table = read_frame_table(path) if path.suffix == ".h5" else read_csv(path)
    individuals = _columns(table, path)
    for part in {p: None for parts in individuals.values() for p in parts}:
        if part not in reading.names:
            if reading.frames and not reading.edges:
                reading.notes.append(f"{path.name} has the further keypoint {part!r}")
            reading.names.append(part)
    rows = _unique_rows(table, path, reading)
    by_folder: dict[str, list[tuple[str, np.ndarray]]] = {}
    empty = []
    for (folder, image), values in rows.items():
        if np.isnan(values).all():
            empty.append(image)
        else:
            by_folder.setdefault(folder, []).append((image, values))
    if empty:
        reading.notes.append(f"{path.name}: {len(empty)} frame(s) without any point were left out: {shortened(empty)}")
    for folder, labelled in by_folder.items():
        place = _image_folder(path, folder, [image for image, _ in labelled])
        names = image_names(place)
        reading.videos.append(ImportedVideo(place.name, place, tuple(names)))
        for image, values in labelled:
            key = FrameKey(place.name, names.index(image))
            instances = _instances(values, individuals, reading, place / image)
            reading.frames.append(LabeledFrame(key, instances, image))


def _instances(
    values: np.ndarray, individuals: dict[str, dict[str, tuple[int, int]]], reading: _Reading, image: Path
) -> tuple[Instance, ...]:
    height, width = read_image(image).shape[:2]
    instances = []
    for track, parts in individuals.items():
        points = np.full((len(reading.names), 2), np.nan)
        states = np.full(len(reading.names), State.UNKNOWN, np.int8)
        for part, (x, y) in parts.items():
            point, k = values[[x, y]], reading.names.index(part)
            states[k] = reading.missing
            if np.isfinite(point).all() and -1 < point[0] < width and -1 < point[1] < height and any(point >= 0):
                points[k], states[k] = point, State.VISIBLE
            elif not np.isnan(point).all():
                states[k] = State.UNKNOWN
                at = f"{image.name}: {part} ({point[0]:g}, {point[1]:g})"
                reading.notes.append(f"{at} has only one coordinate; left unlabelled" if np.isnan(point).any()
                                     else f"{at} lies outside the image; left unlabelled")  # fmt: skip
        if np.isfinite(points).any():
            instances.append(Instance(points, states, track or None))
    return tuple(instances)


def _columns(table: FrameTable, path: Path) -> dict[str, dict[str, tuple[int, int]]]:
    """individual ("" for single-animal labels) → bodypart → the columns of x and y."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    for i, column in enumerate(table.columns):
        if len(column) not in (3, 4):
            raise InvalidFile(f"{len(column)} header rows; DeepLabCut's labels have 3, or 4 for several animals", path)
        individual = column[1] if len(column) == 4 else ""
        axes = found.setdefault(individual, {}).setdefault(column[-2], {})
        if column[-1] in axes:
            raise InvalidFile(f"the column {column[-2]}, {column[-1]} occurs twice", path)
        axes[column[-1]] = i
    for parts in found.values():
        for part, axes in parts.items():
            for axis in ("x", "y"):
                if axis not in axes:
                    raise InvalidFile(f"the keypoint {part!r} has no column {axis}", path, "Repair the file's header.")
    return {who: {part: (axes["x"], axes["y"]) for part, axes in parts.items()} for who, parts in found.items()}


def _unique_rows(table: FrameTable, path: Path, reading: _Reading) -> dict[tuple[str, str], np.ndarray]:
    """(folder, image) → values; a row that occurs twice must say the same twice."""
    rows: dict[tuple[str, str], np.ndarray] = {}
    doubled = []
    for index, values in zip(table.index, table.values):
        place = PurePosixPath("/".join(index).replace("\\", "/"))
        key = (place.parent.name, place.name)
        if key in rows:
            if not np.array_equal(rows[key], values, equal_nan=True):
                raise InvalidFile(f"{place.name} is labelled twice, differently", path, "Remove one of the two rows.")
            doubled.append(place.name)
        rows[key] = values
    if doubled:
        reading.notes.append(f"{path.name}: {len(doubled)} row(s) occur twice and were read once: {shortened(doubled)}")
    return rows


def _image_folder(labels: Path, folder: str, images: list[str]) -> Path:
    """The folder that holds the images: the label file's own, or the one that the rows name."""
    places = [labels.parent, labels.parent / folder, labels.parent / "labeled-data" / folder]
    for place in places:
        if all((place / image).is_file() for image in images):
            return place
    missing = [i for i in images if not (places[0] / i).is_file()]
    raise NotFound(f"{len(missing)} of {len(images)} labelled images are missing, for instance {missing[0]}",
                   labels, f"Put them beside the label file, into {labels.parent}.", "labels-without-images",
                   missing=len(missing), all=len(images), name=missing[0], folder=str(labels.parent))  # fmt: skip


def read_csv(path: Path) -> FrameTable:
    """A csv as DeepLabCut writes it; also with semicolons or tabs, in UTF-8, UTF-16 or a Windows code page.

    Raises InvalidFile that names the row and column of what cannot be read.
    """
    text, _ = decode_text(path.read_bytes(), path)
    first = text.splitlines()[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter) if any(row)]
    except csv.Error as error:
        raise InvalidFile(f"not a csv file ({error})", path) from error
    header = next((i for i, row in enumerate(lines) if row[0].strip() == "coords"), None)
    if header is None or header > 3 or lines[0][0].strip() != "scorer":
        raise InvalidFile("not DeepLabCut's labels: the header rows scorer, bodyparts, coords are missing", path)
    if len(lines) == header + 1:
        raise InvalidFile("the file has a header but no labelled frames", path)
    width = len(lines[0])
    if any(len(row) != width for row in lines[: header + 1]):
        raise InvalidFile("the header rows have different lengths", path)
    # an index of three levels leaves two empty cells in the header
    start = next((i for i, cell in enumerate(lines[0]) if i and cell.strip()), width)
    columns = list(zip(*([cell.strip() for cell in row[start:]] for row in lines[: header + 1])))
    values = np.full((len(lines) - header - 1, len(columns)), np.nan)
    for r, row in enumerate(lines[header + 1 :]):
        if len(row) != width:
            raise InvalidFile(f"{row[0]} has {len(row)} cells instead of {width}", path)
        for c, cell in enumerate(row[start:]):
            values[r, c] = _number(cell, row[start - 1], columns[c], delimiter, path)
    return FrameTable(columns, [tuple(row[:start]) for row in lines[header + 1 :]], values)


def _number(cell: str, row: str, column: tuple[str, ...], delimiter: str, path: Path) -> float:
    cell = cell.strip()
    if cell.lower() in MISSING:
        return np.nan
    try:
        return float(cell.replace(",", ".") if delimiter != "," else cell)
    except ValueError as error:
        raise InvalidFile(f"{row}, {column[-2]} {column[-1]}: {cell!r} is not a number", path) from error
