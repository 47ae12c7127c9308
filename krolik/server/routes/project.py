"""A project: what it holds, its skeleton, its history, automatic selection, and what happens in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from krolik.actions import selecting, skeletons
from krolik.actions.adding import add_videos
from krolik.errors import KrolikError, NotFound
from krolik.project import history, labels, models, videos
from krolik.project.history import Logged
from krolik.sampling import Wish
from krolik.server.messages import (
    NothingMessage,
    SelectMessage,
    SkeletonMessage,
    SkeletonValue,
    TemplateMessage,
    VideosMessage,
)
from krolik.server.routes.context import Project, Work
from krolik.server.tasks import Task
from krolik.server.workspace import Opened
from krolik.skeleton import template

router = APIRouter(prefix="/api/projects/{project}")
MOST_CHANGES = 200  # of the history in one answer
LOOK_SECONDS = 0.15  # how often changes by other programs are looked for
BEAT_SECONDS = 15.0  # how often a silent stream shows that it lives


@router.get("")
def snapshot(opened: Project, work: Work) -> dict:
    """Everything but labels and pixels."""
    file = opened.file
    return {
        "id": opened.id, "name": file.path.stem, "path": str(file.path), "read_only": file.read_only,
        "revision": history.revision(file), "skeleton": labels.skeleton(file).to_json(),
        "next_keypoint": labels.next_keypoint(file), "videos": [_video(opened, r) for r in videos.records(file)],
        "undo": _logged(history.next_undo(file)), "redo": _logged(history.next_redo(file)),
        "models": len(models.every(file)), "tasks": [t.to_json() for t in work.tasks.of(opened.id)],
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
def add(message: VideosMessage, opened: Project, work: Work) -> list[str]:
    """Adds videos by the ids of their places."""
    paths = [work.places.path_of(p) for p in message.places]
    return [r.id for r in add_videos(opened.file, paths, "ui")]


@router.post("/select")
def select(message: SelectMessage, opened: Project, work: Work) -> dict:
    """Starts an automatic selection; the stream of events tells how far it is."""
    wish = Wish(message.count, message.strategy, *selecting.parse_range(message.range), message.seed)
    names = list(message.videos)
    for name in [*names, *message.quotas]:
        videos.record(opened.file, name)

    def run(task: Task) -> list:
        return [list(k) for k in selecting.select(opened.file, names, wish, message.quotas, "ui", task)]

    return work.tasks.start(opened.id, "select", run).to_json()


@router.delete("/tasks/{task}")
def cancel(task: str, opened: Project, work: Work) -> dict:
    found = work.tasks.get(task)
    if found is None or found.project != opened.id:
        raise NotFound("no such task", task, code="no-task")
    found.stop.set()
    return found.to_json()


@router.get("/events")
async def events(request: Request, opened: Project, work: Work, since: int = 0) -> StreamingResponse:
    """Server-sent events: `change` with what was set since the last one, `task` with the progress of background work.

    The id of an event is the revision, so that a browser that was away hears what it has missed.
    """
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdecimal() and len(last) < 16 else since
    return StreamingResponse(_stream(request, opened, work, start), media_type="text/event-stream")


async def _stream(request: Request, opened: Opened, work: Work, revision: int) -> AsyncIterator[str]:
    told: dict[str, int] = {}
    silent = BEAT_SECONDS
    while not opened.closed and not await request.is_disconnected():
        now, touched = await to_thread.run_sync(_changes, opened, revision)
        if now != revision:
            revision = now
            yield f"id: {now}\nevent: change\ndata: {json.dumps({'revision': now, 'touched': touched})}\n\n"
            silent = 0.0
        for task in work.tasks.of(opened.id):
            if told.get(task.id) != task.version:
                told[task.id] = task.version
                yield f"event: task\ndata: {json.dumps(task.to_json())}\n\n"
                silent = 0.0
        if silent >= BEAT_SECONDS:
            yield ": alive\n\n"
            silent = 0.0
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS


def _changes(opened: Opened, revision: int) -> tuple[int, list]:
    now = history.revision(opened.file)
    return now, ([list(t) for t in history.since(opened.file, revision)[:1000]] if now > revision else [])
