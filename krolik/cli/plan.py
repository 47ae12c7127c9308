"""krolik plan"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json, show_table
from krolik.engines.frameworks import FRAMEWORKS
from krolik.errors import InvalidSetting
from krolik.networks import NETWORKS

# the options that plan and train share
Split = Annotated[
    str | None,
    typer.Option(help="A kept split or a rule; none trains on all frames. Default: the split made last, or every:5."),
]
Network = Annotated[str, typer.Option(help=f"auto (the planner chooses), {', '.join(NETWORKS)}.")]
Budget = Annotated[str, typer.Option(help="Wall time (90s, 5m, 1h) or steps (2000steps).")]
Seed = Annotated[int, typer.Option(help="Makes a run repeatable.")]
Pretrained = Annotated[
    str | None, typer.Option(help="auto, none, a checkpoint's path or name, or a model (or project) to go on from.")
]
Width = Annotated[float | None, typer.Option(help="The network's width multiplier.")]
Pipeline = Annotated[str | None, typer.Option(help="whole (frame) or crop (locate, then crop).")]
Scale = Annotated[float | None, typer.Option(help="Network pixels per frame pixel in a crop.")]
InputPx = Annotated[int | None, typer.Option("--input", help="The network's input side, in pixels.")]
Batch = Annotated[int | None, typer.Option(help="Samples per step.")]
Engine = Annotated[
    str,
    typer.Option(help=f"{defaults.ENGINE}, or a framework that trains one of its networks: {', '.join(FRAMEWORKS)}."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any other field of the plan: learning_rate=1e-3. Repeatable."),
]


def plan(
    project: Annotated[Path, PROJECT],
    split: Split = None,
    network: Network = defaults.NETWORK,
    budget: Budget = defaults.BUDGET,
    seed: Seed = defaults.SEED,
    pretrained: Pretrained = None,
    width: Width = None,
    pipeline: Pipeline = None,
    scale: Scale = None,
    input_px: InputPx = None,
    batch: Batch = None,
    overrides: Overrides = None,
    engine: Engine = defaults.ENGINE,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Show what training would do and why, and what in the labels is better mended first. Trains nothing."""
    with api.open(project) as opened, Bar(json) as bar:
        ready = opened.plan(
            split, network, budget, seed, reporter=bar, pretrained=pretrained, width=width, pipeline=pipeline,
            scale=scale, input_px=input_px, batch_size=batch, overrides=parsed_settings(overrides or []),
            engine=engine,
        )  # fmt: skip
    if json:
        show_json(ready.to_json())
        return
    say(f"{len(ready.data.train)} frames train, {len(ready.validating)} validate (split {ready.split})")
    show_plan(ready.plan.to_json())
    for finding in ready.findings:
        say(f"\n! {finding.what}.\n  {finding.fix}")


def show_plan(document: dict) -> None:
    """A row per decision: its value and its reason."""
    from krolik.training.plan import decisions

    show_table(["decision", "value", "reason"], [list(row) for row in decisions(document)])


def parsed_settings(texts: Sequence[str]) -> dict[str, str]:
    """ "learning_rate=1e-3" → {"learning_rate": "1e-3"}. Raises InvalidSetting."""
    parts = [text.partition("=") for text in texts]
    for name, equals, value in parts:
        if not (name and equals and value):
            raise InvalidSetting(f"{name!r} sets nothing", "--set", "Write a field and its value: learning_rate=1e-3.")
    return {name.strip(): value.strip() for name, _, value in parts}
