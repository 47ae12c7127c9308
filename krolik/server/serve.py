"""Starting the server on loopback and the browser on its page."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path

import typer

from krolik.errors import InvalidSetting, NotFound
from krolik.project import history
from krolik.project.file import SUFFIX
from krolik.server.app import create_app
from krolik.server.opening import Material, begin, importing, project_place
from krolik.server.places import LABELS, VIDEOS
from krolik.server.workspace import Opened, Workspace
from krolik.skeleton import template

TRIES = 50  # ports above the wanted one


def serve(path: Path | None, port: int, browser: bool, roots: Sequence[Path]) -> None:
    """Runs until it is stopped. Raises NotFound, InvalidProject, InvalidSetting when no port is free."""
    import uvicorn

    for root in roots:
        if not root.is_dir():
            raise NotFound("no such folder", root)
    workspace = Workspace([Path.cwd(), Path.home(), *roots], drafts=True)
    start = "/"
    if path is not None:
        start = f"/#/p/{first_page(opened_for(workspace, path))}"
    listener = listen(port)
    port = listener.getsockname()[1]
    guard = create_app(workspace, port)
    address = f"http://127.0.0.1:{port}/"
    config = uvicorn.Config(guard, log_level="warning", access_log=False, timeout_graceful_shutdown=1, ws="none",
                            server_header=False, date_header=False, lifespan="on", timeout_keep_alive=75)  # fmt: skip
    server = uvicorn.Server(config)
    typer.echo(f"Krolik is at {address}?token={guard.launch_token(once=False)}{start[1:]}", err=False)
    typer.echo("Stop it with Ctrl-C; everything is saved as it is made.", err=True)
    sys.stdout.flush()
    if browser:
        # another user of this computer could read the address off the process list: this token is good once
        link = f"{address}?token={guard.launch_token(once=True)}{start[1:]}"
        threading.Timer(0.5, lambda: webbrowser.open(link)).start()
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def opened_for(workspace: Workspace, path: Path) -> Opened:
    """The project at that path; for a video or labels the one beside it of the same name, made if there is none.

    They are read as work of its own, so that the page does not wait for it. Raises NotFound, InvalidFile.
    """
    if path.suffix == SUFFIX or not (path.is_dir() or path.suffix.lower() in VIDEOS | LABELS):
        opened = workspace.open(path)
        if history.revision(opened.file) == 1:  # nothing but its video was added yet
            workspace.select_first(opened)
        return opened
    path = Path(os.path.abspath(path))  # "." has no name, and work goes on from other folders
    opened, _ = begin(workspace, project_place(path), Material.of([path]), template("rabbit"))
    return opened


def first_page(opened: Opened) -> str:
    """Where a person goes on: to label, or to what an import is about to bring."""
    return f"{opened.id}/{'videos' if importing(opened) else 'label'}"


def listen(port: int) -> socket.socket:
    """A socket on loopback at the first free port from `port` on. Raises InvalidSetting."""
    for candidate in range(port, min(port + TRIES, 65536)) if port else (0,):
        # asyncio switches Nagle's delay (40 ms an answer) off only for sockets that name their protocol
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform != "win32":  # there it would let two programs have one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen(128)
        except (OSError, OverflowError):
            listener.close()
            continue
        return listener
    raise InvalidSetting(f"no port from {port} on is free", "--port", "Choose another one.")
