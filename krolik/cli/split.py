"""krolik split"""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, say, show_json
from krolik.project import videos


def split(
    project: Annotated[Path, PROJECT],
    rule: Annotated[
        str, typer.Argument(help="every:N, blocks[:FRACTION], random[:FRACTION[:SEED]], by-video[:NAME,...], file:PATH")
    ] = defaults.SPLIT,
    name: Annotated[str | None, typer.Option(help="The split's name. Default: the rule.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Divide the labelled frames into those that train and those that test; trainings then take this split."""
    with api.open(project) as opened:
        parts = opened.split(rule, name)
        of = {record.id: record for record in videos.records(opened.file)}
    if json:
        # as `file:PATH` takes them: the video, and the frame's number or the image's name
        frames = [(part, of[key.video], key.index) for key, part in sorted(parts.items())]
        listed = [(part, [r.name, index if r.names is None else r.names[index]]) for part, r, index in frames]
        show_json({"split": name or rule, **{p: [f for part, f in listed if part == p] for p in ("train", "test")}})
    else:
        count = Counter(parts.values())
        say(f"{name or rule}: {count['train']} train, {count['test']} test")
