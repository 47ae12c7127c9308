"""krolik run"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli import smoothing, style
from krolik.cli.screen import JSON, Bar, say, show_json
from krolik.formats import PREDICTIONS, writable


def run(
    videos: Annotated[list[str], typer.Argument(help="Videos, image folders or patterns.")],
    model: Annotated[
        str | None,
        typer.Option(help="An .onnx file, or a project (its newest model). Default: the project beside the video."),
    ] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder for the results.")] = Path(defaults.OUT),
    to: Annotated[list[str] | None, typer.Option(help=f"Tables to write: {', '.join(writable(PREDICTIONS))}.")] = None,
    radius: Annotated[float, style.RADIUS] = 0.0,
    threshold: Annotated[float, style.THRESHOLD] = style.DEFAULT_THRESHOLD,
    names: Annotated[bool, style.NAMES] = False,
    no_numbers: Annotated[bool, style.NO_NUMBERS] = False,
    no_edges: Annotated[bool, style.NO_EDGES] = False,
    trail: Annotated[int, style.TRAIL] = 0,
    opacity: Annotated[float, style.OPACITY] = 1.0,
    color: Annotated[list[str] | None, style.COLOR] = None,
    smooth: smoothing.Smooth = smoothing.SMOOTH,
    fill: smoothing.Fill = 0,
    least_score: smoothing.LeastScore = 0.0,
    json: Annotated[bool, JSON] = False,
) -> None:
    """From videos to annotated videos and tables, beside each other, in one go."""
    from krolik.rendering.overlay import Style

    looks = Style(radius, threshold, not no_edges, names, trail, opacity, style.parse_colors(color), not no_numbers)
    smoothed = smoothing.parsed(smooth, fill, least_score)
    with Bar(json) as bar:
        reports = api.run(videos, model, out, tuple(to or defaults.RUN_TABLES), looks, bar, smoothed)
    if json:
        show_json([vars(r) for r in reports])
    for report in reports:
        if report.error:
            typer.echo(f"krolik: {report.error}", err=True)
        elif not json:
            say(f"{report.video}: {report.frames} frames")
            for path in report.files:
                say(f"  {path}")
    if any(r.error for r in reports):
        raise typer.Exit(2)
