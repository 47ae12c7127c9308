"""krolik ui"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults


def ui(
    project: Annotated[Path | None, typer.Argument(help="A project, or a video or labels to make one of.")] = None,
    port: Annotated[int, typer.Option(help="The first port to try.")] = defaults.PORT,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Print the address and open nothing.")] = False,
    root: Annotated[list[Path] | None, typer.Option(help="A folder with videos that the page may look into.")] = None,
) -> None:
    """Open the user interface in the browser: choose frames, label them."""
    api.ui(project, port, not no_browser, root or [])
