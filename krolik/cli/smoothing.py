"""The options for smoothing, shared by export, render and run."""

from typing import Annotated

import typer

from krolik import defaults
from krolik.api.arguments import parsed_smoothing

Smooth = Annotated[str, typer.Option(help="none, median, one-euro or kalman; over how many frames: median:9.")]
Fill = Annotated[int, typer.Option(help="Bridge gaps of up to so many frames by a straight line.")]
LeastScore = Annotated[float, typer.Option(help="Points of a lower score are no points, in tables too.")]
SMOOTH = defaults.SMOOTHING

parsed = parsed_smoothing
