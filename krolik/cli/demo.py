"""krolik demo"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import Bar


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder for the results.")] = Path(defaults.DEMO_OUT),
    budget: Annotated[str, typer.Option(help="How long to train: 60s, or 400steps.")] = defaults.DEMO_BUDGET,
    seed: Annotated[int, typer.Option(help="Another seed hops another way.")] = defaults.SEED,
) -> None:
    """Generate a rabbit, learn it, and show it: needs nothing but the package."""
    with Bar() as bar:
        report = api.demo(out, budget, seed, bar)
    typer.echo(f"\nOpen {report} in a browser.")
