"""krolik import"""

from pathlib import Path
from typing import Annotated

import typer

from krolik import api, defaults
from krolik.cli.screen import JSON, Bar, say, show_json, show_table
from krolik.errors import InvalidSetting

SOURCE = typer.Argument(help="A file or folder with labels or predictions, of any format in docs/formats.md.")
FORMAT = typer.Option("--format", help="The format's name. Default: found by looking.")
VIDEOS = typer.Option("--video", help="Where videos or image folders are that the source names: files or folders.")
MISSING = typer.Option(help="What a point that is left out means: unknown (not trained) or absent.")
UNCONFIRMED = typer.Option("--unconfirmed", help="Take points that nobody has confirmed as labels, not as predictions.")


def import_labels(
    sources: Annotated[list[Path], SOURCE],
    project: Annotated[
        Path | None, typer.Option("--project", "-p", help="The project; made if it is not there.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what is in it.")] = False,
    form: Annotated[str | None, FORMAT] = None,
    video: Annotated[list[Path] | None, VIDEOS] = None,
    missing: Annotated[str, MISSING] = defaults.MISSING,
    unconfirmed: Annotated[bool, UNCONFIRMED] = False,
    json: Annotated[bool, JSON] = False,
) -> None:
    """Import labels, predictions and skeletons; each source in one step that undo reverts."""
    videos = list(video or [])
    if dry_run:
        reports = [api.inspect(source, missing, form, videos, unconfirmed) for source in sources]
    elif project is None:
        raise InvalidSetting("no project is named", "--project", "Name one, or say --dry-run to only look.")
    else:
        reports = _import(sources, project, (missing, form, videos, unconfirmed), json)
    if json:
        for report in reports:
            show_json({**vars(report), "project": None if dry_run else str(project), "dry_run": dry_run})
        return
    for report in reports:
        _show(report, dry_run)


def _import(sources: list[Path], project: Path, wishes: tuple, json: bool) -> list:
    fresh = not project.exists()
    opened = api.new(project) if fresh else api.open(project)
    reports = []
    try:
        with opened, Bar(json) as bar:
            for source in sources:
                reports.append(opened.import_labels(source, *wishes, reporter=bar))
    except BaseException:
        if fresh and not reports:
            project.unlink(missing_ok=True)
        raise
    return reports


def _show(report, dry: bool) -> None:
    again = f" ({report.replaced} of them replaced)" if report.replaced else ""
    word = "would be imported: " if dry else ""
    say(f"{report.format}: {word}{report.frames} labelled frames{again} from {', '.join(report.videos) or 'no video'}")
    if report.states:
        counts = ", ".join(f"{n} {state}" for state, n in report.states.items())
        say(f"{report.animals} animals; points: {counts}; {report.edges} edges")
    for name, frames in report.predictions.items():
        say(f"predictions of {name}: {frames} frames")
    if report.tracks:
        say(f"identities: {', '.join(report.tracks[:20])}" + (" ..." if len(report.tracks) > 20 else ""))
    if report.selected:
        say(f"{report.selected} frames that wait for labels")
    if not report.frames:
        say(f"keypoints: {', '.join(report.points)}")
    else:
        show_table(["keypoint", "labelled"], [[k, n] for k, n in report.points.items()])
    for name in report.missing_videos if dry else ():
        say(f"missing: {name} is not where the source says; say where it is with --video")
    for note in report.notes:
        say(f"note: {note}")
