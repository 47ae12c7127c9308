"""A video: its frames as pictures, its labels, and the edits of them."""

from __future__ import annotations

import asyncio
from concurrent.futures import CancelledError
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response

from krolik.actions import selecting
from krolik.actions.adding import relink_record, remove_videos
from krolik.actions.labelling import label
from krolik.errors import InvalidSetting, KrolikError, NotFound
from krolik.poses import FrameKey
from krolik.project import history, labels, selection, videos
from krolik.server.jpegs import Picture, encode
from krolik.server.messages import LabelMessage, MarkMessage, NothingMessage, RelinkMessage
from krolik.server.overview import ghost_sources, ghosts, with_ids
from krolik.server.routes.context import Project, VideoOf, Work
from krolik.server.stream import job_json
from krolik.server.workspace import Opened
from krolik.video import Frame
from krolik.video.images import decode_image

router = APIRouter(prefix="/api/projects/{project}/videos/{video}")
WIDTHS = (320, 640, 1280)
MOST_FRAMES = 256  # of labels in one answer
LOOK_SECONDS = 0.05  # how often a waiting answer looks whether somebody still waits for it


@router.get("/frames/{frame}")
async def picture(
    frame: int,
    request: Request,
    opened: Project,
    video: VideoOf,
    width: int | None = None,
    of: Literal["video", "proxy"] = "video",
    ahead: bool = False,
) -> Response:
    """Frame number `frame` as JPEG. of=proxy: from the display copy, 204 when there is none. ahead: not urgent.

    The header krolik-frame-size has the frame's own size, WIDTHxHEIGHT, of however many pixels the picture is.
    """
    if width is not None and width not in WIDTHS:
        raise InvalidSetting(f"the width {width} is not offered", code="bad-request")
    if not 0 <= frame < video.frames:
        raise NotFound(f"no frame {frame}", video.name, code="no-frame", frame=frame, last=video.frames - 1)
    server = await to_thread.run_sync(opened.proxy_frames if of == "proxy" else opened.frames, video)
    if server is None:
        return Response(status_code=204)
    wish, abandon = server.request(frame, width, urgent=not ahead)
    waiting = asyncio.wrap_future(wish)
    try:
        while not waiting.done():
            await asyncio.wait([waiting], timeout=LOOK_SECONDS)
            if not waiting.done() and await request.is_disconnected():
                return Response(status_code=499)
        found = waiting.result()
    except (CancelledError, asyncio.CancelledError):
        return Response(status_code=499)
    except KrolikError as error:
        kept = await to_thread.run_sync(_kept, opened, FrameKey(video.id, frame), width)
        if kept is None:
            return JSONResponse(error.to_json(), error.http_status)
        found = kept
    finally:
        if not waiting.done():
            # not cancelled itself: somebody else may wait for the same picture
            waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
            abandon()
    # the address carries the content's fingerprint, which of an image folder knows only names and sizes
    keep = "private, max-age=31536000, immutable" if video.names is None else "private, max-age=60"
    headers = {"cache-control": keep, "krolik-frame-size": "{}x{}".format(*found.size)}
    return Response(found.jpeg, media_type="image/jpeg", headers=headers)


def _kept(opened: Opened, key: FrameKey, width: int | None) -> Picture | None:
    """A labelled frame is shown from the project's own pixels when its video is away."""
    data = labels.pixels(opened.file, key)
    return encode(Frame(decode_image(data, key)), width) if data else None


@router.get("/labels")
def stretch(
    opened: Project, video: VideoOf, start: Annotated[int, Query(ge=0)], stop: Annotated[int, Query(ge=1)]
) -> dict:
    """Labels, selection and predictions of the frames start to stop - 1 (at most 256), by number."""
    stop = min(stop, start + MOST_FRAMES, video.frames)
    file = opened.file
    revision = history.revision(file)  # read first: the labels below are this new, or newer
    sources = ghost_sources(file, video.id, labels.skeleton(file))
    documents = {k.index: with_ids(t) for k, t in labels.documents(file, video.id, start, stop).items()}
    predicted = {}
    if sources:
        keys = [FrameKey(video.id, i) for i in range(start, stop) if i not in documents]
        predicted = {k.index: animals for k in keys if (animals := ghosts(file, sources, k))}
    return {"revision": revision, "start": start, "stop": stop, "frames": documents, "predicted": predicted}


@router.get("/neighbours/{frame}")
def neighbours(frame: int, opened: Project, video: VideoOf) -> dict:
    """The labelled frames before and after one, for copying and interpolating."""
    numbers = [k.index for k in labels.documents(opened.file, video.id)]
    before = max((n for n in numbers if n < frame), default=None)
    after = min((n for n in numbers if n > frame), default=None)
    return {side: _labelled(opened, video.id, number) for side, number in (("before", before), ("after", after))}


def _labelled(opened: Opened, video: str, number: int | None) -> dict | None:
    if number is None:
        return None
    found = labels.documents(opened.file, video, number, number + 1)
    return {"frame": number, "document": with_ids(found[FrameKey(video, number)])}


@router.post("/labels/{frame}")
def edit(frame: int, message: LabelMessage, opened: Project, video: VideoOf) -> dict:
    """Applies operations to a frame; when this answers they are on the disk."""
    operations = [o.operation() for o in message.operations]
    document = label(opened.file, FrameKey(video.id, frame), operations, "ui", message.operation)
    opened.edited()
    return {"revision": history.revision(opened.file), "document": None if document is None else with_ids(document)}


@router.post("/marks")
def mark(message: MarkMessage, opened: Project, video: VideoOf) -> dict:
    frames = selecting.parse_frames(message.text) if message.text else message.frames or []
    return {"marked": len(selecting.mark(opened.file, video.id, frames, "ui"))}


@router.delete("/marks")
def unmark(message: MarkMessage, opened: Project, video: VideoOf) -> dict:
    frames = selecting.parse_frames(message.text) if message.text else message.frames
    return {"unmarked": selecting.unmark(opened.file, video.id, frames, "ui")}


@router.get("/marks")
def marked(opened: Project, video: VideoOf) -> dict:
    return {"frames": {k.index: origin for k, origin in selection.load(opened.file, video.id).items()}}


@router.delete("")
def remove(message: NothingMessage, opened: Project, video: VideoOf) -> dict:
    """Takes the video out of the project with its labels and marks; an undo brings it back."""
    remove_videos(opened.file, [video.id], "ui")
    opened.forget_video(video)
    return {"revision": history.revision(opened.file)}


@router.post("/relink")
def relink(message: RelinkMessage, opened: Project, video: VideoOf, work: Work) -> dict:
    """Says where the video lies now."""
    record = relink_record(opened.file, videos.record(opened.file, video.id), work.places.path_of(message.place), "ui")
    opened.forget_video(record)
    return {"id": record.id}


@router.post("/proxy")
def proxy(message: NothingMessage, opened: Project, video: VideoOf, work: Work) -> dict:
    """Has the display copy made, if this video needs one; the stream of events tells how far it is."""
    job = work.build_proxy(opened, video)
    return {"job": job_json(job) if job else None, "ready": opened.proxy_frames(video) is not None}
