"""Automatic frame selection: one file per strategy, each choosing among the candidates of one video."""

from krolik.sampling.strategy import NAMES, Candidates, Wish, choose

__all__ = ["NAMES", "Candidates", "Wish", "choose"]
