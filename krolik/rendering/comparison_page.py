"""The page of a comparison: one HTML file with nothing outside it."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from krolik.rendering.training_page import STYLE, number, picture

KINDS = {"model": "model of Krolik", "predictions": "predictions", "labels": "labels of another person"}


@dataclass(frozen=True, eq=False)
class ComparisonPage:
    """What the page shows. summary: as in the JSON file; figure: an <svg> element.

    worst: what a frame is called, and for each answer a picture of it, (H, W, 3) uint8 RGB.
    """

    project: str
    summary: Mapping
    figure: str
    worst: Sequence[tuple[str, Sequence[np.ndarray]]]


def comparison_page(page: ComparisonPage) -> str:
    """The whole page."""
    summary, answers = page.summary, page.summary["answers"]
    name = html.escape(page.project)
    notes = "".join(f"<li>{html.escape(note)}" for note in summary["notes"])
    of = "all labelled frames" if summary["split"] == "none" else f"test frames of {html.escape(summary['split'])}"
    rows = "".join(
        f"<h3>{html.escape(called)}</h3><div class=grid>{''.join(map(picture, pictures))}</div>"
        for called, pictures in page.worst
    )
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>{name}: comparison</title>
<meta name=viewport content="width=device-width"><style>{STYLE}</style><main>
<h1>{name}: comparison</h1><p>{summary["frames"]} frames ({of}), the same for all; errors in pixels.</p>
{f"<ul>{notes}</ul>" if notes else ""}
{_overall(answers)}
<p><i>Behind the best</i>: by how much the mean error is larger than the best one's, over the points that both found. An
interval without 0 in it is more than chance. <i>Missed</i>: labelled, but no point with a score of at least
{answers[0]["threshold"]:g}, which means another thing in each program.</p>
<div class=figures><figure>{page.figure}</figure></div>
<h2>Mean error of each keypoint</h2>{_keypoints(answers)}
{f"<h2>Where they are worst</h2><p>Rings: labels, dots: answers.</p>{rows}" if rows else ""}
</main></html>"""


def _overall(answers: Sequence[Mapping]) -> str:
    heads = ("", "what", "n", "mean", "95 % interval", "median", "95 % below", "within 5 % body", "missed",
             "extra animals", "behind the best", "95 % interval")  # fmt: skip
    rows = ""
    for one in answers:
        overall = one["overall"]
        share = overall["pck_body"].get("0.05")
        cells = (
            one["name"], KINDS[one["kind"]], overall["n"], number(overall["mean_error_px"], "{:.2f}"),
            between(one["mean_error_px_95"]), number(overall["median_error_px"], "{:.2f}"),
            number(overall["p95_error_px"], "{:.2f}"), number(share and 100 * share, "{:.0f} %"), overall["missed"],
            one["extra_animals"],
            "the best" if one["best"] else number(one["behind_px"], "{:+.2f}"),
            "" if one["best"] else between(one["behind_px_95"], "{:+.2f}"),
        )  # fmt: skip
        rows += "<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in cells)
    return f"<table><tr>{''.join(f'<th>{h}' for h in heads)}{rows}</table>"


def between(interval: Sequence[float | None], form: str = "{:.2f}") -> str:
    """An interval in words; "-" where there is none."""
    low, high = interval
    return "-" if low is None or high is None else f"{form.format(low)} to {form.format(high)}"


def _keypoints(answers: Sequence[Mapping]) -> str:
    heads = "".join(f"<th>{html.escape(a['name'])}" for a in answers)
    rows = ""
    for each in zip(*(a["keypoints"] for a in answers)):
        means = "".join(f"<td>{number(k['mean_error_px'], '{:.2f}')}" for k in each)
        rows += f"<tr><td>{html.escape(each[0]['name'])}<td>{each[0]['n']}{means}"
    return f"<table><tr><th>keypoint<th>n{heads}{rows}</table>"
