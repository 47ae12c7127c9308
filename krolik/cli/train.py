"""krolik train"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.evaluate import show_metrics
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json, show_table
from krolik.errors import KrolikError


def train(
    project: Annotated[Path, PROJECT],
    split: Annotated[str, typer.Option(help="A kept split or a rule; none trains on all frames.")] = defaults.SPLIT,
    network: Annotated[str, typer.Option(help="auto, or a name from krolik plan --networks.")] = defaults.NETWORK,
    budget: Annotated[str, typer.Option(help="Wall time (90s, 5m, 1h) or steps (2000steps).")] = defaults.BUDGET,
    seed: Annotated[int, typer.Option(help="Makes a run repeatable.")] = defaults.SEED,
    name: Annotated[str | None, typer.Option(help="The model's name. Default: the network's, numbered.")] = None,
    pretrained: Annotated[str | None, typer.Option(help="A checkpoint's path or name, auto, or none.")] = None,
    width: Annotated[float | None, typer.Option(help="The network's width multiplier.")] = None,
    pipeline: Annotated[str | None, typer.Option(help="whole (frame) or crop (locate, then crop).")] = None,
    scale: Annotated[float | None, typer.Option(help="Network pixels per frame pixel in a crop.")] = None,
    input_px: Annotated[int | None, typer.Option("--input", help="The network's input side, in pixels.")] = None,
    batch: Annotated[int | None, typer.Option(help="Samples per step.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training interrupted last.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Train a model, then measure it on the test frames of the split."""
    with api.open(project) as opened, Bar(json) as bar:
        model = opened.train(
            split, network, budget, seed, resume=resume, reporter=bar, name=name, pretrained=pretrained, width=width,
            pipeline=pipeline, scale=scale, input_px=input_px, batch_size=batch,
        )  # fmt: skip
        try:
            evaluation = opened.evaluate(model.name, reporter=bar)
        except KrolikError as error:  # a split without test frames: there is nothing to measure
            evaluation = None
            bar.note(f"not measured on test frames: {error.what}")
    document = model.document
    if json:
        show_json({"model": model.name, "plan": document["plan"], "statistics": document["statistics"],
                   "test": None if evaluation is None else evaluation.to_json()})  # fmt: skip
        return
    pose = document["statistics"]["stages"]["pose"]
    say(f"{model.name}: {pose['steps']} steps, {document['statistics']['seconds']:.0f} s")
    plan = {**document["plan"], "rotation": document["plan"]["augmentation"]["rotation_deg"],
            "mirror": document["plan"]["augmentation"]["mirror"]}  # fmt: skip
    show_table(["decision", "value", "reason"], [[d, str(plan[d]), why] for d, why in plan["reasons"].items()])
    if evaluation is not None:
        show_metrics(evaluation)
