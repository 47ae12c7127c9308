"""krolik convert"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.export import OUT, TO, checked, show
from krolik.cli.import_labels import FORMAT, MISSING, SOURCE, UNCONFIRMED, VIDEOS
from krolik.cli.screen import JSON


def convert(
    source: Annotated[Path, SOURCE],
    out: Annotated[Path, OUT],
    to: Annotated[str, TO],
    what: Annotated[str | None, typer.Option(help="labels or predictions, where the source has both.")] = None,
    form: Annotated[str | None, FORMAT] = None,
    video: Annotated[list[Path] | None, VIDEOS] = None,
    missing: Annotated[str, MISSING] = defaults.MISSING,
    unconfirmed: Annotated[bool, UNCONFIRMED] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """From one format to another without a project; says what the new format cannot hold."""
    show(api.convert(source, to, out, checked(what), missing, form, video or [], unconfirmed), json)
