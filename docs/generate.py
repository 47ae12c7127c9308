"""Writes docs/cli.md, api.md and format-table.md from the program itself: python docs/generate.py"""

from __future__ import annotations

import inspect
import os
from pathlib import Path

FOLDER = Path(__file__).parent
WIDTH = 100


def cli_page() -> str:
    """Every command's help, as the terminal shows it."""
    os.environ["COLUMNS"], os.environ["NO_COLOR"], os.environ["TERM"] = str(WIDTH), "1", "dumb"
    from typer.testing import CliRunner

    from krolik.cli.main import COMMANDS, app

    def help_of(*arguments: str) -> str:
        result = CliRunner().invoke(app, [*arguments, "--help"], prog_name="krolik", terminal_width=WIDTH)
        return "\n".join(line.rstrip() for line in result.output.strip().splitlines())

    parts = ["# Commands", "", "Written by `python docs/generate.py`.", "", "```", help_of(), "```"]
    for name in COMMANDS:
        parts += ["", f"## krolik {name}", "", "```", help_of(name), "```"]
    return "\n".join(parts) + "\n"


def api_page() -> str:
    """Every verb's signature and docstring."""
    from krolik import api

    parts = ["# Python", "", "Written by `python docs/generate.py`.", "", "```python", "import krolik", "```"]
    for name in ("new", "open", "ui", "run", "inspect", "convert", "demo", "doctor"):
        parts += entry(f"krolik.{name}", getattr(api, name))
    for name, member in vars(api.Project).items():
        if not name.startswith("_"):
            parts += entry(f"Project.{name}", member)
    return "\n".join(parts) + "\n"


def entry(name: str, member) -> list[str]:
    short = name.rsplit(".", maxsplit=1)[-1]
    text = inspect.cleandoc(member.__doc__ or "")
    if isinstance(member, property):
        code = f"{short}: {inspect.signature(member.fget).return_annotation}"
    else:
        code = f"{short}({', '.join(parameters(member))}) -> {inspect.signature(member).return_annotation}"
    return ["", f"## {name}", "", "```python", code, "```", "", text]


def parameters(function) -> list[str]:
    """Each parameter as it is written in the source; a star before those that must be named."""
    written, starred = [], False
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            written.append("*")
            starred = True
        stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        written.append(f"{stars}{parameter.name}: {parameter.annotation}{default}")
    return written


def format_page() -> str:
    """What each format can hold, from the declarations by which its writer is held to it."""
    from krolik.formats import FORMATS

    parts = ["# What each format can hold", "", "Written by `python docs/generate.py`.", ""]
    parts += ["The name is what `--to` and `--format` take; r: read, w: written.", ""]
    parts += ["| name | format | labels | predictions | |", "|---|---|---|---|---|"]
    for name, form in FORMATS.items():
        parts.append(f"| `{name}` | {form.title} | {form.labels} | {form.predictions} | {form.about} |")
    parts += ["", "## Labels", ""]
    parts += ["What is not held is counted and said when labels are exported. Names, order and places of keypoints are"]
    parts += [
        "always held, places to the last digit (fractions of the image, in YOLO-pose and Label Studio, to a billionth"
    ]
    parts += ["of a pixel).", ""]
    columns = {"occluded": "hidden points", "absent": "absent", "unknown": "unknown", "tracks": "identities",
               "boxes": "boxes", "edges": "edges", "pairs": "left/right", "colors": "colours",
               "empty_frames": "empty frames", "bare": "animals without points"}  # fmt: skip
    parts += [f"| name | {' | '.join(columns.values())} | animals | frames |", "|---" * (len(columns) + 3) + "|"]
    words = {True: "yes", False: "no", "needed": "each gets one", "tree": "one parent each"}
    for name, form in FORMATS.items():
        if "w" in form.labels:
            carries = form.carries()
            cells = [words[getattr(carries, field)] for field in columns]
            most = "any" if carries.animals is None else str(carries.animals)
            parts.append(
                f"| `{name}` | {' | '.join(cells)} | {most} | {'images' if carries.images else 'as they are'} |"
            )
    return "\n".join(parts) + "\n"


PAGES = {"cli.md": cli_page, "api.md": api_page, "format-table.md": format_page}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (FOLDER / page).write_text(make(), "utf-8")
