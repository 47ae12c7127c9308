"""Where things are kept that belong to no project: what can be made again, and what the program remembers."""

from __future__ import annotations

import os
from pathlib import Path

CACHE_VARIABLE, STATE_VARIABLE, ENGINES_VARIABLE = "KROLIK_CACHE", "KROLIK_STATE", "KROLIK_ENGINES"


def cache_folder() -> Path:
    """For downloads and display copies: KROLIK_CACHE, else the user's cache folder."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get(CACHE_VARIABLE) or user_cache_dir("krolik", appauthor=False))


def state_folder() -> Path:
    """For the list of recent projects: KROLIK_STATE, else the user's folder for such things."""
    from platformdirs import user_state_dir

    return Path(os.environ.get(STATE_VARIABLE) or user_state_dir("krolik", appauthor=False))


def engines_folder() -> Path:
    """For the environments of other frameworks: KROLIK_ENGINES, else the user's folder for data."""
    from platformdirs import user_data_dir

    return Path(os.environ.get(ENGINES_VARIABLE) or Path(user_data_dir("krolik", appauthor=False)) / "engines")
