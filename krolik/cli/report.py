"""krolik report"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json


def report(
    project: Annotated[Path, PROJECT],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page; JSON and plots are written beside it.")] = Path(
        defaults.REPORT
    ),
    model: Annotated[str | None, typer.Option(help="Default: the newest.")] = None,
    split: Annotated[str | None, typer.Option(help="Default: the one that the model was trained with.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Write the statistics of a training: one page, the same as JSON, and its plots as PNG."""
    with api.open(project) as opened, Bar(json) as bar:
        written = opened.report(out, model, split, reporter=bar)
    if json:
        show_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            say(str(path))
