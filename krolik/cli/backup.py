"""krolik backup"""

import time
from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import PROJECT, say


def backup(
    project: Annotated[Path, PROJECT],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The copy. Default: beside the project, with the date.")
    ] = None,
) -> None:
    """Copy a project, complete even while it is in use."""
    target = out or project.with_name(f"{project.stem}-{time.strftime('%Y-%m-%d-%H%M%S')}.krolik")
    with api.open(project) as opened:
        say(f"copied to {opened.backup(target)}")
