"""Label Studio's JSON: keypoints in percent of the image, tied to their animal's rectangle by relations or parents.

Keypoints that are tied to no rectangle are one animal. A rectangle's label is who the animal is, unless one task has it
twice: then it is what the animal is. A region whose note (meta.text) is "occluded" is a hidden point.
Source: labelstud.io/guide/export, sleap_io/io/labelstudio.py (0.9).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from krolik.formats.image_files import new_folder, write_images
from krolik.formats.imported import Imported, Wishes
from krolik.formats.losses import NEEDED, Carries
from krolik.formats.reading import animal, find_image, from_images, load_json, refusing, unique_names
from krolik.formats.tables import LabelTable
from krolik.poses import Instance, Labels, State
from krolik.skeleton import Skeleton

TITLE = "Label Studio"
CARRIES = Carries(absent=False, tracks=NEEDED, edges=False, pairs=False, bare=False, boxes=True)
CONFIG = "label_config.xml"
OCCLUDED = "occluded"


def sniff(path: Path) -> bool:
    if path.is_dir():
        return (path / "tasks.json").is_file() and sniff(path / "tasks.json")
    if path.suffix.lower() != ".json":
        return False
    value = load_json(path)
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and "data" in first and ("annotations" in first or "completions" in first)


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile that names the task."""
    path = path / "tasks.json" if path.is_dir() else path
    value = load_json(path)
    with refusing(path, "Label Studio file") as place:
        tasks = value if isinstance(value, list) else [value]
        results = []
        for number, task in enumerate(tasks):
            place.append(f"task {task.get('id', number)}")
            made = [a for a in task.get("annotations") or task.get("completions") or () if not a.get("was_cancelled")]
            results.append([r for a in made[:1] for r in a["result"]])
        place.append("")
        names = _names(path, results)
        kinds = _kinds(results)
        labelled, strange = [], 0
        for number, (task, result) in enumerate(zip(tasks, results)):
            place.append(f"task {task.get('id', number)}")
            if not (task.get("annotations") or task.get("completions")):
                continue  # nobody looked at it yet
            labelled.append((_image(task, path), tuple(_animals(result, names, kinds, wishes.missing))))
            strange += sum(r.get("type") not in ("keypointlabels", "rectanglelabels", "relation") for r in result)
        notes = [f"{strange} region(s) that are neither keypoints nor rectangles were left out"] if strange else []
        place.append("")
        frames, videos = from_images(labelled, path)
        return Imported(TITLE, Labels(Skeleton.of(names), frames), videos, tuple(notes))


def _names(path: Path, results: list[list[dict]]) -> list[str]:
    """The keypoints in the order of the labelling configuration beside the file, else as they occur."""
    found = dict.fromkeys(_label(r) for result in results for r in result if r.get("type") == "keypointlabels")
    config = path.parent / CONFIG
    if config.is_file():
        text = config.read_text("utf-8", "replace")
        part = re.search(r"<KeyPointLabels.*?</KeyPointLabels>", text, re.DOTALL)
        listed = re.findall(r'<Label\s[^>]*value="([^"]*)"', part[0]) if part else []
        found = (
            dict.fromkeys([v.replace("&quot;", '"').replace("&lt;", "<").replace("&amp;", "&") for v in listed]) | found
        )
    if not found:
        raise ValueError("it has no keypoints")
    return unique_names(found)


def _label(region: dict) -> str:
    (name,) = region["value"][region["type"]]
    return str(name)


def _kinds(results: list[list[dict]]) -> set[str]:
    """The rectangles' labels that say what an animal is, not who."""
    kinds = set()
    for result in results:
        labels = [_label(r) for r in result if r.get("type") == "rectanglelabels"]
        kinds |= {label for label in labels if labels.count(label) > 1}
    return kinds


def _image(task: dict, path: Path) -> Path:
    """The task's image; uploads are known by the file that they were made from."""
    written = str((task.get("meta") or {}).get("original_file") or next(iter(task["data"].values())))
    found = find_image(written, path.parent)
    return found if found.exists() else find_image(str(next(iter(task["data"].values()))).lstrip("/"), path.parent)


