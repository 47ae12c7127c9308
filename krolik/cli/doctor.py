"""krolik doctor"""

from typing import Annotated

from krolik import api
from krolik.cli.screen import JSON, show_json, show_table


def doctor(json: Annotated[bool, JSON] = False) -> None:
    """Say what this installation and this machine can do."""
    lines = api.doctor()
    if json:
        show_json(lines)
    else:
        show_table(["", ""], [[name, value] for name, value in lines.items()])
