"""Another framework trains, from the page, and a network that it trained earlier is taken."""

import os
import sys
from pathlib import Path

import pytest

from krolik.project import ProjectFile, labels, models
from tests.engines.pretending import install_pretended_sleap, trained_elsewhere
from tests.ui.conftest import place, text
from tests.ui.test_commands import check_command, check_python
from tests.ui.test_training import last_plan, write


def open_plan(ui):
    place(ui, "train")
    ui.page.get_by_text(text("train.more")).click()
    return ui.page.locator("[data-role=engine]")


@pytest.mark.skipif(sys.platform == "win32", reason="the pretended environment is a shell's script")
def test_another_framework_trains_and_a_network_is_taken(ui, labelled, tmp_path):
    install_pretended_sleap(Path(os.environ["KROLIK_ENGINES"]))
    project = ui.label(labelled.path)
    open_plan(ui).select_option("sleap")
    ui.page.locator("[data-role=plan] tr", has_text="single_medium").wait_for()
    ui.page.get_by_label(text("engine.network")).select_option("single_large")
    ui.page.locator("[data-role=plan] tr", has_text="single_large").wait_for()
    write(ui, "scale", "0.5")
    assert last_plan(ui, project)["document"] == {
        "budget": "5m", "engine": "sleap", "network": "single_large", "scale": 0.5, "folds": 0, "seed": 0}  # fmt: skip
    assert ui.page.get_by_label("device", exact=True).count() == 0  # nothing that it cannot be told
    command, line = ui.page.locator(".card > .commands").first.locator("code").all_text_contents()
    check_command(command)
    check_python(line)
    assert "--engine sleap" in command and 'engine="sleap"' in line
    ui.page.get_by_label(text("train.own-budget")).fill("30steps")
    ui.page.get_by_role("button", name=text("train.go")).click()
    ui.page.locator("[data-role=training][data-status=done]").wait_for(timeout=60_000)
    assert "sleap" in ui.page.locator("[data-role=training] h2").first.inner_text()
    ui.page.locator("[data-role=models]", has_text="sleap-single_large-1").wait_for()
    take(ui, trained_elsewhere(tmp_path / "theirs", labels.skeleton(labelled).names))
    ui.page.locator("[data-role=models]", has_text="sleap-theirs-1").wait_for()
    with ProjectFile.open(labelled.path) as file:
        assert {m.name for m in models.every(file)} == {"sleap-single_large-1", "sleap-theirs-1"}


def take(ui, folder: Path) -> None:
    panel = ui.page.locator("[data-role=adopt]")
    panel.locator("summary").first.click()
    panel.get_by_label(text("adopt.path")).fill(str(folder.parent))
    panel.get_by_role("button", name=text("adopt.go")).click()
    ui.page.locator(".toast.error", has_text="pytorch_config.yaml").wait_for()
    panel.get_by_label(text("adopt.path")).fill(str(folder))
    panel.get_by_role("button", name=text("adopt.go")).click()
    panel.get_by_text("sleap-theirs-1").wait_for(timeout=60_000)


def test_one_that_is_not_installed_does_not_train(ui, labelled):
    ui.label(labelled.path)
    open_plan(ui).select_option("deeplabcut")
    ui.page.locator("[data-role=install]").wait_for()
    assert ui.page.get_by_role("button", name=text("train.go")).is_disabled()
    assert "krolik engines install deeplabcut" in ui.page.locator("[data-role=install] code").first.text_content()
    ui.page.locator("[data-role=engine]").select_option("native")
    ui.page.locator("[data-role=install]").wait_for(state="detached")
    ui.page.get_by_label(text("train.own-budget")).fill("20steps")
    ui.page.get_by_role("button", name=text("train.go")).click()
    training = ui.page.locator("[data-role=training]")
    training.locator("h2").wait_for()
    assert text("job.train").fullmatch(training.locator("h2").inner_text())  # nobody else trains
    ui.page.locator("[data-role=training][data-status=done]").wait_for(timeout=60_000)
