"""krolik remove"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import PROJECT, say


def remove(
    project: Annotated[Path, PROJECT],
    videos: Annotated[list[str], typer.Argument(help="Videos by their names in the project.")],
) -> None:
    """Take videos out of a project with their labels; undo brings them back, and no file is deleted."""
    with api.open(project) as opened:
        gone = opened.remove(videos)
    say(f"{', '.join(r.name for r in gone)} taken out; krolik undo {project} brings all of it back")
