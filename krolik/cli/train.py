"""krolik train"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli import plan as options
from krolik.cli.evaluate import show_metrics, show_summary
from krolik.cli.plan import parsed_settings, show_plan
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json
from krolik.errors import KrolikError


def train(
    project: Annotated[Path, PROJECT],
    split: options.Split = None,
    network: options.Network = defaults.NETWORK,
    budget: options.Budget = defaults.BUDGET,
    seed: options.Seed = defaults.SEED,
    name: Annotated[str | None, typer.Option(help="The model's name. Default: the network's, numbered.")] = None,
    pretrained: options.Pretrained = None,
    width: options.Width = None,
    pipeline: options.Pipeline = None,
    scale: options.Scale = None,
    input_px: options.InputPx = None,
    batch: options.Batch = None,
    overrides: options.Overrides = None,
    engine: options.Engine = defaults.ENGINE,
    folds: Annotated[int, typer.Option(help="Test every frame once by cross-validation, in so many folds.")] = 0,
    report: Annotated[Path | None, typer.Option(help="Write the page of statistics there (see krolik report).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the training interrupted last.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Train a model, then measure it on the test frames of the split."""
    with api.open(project) as opened, Bar(json) as bar:
        model = opened.train(
            split, network, budget, seed, folds=folds, resume=resume, reporter=bar, name=name, pretrained=pretrained,
            width=width, pipeline=pipeline, scale=scale, input_px=input_px, batch_size=batch,
            overrides=parsed_settings(overrides or []), engine=engine,
        )  # fmt: skip
        try:
            evaluation = opened.evaluate(model.name, reporter=bar)
        except KrolikError as error:  # a split without test frames: there is nothing to measure
            evaluation = None
            if not model.document["cross_validation"]:
                bar.note(f"not measured on test frames: {error.what}")
        if report is not None:
            opened.report(report, model.name, reporter=bar)
    document = model.document
    if json:
        show_json({"model": model.name, "plan": document["plan"], "statistics": document["statistics"],
                   "findings": document["findings"], "cross_validation": document["cross_validation"],
                   "test": None if evaluation is None else evaluation.to_json()})  # fmt: skip
        return
    pose = document["statistics"]["stages"]["pose"]
    say(f"{model.name}: {pose['steps']} steps, {document['statistics']['seconds']:.0f} s")
    show_plan(document["plan"])
    if document["cross_validation"]:
        crossed = document["cross_validation"]
        say(f"\n{crossed['folds']} folds, {crossed['frames']} frames, each tested by a model that never saw it:")
        show_summary(crossed)
    if evaluation is not None:
        show_metrics(evaluation)
