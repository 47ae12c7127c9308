"""How far predictions are from labels. Pure NumPy."""

from krolik.evaluation.metrics import Criteria, KeypointMetrics, Metrics, match, matched, measure, taken

__all__ = ["Criteria", "KeypointMetrics", "Metrics", "match", "matched", "measure", "taken"]
