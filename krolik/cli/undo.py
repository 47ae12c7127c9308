"""krolik undo, krolik redo"""

from pathlib import Path
from typing import Annotated

from krolik import api
from krolik.cli.screen import PROJECT, say


def undo(project: Annotated[Path, PROJECT]) -> None:
    """Revert the last change of labels, skeleton, videos or splits."""
    with api.open(project) as opened:
        say(f"undone: {opened.undo().title}")


def redo(project: Annotated[Path, PROJECT]) -> None:
    """Repeat the change that was undone last."""
    with api.open(project) as opened:
        say(f"done again: {opened.redo().title}")
