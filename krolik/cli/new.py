"""krolik new"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import say


def new(
    project: Annotated[Path, typer.Argument(help="The project file to make, for instance rabbits.krolik.")],
    videos: Annotated[list[str] | None, typer.Argument(help="Videos, image folders or patterns to add.")] = None,
    skeleton: Annotated[
        str, typer.Option(help="A template (rabbit, mouse, quadruped, fly) or names separated by commas: nose,tail.")
    ] = defaults.SKELETON,
) -> None:
    """Make a project, with videos if some are given."""
    with api.new(project, videos or [], skeleton) as made:
        info = made.info()
    say(f"{project}: {len(info.keypoints)} keypoints, {len(info.videos)} video(s)")
