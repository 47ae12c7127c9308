"""Installing another framework, in an environment of its own on this computer."""

from __future__ import annotations

from pathlib import Path

from krolik.actions.reporter import Reporter
from krolik.engines import environments
from krolik.engines.environments import Environment
from krolik.engines.frameworks import framework
from krolik.errors import Cancelled


def install(name: str, python: Path | None, reporter: Reporter) -> Environment:
    """python: the interpreter to make the environment with; default: Krolik's own.

    Raises InvalidSetting with what pip said, StorageError, Cancelled.
    """
    chosen = framework(name)

    def told(line: str) -> None:
        if reporter.abandoned():
            raise Cancelled(f"the installation of {chosen.title} was cancelled", chosen.name, code="cancelled")
        reporter.progress(f"install {chosen.title}", 0.0, line)

    return environments.install(chosen, python, told)
