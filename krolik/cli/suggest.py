"""krolik suggest"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json


def suggest(
    project: Annotated[Path, PROJECT],
    videos: Annotated[list[str] | None, typer.Argument(help="Names of videos in the project. Default: all.")] = None,
    count: Annotated[
        int, typer.Option("-n", "--count", help="How many frames, of all videos together.")
    ] = defaults.SUGGEST_COUNT,
    model: Annotated[str | None, typer.Option(help="A model of the project. Default: the newest.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Select the frames where a model is likely wrong, each with its reasons, for labelling."""
    from krolik.actions.suggesting import in_words

    with api.open(project) as opened, Bar(json) as bar:
        found = opened.suggest(videos or [], count, model, bar)
        bones = opened.skeleton
    if json:
        show_json([s.to_json(bones) for s in found])
        return
    for one in found:
        say(f"{one.video} {one.key.index}: {'; '.join(in_words(r, bones.names) for r in one.reasons) or 'for variety'}")
    if found:
        say(f"{len(found)} frames wait to be labelled: krolik ui {project}")
    else:
        say("no frame is left to suggest: all of these videos are labelled or selected already")
