"""How far predictions are from labels. Pure NumPy."""

from krolik.evaluation.metrics import KeypointMetrics, Metrics, match, measure

__all__ = ["KeypointMetrics", "Metrics", "match", "measure"]
