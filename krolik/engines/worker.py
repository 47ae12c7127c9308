"""A worker: a script in another framework's environment, that is handed a task and tells how it goes.

What it says, and how it is ended, is in `workers/protocol.py`.
"""

from __future__ import annotations

import io
import json
import os
import queue
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from krolik.engines.environments import Environment
from krolik.engines.frameworks import Framework
from krolik.engines.logs import last_line
from krolik.errors import Cancelled, InvalidFile, InvalidSetting, KrolikError
from krolik.folders import engines_folder

STOP, BEFORE = "stop", "before"
KEEP_SECONDS = 120.0  # between two times that a training keeps what it needs to go on
LOOK_SECONDS = 0.2
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")  # of Krolik's environment


class Listener(Protocol):
    """Who is told how it goes, and says when to end."""

    def told(self, message: dict) -> None: ...

    def kept(self, data: bytes) -> None:
        """Takes what the training needs to go on from here, in place of what it took before."""
        ...

    def cancelled(self) -> bool:
        """Whether to stop and keep what there is."""
        ...

    def abandoned(self) -> bool:
        """Whether to stop without a result."""
        ...


def work(
    framework: Framework, environment: Environment, task: dict, folder: Path, listener: Listener,
    before: bytes | None = None,
) -> dict:  # fmt: skip
    """Has a task done in `folder` and returns its result. before: what the listener took last of a training that ended.

    Raises InvalidSetting with what the framework said when it failed, InvalidFile, Cancelled.
    """
    told = {**task, "folder": str(folder), "keep_seconds": KEEP_SECONDS}
    (folder / "task.json").write_text(json.dumps(told), "utf-8")
    if before is not None:
        _unpack(before, folder / BEFORE)
    log = engines_folder() / f"{framework.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    surroundings = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [environment.python, "-I", str(framework.script), str(folder / "task.json")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=errors, cwd=folder, env=surroundings,
        )  # fmt: skip
        try:
            result = _listen(process, folder, framework, listener)
        finally:
            process.kill()  # it has ended, or is of no use any more
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()  # pyright: ignore[reportOptionalMemberAccess]
    if result is None:
        said = last_line(log, "it said nothing")
        raise InvalidSetting(f"{framework.title} ended with an error ({said})", log, "Look there.")
    return result


def _listen(process: subprocess.Popen, folder: Path, framework: Framework, listener: Listener) -> dict | None:
    """Until its result, or its end without one. Raises KrolikError for what it refuses, Cancelled."""
    result = None
    for message in _messages(process):
        if listener.abandoned():
            raise Cancelled(f"the training with {framework.title} was stopped", framework.name)
        if listener.cancelled():
            (folder / STOP).touch()
        if message is None:
            continue
        if "error" in message:
            raise KrolikError(message["error"], framework.name, message.get("fix", ""))
        result = message.get("result", result)
        if "kept" in message:
            listener.kept(_packed(folder / Path(message["kept"]).name))
        listener.told(message)
    process.wait()
    return result


def _packed(folder: Path) -> bytes:
    """The files of a folder, which goes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for file in sorted(folder.iterdir()):
            packed.write(file, file.name)
    shutil.rmtree(folder)
    return out.getvalue()


def _unpack(data: bytes, folder: Path) -> None:
    """Raises InvalidFile. Each file comes into the folder itself, whatever its name says."""
    folder.mkdir()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            for one in packed.infolist():
                if one.compress_type != zipfile.ZIP_STORED:  # so it is no larger than what was given
                    raise zipfile.BadZipFile
                (folder / Path(one.filename).name).write_bytes(packed.read(one))
    except (zipfile.BadZipFile, OSError, EOFError, RuntimeError) as error:
        raise InvalidFile("what was kept of this training cannot be read", "", "Start a new one.") from error


def _messages(process: subprocess.Popen) -> Iterator[dict | None]:
    """What it says; None whenever it has said nothing for a moment."""
    lines: queue.Queue[bytes | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout:  # pyright: ignore[reportOptionalIterable]
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=LOOK_SECONDS)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        with suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                yield message
