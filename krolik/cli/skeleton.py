"""krolik skeleton"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import JSON, PROJECT, show_json, show_table
from krolik.errors import InvalidSetting


def skeleton(
    project: Annotated[Path, PROJECT],
    use: Annotated[
        str | None, typer.Option(help="A template, names separated by commas, or a file that --json printed.")
    ] = None,
    rename: Annotated[list[str] | None, typer.Option(help="A keypoint's new name, as nos=nose.")] = None,
    add: Annotated[list[str] | None, typer.Option(help="A new keypoint's name.")] = None,
    delete: Annotated[list[str] | None, typer.Option(help="A keypoint to delete; undo brings its labels back.")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="Find the left/right pairs from the names.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show or change the skeleton; labels stay with their keypoints."""
    from krolik.actions.skeletons import adopt, extended, find_pairs, read_skeleton, without
    from krolik.actions.skeletons import rename as renamed

    with api.open(project) as opened:
        if use is not None:
            path = Path(use)
            wish = read_skeleton(path.read_text("utf-8"), path) if path.suffix == ".json" else api.parse_skeleton(use)
            opened.set_skeleton(adopt(opened.file, wish))
        bones = opened.skeleton
        bones = renamed(bones, _names(rename or []))
        bones = extended(opened.file, without(bones, delete or []), add or [])
        opened.set_skeleton(find_pairs(bones) if pairs else bones)
        bones = opened.skeleton
    if as_json:
        show_json(bones.to_json())
        return
    partner = {bones.keypoints[a].name: bones.keypoints[b].name for a, b in enumerate(bones.mirrored()) if a != b}
    show_table(["keypoint", "colour", "other side"], [[k.name, k.color, partner.get(k.name)] for k in bones.keypoints])


def _names(given: list[str]) -> dict[str, str]:
    names = {}
    for text in given:
        old, _, new = text.partition("=")
        if not new:
            raise InvalidSetting(f"{text!r} is no old and new name", "--rename", "Write nos=nose.")
        names[old] = new
    return names
