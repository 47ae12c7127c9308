"""Krolik's own JSON, for labels ("krolik-labels") and predictions ("krolik-predictions"), version 1.

Labels:       {"format", "version", "skeleton", "videos": [{"name", "path", "images"?}],
               "frames": [{"video", "frame", "name", "time_s",
                           "instances": [{"track", "points": {NAME: POINT}, "box"?}]}]}
              POINT is {"state", "x"?, "y"?}; keypoints that are not in `points` are unknown.
              A box is [left, top, right, bottom].
Predictions:  {"format", "version", "skeleton", "videos": [{"video", "model", "animals",
               "frames": [{"frame", "time_s", "decoded", "instances": [{NAME: [x, y, score]}]}]}]}
              An animal has its place in the list in every frame; it is {} where it is not there.

Frames count from 0; x and y are pixels of the full frame, the centre of the top-left pixel is (0, 0).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile, KrolikError
from krolik.files import replacing
from krolik.formats.blocks import sliced
from krolik.formats.imported import Imported, ImportedPredictions, ImportedVideo, Wishes
from krolik.formats.losses import Carries
from krolik.formats.reading import load_json, refusing
from krolik.formats.tables import STATE_NAMES, STATES_BY_NAME, LabelTable, PredictionTable
from krolik.poses import LOCATED, FrameKey, Instance, LabeledFrame, Labels, State
from krolik.skeleton import Skeleton

VERSION = 1
CARRIES = Carries(colors=True, images=False)
LABELS, PREDICTIONS = "krolik-labels", "krolik-predictions"


def write_labels(path: Path, table: LabelTable) -> None:
    """Raises StorageError."""
    names = table.labels.skeleton.names
    frames = []
    for frame in table.labels:
        instances = []
        for instance in frame.instances:
            points = {}
            for name, (x, y), state in zip(names, instance.points.tolist(), instance.states.tolist()):
                if state != State.UNKNOWN:
                    place = {"x": x, "y": y} if state in LOCATED else {}
                    points[name] = {"state": STATE_NAMES[State(state)], **place}
            box = {} if instance.box is None else {"box": list(instance.box)}
            instances.append({"track": instance.track, "points": points, **box})
        frames.append({"video": table.video_names[frame.key.video], "frame": frame.key.index, "name": frame.name,
                       "time_s": round(table.time_s(frame.key), 6), "instances": instances})  # fmt: skip
    videos = [
        {"name": name, "path": table.video_paths[v],
         **({"images": list(table.image_names[v])} if v in table.image_names else {})}
        for v, name in table.video_names.items()
    ]  # fmt: skip
    value = {"format": LABELS, "version": VERSION, "skeleton": table.labels.skeleton.to_json(), "videos": videos,
             "frames": frames}  # fmt: skip
    with replacing(path) as partial:
        partial.write_text(json.dumps(value, ensure_ascii=False, indent=1), "utf-8")


def write_predictions(path: Path, tables: Sequence[PredictionTable]) -> None:
    """All videos into one file, written frame by frame. Raises StorageError."""
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        skeleton = tables[0].skeleton
        head = {"format": PREDICTIONS, "version": VERSION, "skeleton": skeleton.to_json()}
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "videos": [')
        for number, table in enumerate(tables):
            head = {"video": table.video, "model": table.model, "animals": list(table.animals)}
            opening = json.dumps(head, ensure_ascii=False)[:-1]
            file.write((",\n" if number else "\n") + opening + ', "frames": [')
            separator = "\n"
            for block in table.blocks():
                for i in range(len(block)):
                    file.write(separator + json.dumps(_frame(table, block, i), ensure_ascii=False))
                    separator = ",\n"
            file.write("\n]}")
        file.write("\n]}\n")


def _frame(table: PredictionTable, block, i: int) -> dict:
    instances = []
    for xy, scores in zip(block.xy[i], block.score[i]):
        instances.append({
            name: [float(str(v)) for v in (x, y, score)]  # the shortest numbers that are these float32
            for name, (x, y), score in zip(table.skeleton.names, xy, scores)
            if np.isfinite(x)
        })  # fmt: skip
    while instances and not instances[-1]:
        instances.pop()
    frame = block.start + i
    return {"frame": frame, "time_s": round(float(table.times_s[frame]), 6), "decoded": bool(block.decoded[i]),
            "instances": instances}  # fmt: skip


def sniff(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    with path.open("rb") as file:
        start = file.read(4096)
    return LABELS.encode() in start or PREDICTIONS.encode() in start


def read(path: Path, wishes: Wishes) -> Imported:
    """Labels or predictions. Raises InvalidFile that names the frame and what is wrong in it."""
    value = load_json(path)
    if isinstance(value, dict) and value.get("format") == PREDICTIONS:
        return _read_predictions(path, value)
    if not isinstance(value, dict) or value.get("format") != LABELS:
        raise InvalidFile(f"not a JSON file of labels (its format is not {LABELS!r})", path)
    if value.get("version") != VERSION:
        raise InvalidFile(f"version {value.get('version')!r}; this program reads version {VERSION}", path)
    where = "skeleton"
    try:
        skeleton = Skeleton.from_json(value["skeleton"])
        where = "videos"
        videos = tuple(
            ImportedVideo(str(v["name"]), _place(path, v), tuple(v["images"]) if "images" in v else None)
            for v in value["videos"]
        )
        frames = []
        for number, frame in enumerate(value["frames"]):
            where = f"frames[{number}]"
            frames.append(_read_frame(frame, skeleton))
            if frames[-1].key.video not in {v.name for v in videos}:
                raise InvalidFile(f"{where}: the video {frames[-1].key.video!r} is not among the videos", path)
        where = "frames"
        return Imported("Krolik JSON", Labels(skeleton, tuple(frames)), videos)
    except KrolikError as error:
        raise InvalidFile(f"{where}: {error}", path) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidFile(f"{where} is not as it should be ({type(error).__name__}: {error})", path) from error


def _place(path: Path, video: dict) -> Path:
    """The video's place: as written if it is there, else beside the label file."""
    written = Path(str(video.get("path") or video["name"]))
    return written if written.exists() else path.parent / str(video["name"])


