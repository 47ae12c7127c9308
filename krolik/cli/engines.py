"""krolik engines"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from krolik import api
from krolik.cli.screen import JSON, Bar, say, show_json, show_table
from krolik.errors import InvalidSetting

Verb = Literal["list", "install", "use", "remove"]


def engines(
    verb: Annotated[Verb, typer.Argument(help="use takes an environment that you have.")] = "list",
    name: Annotated[str | None, typer.Argument(help="The framework.")] = None,
    python: Annotated[
        Path | None, typer.Option(help="install: the interpreter to make the environment with; use: its own.")
    ] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List, install or remove the other frameworks whose networks krolik train --engine trains."""
    if verb != "list":
        if name is None:
            raise InvalidSetting("which framework?", "NAME", "krolik engines lists them.")
        if verb == "use" and python is None:
            raise InvalidSetting("where is it?", "--python", "Give the path of its environment's python.")
        with Bar(json) as bar:
            if verb == "install":
                api.install_engine(name, python, bar)
            elif verb == "use":
                api.use_engine(name, python or "")
            else:
                api.remove_engine(name)
    found = api.engines()
    if json:
        show_json({known: None if place is None else vars(place) for known, place in found.items()})
        return
    show_table(["engine", "version", "python"], [
        [known, "not installed" if place is None else place.version, "" if place is None else place.python]
        for known, place in found.items()
    ])  # fmt: skip
    if verb == "list":
        say("\nkrolik engines install NAME makes an environment for one and needs some gigabytes.")
