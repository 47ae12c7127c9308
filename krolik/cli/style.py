"""The options for how poses are drawn, shared by render and run."""

import typer

from krolik import defaults

RADIUS = typer.Option(help="The points' radius in pixels. Default: from the frame's size.")
THRESHOLD = typer.Option(help="Points of a lower score are not drawn.")
NAMES = typer.Option("--names", help="Write the keypoints' names.")
NO_EDGES = typer.Option("--no-edges", help="Draw no lines between keypoints.")
TRAIL = typer.Option(help="Draw the way of each point over so many past frames.")
OPACITY = typer.Option(help="How opaque the drawing is, 0 to 1.")
DEFAULT_THRESHOLD = defaults.THRESHOLD
