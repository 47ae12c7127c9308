"""Plots of a training's statistics, each as a figure that can be saved as SVG or PNG. No display is needed."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, MUTED, ACCENT, SECOND = "#26221d", "#8a8072", "#c2552d", "#3b6ea5"
LINES = (ACCENT, SECOND, "#26a08a", "#8a5ca8", "#c29a2d", MUTED)
SIZE = (6.4, 3.6)  # inches
STYLE = {
    "font.size": 9, "axes.edgecolor": MUTED, "axes.labelcolor": INK, "xtick.color": MUTED, "ytick.color": MUTED,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#eee7dc",
    "svg.fonttype": "none", "font.family": ["DejaVu Sans"], "text.parse_math": False,
}  # fmt: skip
TOP_TIMES = 4  # the first errors of a training would flatten all the others


def _figure(title: str) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    figure.suptitle(title, fontsize=11, color=INK)
    return figure


def as_svg(figure: Figure) -> str:
    """The figure as an <svg> element."""
    buffer = io.StringIO()
    with _style():
        figure.savefig(buffer, format="svg")
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def as_png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    with _style():
        figure.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


@contextmanager
def _style() -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(STYLE), warnings.catch_warnings():  # pyright: ignore[reportArgumentType]
        # a script that the font lacks is boxes in the PNG and whole in the SVG: no reason to write to the terminal
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def training_curves(curve: Sequence[Mapping]) -> Figure:
    """Loss and validation error over the seconds of a training."""
    with _style():
        figure = _figure("How it learnt")
        axes = figure.subplots()
        seconds = [point["seconds"] for point in curve]
        errors = np.array([np.nan if p["error_px"] is None else p["error_px"] for p in curve], float)
        axes.set_xlabel("seconds")
        if np.isfinite(errors).any():
            axes.plot(seconds, errors, color=ACCENT, linewidth=2)
            axes.set_ylabel("validation error, px", color=ACCENT)
            axes.set_ylim(0, min(np.nanmax(errors), TOP_TIMES * np.nanmedian(errors)) * 1.05)
        beside = axes.twinx()
        beside.plot(seconds, [p["loss"] for p in curve], color=SECOND, linewidth=1, alpha=0.8)
        beside.set_ylabel("loss", color=SECOND)
        beside.set_yscale("log")
        beside.grid(False)
        return figure


def keypoint_errors(
    names: Sequence[str], means: Sequence[float], intervals: np.ndarray, counts: Sequence[int]
) -> Figure:
    """Mean error per keypoint with its 95 % interval ((K, 2), NaN where there is none) and n."""
    with _style():
        figure = _figure("Error of each keypoint (mean, 95 % interval)")
        figure.set_size_inches(SIZE[0], max(2.0, 0.9 + 0.28 * len(names)))
        axes = figure.subplots()
        places = np.arange(len(names))[::-1]
        low = np.nan_to_num(np.array(means) - intervals[:, 0])
        high = np.nan_to_num(intervals[:, 1] - np.array(means))
        axes.barh(places, np.nan_to_num(means), color=ACCENT, height=0.6, xerr=np.maximum(0, [low, high]),
                  error_kw={"ecolor": INK, "elinewidth": 1, "capsize": 2})  # fmt: skip
        axes.set_yticks(places, [f"{name}  (n {count})" for name, count in zip(names, counts)], color=INK)
        axes.set_xlabel("pixels of the full frame")
        axes.grid(axis="y", visible=False)
        axes.set_axisbelow(True)
        return figure


def pck_curves(names: Sequence[str], errors: Sequence[np.ndarray], labels: int, body_px: float) -> Figure:
    """The share of `labels` labelled points that were found within a distance, a line for each answer to them.

    errors: of those with a prediction.
    """
    with _style():
        figure = _figure("Points found within a distance (PCK)")
        axes = figure.subplots()
        largest = max(float(np.nanmax(found, initial=1.0)) for found in errors)
        distances = np.linspace(0, max(1.0, 0.3 * body_px if np.isfinite(body_px) else largest), 200)
        for number, (name, found) in enumerate(zip(names, errors)):
            shares = [(found <= d).sum() / max(1, labels) for d in distances]
            axes.plot(distances, shares, color=LINES[number % len(LINES)], linewidth=2, label=name,
                      linestyle=("-", "--", ":")[number // len(LINES) % 3])  # fmt: skip
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("pixels" + (f" (body length {body_px:.0f} px)" if np.isfinite(body_px) else ""))
        axes.set_ylabel(f"share of the {labels} labels")
        if len(names) > 1:
            axes.legend(frameon=False, loc="lower right")
        return figure


def calibration_curve(
    claimed: Sequence[float], true: Sequence[float], counts: Sequence[int], error: float, by_chance: float
) -> Figure:
    """What confidence claimed and what came true, bin by bin; the area of a dot is the number of points in it.

    by_chance: the error that is to be expected of so many points if confidence were exactly right.
    """
    with _style():
        figure = _figure(f"Does confidence come true? (calibration error {error:.3f}, by chance {by_chance:.3f})")
        figure.set_size_inches(5.2, 4.0)
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--")
        sizes = 20 + 300 * np.array(counts, float) / max(1, max(counts, default=1))
        axes.scatter(claimed, true, s=sizes, color=ACCENT, alpha=0.8, linewidths=0)
        axes.set_xlabel("claimed probability")
        axes.set_ylabel("share within the distance")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.04)
        return figure
