"""krolik info"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api
from krolik.cli.screen import JSON, PROJECT, say, show_json, show_table


def info(
    project: Annotated[Path, PROJECT],
    check: Annotated[bool, typer.Option("--check", help="Read every page of the file and look for damage.")] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Say what a project holds."""
    with api.open(project) as opened:
        found = opened.info(check)
    if json:
        show_json(found.to_json())
        return
    say(f"{found.path}: {found.megabytes:.1f} MB, {found.changes} changes{', read-only' if found.read_only else ''}")
    if check:
        say("no damage found")
    say(f"\n{found.labelled_frames} labelled frames")
    show_table(["keypoint", "labelled"], [[k, n] for k, n in found.labelled.items()])
    if found.videos:
        say("")
        show_table(
            ["video", "frames", "size", ""],
            [[v["name"], v["frames"], "×".join(map(str, v["size"])),
              "not where it was (krolik relink)" if v["name"] in found.missing_videos else ""] for v in found.videos],
        )  # fmt: skip
    if found.splits:
        say(f"\nsplits: {', '.join(found.splits)}")
    if found.models:
        say("")
        show_table(
            ["model", "validation px", "test px"],
            [[m["name"], m["validation_error_px"],
              ", ".join(f"{e:.2f} ({s})" for s, e in m["mean_error_px"].items() if e is not None) or "-"]
             for m in found.models],
        )  # fmt: skip
    if found.predictions:
        say("")
        show_table(
            ["run", "predicted video", "model", "frames", "status"],
            [[p["run"], p["video"], p["model"], p["frames"], p["status"]] for p in found.predictions],
        )
