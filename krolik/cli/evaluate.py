"""krolik evaluate"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json, show_table
from krolik.errors import InvalidSetting

if TYPE_CHECKING:
    from krolik.actions.evaluating import Evaluation


def evaluate(
    project: Annotated[Path, PROJECT],
    model: Annotated[str | None, typer.Option(help="Default: the newest.")] = None,
    split: Annotated[str | None, typer.Option(help="Default: the one that the model was trained with.")] = None,
    threshold: Annotated[float, typer.Option(help="Points of a lower score count as missed.")] = defaults.THRESHOLD,
    pck: Annotated[str | None, typer.Option(help="Distances in pixels to count as right within: 2,5,10.")] = None,
    pck_body: Annotated[str | None, typer.Option(help="The same in body lengths: 0.05,0.1.")] = None,
    pictures: Annotated[Path | None, typer.Option(help="A folder for pictures of the worst frames.")] = None,
    worst: Annotated[int, typer.Option(help="How many of them.")] = defaults.WORST,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Measure a model on frames that it was not trained on."""
    with api.open(project) as opened, Bar(json) as bar:
        evaluation = opened.evaluate(
            model,
            split,
            threshold,
            distances(pck, "--pck") or defaults.PCK_PX,
            distances(pck_body, "--pck-body") or defaults.PCK_BODY,
            pictures,
            worst,
            bar,
        )
    if json:
        show_json(evaluation.to_json())
    else:
        show_metrics(evaluation)


def distances(text: str | None, option: str) -> tuple[float, ...]:
    """ "2,5,10" → the numbers; none for nothing. Raises InvalidSetting."""
    try:
        return tuple(float(part) for part in text.split(",")) if text else ()
    except ValueError as error:
        raise InvalidSetting(f"{text!r} is not a list of numbers", option, "Write 2,5,10.") from error


def show_metrics(evaluation: Evaluation) -> None:
    """A row per keypoint and one for all."""
    metrics = evaluation.metrics
    known = math.isfinite(metrics.body_length_px)  # one keypoint has no length
    say(f"\n{evaluation.model} on the {evaluation.frames} test frames of {evaluation.split} (errors in pixels"
        + (f"; body length {metrics.body_length_px:.0f} px)" if known else ")"))  # fmt: skip
    pck = list(metrics.overall.pck_px)
    body = list(metrics.overall.pck_body) if known else []
    columns = ["keypoint", "n", "mean", "median", "RMSE", "p95", *(f"≤{p} px" for p in pck),
               *(f"≤{100 * float(b):.0f}% body" for b in body), "missed", "invented"]  # fmt: skip
    rows = []
    for one in (*metrics.keypoints, metrics.overall):
        within = (*one.pck_px.values(), *(one.pck_body[part] for part in body))
        shares = ["-" if math.isnan(v) else f"{100 * v:.0f}%" for v in within]
        rows.append([one.name, one.n, one.mean_error_px, one.median_error_px, one.rmse_px, one.p95_error_px, *shares,
                     one.missed, f"{one.invented}/{one.n_absent}"])  # fmt: skip
    show_table(columns, rows)
    trust = evaluation.reliability
    if trust.n:
        say(f"confidence: the probability of lying within {trust.within_px:.1f} px; "
            f"off by {trust.error:.3f} on average (expected calibration error, n {trust.n}; "
            f"{trust.by_chance:.3f} would be chance alone)")  # fmt: skip
    else:
        say("no point was found: the model needs a longer training, or its locator misses the animals")
    if evaluation.named is not None:
        say(f"named animals: {evaluation.named.right} of {evaluation.named.n} that were found are named right")
    for picture in evaluation.pictures:
        say(f"picture: {picture}")


def show_summary(metrics: dict) -> None:
    """The same of metrics as JSON values, in fewer columns."""
    rows = [[k["name"], k["n"], k["mean_error_px"], k["median_error_px"], k["p95_error_px"], k["missed"]]
            for k in (*metrics["keypoints"], metrics["overall"])]  # fmt: skip
    show_table(["keypoint", "n", "mean", "median", "p95", "missed"], rows)
