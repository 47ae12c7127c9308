"""One stream of server-sent events for a project: what was changed, how far jobs are, what they say.

The id of an event is REVISION.EVENT, the last change and the last thing a job said, so that a browser that was away
hears what it has missed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict

from anyio import to_thread
from fastapi import Request

from krolik import jobs as control
from krolik.project import ProjectFile, history, jobs
from krolik.project.jobs import Event, Job
from krolik.server.workspace import Opened

LOOK_SECONDS = 0.15  # how often changes by other programs are looked for
SETTLE_SECONDS = 1.5  # how often it is looked whether the active jobs still live
BEAT_SECONDS = 15.0  # how often a silent stream shows that it lives
MOST_CHANGES, MOST_EVENTS = 1000, 2000  # in one answer


def job_json(job: Job) -> dict:
    """A job as the page gets it: what it made by name only."""
    result = job.result if isinstance(job.result, dict) else {}
    files = [path.replace("\\", "/").rpartition("/")[2] for path in result.get("files", [])]
    value = {k: v for k, v in asdict(job).items() if k not in ("pid", "run", "result")}
    return {**value, "active": job.active, "files": files, "result": {**result, "files": files}}


def event_json(event: Event) -> dict:
    return {"id": event.id, "job": event.job, "at": event.at, "kind": event.kind, **event.document}


class _Position:
    """How far a stream has told everything."""

    def __init__(self, text: str, since: int, event: int):
        revision, _, last = text.partition(".")
        self.revision = int(revision) if revision.isdecimal() and len(revision) < 16 else since
        self.event = int(last) if last.isdecimal() and len(last) < 16 else event
        self.written = 0.0  # jobs whose rows are older are told of
        self.told: dict[int, float] = {}
        self.settled = 0.0


async def stream(request: Request, opened: Opened, since: int, event: int) -> AsyncIterator[str]:
    """Everything after change `since` and event number `event`, or what the browser says it has heard last."""
    position = _Position(request.headers.get("last-event-id", ""), since, event)
    silent = BEAT_SECONDS
    while not opened.closed and not await request.is_disconnected():
        messages = await to_thread.run_sync(_news, opened.file, position)
        for kind, value in messages:
            identity = f"{position.revision}.{position.event}"
            yield f"id: {identity}\nevent: {kind}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n"
        if messages:
            silent = 0.0
        elif silent >= BEAT_SECONDS:
            yield ": alive\n\n"
            silent = 0.0
        await asyncio.sleep(LOOK_SECONDS)
        silent += LOOK_SECONDS


def _news(file: ProjectFile, position: _Position) -> list[tuple[str, object]]:
    messages: list[tuple[str, object]] = []
    now = history.revision(file)
    if now != position.revision:
        touched = (
            [list(t) for t in history.since(file, position.revision)[:MOST_CHANGES]] if now > position.revision else []
        )
        position.revision = now
        messages.append(("change", {"revision": now, "touched": touched}))
    if time.monotonic() - position.settled > SETTLE_SECONDS:
        position.settled = time.monotonic()
        control.settle(file)
    for event in jobs.events(file, position.event, limit=MOST_EVENTS):
        position.event = event.id
        messages.append(("said", event_json(event)))
    first = position.written == 0.0
    for job in jobs.active(file) if first else jobs.changed(file, position.written):
        if position.told.get(job.id) != job.updated:
            position.told[job.id] = job.updated
            messages.append(("job", job_json(job)))
        position.written = max(position.written, job.updated)
    if first:
        position.written = max(position.written, time.time() - 60)
    return messages
