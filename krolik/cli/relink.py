"""krolik relink"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import PROJECT, say


def relink(
    project: Annotated[Path, PROJECT],
    path: Annotated[Path, typer.Argument(help="Where the video or image folder is now.")],
) -> None:
    """Tell a project where a video lies that was moved."""
    with api.open(project) as opened:
        record = opened.relink(path)
    say(f"{record.name} is at {record.path}")
