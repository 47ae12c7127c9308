"""krolik mark"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import PROJECT, say
from krolik.errors import InvalidSetting


def mark(
    project: Annotated[Path, PROJECT],
    video: Annotated[str, typer.Argument(help="The video's name.")],
    frames: Annotated[str | None, typer.Argument(help="As 3,10-20,100-200:25; ends included.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Unselect them; without FRAMES all of the video.")] = False,
) -> None:
    """Select frames for labelling by number, or take the selection back."""
    if frames is None and not remove:
        raise InvalidSetting("no frames are named", "FRAMES", "Write 3,10-20,100-200:25.")
    with api.open(project) as opened:
        if remove:
            say(f"{opened.unmark(video, frames)} frames unselected")
        else:
            opened.mark(video, frames or "")
            say(f"{len(opened.selected)} frames are selected")
