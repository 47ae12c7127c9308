"""`krolik`: the commands put together, and errors as one sentence with exit code 2."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

import krolik
from krolik.cli import (
    add,
    adopt,
    backup,
    compare,
    convert,
    demo,
    doctor,
    engines,
    evaluate,
    export,
    import_labels,
    info,
    jobs,
    mark,
    new,
    plan,
    predict,
    relink,
    remove,
    render,
    report,
    run,
    select,
    skeleton,
    split,
    suggest,
    train,
    ui,
    undo,
)
from krolik.errors import KrolikError
from krolik.files import storage_error
from krolik.process import prepare

app = typer.Typer(
    name="krolik",
    help="Keypoint detection on rabbits and any other animal: from a raw video to an annotated video and tables.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

COMMANDS = {
    "new": new.new,
    "add": add.add,
    "info": info.info,
    "import": import_labels.import_labels,
    "ui": ui.ui,
    "select": select.select,
    "suggest": suggest.suggest,
    "mark": mark.mark,
    "skeleton": skeleton.skeleton,
    "split": split.split,
    "plan": plan.plan,
    "train": train.train,
    "adopt": adopt.adopt,
    "evaluate": evaluate.evaluate,
    "compare": compare.compare,
    "report": report.report,
    "predict": predict.predict,
    "export": export.export,
    "convert": convert.convert,
    "render": render.render,
    "run": run.run,
    "jobs": jobs.jobs,
    "undo": undo.undo,
    "redo": undo.redo,
    "relink": relink.relink,
    "remove": remove.remove,
    "backup": backup.backup,
    "demo": demo.demo,
    "doctor": doctor.doctor,
    "engines": engines.engines,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(krolik.__version__)
        raise typer.Exit


@app.callback()
def _options(version: bool = typer.Option(False, "--version", callback=_version, help="Show the version.")) -> None:
    pass


def main() -> None:
    """Runs the command line; never shows a traceback for a user's mistake."""
    prepare()
    for stream in (sys.stdout, sys.stderr):  # Cyrillic on a Windows console with an old code page
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # pyright: ignore
    try:
        app()
    except KrolikError as error:
        typer.echo(f"krolik: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # the system's own refusals: a full disk, a folder that may not be read
        sentence = storage_error(error, Path(error.filename or "disk"))
        typer.echo(f"krolik: {sentence}", err=True)
        sys.exit(sentence.exit_code)