def read_box(value) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom. Raises ValueError, TypeError."""
    if value is None:
        return None
    left, top, right, bottom = map(float, value)
    return left, top, right, bottom


def _read_frame(frame: dict, skeleton: Skeleton) -> LabeledFrame:
    index = frame["frame"]
    if not isinstance(index, int) or index < 0:
        raise ValueError(f"the frame {index!r} is not a whole number from 0")
    instances = []
    for stored in frame["instances"]:
        points, states = np.full((len(skeleton), 2), np.nan), np.zeros(len(skeleton), np.int8)
        for name, point in stored["points"].items():
            place = skeleton.index(name)
            states[place] = STATES_BY_NAME[point["state"]]
            if states[place] in LOCATED:
                points[place] = float(point["x"]), float(point["y"])
        instances.append(Instance(points, states, stored.get("track"), read_box(stored.get("box"))))
    return LabeledFrame(FrameKey(str(frame["video"]), index), tuple(instances), str(frame.get("name", "")))


def _read_predictions(path: Path, value: dict) -> Imported:
    if value.get("version") != VERSION:
        raise InvalidFile(f"version {value.get('version')!r}; this program reads version {VERSION}", path)
    with refusing(path, "JSON file of predictions") as place:
        skeleton = Skeleton.from_json(value["skeleton"])
        found = []
        for number, video in enumerate(value["videos"]):
            place.append(f"videos[{number}]")
            found.append(_predictions_of(video, skeleton, place))
        videos = tuple(ImportedVideo(p.video, path.parent / p.video) for p in found)
        return Imported("Krolik JSON", Labels(skeleton), videos, (), tuple(found))


def _predictions_of(video: dict, skeleton: Skeleton, place: list[str]) -> ImportedPredictions:
    frames = video["frames"]
    numbers = np.array([f["frame"] for f in frames], np.int64)
    if len(numbers) and (numbers[0] < 0 or (np.diff(numbers) != 1).any()):
        raise ValueError("the frames do not follow each other")
    animals = max([len(f["instances"]) for f in frames] + [len(video.get("animals") or ())], default=0)
    values = np.full((len(frames), animals, len(skeleton), 3), np.nan, np.float32)
    at = {name: k for k, name in enumerate(skeleton.names)}
    for i, frame in enumerate(frames):
        place.append(f"frame {frame['frame']}")
        for n, points in enumerate(frame["instances"]):
            for name, point in points.items():
                values[i, n, at[name]] = point
    decoded = np.array([bool(f.get("decoded", True)) for f in frames])
    names = tuple(map(str, video.get("animals") or ())) or ("",) * animals
    first = int(numbers[0]) if len(numbers) else 0

    def blocks():
        for block in sliced(lambda a, b: (values[a:b, ..., :2], values[a:b, ..., 2]), len(frames), first):
            yield replace(block, decoded=decoded[block.start - first : block.stop - first])

    return ImportedPredictions(str(video["video"]), skeleton, str(video["model"]), names, len(frames), blocks)
