"""krolik jobs"""

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from krolik import api
from krolik.cli.screen import JSON, PROJECT, Bar, say, show_json, show_table
from krolik.errors import InvalidSetting
from krolik.project.jobs import Job

Verb = Literal["list", "follow", "stop", "cancel", "resume"]
SHOWN = 20


def jobs(
    project: Annotated[Path, PROJECT],
    verb: Annotated[
        Verb, typer.Argument(help="stop keeps the best so far; what was cancelled can be resumed.")
    ] = "list",
    number: Annotated[int | None, typer.Argument(help="The job's number. Default: the newest that runs.")] = None,
    json: Annotated[bool, JSON] = False,
) -> None:
    """List the long work on a project, whoever started it; follow it, stop it, cancel it or go on with it."""
    from krolik import jobs as control

    with api.open(project) as opened:
        every = opened.jobs
        if verb == "list":
            _show(every, json)
            return
        job = number if number is not None else _newest(every, verb)
        if verb == "follow":
            _follow(opened, job, json)
            return
        done = {"stop": control.stop, "cancel": control.cancel, "resume": control.resume}[verb](opened.file, job)
        if json:
            show_json(vars(done))
        else:
            say(f"job {job} ({done.kind}): {verb} asked for, it is {done.status}")


def _newest(every: list[Job], verb: Verb) -> int:
    wanted = [j for j in every if (not j.active and j.status != "done" if verb == "resume" else j.active)]
    if not wanted:
        raise InvalidSetting("no such job", "NUMBER", "krolik jobs PROJECT lists them.")
    return wanted[0].id


def _show(every: list[Job], json: bool) -> None:
    if json:
        show_json([vars(j) for j in every])
        return
    rows = [
        [j.id, j.kind, j.status, f"{100 * j.fraction:.0f} %", _when(j.created), j.source,
         (j.error or {}).get("message", j.text)]
        for j in every[:SHOWN]
    ]  # fmt: skip
    show_table(["job", "kind", "status", "done", "begun", "by", ""], rows)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _follow(opened: api.Project, number: int, json: bool) -> None:
    """Until it ends; Ctrl-C ends the following, not the job."""
    from krolik import jobs as control
    from krolik.project import jobs as rows

    told = 0
    with Bar(json) as bar:
        while True:
            job = control.wait(opened.file, number, 0.5)
            for event in rows.events(opened.file, told, number):
                told = event.id
                if event.kind == "note":
                    bar.note(str(event.document["text"]))
            bar.progress(job.kind, job.fraction, job.text, job.seconds_left)
            if not job.active or bar.cancelled():
                break
    if json:
        show_json(vars(job))
    else:
        say(f"job {job.id} ({job.kind}): {job.status}")
    if job.error:
        typer.echo(f"krolik: {job.error['message']}", err=True)
        raise typer.Exit(2)
