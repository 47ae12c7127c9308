"""krolik export"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli import smoothing
from krolik.cli.screen import JSON, PROJECT, say, show_json
from krolik.errors import InvalidSetting
from krolik.formats import FORMATS

OUT = typer.Option("-o", "--out", help="The file or, for formats of several files, the folder to write.")
TO = typer.Option(help=f"{', '.join(n for n, f in FORMATS.items() if 'w' in f.labels + f.predictions)}, or model.")


def export(
    project: Annotated[Path, PROJECT],
    out: Annotated[Path, OUT],
    to: Annotated[str, TO] = defaults.EXPORT_TO,
    what: Annotated[
        str | None, typer.Option(help="predictions or labels. Default: predictions if there are any.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Whose predictions, or which model. Default: the newest.")] = None,
    video: Annotated[list[str] | None, typer.Option(help="Only these videos.")] = None,
    smooth: smoothing.Smooth = smoothing.SMOOTH,
    fill: smoothing.Fill = 0,
    least_score: smoothing.LeastScore = 0.0,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Write predictions or labels in any format, or a model as one .onnx file; says what the format cannot hold."""
    kind, smoothed = checked(what), smoothing.parsed(smooth, fill, least_score)
    with api.open(project) as opened:
        report = opened.export(out, to, kind, model, video or [], smoothed)  # pyright: ignore[reportArgumentType]
        show(report, json)


def checked(what: str | None) -> str | None:
    """Raises InvalidSetting."""
    if what not in (None, "predictions", "labels"):
        raise InvalidSetting(f"{what!r} cannot be exported", "--what", "Say predictions or labels.")
    return what


def show(report, json: bool) -> None:
    """What was written and what was lost."""
    if json:
        show_json({"out": str(report.out), "what": report.what, "losses": list(report.losses)})
        return
    say(f"written: {report.out}")
    for loss in report.losses:
        say(f"lost: {loss}")
