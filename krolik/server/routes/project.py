"""A project: what it holds, its skeleton, its history, and what happens in it."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from krolik import jobs as control
from krolik.actions import skeletons
from krolik.actions.splitting import chosen_split
from krolik.errors import KrolikError
from krolik.project import history, jobs, labels, models, videos
from krolik.project.history import Logged
from krolik.server.messages import (
    NothingMessage,
    SkeletonMessage,
    SkeletonValue,
    SwitchMessage,
    TemplateMessage,
    VideosMessage,
)
from krolik.server.opening import Material, bring
from krolik.server.overview import newest_predictions
from krolik.server.routes.context import Project, Work
from krolik.server.stream import job_json, stream
from krolik.server.workspace import Opened
from krolik.skeleton import template

router = APIRouter(prefix="/api/projects/{project}")
MOST_CHANGES = 200  # of the history in one answer
SHOWN_JOBS = 30


@router.get("")
def snapshot(opened: Project) -> dict:
    """Everything but labels and pixels."""
    file = opened.file
    event = jobs.last_event(file)  # read first: what is below is this new, or newer
    if not file.read_only:
        control.settle(file)
    found = videos.records(file)
    return {
        "id": opened.id, "name": file.path.stem, "path": str(file.path), "read_only": file.read_only,
        "revision": history.revision(file), "skeleton": labels.skeleton(file).to_json(),
        "next_keypoint": labels.next_keypoint(file), "videos": [_video(opened, r) for r in found],
        "undo": _logged(history.next_undo(file)), "redo": _logged(history.next_redo(file)),
        "models": len(models.every(file)), "event": event, "jobs": [job_json(j) for j in jobs.every(file, SHOWN_JOBS)],
        "predictions": len({r.id for r in found} & newest_predictions(file).keys()), "background": opened.drafts.on,
        "split": chosen_split(file),
    }  # fmt: skip


def _video(opened: Opened, record: videos.VideoRecord) -> dict:
    problem = None
    try:
        videos.locate(opened.file, record)
    except KrolikError as error:
        problem = error.code or "video-missing"
    numerator, _, denominator = record.rate.partition("/")
    return {
        "id": record.id, "name": record.name, "path": record.path, "frames": record.frames, "size": record.size,
        "rate": float(numerator) / float(denominator or 1), "problem": problem, "images": record.names is not None,
        "fingerprint": record.fingerprint[-12:],
    }  # fmt: skip


def _logged(change: Logged | None) -> dict | None:
    return (
        None if change is None else {"id": change.id, "title": change.title, "source": change.source, "at": change.at}
    )


@router.get("/overview")
def overview(opened: Project) -> dict:
    """The lanes of every video and how often each keypoint is labelled."""
    return asdict(opened.overviews.now())


@router.get("/history")
def past(opened: Project) -> list[dict]:
    """The last changes, the newest first, each with the kind and subject of its first edit and their number."""
    first = max(0, history.revision(opened.file) - MOST_CHANGES)
    subjects = history.about(opened.file, first)
    changes = history.log(opened.file, first)[::-1]
    return [{**(_logged(c) or {}), "kind": c.kind, "about": subjects.get(c.id)} for c in changes]


@router.post("/undo")
def undo(message: NothingMessage, opened: Project) -> dict:
    """Takes the last change back; which frames and what else it was about."""
    return _touched(opened, history.undo(opened.file, "ui"))


@router.post("/redo")
def redo(message: NothingMessage, opened: Project) -> dict:
    return _touched(opened, history.redo(opened.file, "ui"))


def _touched(opened: Opened, change: Logged) -> dict:
    edits = history.edits_of(opened.file, change.id)
    return {
        "revision": history.revision(opened.file), "title": change.title,
        "touched": [[e.kind, e.subject] for e in edits[:1000]],
        "undo": _logged(history.next_undo(opened.file)), "redo": _logged(history.next_redo(opened.file)),
    }  # fmt: skip


@router.put("/skeleton")
def change_skeleton(message: SkeletonMessage, opened: Project) -> dict:
    new = skeletons.set_skeleton(
        opened.file, message.skeleton.skeleton(), "ui", message.base.skeleton(), message.operation
    )
    return {"skeleton": new.to_json(), "next_keypoint": labels.next_keypoint(opened.file)}


@router.post("/skeleton/template")
def adopted(message: TemplateMessage, opened: Project) -> dict:
    """What the skeleton would be with a template; keypoints of the same name keep their labels."""
    return skeletons.adopt(opened.file, template(message.template)).to_json()


@router.post("/skeleton/pairs")
def pairs(message: SkeletonValue, opened: Project) -> dict:
    """The skeleton with the left/right pairs that its names tell."""
    return skeletons.find_pairs(message.skeleton()).to_json()


@router.post("/videos")
def add(message: VideosMessage, opened: Project, work: Work) -> dict:
    """Starts adding videos, or importing labels, by the ids of their places. Raises InvalidFile for what is neither."""
    material = Material.of([work.places.path_of(p) for p in message.places])
    return job_json(bring(work, opened, material)[-1])


@router.post("/background")
def background(message: SwitchMessage, opened: Project) -> dict:
    """Whether small trainings start by themselves while labels are made."""
    opened.drafts.switch(message.on)
    return {"on": message.on}


@router.get("/events")
async def events(request: Request, opened: Project, since: int = 0, event: int = 0) -> StreamingResponse:
    """Server-sent events: `change` with what was set, `job` with the state of one, `said` with what one said."""
    return StreamingResponse(stream(request, opened, since, event), media_type="text/event-stream")
