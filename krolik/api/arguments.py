"""What the verbs accept beside values: paths, lists of them, names of skeletons."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from krolik.skeleton import Skeleton, template

if TYPE_CHECKING:
    from krolik.actions.reporter import Reporter
    from krolik.inference.smoothing import Smoothing

PathLike = str | Path


def silent() -> Reporter:
    """What is told of progress where nobody listens."""
    from krolik.actions.reporter import Silent

    return Silent()


def many(paths: PathLike | Sequence[PathLike]) -> list[PathLike]:
    """One path or several."""
    return [paths] if isinstance(paths, (str, Path)) else list(paths)


def anywhere(path: PathLike) -> str:
    """The same file for a process in another folder; a name, or a pattern that names no file, as it is."""
    return str(Path(path).absolute()) if Path(path).exists() else str(path)


def parsed_smoothing(wish: str | Smoothing, fill: int = 0, least_score: float = 0.0) -> Smoothing:
    """ "kalman:9" and so on. Raises InvalidSetting."""
    from krolik.inference.smoothing import Smoothing

    return wish if isinstance(wish, Smoothing) else Smoothing.parse(wish, fill, least_score)


def parse_skeleton(wish: str | Skeleton) -> Skeleton:
    """A skeleton from a template's name or from keypoint names separated by commas. Raises NotFound, InvalidLabels.

    A comma after the last name may stand or not; after a single one it says that this is a keypoint, not a template.
    """
    if isinstance(wish, Skeleton):
        return wish
    names = wish.strip().removesuffix(",").split(",")
    return Skeleton.of([name.strip() for name in names]) if "," in wish else template(wish)