def _animals(result: list[dict], names: list[str], kinds: set[str], missing: State):
    owners = {r["from_id"]: r["to_id"] for r in result if r.get("type") == "relation"}
    owners |= {r["id"]: r["parentID"] for r in result if r.get("parentID")}
    boxes = {r["id"]: r for r in result if r.get("type") == "rectanglelabels"}
    groups: dict[str, list[dict]] = {}
    for region in result:
        if region.get("type") == "keypointlabels":
            owner = owners.get(region["id"], "")
            groups.setdefault(owner if owner in boxes else "", []).append(region)
    for owner, regions in groups.items():
        points, hidden = np.full((len(names), 2), np.nan), np.zeros(len(names), bool)
        for region in regions:
            k = names.index(_label(region).strip())
            if np.isfinite(points[k]).all():
                raise ValueError(f"the keypoint {names[k]!r} occurs twice for one animal")
            points[k] = _pixels(region, "x", "original_width"), _pixels(region, "y", "original_height")
            hidden[k] = OCCLUDED in ((region.get("meta") or {}).get("text") or ())
        box = boxes.get(owner)
        yield animal(points, missing, hidden, _track(box, kinds), _box(box))


def _pixels(region: dict, axis: str, size: str) -> float:
    return float(region["value"][axis]) / 100 * float(region[size])


def _track(box: dict | None, kinds: set[str]) -> str | None:
    return None if box is None or box["value"].get("unnamed") or _label(box) in kinds else _label(box)


def _box(box: dict | None) -> tuple[float, float, float, float] | None:
    if box is None or box["value"].get("drawn") is False:
        return None
    left, top = _pixels(box, "x", "original_width"), _pixels(box, "y", "original_height")
    return (left, top, left + _pixels(box, "width", "original_width"), top + _pixels(box, "height", "original_height"))


def write_labels(out: Path, table: LabelTable) -> None:
    """A folder: tasks.json, label_config.xml and the images. Raises InvalidSetting, StorageError."""
    tracks = sorted({i.track for f in table.labels for i in f.instances if i.track is not None})
    with new_folder(out) as folder:
        places = write_images(table, folder / "images")
        (folder / CONFIG).write_text(_config(table.labels.skeleton, tracks), "utf-8")
        tasks = []
        for number, frame in enumerate(table.labels):
            result = [r for n, i in enumerate(frame.instances)
                      for r in _regions(i, table.labels.skeleton, table.size(frame.key), f"{number}-{n}")]  # fmt: skip
            tasks.append({"id": number + 1, "data": {"image": f"images/{places[frame.key]}"},
                          "annotations": [{"id": number + 1, "result": result}]})  # fmt: skip
        (folder / "tasks.json").write_text(json.dumps(tasks, ensure_ascii=False, indent=1), "utf-8")


def _regions(instance: Instance, skeleton: Skeleton, size: tuple[int, int], identity: str) -> list[dict]:
    frame = {"original_width": size[0], "original_height": size[1], "image_rotation": 0, "to_name": "image"}
    percent = 100 / np.array(size, float)
    box = instance.box or (0.0, 0.0, 0.0, 0.0)
    left, top, width, height = (*np.multiply(box[:2], percent), *np.multiply(np.subtract(box[2:], box[:2]), percent))
    rectangle = {**frame, "id": f"box-{identity}", "from_name": "animals", "type": "rectanglelabels",
                 "value": {"x": left, "y": top, "width": width, "height": height, "rotation": 0,
                           "rectanglelabels": [instance.track or "animal"],
                           **({} if instance.box else {"drawn": False}),
                           **({} if instance.track else {"unnamed": True})}}  # fmt: skip
    tied = {"parentID": rectangle["id"]} if instance.track or instance.box else {}
    regions = []
    for k, (name, (x, y), state) in enumerate(
        zip(skeleton.names, (instance.points * percent).tolist(), instance.states)
    ):
        if state in (State.VISIBLE, State.OCCLUDED):
            hidden = {"meta": {"text": [OCCLUDED]}} if state == State.OCCLUDED else {}
            regions.append({**frame, "id": f"point-{identity}-{k}", "from_name": "keypoints", "type": "keypointlabels",
                            **tied, **hidden,
                            "value": {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}})  # fmt: skip
    if not tied:
        return regions
    relations = [
        {"from_id": r["id"], "to_id": rectangle["id"], "type": "relation", "direction": "right"} for r in regions
    ]
    return [rectangle, *regions, *relations]


def _config(skeleton: Skeleton, tracks: list[str]) -> str:
    def quoted(text: str) -> str:
        return '"' + text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;") + '"'

    points = "\n".join(f"    <Label value={quoted(k.name)} background={quoted(k.color)}/>" for k in skeleton.keypoints)
    boxes = "\n".join(f"    <Label value={quoted(t)}/>" for t in ["animal", *tracks])
    return f"""<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="animals" toName="image">
{boxes}
  </RectangleLabels>
  <KeyPointLabels name="keypoints" toName="image">
{points}
  </KeyPointLabels>
</View>
"""
