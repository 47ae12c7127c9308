"""The page of a training's statistics: one HTML file with nothing outside it."""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Page:
    """What the page shows. summary: as in the JSON file; figures: <svg> elements; worst: (H, W, 3) uint8 RGB."""

    model: str
    summary: Mapping
    figures: Mapping[str, str]
    worst: Sequence[np.ndarray]


def training_page(page: Page) -> str:
    """The whole page."""
    summary, tested = page.summary, page.summary["tested"]
    name = html.escape(page.model)
    figures = "".join(f"<figure>{page.figures[n]}</figure>" for n in page.figures)
    findings = "".join(f"<li><b>{html.escape(f['what'])}.</b> {html.escape(f['fix'])}" for f in summary["findings"])
    decisions = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}" for cell in row) for row in summary["decisions"])
    worst = "".join(picture(image) for image in page.worst)
    measured = (
        f"<p>Measured on {html.escape(tested['by'])}.</p>{_table(tested)}"
        if tested
        else "<p>There is no frame that the model did not learn from, so nothing honest can be said of its error. "
        "Train with a split, or with <code>--folds 5</code>.</p>"
    )
    return f"""<!doctype html><html lang=en><meta charset=utf-8><title>{name}: statistics</title>
<meta name=viewport content="width=device-width"><style>{STYLE}</style><main>
<h1>{name}</h1>
<div class=cards>{_cards(summary)}</div>
{f"<h2>What to mend in the labels</h2><ul>{findings}</ul>" if findings else ""}
<h2>How well it finds each keypoint</h2>{measured}
<div class=figures>{figures}</div>
{f"<h2>Where it is worst</h2><p>Rings: labels, dots: predictions.</p><div class=grid>{worst}</div>" if worst else ""}
<h2>Why it trained so</h2><table class=reasons><tr><th>decision<th>value<th>reason{decisions}</table>
</main></html>"""


def _cards(summary: Mapping) -> str:
    tested, calibration = summary["tested"], summary["calibration"]
    overall = tested["overall"] if tested else None
    memory, of_gpu = summary["peak_memory_bytes"], summary["peak_gpu_memory_bytes"]
    judged = calibration or (tested["reliability"] if tested else None)
    within = f"{judged['within_px']:.1f} px" if judged else ""
    cards = [
        (number(overall and overall["mean_error_px"], "{:.2f} px"), _mean_of(overall)),
        (number(summary["validation_error_px"], "{:.2f} px"), "on the validation frames, which chose the weights"),
        (number(summary["seconds"] if summary["steps"] else None, "{:.0f} s"), f"training, {summary['steps']} steps"),
        (number(summary["seconds_per_step"], "{:.3f} s"), "per step"),
        (number(summary["frames_per_second"], "{:.0f}"), "frames posed per second by the exported model"),
        (number(memory and memory / 1e6, "{:.0f} MB"), "memory at its peak"),
        (number(of_gpu and of_gpu / 1e6, "{:.0f} MB"), "memory of the GPU at its peak"),
        (number(tested and tested["reliability"]["error"], "{:.3f}"),
         f"calibration error (by chance alone {number(tested and tested['reliability']['by_chance'], '{:.3f}')}); "
         f"confidence is the probability of lying within {within}"),
    ]  # fmt: skip
    return "".join(f"<div class=card><b>{value}</b>{html.escape(text)}</div>" for value, text in cards if value != "-")


def _mean_of(overall: Mapping | None) -> str:
    return f"mean error, n {overall['n']}" if overall else ""


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _table(tested: Mapping) -> str:
    heads = ("keypoint", "n", "mean px", "95 % interval", "median px", "95 % below px", "within 5 % body", "missed",
             "invented")  # fmt: skip
    rows = ""
    for one in (*tested["keypoints"], tested["overall"]):
        low, high = one["mean_error_px_95"]
        share = one["pck_body"].get("0.05")
        cells = (
            one["name"], one["n"], number(one["mean_error_px"], "{:.2f}"),
            "-" if low is None else f"{low:.2f} to {high:.2f}", number(one["median_error_px"], "{:.2f}"),
            number(one["p95_error_px"], "{:.2f}"), number(share and 100 * share, "{:.0f} %"), one["missed"],
            f"{one['invented']} of {one['n_absent']}",
        )  # fmt: skip
        rows += "<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in cells)
    return f"<table><tr>{''.join(f'<th>{h}' for h in heads)}{rows}</table>"


def picture(image: np.ndarray) -> str:
    import cv2

    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"<img alt='' src='data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}'>"


STYLE = """
body{margin:0;background:#f6f4ef;color:#26221d;font:16px/1.55 system-ui,sans-serif}
main{max-width:1100px;margin:auto;padding:32px 20px 80px}
h1{font-size:36px;margin:0 0 8px}h2{margin:44px 0 8px;font-size:22px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin:22px 0}
.card{background:#fff;border-radius:12px;padding:14px 16px;box-shadow:0 1px 3px #0002;font-size:13px;color:#5b5348}
.card b{display:block;font-size:26px;color:#26221d}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(440px,1fr));gap:14px;margin-top:18px}
figure{margin:0;background:#fff;border-radius:12px;padding:10px}figure svg{width:100%;height:auto}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:12px}
.grid img{width:100%;border-radius:8px;display:block}
table{border-collapse:collapse;background:#fff;border-radius:8px;width:100%;font-size:14px}
td,th{padding:6px 12px;text-align:right;border-bottom:1px solid #eee7dc}td:first-child,th:first-child{text-align:left}
.reasons td,.reasons th{text-align:left;overflow-wrap:anywhere}tr:last-child td{border:0}
"""
