"""The demonstration's one page: what was done, in pictures and numbers, with nothing outside the folder."""

from __future__ import annotations

import base64
import html
from dataclasses import dataclass
from pathlib import Path

import cv2

from krolik.actions.evaluating import Evaluation
from krolik.actions.predicting import PredictionReport
from krolik.evaluation import Metrics
from krolik.files import replacing
from krolik.project.models import ModelRecord
from krolik.video.images import read_image

CHART = (560, 190)  # width, height of the curve in CSS pixels


@dataclass(frozen=True, eq=False)
class DemoResult:
    """What the page tells of. `everywhere`: metrics on all frames without labels, against the generator's truth."""

    model: ModelRecord
    evaluation: Evaluation
    everywhere: Metrics
    predicted: PredictionReport
    labelled: int
    video: Path
    annotated: Path
    files: list[Path]
    stills: list[Path]


def write_report(path: Path, result: DemoResult) -> Path:
    """Writes the page; its path."""
    with replacing(path) as partial:
        partial.write_text(page(result), "utf-8")
    return path


def page(result: DemoResult) -> str:
    statistics = result.model.document["statistics"]
    overall = result.everywhere.overall
    unseen = result.predicted.stop - result.predicted.start - result.labelled
    facts = [
        (f"{result.labelled}", "labelled frames"),
        (f"{statistics['seconds']:.0f} s", "training, on this computer's processor"),
        (f"{overall.mean_error_px:.1f} px", f"mean error on the {unseen} frames nobody labelled (n = {overall.n})"),
        (f"{result.predicted.frames_per_second:.0f}", "frames predicted per second"),
    ]
    cards = "".join(f"<div class=card><b>{value}</b>{html.escape(text)}</div>" for value, text in facts)
    stills = "".join(_image(p) for p in result.stills)
    worst = "".join(_image(p) for p in result.evaluation.pictures)
    files = "".join(f"<li><a href='{p.name}'>{p.name}</a></li>" for p in [result.annotated, *result.files])
    reasons = "".join(
        f"<tr><td>{html.escape(name)}<td>{html.escape(reason)}"
        for name, reason in result.model.document["plan"]["reasons"].items()
    )
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>Krolik: the demonstration</title>
<meta name=viewport content="width=device-width"><style>{STYLE}</style><main>
<h1>Krolik learnt a rabbit</h1>
<p class=lead>A generated rabbit, {result.labelled} of its {result.predicted.stop} frames labelled, the network trained
from nothing. Below, it finds nose, ears, paws and tail in every frame of the video.</p>
<div class=cards>{cards}</div>
<video controls loop muted autoplay src="{result.annotated.name}"></video>
<h2>Six of the frames</h2><div class=grid>{stills}</div>
<h2>How it learnt</h2>
<p>Mean error on the validation frames while training, in pixels; the best weights on them were kept.</p>
{_curve(statistics["stages"]["pose"]["curve"])}
<h2>How well it finds each keypoint</h2>
<p>On every frame without a label, against the exact truth that only a generated rabbit has. A hidden paw has no
place: <i>invented</i> counts where the network saw one all the same.</p>
{_table(result.everywhere)}
<h2>Where it is worst</h2>
<p>The worst of the {result.evaluation.frames} test frames: rings are the labels, dots the predictions.</p>
<div class=grid>{worst}</div>
<h2>Why it trained so</h2><table class=reasons>{reasons}</table>
<h2>What lies in this folder</h2><ul>{files}<li><a href="{result.video.name}">{result.video.name}</a>, the video itself
<li>rabbit.krolik, the project: labels, model, predictions and history in one file</ul>
</main></html>"""


def _image(path: Path) -> str:
    """A picture as JPEG inside the page."""
    picture = cv2.cvtColor(read_image(path), cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    encoded = base64.b64encode(data.tobytes()).decode()
    return f"<img alt='{html.escape(path.stem)}' src='data:image/jpeg;base64,{encoded}'>"


def _curve(points: list[dict]) -> str:
    """The validation error over time as an SVG."""
    shown = [(p["seconds"], p["error_px"]) for p in points if p["error_px"] is not None]
    if len(shown) < 2:
        return "<p>Too short a training for a curve.</p>"
    (width, height), last = CHART, shown[-1][0]
    errors = sorted(error for _, error in shown)
    top = min(errors[-1], 4 * errors[len(errors) // 2])  # the first errors would flatten all the others

    def down(error: float) -> float:
        return height - 25 - (height - 40) * min(error, top) / top

    path = " ".join(f"{40 + (width - 50) * seconds / last:.1f},{down(error):.1f}" for seconds, error in shown)
    marks = "".join(
        f"<text x=34 y={down(e) + 4:.0f} text-anchor=end>{e:.0f}</text><line x1=40 x2={width - 10} y1={down(e):.0f} "
        f"y2={down(e):.0f} />"
        for e in (0, top / 2, top)
    )
    ends = "".join(
        f"<text x={x} y={height - 6} text-anchor={anchor}>{seconds:.0f} s</text>"
        for x, anchor, seconds in ((40, "start", 0), (width - 10, "end", last))
    )
    return f"<svg viewBox='0 0 {width} {height}'>{marks}{ends}<polyline points='{path}' /></svg>"


def _table(metrics: Metrics) -> str:
    rows = ""
    for one in (*metrics.keypoints, metrics.overall):
        found = f"{100 * one.pck_px['10']:.0f} %" if one.n else "-"
        rows += (
            f"<tr><td>{html.escape(one.name)}<td>{one.n}<td>{one.mean_error_px:.1f}<td>{one.median_error_px:.1f}"
            f"<td>{one.p95_error_px:.1f}<td>{found}<td>{one.missed}<td>{one.invented} of {one.n_absent}"
        )
    heads = ("keypoint", "n", "mean px", "median px", "95 % below px", "within 10 px", "missed", "invented")
    return f"<table><tr>{''.join(f'<th>{h}' for h in heads)}{rows}</table>"


STYLE = """
body{margin:0;background:#f6f4ef;color:#26221d;font:16px/1.55 system-ui,sans-serif}
main{max-width:960px;margin:auto;padding:32px 20px 80px}
h1{font-size:40px;margin:0 0 8px}h2{margin:44px 0 8px;font-size:22px}
.lead{font-size:19px;color:#5b5348;max-width:46em}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;margin:26px 0}
.card{background:#fff;border-radius:12px;padding:16px 18px;box-shadow:0 1px 3px #0002;font-size:14px;color:#5b5348}
.card b{display:block;font-size:30px;color:#26221d}
video{width:100%;border-radius:12px;background:#000;display:block}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(280px,1fr));gap:12px}
.grid img{width:100%;border-radius:8px;display:block}
table{border-collapse:collapse;background:#fff;border-radius:8px;width:100%;font-size:14px}
td,th{padding:6px 12px;text-align:right;border-bottom:1px solid #eee7dc}td:first-child,th:first-child{text-align:left}
.reasons td{text-align:left}tr:last-child td{border:0}
svg{background:#fff;border-radius:8px;width:100%;max-width:620px;font-size:11px}
svg text{fill:#8a8072}svg line{stroke:#eee7dc}svg polyline{fill:none;stroke:#c2552d;stroke-width:2.5}
a{color:#a8441f}
"""
