"""The options for how poses are drawn, shared by render and run."""

import typer

from krolik import defaults
from krolik.errors import InvalidSetting

RADIUS = typer.Option(help="The points' radius in pixels. Default: from the sizes of the frame and of the animals.")
THRESHOLD = typer.Option(help="Points of a lower score are not drawn.")
NAMES = typer.Option("--names", help="Write the keypoints' names.")
NO_NUMBERS = typer.Option("--no-numbers", help="Of several animals, do not write the number that each has in tables.")
NO_EDGES = typer.Option("--no-edges", help="Draw no lines between keypoints.")
TRAIL = typer.Option(help="Draw the way of each point over so many past frames.")
OPACITY = typer.Option(help="How opaque the drawing is, 0 to 1.")
COLOR = typer.Option("--color", help="A keypoint's colour, as nose=#ff8800; may be given several times.")
DEFAULT_THRESHOLD = defaults.THRESHOLD


def parse_colors(given: list[str] | None) -> dict[str, str]:
    """ "nose=#ff8800" → {"nose": "#ff8800"}. Raises InvalidSetting."""
    colors = {}
    for text in given or []:
        name, _, color = text.rpartition("=")
        if not name:
            raise InvalidSetting(f"{text!r} names no keypoint and colour", "--color", "Write nose=#ff8800.")
        colors[name] = color
    return colors
