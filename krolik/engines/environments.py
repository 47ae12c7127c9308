"""Where another framework is installed: an environment that Krolik made for it, or one that the user has already.

A small JSON file names the Python of each. It is written last, so that an installation that broke off is none.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from krolik.engines.frameworks import FRAMEWORKS, Framework
from krolik.engines.logs import last_line
from krolik.errors import InvalidSetting, NotFound, StorageError
from krolik.files import replacing
from krolik.folders import engines_folder

EXPORTER = "onnx"  # what PyTorch needs to export a network; the frameworks do not bring it
LOOK_SECONDS = 0.5
ASKED = "import importlib.metadata as m, json, sys; print(json.dumps([m.version(n) for n in sys.argv[1:]]))"


@dataclass(frozen=True)
class Environment:
    """python: its interpreter. own: whether Krolik made it, and may remove it."""

    python: str
    version: str
    own: bool


def found(framework: Framework) -> Environment | None:
    """Where the framework is installed; None where it is not, or is not any more."""
    try:
        known = Environment(**json.loads(_marker(framework).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return known if Path(known.python).is_file() else None


def expected(framework: Framework) -> Environment:
    """Raises NotFound, with what to do."""
    known = found(framework)
    if known is None:
        raise NotFound(
            f"{framework.title} is not installed for Krolik", framework.name,
            f"krolik engines install {framework.name} does it, krolik engines use {framework.name} --python PATH "
            "takes one that you have.", "no-engine", engine=framework.title,
        )  # fmt: skip
    return known


def use(framework: Framework, python: Path) -> Environment:
    """Takes an environment that the user has, by its interpreter. Raises NotFound, InvalidSetting, StorageError."""
    if not python.is_file():
        raise NotFound("no such interpreter", python, "Give the path of the environment's python.")
    environment = Environment(str(python.absolute()), _version(framework, python), False)
    _remember(framework, environment)
    return environment


def install(framework: Framework, python: Path | None, told: Callable[[str], None]) -> Environment:
    """Makes an environment and installs the framework there. told: what is being done, a line at a time.

    python: the interpreter to make it with; default: Krolik's own. Raises StorageError, InvalidSetting, with the last
    lines of what pip said.
    """
    remove(framework)
    folder = engines_folder() / framework.name
    log = engines_folder() / f"{framework.name}-install.log"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the folder cannot be made ({error.strerror})", folder.parent) from error
    base = str(python or sys.executable)
    own = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with log.open("wb") as out:
        _call([base, "-m", "venv", str(folder)], framework, log, out, told)
        _call([str(own), "-m", "pip", "install", framework.requirement, EXPORTER], framework, log, out, told)
    environment = Environment(str(own), _version(framework, own), True)
    _remember(framework, environment)
    return environment


def remove(framework: Framework) -> None:
    """Forgets the environment; one that Krolik made is deleted. Raises StorageError."""
    _marker(framework).unlink(missing_ok=True)
    folder = engines_folder() / framework.name
    if folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise StorageError(f"it cannot be deleted ({error.strerror})", error.filename or folder) from error


def every() -> dict[str, Environment | None]:
    """By the name of the framework."""
    return {name: found(framework) for name, framework in FRAMEWORKS.items()}


def _marker(framework: Framework) -> Path:
    return engines_folder() / f"{framework.name}.json"


def _remember(framework: Framework, environment: Environment) -> None:
    with replacing(_marker(framework)) as partial:
        partial.write_text(json.dumps(asdict(environment)), "utf-8")


def _version(framework: Framework, python: Path) -> str:
    """The framework's version in an environment. Raises InvalidSetting if something is missing there."""
    versions = []
    for package in (framework.package, EXPORTER):
        asked = subprocess.run([str(python), "-I", "-c", ASKED, package], capture_output=True, check=False)
        if asked.returncode:
            wanted = f'"{framework.requirement}" {EXPORTER}'
            raise InvalidSetting(f"{package} is not installed there", python,
                                 f'Install it: "{python}" -m pip install {wanted}.')  # fmt: skip
        versions += json.loads(asked.stdout)
    return versions[0]


def _call(command: list[str], framework: Framework, log: Path, out, told: Callable[[str], None]) -> None:
    """Runs it, its output in the log, and tells the log's last line now and then."""
    process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            told(last_line(log, "..."))
            with suppress(subprocess.TimeoutExpired):
                process.wait(LOOK_SECONDS)
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.returncode:
        said = last_line(log, "pip said nothing")
        raise InvalidSetting(f"{framework.title} could not be installed ({said})", log,
                             "Look there; another interpreter may suit it better: --python PATH.")  # fmt: skip
