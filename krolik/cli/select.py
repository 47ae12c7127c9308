"""krolik select"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json
from krolik.errors import InvalidSetting


def select(
    project: Annotated[Path, PROJECT],
    videos: Annotated[list[str] | None, typer.Argument(help="Names of videos. Default: all.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="New frames of each video.")] = defaults.SELECT_COUNT,
    strategy: Annotated[str, typer.Option(help="diverse, kmeans, motion, uniform or random.")] = defaults.STRATEGY,
    frames: Annotated[str | None, typer.Option("--range", help="START:STOP:STEP; every part may be left out.")] = None,
    quota: Annotated[list[str] | None, typer.Option(help="Another count for one video, as night.mp4=40.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed selects the same frames.")] = defaults.SEED,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Select frames for labelling automatically; labelled and selected ones are not chosen again."""
    with api.open(project) as opened, Bar(quiet=as_json) as bar:
        keys = opened.select(videos or [], count, strategy, frames=frames, seed=seed, quotas=parse_quotas(quota),
                             reporter=bar)  # fmt: skip
        names = {v["id"]: v["name"] for v in opened.info().videos}
    chosen: dict[str, list[int]] = {}
    for key in keys:
        chosen.setdefault(names[key.video], []).append(key.index)
    if as_json:
        show_json(chosen)
        return
    for name, numbers in chosen.items():
        say(f"{name}: {len(numbers)} frames selected: {', '.join(map(str, numbers))}")


def parse_quotas(given: list[str] | None) -> dict[str, int]:
    """ "night.mp4=40" → {"night.mp4": 40}. Raises InvalidSetting."""
    quotas = {}
    for text in given or []:
        name, _, count = text.rpartition("=")
        if not name or not count.isdecimal():
            raise InvalidSetting(f"{text!r} names no video and count", "--quota", "Write night.mp4=40.")
        quotas[name] = int(count)
    return quotas
