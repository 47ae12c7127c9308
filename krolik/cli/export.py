"""krolik export"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import PROJECT, say
from krolik.errors import InvalidSetting


def export(
    project: Annotated[Path, PROJECT],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write.")],
    to: Annotated[str, typer.Option(help="csv, csv-wide, json, hdf5, or model.")] = defaults.EXPORT_TO,
    what: Annotated[
        str | None, typer.Option(help="predictions or labels. Default: predictions if there are any.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Whose predictions, or which model. Default: the newest.")] = None,
    video: Annotated[list[str] | None, typer.Option(help="Only these videos.")] = None,
) -> None:
    """Write predictions or labels as tables, or a model as one .onnx file."""
    if what not in (None, "predictions", "labels"):
        raise InvalidSetting(f"{what!r} cannot be exported", "--what", "Say predictions or labels.")
    with api.open(project) as opened:
        say(f"written: {opened.export(out, to, what, model, video or [])}")  # pyright: ignore[reportArgumentType]
