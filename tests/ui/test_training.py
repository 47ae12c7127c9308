"""The plan of a training on the page: any value can be wished for; what makes no sense is said and can be mended."""

import pytest

from krolik.project import ProjectFile
from tests.ui.conftest import place, text
from tests.ui.test_commands import check_command, check_python

pytestmark = pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language


def write(ui, field: str, value: str) -> None:
    ui.page.get_by_label(field, exact=True).fill(value)
    ui.page.get_by_label(field, exact=True).press("Enter")


def last_plan(ui, identity: str) -> dict:
    """The newest job, once it has ended."""
    ui.page.wait_for_timeout(300)
    for _ in range(100):
        job = max(ui.live.client.get(f"/api/projects/{identity}/jobs").json(), key=lambda j: j["id"])
        if not job["active"]:
            return job
        ui.page.wait_for_timeout(100)
    raise AssertionError("the plan is not made")


def test_the_plan_can_be_changed_and_what_makes_no_sense_taken_back(ui, small_model, tmp_path):
    with ProjectFile.open(small_model) as file:
        file.backup(tmp_path / "p.krolik")
    planned = ui.label(tmp_path / "p.krolik")
    place(ui, "train")
    ui.page.get_by_text(text("train.more")).click()
    ui.page.locator("[data-role=plan] table").wait_for()
    another_base_makes_another(ui, planned)
    stays_while_another_is_made(ui, planned)
    what_can_be_no_value_is_not_taken(ui, planned)
    what_the_server_refuses_can_be_mended(ui, planned)
    the_commands_wish_the_same(ui)


def another_base_makes_another(ui, planned: str) -> None:
    """At once, and of what is chosen then."""
    for base in ("none", "auto"):
        before = last_plan(ui, planned)["id"]
        ui.page.get_by_label(text("train.from")).select_option(base)
        job = last_plan(ui, planned)
        assert job["id"] > before and job["document"].get("pretrained") == (base if base == "none" else None)


def stays_while_another_is_made(ui, planned: str) -> None:
    """And sizes are taken as the plan shows them; a wish is there still when one comes back."""
    write(ui, "input_size", "128 128")
    assert ui.page.locator("[data-role=plan] table").is_visible()
    job = last_plan(ui, planned)
    assert job["kind"] == "plan" and job["document"]["input_px"] == 128
    row = ui.page.locator("[data-role=plan] tr.changed")
    assert text("plan.yours").search(row.inner_text()) and ui.page.get_by_label("input_size").input_value() == "128 128"
    place(ui, "label")
    place(ui, "train")
    ui.page.get_by_text(text("train.more")).click()
    row.wait_for()  # it is still wished for


def what_can_be_no_value_is_not_taken(ui, planned: str) -> None:
    first = last_plan(ui, planned)
    for field, value in (("width", "wide"), ("input_size", "128 64"), ("batch_size", "2.5")):
        before = ui.page.get_by_label(field, exact=True).input_value()
        write(ui, field, value)
        ui.page.locator(".toast.error", has_text=value).wait_for()
        assert ui.page.get_by_label(field, exact=True).input_value() == before
    assert last_plan(ui, planned)["id"] == first["id"]


def what_the_server_refuses_can_be_mended(ui, planned: str) -> None:
    write(ui, "keypoint_weights", "1 x")
    ui.page.locator(".toast.error", has_text="'1 x' is no value for keypoint_weights").wait_for()
    assert ui.page.get_by_label("keypoint_weights").input_value() == "1 x"
    write(ui, "keypoint_weights", "")
    job = last_plan(ui, planned)
    assert job["status"] == "done" and job["document"]["input_px"] == 128 and "overrides" not in job["document"]
    assert ui.page.locator("[data-role=plan] tr.changed").count() == 1
    write(ui, "width", "9")
    ui.page.locator(".toast.error", has_text="9.0 makes no sense").wait_for()
    assert ui.page.get_by_label("width", exact=True).input_value() == "9"
    assert ui.page.locator("[data-role=plan] tr.changed").count() == 2
    assert "width = 9" in ui.page.locator("[data-role=wishes]").inner_text()


def the_commands_wish_the_same(ui) -> None:
    ui.page.get_by_label("keypoint_weights").fill("1 2")
    ui.page.get_by_label("keypoint_weights").blur()
    command, line = ui.page.locator(".card .commands").first.locator("code").all_text_contents()
    check_command(command)
    check_python(line)
    assert "--input 128 " in command and "--width 9 " in command and "--set 'keypoint_weights=1 2'" in command
    assert "input_px=128" in line and 'overrides={"keypoint_weights":"1 2"}' in line
    ui.page.get_by_role("button", name=text("train.no-wishes")).click()
    ui.page.locator("[data-role=wishes]").wait_for(state="detached")
    assert "width" not in ui.page.locator(".card .commands").first.locator("code").first.text_content()
