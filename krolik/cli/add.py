"""krolik add"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import PROJECT, show_table


def add(
    project: Annotated[Path, PROJECT],
    videos: Annotated[list[str], typer.Argument(help="Videos, image folders or patterns.")],
) -> None:
    """Add videos or image folders to a project."""
    with api.open(project) as opened:
        records = opened.add(videos)
    show_table(["video", "frames", "size"], [[r.name, r.frames, "×".join(map(str, r.size))] for r in records])
