"""krolik split"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import PROJECT, say


def split(
    project: Annotated[Path, PROJECT],
    rule: Annotated[
        str, typer.Argument(help="every:N, blocks[:FRACTION], random[:FRACTION[:SEED]], by-video[:NAME,...], file:PATH")
    ] = defaults.SPLIT,
    name: Annotated[str | None, typer.Option(help="The split's name. Default: the rule.")] = None,
) -> None:
    """Divide the labelled frames into those that train and those that test; trainings then take this split."""
    with api.open(project) as opened:
        parts = Counter(opened.split(rule, name).values())
    say(f"{name or rule}: {parts['train']} train, {parts['test']} test")
