"""A running server: in this process for speed, with its own state and cache folders."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from krolik.actions.adding import add_videos
from krolik.project import ProjectFile
from krolik.server.app import create_app
from krolik.server.guard import Guard
from krolik.server.serve import listen
from krolik.server.workspace import Workspace
from krolik.skeleton import template

KEY = "k" * 43


def ended(client: httpx.Client, base: str, job: int, seconds: float = 120) -> dict:
    """A job of a project once it has ended."""
    end = time.monotonic() + seconds
    while (found := client.get(f"{base}/jobs/{job}").json())["active"]:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


def project_for(video: Path) -> Path:
    """The project of the same name beside a video, with it, made if there is none."""
    target = video.with_suffix(".krolik") if video.is_file() else video.parent / f"{video.name}.krolik"
    with ProjectFile.open(target) if target.exists() else ProjectFile.create(target, template("rabbit")) as file:
        add_videos(file, [video], "test")
    return target


@dataclass
class Live:
    """A server that listens, and a client that may talk to it."""

    workspace: Workspace
    guard: Guard
    port: int
    client: httpx.Client

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, path: Path) -> str:
        """The base address of a project's API."""
        return f"/api/projects/{self.workspace.open(path).id}"


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory, monkeypatch):
    """What the server remembers stays in the test."""
    place = tmp_path_factory.mktemp("own")
    monkeypatch.setenv("KROLIK_STATE", str(place / "state"))
    monkeypatch.setenv("KROLIK_CACHE", str(place / "cache"))
    monkeypatch.setenv("KROLIK_ENGINES", str(place / "engines"))


@pytest.fixture
def live(tmp_path):
    """A server that may look into tmp_path."""
    workspace = Workspace([tmp_path])
    listener = listen(0)
    port = listener.getsockname()[1]
    guard = create_app(workspace, port, KEY)
    server = uvicorn.Server(uvicorn.Config(guard, log_level="warning", ws="none", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        yield Live(workspace, guard, port, client)
    server.should_exit = True
    thread.join(timeout=10)
    listener.close()


SERVER = """
import sys, uvicorn
from pathlib import Path
from krolik.server.app import create_app
from krolik.server.serve import listen
from krolik.server.workspace import Workspace
workspace = Workspace([Path(sys.argv[1]).parent])
opened = workspace.open(Path(sys.argv[1]))
listener = listen(int(sys.argv[2]))
port = listener.getsockname()[1]
print(port, opened.id, flush=True)
uvicorn.Server(uvicorn.Config(create_app(workspace, port, sys.argv[3]), log_level="error", ws="none")).run([listener])
"""


class Killable:
    """A server in a process of its own, to be killed; on the same port another one can follow."""

    def __init__(self, project, port: int = 0):
        command = [sys.executable, "-c", SERVER, str(project), str(port), KEY]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        port_text, self.identity = self.process.stdout.readline().split()
        self.port = int(port_text)
        self.address = f"http://127.0.0.1:{self.port}"
        headers = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}
        self.client = httpx.Client(base_url=self.address, headers=headers, timeout=20)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.client.close()
