"""Krolik: keypoint detection on rabbits and any other animal, from a raw video to an annotated video and tables.

>>> import krolik
>>> project = krolik.open("rabbits.krolik")
>>> project.train(budget="5m")
>>> project.predict("rabbits.mp4")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = [
    "KrolikError", "Project", "Skeleton", "convert", "demo", "doctor", "inspect", "new", "open", "open_video", "run",
    "template", "ui",
]  # fmt: skip

# Nothing is imported before it is used: `import krolik` must cost nothing.
_PLACES = {
    "KrolikError": "krolik.errors",
    "Project": "krolik.api",
    "Skeleton": "krolik.skeleton",
    "convert": "krolik.api",
    "demo": "krolik.api",
    "doctor": "krolik.api",
    "inspect": "krolik.api",
    "new": "krolik.api",
    "open": "krolik.api",
    "open_video": "krolik.video",
    "run": "krolik.api",
    "template": "krolik.skeleton",
    "ui": "krolik.api",
}

if TYPE_CHECKING:
    from krolik.api import Project, convert, demo, doctor, inspect, new, open, run, ui
    from krolik.errors import KrolikError
    from krolik.skeleton import Skeleton, template
    from krolik.video import open_video


def __getattr__(name: str):
    if name in _PLACES:
        from importlib import import_module

        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'krolik' has no attribute {name!r}")
