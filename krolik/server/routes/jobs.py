"""The jobs of a project: looking at them, stopping them, going on with them, fetching what they made."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from krolik import jobs as control
from krolik.errors import NotFound
from krolik.jobs.locks import log_path
from krolik.project import jobs
from krolik.server.messages import NothingMessage
from krolik.server.routes.context import Project
from krolik.server.stream import event_json, job_json

router = APIRouter(prefix="/api/projects/{project}/jobs")
SHOWN = 100
LOG_BYTES = 20_000
# a page of statistics carries everything in itself and may do nothing
PAGE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"


@router.get("")
def every(opened: Project) -> list[dict]:
    """The last jobs, newest first."""
    if not opened.file.read_only:
        control.settle(opened.file)
    return [job_json(j) for j in jobs.every(opened.file, SHOWN)]


@router.get("/{job}")
def one(job: int, opened: Project) -> dict:
    """A job with all that it said and the end of its log."""
    found = jobs.get(opened.file, job)
    said = [event_json(e) for e in jobs.events(opened.file, 0, job)]
    try:
        log = log_path(opened.file, job).read_bytes()[-LOG_BYTES:].decode("utf-8", "replace")
    except OSError:
        log = ""
    return {**job_json(found), "said": said, "log": log}


@router.post("/{job}/{verb}")
def ask(job: int, verb: Literal["stop", "cancel", "resume"], message: NothingMessage, opened: Project) -> dict:
    """stop: keep the best so far. cancel: end now, so that it can be gone on with. resume: go on with it."""
    verbs = {"stop": control.stop, "cancel": control.cancel, "resume": control.resume}
    return job_json(verbs[verb](opened.file, job))


@router.get("/{job}/files/{number}")
def file(job: int, number: int, opened: Project, show: bool = False) -> Response:
    """What a job made: to be saved, or shown (pages and pictures)."""
    result = jobs.get(opened.file, job).result
    paths = result.get("files", []) if isinstance(result, dict) else []
    if not 0 <= number < len(paths) or not Path(paths[number]).is_file():
        raise NotFound("this file is not there any more", paths[number] if number < len(paths) else "", code="no-file")
    path = Path(paths[number])
    if show and path.suffix in (".html", ".png"):
        headers = {"content-security-policy": PAGE_POLICY}
        return FileResponse(path, media_type=mimetypes.guess_type(path.name)[0], headers=headers)
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)
