"""krolik predict"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json


def predict(
    project: Annotated[Path, PROJECT],
    videos: Annotated[list[str], typer.Argument(help="Videos, image folders, patterns, or names in the project.")],
    model: Annotated[
        str | None, typer.Option(help="A name in the project, an .onnx file or a project. Default: the newest.")
    ] = None,
    start: Annotated[int, typer.Option(help="The first frame.")] = 0,
    stop: Annotated[int | None, typer.Option(help="The frame after the last. Default: the video's end.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Also what is predicted already.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Predict videos into the project; go on where an interrupted run stopped."""
    with api.open(project) as opened, Bar(json) as bar:
        reports = opened.predict(videos, model, start, stop, again, bar)
    if json:
        show_json([{**vars(r), "frames_per_second": r.frames_per_second} for r in reports])
    for report in reports:
        if report.error:
            typer.echo(f"krolik: {report.error}", err=True)
        elif not json and report.predicted:
            say(
                f"{report.video}: {report.predicted} frames, {report.frames_per_second:.0f} frames/s (run {report.run})"
            )
    if any(r.error for r in reports):
        raise typer.Exit(2)
