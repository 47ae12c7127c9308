"""CVAT's XML, "for images" and "for video" 1.1: annotations of the kind skeleton.

A point that is `outside` is not there, one that is `occluded` is hidden. In videos only keyframes are labels: what
CVAT fills in between them was made by no person. Source: docs.cvat.ai, "CVAT for image/video formats".
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from krolik.errors import InvalidFile
from krolik.formats.image_files import new_folder, write_images
from krolik.formats.imported import Imported, ImportedVideo, Wishes, decode_text
from krolik.formats.losses import Carries
from krolik.formats.reading import file_name, find_image, find_video, from_images, refusing, skeleton_of, unique_names
from krolik.formats.tables import LabelTable
from krolik.poses import LOCATED, FrameKey, Instance, LabeledFrame, Labels, State
from krolik.skeleton import Skeleton

TITLE = "CVAT"
CARRIES = Carries(boxes=False, pairs=False)
LARGEST = 1 << 28


def sniff(path: Path) -> bool:
    if path.is_dir():
        return (path / "annotations.xml").is_file() and sniff(path / "annotations.xml")
    if path.suffix.lower() != ".xml":
        return False
    with path.open("rb") as file:
        return b"<annotations" in file.read(1 << 16).replace(b"\0", b"")


def read(path: Path, wishes: Wishes) -> Imported:
    """Raises InvalidFile that names the image or track."""
    path = path / "annotations.xml" if path.is_dir() else path
    with refusing(path, "CVAT file") as place:
        root = _parse(path)
        skeleton = _skeleton(root)
        ignored = sum(1 for image in [*root.iter("image"), *root.iter("track")] for shape in image
                      if shape.tag not in ("skeleton", "tag"))  # fmt: skip
        notes = [f"{ignored} shape(s) that are no skeletons were left out"] if ignored else []
        if root.find("track") is not None:
            return _read_tracks(path, root, skeleton, notes, place)
        labelled = []
        for image in root.iter("image"):
            place.append(f"image {image.get('name')}")
            animals = tuple(_animal(s, skeleton, _track_name(s)) for s in image.iter("skeleton"))
            labelled.append((find_image(str(image.attrib["name"]), path.parent), animals))
        place.append("")
        frames, videos = from_images(labelled, path)
        return Imported(TITLE, Labels(skeleton, frames), videos, tuple(notes))


def _parse(path: Path) -> ET.Element:
    if path.stat().st_size > LARGEST:
        raise InvalidFile(f"larger than {LARGEST >> 20} MB, too large for a file of labels", path)
    text, _ = decode_text(path.read_bytes(), path)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise InvalidFile("it declares entities, which a file of labels does not need", path)
    try:
        root = ET.fromstring(re.sub(r"^\s*<\?xml[^>]*\?>", "", text))  # noqa: S314
    except ET.ParseError as error:
        raise InvalidFile(f"not valid XML ({error})", path) from error
    if root.tag != "annotations":
        raise InvalidFile("not a CVAT file of annotations", path)
    return root


def _skeleton(root: ET.Element) -> Skeleton:
    """The points of all skeletons of the task, and the lines that are drawn between them."""
    names: dict[str, None] = {}
    edges: list[tuple[str, str]] = []
    for label in root.iter("label"):
        if label.findtext("parent"):
            names[label.findtext("name", "")] = None
        nodes = {}
        for circle in re.findall(r"<circle[^>]*>", label.findtext("svg") or ""):
            attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', circle))
            nodes[attributes.get("data-node-id")] = _unescaped(attributes.get("data-label-name", ""))
        for line in re.findall(r"<line[^>]*>", label.findtext("svg") or ""):
            attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', line))
            ends = [nodes.get(attributes.get(f"data-node-{end}")) for end in ("from", "to")]
            edges += [(str(ends[0]), str(ends[1]))] if all(ends) else []
    if not names:
        names = dict.fromkeys(str(p.get("label")) for s in root.iter("skeleton") for p in s.iter("points"))
    found = unique_names(names)
    if not found:
        raise ValueError("it has no skeletons")
    return skeleton_of(found, [(found.index(a), found.index(b)) for a, b in edges if a in found and b in found])


def _unescaped(text: str) -> str:
    for code, letter in (("&quot;", '"'), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
        text = text.replace(code, letter)
    return text


def _animal(element: ET.Element, skeleton: Skeleton, track: str | None) -> Instance:
    points, states = np.full((len(skeleton), 2), np.nan), np.full(len(skeleton), State.UNKNOWN, np.int8)
    for point in element.iter("points"):
        k = skeleton.index(str(point.get("label")).strip())
        if point.get("outside") == "1":
            states[k] = State.ABSENT
            continue
        x, y = (float(v) for v in str(point.get("points")).split(","))
        points[k], states[k] = (x, y), State.OCCLUDED if point.get("occluded") == "1" else State.VISIBLE
    return Instance(points, states, track)


def _track_name(element: ET.Element) -> str | None:
    return next((a.text for a in element.findall("attribute") if a.get("name") == "track" and a.text), None)


def _read_tracks(path: Path, root: ET.Element, skeleton: Skeleton, notes: list[str], place: list[str]) -> Imported:
    source = (
        root.findtext("meta/source") or root.findtext("meta/task/source") or root.findtext("meta/task/name") or "video"
    )
    video = find_video(source, path)
    name = file_name(str(video))
    frames: dict[int, list[Instance]] = {}
    between = 0
    for number, track in enumerate(root.iter("track")):
        place.append(f"track {track.get('id', number)}")
        for element in track.iter("skeleton"):
            if element.get("keyframe", "1") != "1":
                between += 1
                continue
            index = int(element.attrib["frame"])
            if index < 0:
                raise ValueError(f"the frame {index} is negative")
            if element.get("outside") != "1":
                who = _track_name(element) or f"{track.get('label')} {track.get('id', number)}"
                frames.setdefault(index, []).append(_animal(element, skeleton, who))
    if between:
        notes.append(f"{between} poses between keyframes were left out: CVAT made them, not a person")
    labelled = tuple(LabeledFrame(FrameKey(name, i), tuple(a), f"{i:08d}") for i, a in sorted(frames.items()))
    return Imported(TITLE, Labels(skeleton, labelled), (ImportedVideo(name, video),), tuple(notes))


def write_labels(out: Path, table: LabelTable) -> None:
    """A folder in the form "for images": annotations.xml and images. Raises InvalidSetting, StorageError."""
    skeleton = table.labels.skeleton
    with new_folder(out) as folder:
        places = write_images(table, folder / "images")
        with (folder / "annotations.xml").open("w", encoding="utf-8", newline="\n") as file:
            file.write('<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n')
            file.write(_meta(skeleton))
            for number, frame in enumerate(table.labels):
                width, height = table.size(frame.key)
                name = quoteattr(places[frame.key])
                file.write(f'  <image id="{number}" name={name} width="{width}" height="{height}">\n')
                file.writelines(_written(skeleton, i) for i in frame.instances)
                file.write("  </image>\n")
            file.write("</annotations>\n")


def _meta(skeleton: Skeleton) -> str:
    """The task's labels: the skeleton, with a drawing of it, and its points."""
    angles = 2 * np.pi * np.arange(len(skeleton)) / max(1, len(skeleton))
    places = np.column_stack([50 + 40 * np.cos(angles), 50 + 40 * np.sin(angles)]).round(3).tolist()
    drawn = "".join(
        f'<line x1="{places[a][0]}" y1="{places[a][1]}" x2="{places[b][0]}" y2="{places[b][1]}" stroke="black" '
        f'data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}" stroke-width="0.5"></line>'
        for a, b in skeleton.edge_positions
    ) + "".join(
        f'<circle r="1.5" cx="{x}" cy="{y}" data-type="element node" data-element-id="{k + 1}" data-node-id="{k + 1}" '
        f"data-label-name={_quoted(name)}></circle>"
        for k, ((x, y), name) in enumerate(zip(places, skeleton.names))
    )  # fmt: skip
    kind = "<input_type>text</input_type><default_value></default_value><values></values>"
    track = f"<attribute><name>track</name><mutable>False</mutable>{kind}</attribute>"
    labels = [
        f"<label><name>animal</name><type>skeleton</type><attributes>{track}</attributes>"
        f"<svg>{_text(drawn)}</svg></label>"
    ]
    labels += [
        f"<label><name>{_text(k.name)}</name><color>{k.color}</color><type>points</type>"
        "<attributes></attributes><parent>animal</parent></label>"
        for k in skeleton.keypoints
    ]
    return (
        "  <meta><task><name>krolik</name><mode>annotation</mode><labels>"
        + "".join(labels)
        + "</labels></task></meta>\n"
    )


def _text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str) -> str:
    return '"' + _text(text).replace('"', "&quot;") + '"'


def _written(skeleton: Skeleton, instance: Instance) -> str:
    lines = ['    <skeleton label="animal" source="manual" occluded="0" z_order="0">\n']
    if instance.track is not None:
        lines.append(f'      <attribute name="track">{_text(instance.track)}</attribute>\n')
    for name, (x, y), state in zip(skeleton.names, instance.points.tolist(), instance.states):
        if state != State.UNKNOWN:
            place = f"{x!r},{y!r}" if state in LOCATED else "0,0"
            lines.append(f'      <points label={_quoted(name)} source="manual" outside="{int(state == State.ABSENT)}" '
                         f'occluded="{int(state == State.OCCLUDED)}" points="{place}"></points>\n')  # fmt: skip
    return "".join([*lines, "    </skeleton>\n"])
