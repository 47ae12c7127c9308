"""krolik adopt"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json

SOURCE = typer.Argument(
    help="DeepLabCut's folder train of a network, or sleap-nn's folder of a model; of two that belong together, either."
)
ANIMALS = typer.Option(help="In a frame at most, for networks for several. Default: as labelled.")


def adopt(
    project: Annotated[Path, PROJECT],
    source: Annotated[Path, SOURCE],
    name: Annotated[str | None, typer.Option(help="The model's name. Default: the folder's.")] = None,
    animals: Annotated[int | None, ANIMALS] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Take a network that DeepLabCut or SLEAP trained: it predicts and is compared as any model."""
    with api.open(project) as opened, Bar(json) as bar:
        model = opened.adopt(source, name, animals, bar)
    if json:
        show_json({"model": model.name, "plan": model.document["plan"], "origin": model.document["origin"]})
        return
    say(f"{model.name}: {model.document['plan']['network']}, trained by {model.document['origin']['trained_by']}")
