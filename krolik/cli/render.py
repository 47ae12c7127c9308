"""krolik render"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli import smoothing, style
from krolik.cli.screen import PROJECT, Bar, say


def render(
    project: Annotated[Path, PROJECT],
    video: Annotated[str, typer.Argument(help="A predicted video: its path or its name in the project.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .mp4 to write; with --frames, a folder.")],
    model: Annotated[str | None, typer.Option(help="Whose predictions. Default: the newest.")] = None,
    frames: Annotated[str | None, typer.Option(help="Write images of these frames instead: 0,10,20-30.")] = None,
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
) -> None:
    """Write the video, or chosen frames, with the keypoints drawn on it."""
    from krolik.actions.rendering import parse_frames
    from krolik.rendering.overlay import Style

    looks = Style(radius, threshold, not no_edges, names, trail, opacity, style.parse_colors(color), not no_numbers)
    chosen = None if frames is None else parse_frames(frames)
    with api.open(project) as opened, Bar() as bar:
        written = opened.render(video, out, model, chosen, looks, bar, smoothing.parsed(smooth, fill, least_score))
    for path in written:
        say(f"written: {path}")
