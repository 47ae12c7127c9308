"""Plots are pictures, whatever the keypoints are called and however little was measured."""

import cv2
import numpy as np

from krolik.rendering import plots

NAN = float("nan")


def check(figure):
    svg, png = plots.as_svg(figure), plots.as_png(figure)
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>") and "<script" not in svg
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.std() > 1
    return svg


def test_names_in_any_script_and_with_any_sign():
    names = ["левое ухо", "左耳", "a$b$", "<b>&", "x_{2}"]
    intervals = np.array([[1, 3], [1, 2], [NAN, NAN], [0, 9], [1, 1]], float)
    svg = check(plots.keypoint_errors(names, [2.0, 1.5, NAN, 4.0, 1.0], intervals, [5, 4, 0, 3, 1]))
    assert "левое ухо" in svg and "左耳" in svg and "a$b$" in svg and "&lt;b&gt;&amp;" in svg


def test_curves_with_and_without_validation():
    curve = [{"seconds": s, "loss": 1 / (s + 1), "error_px": 50 / (s + 1)} for s in range(9)]
    check(plots.training_curves(curve))
    check(plots.training_curves([{**point, "error_px": None} for point in curve]))


def test_nothing_measured():
    check(plots.pck_curves(["m"], [np.array([])], 0, NAN))
    check(plots.calibration_curve([NAN] * 10, [NAN] * 10, [0] * 10, NAN, NAN))


def test_pck_and_calibration(rng):
    check(plots.pck_curves(["m"], [rng.exponential(3, 200)], 210, 100.0))
    check(plots.calibration_curve([0.15, 0.95], [0.1, 1.0], [3, 90], 0.05, 0.02))
