"""krolik import"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, Bar, say, show_json, show_table


def import_labels(
    source: Annotated[Path, typer.Argument(help="A DeepLabCut project, config or label file, or our JSON, CSV, HDF5.")],
    project: Annotated[Path, typer.Option("--project", "-p", help="The project; made if it is not there.")],
    missing: Annotated[
        str, typer.Option(help="What a point that is left out means: unknown (not trained) or absent.")
    ] = defaults.MISSING,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Import labels, and the frames that they are of, in one step that undo reverts."""
    fresh = not project.exists()
    opened = api.new(project) if fresh else api.open(project)
    try:
        with opened, Bar(json) as bar:
            report = opened.import_labels(source, missing, bar)
    except BaseException:
        if fresh:
            project.unlink(missing_ok=True)
        raise
    if json:
        show_json({**vars(report), "project": str(project)})
        return
    again = f" ({report.replaced} of them replaced)" if report.replaced else ""
    say(f"{report.format}: {report.frames} labelled frames{again} from {', '.join(report.videos)}")
    show_table(["keypoint", "labelled"], [[k, n] for k, n in report.points.items()])
    for note in report.notes:
        say(f"note: {note}")
