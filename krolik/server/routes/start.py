"""The start page: recent projects, folders, new projects, uploads."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from pathlib import Path

import anyio
from fastapi import APIRouter, Request

import krolik
from krolik.engines import environments
from krolik.engines.frameworks import FRAMEWORKS
from krolik.errors import InvalidSetting, StorageError
from krolik.files import replacing
from krolik.project.file import SUFFIX
from krolik.server.messages import CreateMessage, OpenMessage, PathMessage
from krolik.server.opening import Material, begin, bring, project_place
from krolik.server.places import LABELS, VIDEOS
from krolik.server.routes.context import Work
from krolik.server.workspace import Workspace, identity_of
from krolik.skeleton import TEMPLATES, Skeleton, template

router = APIRouter(prefix="/api")
UPLOADS = "Krolik"  # the folder in the home folder for videos that were dropped onto the page
SPARE_BYTES = 256 << 20


@router.get("/start")
def start(work: Work, project: str | None = None) -> dict:
    """Recent projects, the folders where looking for videos begins (a project's own first), and skeleton templates."""
    recent = [{"id": identity_of(p), "name": p.stem, "folder": str(p.parent)} for p in work.recent()]
    own = [work.get(project).file.path.resolve().parent] if project else []
    folders = dict.fromkeys([*own, *work.places.roots])
    roots = [{"id": work.places.id_of(r), "name": r.name or str(r), "path": str(r)} for r in folders]
    templates = {name: bones.names for name, bones in TEMPLATES.items()}
    return {"version": krolik.__version__, "recent": recent, "roots": roots, "templates": templates}


@router.get("/engines")
def engines() -> list[dict]:
    """The other frameworks that can train; `version` is that of one that is installed."""
    return [
        {"name": name, "title": known.title, "networks": [*known.networks, *known.several],
         "settings": sorted(known.settings), "pretrained": known.pretrained,
         "version": place.version if (place := environments.found(known)) else None}
        for name, known in FRAMEWORKS.items()
    ]  # fmt: skip


@router.get("/places/{place}")
def folder(place: str, work: Work) -> dict:
    """What a folder holds."""
    return asdict(work.places.list(place))


@router.post("/places/resolve")
def resolve(message: PathMessage, work: Work) -> dict:
    """The id of a path that was typed or pasted."""
    return asdict(work.places.resolve(message.path))


@router.post("/projects/open")
def open_project(message: OpenMessage, work: Work) -> dict:
    """Opens a project; videos and labels that came with it are read into it."""
    material = Material.of([work.places.path_of(v) for v in message.videos])
    opened = work.open(work.places.path_of(message.place))
    if message.videos:
        bring(work, opened, material)
    return {"id": opened.id}


@router.post("/projects")
def create(message: CreateMessage, work: Work) -> dict:
    """A new project with videos, or labels of other programs; beside the first and named like it, unless a folder and
    a name are given.

    A project that lies there already and has the same name is opened instead, and gets the videos.
    """
    paths = [work.places.path_of(v) for v in message.videos]
    if not paths and (message.folder is None or message.name is None):
        raise InvalidSetting("a project needs a video, or a folder and a name", code="bad-request")
    beside = project_place(paths[0]) if paths else Path()
    folder = work.places.path_of(message.folder) if message.folder else beside.parent
    if not work.places.inside(folder):  # beside a folder that is the top of what may be seen
        folder = paths[0]
    name = message.name or beside.name
    _check_name(name)
    material = Material.of(paths)  # a file that is neither must leave no project behind
    target = folder / f"{name.removesuffix(SUFFIX)}{SUFFIX}"
    bones = Skeleton.of(message.keypoints) if message.keypoints else template(message.skeleton)
    opened, existed = begin(work, target, material, bones, new=message.name is not None)
    return {"id": opened.id, "existed": existed, "labels": bool(material.labels)}


@router.put("/uploads/{name}")
async def upload(name: str, request: Request, work: Work, project: str | None = None) -> dict:
    """A video or labels, dropped onto the page: copied beside the project, or into the folder Krolik at home."""
    suffix = Path(name).suffix.lower()
    _check_name(name)
    if suffix not in VIDEOS | LABELS | {SUFFIX}:
        raise InvalidSetting(f"{name!r} is not the name of a video or of labels", name, code="unknown-format")
    folder = _upload_folder(work, project)
    length = int(request.headers.get("content-length", "0"))
    if shutil.disk_usage(folder).free < length + SPARE_BYTES:
        raise StorageError("the disk is full", folder, "Free some space and try again.", "disk-full")
    target = _free_name(folder, name)
    with replacing(target) as partial:
        async with await anyio.open_file(partial, "wb") as file:
            async for chunk in request.stream():
                await file.write(chunk)
        if length and partial.stat().st_size != length:
            raise StorageError("the upload broke off", target, "Drop the file again.", "upload-broken")
    return {**asdict(work.places.resolve(str(target))), "path": str(target)}


def _check_name(name: str) -> None:
    """Only a name, on every system: no way to another folder, no device of Windows, nothing hidden."""
    device = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", name, re.IGNORECASE)
    if device or not re.fullmatch(r"[^/\\:*?\"<>|\x00-\x1f]{1,200}", name) or name[0] == "." or name[-1] in ". ":
        raise InvalidSetting(f"{name!r} cannot be a file's name", code="bad-name", name=name)


def _upload_folder(work: Workspace, project: str | None) -> Path:
    folder = work.get(project).file.path.resolve().parent if project else Path.home() / UPLOADS
    folder.mkdir(exist_ok=True)
    work.places.allow(folder)
    return folder


def _free_name(folder: Path, name: str) -> Path:
    """A name that no file has yet: clip.mp4, clip-2.mp4, ..."""
    stem, suffix = Path(name).stem, Path(name).suffix
    candidates = [folder / name] + [folder / f"{stem}-{i}{suffix}" for i in range(2, 1000)]
    return next(c for c in candidates if not c.exists())
