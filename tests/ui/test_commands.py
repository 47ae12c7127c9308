"""The commands and Python lines that places and dialogs show are such that exist, with arguments that they take."""

import ast
import inspect
import shlex

import pytest
import typer

import krolik as package
from krolik import api
from krolik.cli.main import app
from krolik.project import ProjectFile
from tests.ui.conftest import text


def check_command(line: str) -> str:
    """Its verb. Raises click's UsageError for an option or argument that there is not."""
    program, *arguments = shlex.split(line)
    assert program == "krolik"
    group = typer.main.get_command(app)
    verb, *rest = arguments
    group.commands[verb].make_context(verb, rest)
    return verb


def check_python(line: str) -> None:
    tree = ast.parse(line, mode="eval").body
    if isinstance(tree, ast.Attribute):
        assert isinstance(inspect.getattr_static(api.Project, tree.attr), property)
        return
    assert isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute)
    own = isinstance(tree.func.value, ast.Call)  # krolik.open(...).verb(...)
    named = {k.arg: ast.literal_eval(k.value) for k in tree.keywords if k.arg is not None}
    given = [None] * own + [ast.literal_eval(a) for a in tree.args]
    assert "" not in given
    inspect.signature(getattr(api.Project if own else package, tree.func.attr)).bind(*given, **named)


@pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language
def test_every_shown_command_can_be_given(ui, small_model, tmp_path):
    project = tmp_path / "мой rabbit.krolik"
    with ProjectFile.open(small_model) as file:
        file.backup(project)
    identity = ui.live.workspace.open(project).id
    page, shown = ui.page, set()

    def collect() -> None:
        page.wait_for_selector(".commands code", state="attached")
        found = page.locator(".commands").evaluate_all(
            "all => all.map(one => [...one.querySelectorAll('code')].map(c => c.textContent))"
        )
        shown.update(map(tuple, found))

    def dialog(button: str) -> None:
        page.get_by_role("button", name=text(button)).first.click()
        page.locator("dialog").wait_for()
        collect()

    ui.visit()
    collect()
    for place in ("train", "results", "skeleton", "settings"):
        ui.visit(f"#/p/{identity}/{place}")
        page.get_by_role("heading").first.wait_for()
        page.wait_for_timeout(300)
        collect()
        if place == "results":
            page.locator("[data-role=smoothing]").select_option("kalman")
            page.get_by_label(text("results.fill")).fill("3")
            page.get_by_label(text("results.least-score")).fill("0.2")
            for what in ("labels", "frames", "model", "predictions"):
                page.get_by_label(text("results.what")).select_option(what)
                collect()
    for button in ("videos.add", "import.title", "select.title", "videos.remove"):
        ui.visit(f"#/p/{identity}/videos")
        page.reload()
        dialog(button)
        for field in page.locator("dialog input.path").all():
            field.fill("/tmp/a b")
        collect()
    page.keyboard.press("Escape")
    page.locator("article").get_by_role("button", name=text("select.title")).click()  # of one video: by hand as well
    page.locator("dialog").wait_for()
    collect()
    ui.label(project)
    page.keyboard.press("g")
    page.locator("dialog").wait_for()
    collect()
    verbs = set()
    for command, line in shown:
        verbs.add(check_command(command))
        check_python(line)
    assert verbs >= {
        "ui", "train", "run", "suggest", "export", "report", "skeleton", "backup", "jobs", "undo", "add", "import",
        "select", "mark", "remove", "render",
    }  # fmt: skip
