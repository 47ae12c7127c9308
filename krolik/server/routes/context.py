"""What every address needs: the workspace, the project and the video that it names."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from krolik.project import videos
from krolik.project.videos import VideoRecord
from krolik.server.workspace import Opened, Workspace


def _workspace(request: Request) -> Workspace:
    return request.app.state.workspace


Work = Annotated[Workspace, Depends(_workspace)]


def _project(project: str, work: Work) -> Opened:
    return work.get(project)


Project = Annotated[Opened, Depends(_project)]


def _video(video: str, opened: Project) -> VideoRecord:
    return videos.record(opened.file, video)


VideoOf = Annotated[VideoRecord, Depends(_video)]
