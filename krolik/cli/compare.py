"""krolik compare"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json, show_table

if TYPE_CHECKING:
    from krolik.actions.comparing import Comparison
    from krolik.evaluation.comparison import Answered


def compare(
    project: Annotated[Path, PROJECT],
    sources: Annotated[
        list[Path] | None, typer.Argument(help="Predictions of other programs, or labels of other people; any format.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(help="A model, or imported predictions, of the project; several times for more. "
                          "Default: the newest model and the imported predictions of these frames."),
    ] = None,  # fmt: skip
    split: Annotated[
        str | None, typer.Option(help="Whose test frames; none: all labelled ones. Default: the models' own, or none.")
    ] = None,
    threshold: Annotated[float, typer.Option(help="Points of a lower score count as missed.")] = defaults.THRESHOLD,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A page; JSON and a plot are written beside it.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:  # fmt: skip
    """Measure models, other programs' predictions and other people's labels on the same frames."""
    with api.open(project) as opened, Bar(json) as bar:
        found = opened.compare(sources or (), model or (), split, threshold, out, bar)
    if json:
        show_json(found.to_json())
    else:
        show(found)


def show(found: Comparison) -> None:
    """A row per answer, then a row per keypoint."""
    of = "all labelled frames" if found.split == "none" else f"the test frames of {found.split}"
    say(f"\nOn {found.frames} frames ({of}), the same for all; errors in pixels")
    pck = list(found.answers[0].overall.pck_px)
    columns = ["", "n", "mean", "95 %", "median", "p95", *(f"≤{p} px" for p in pck), "missed"]
    several, extra = len(found.answers) > 1, any(one.extra for one in found.answers)
    show_table([*columns, *(["extra animals"] if extra else []), *(["behind the best", "95 %"] if several else [])],
               [[*_row(one), *([one.extra] if extra else []), *(_behind(one) if several else [])]
                for one in found.answers])  # fmt: skip
    say("")
    each = zip(*(a.metrics.keypoints for a in found.answers))
    show_table(["keypoint", "n", *(a.name for a in found.answers)],
               [[of_one[0].name, of_one[0].n, *(k.mean_error_px for k in of_one)] for of_one in each])  # fmt: skip
    for note in found.notes:
        say(note)
    for path in found.written:
        say(str(path))


def _row(one: Answered) -> list:
    overall = one.overall
    shares = (f"{100 * share:.0f}%" for share in overall.pck_px.values())
    return [one.name, overall.n, overall.mean_error_px, _between(one.interval, ""), overall.median_error_px,
            overall.p95_error_px, *shares, overall.missed]  # fmt: skip


def _behind(one: Answered) -> list[str]:
    if one.best or one.behind is None:
        return ["the best" if one.best else "-", ""]
    return [f"{one.behind:+.2f}", _between(one.behind_interval, "+")]


def _between(interval: tuple[float, float], sign: str) -> str:
    low, high = interval
    return "-" if math.isnan(low) else f"{low:{sign}.2f} to {high:{sign}.2f}"
