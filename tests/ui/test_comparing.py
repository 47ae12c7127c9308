"""Another program's predictions beside one's own model, from the page."""

import numpy as np
import pandas

from krolik import api
from tests.ui.conftest import drop, place, text


def analysed(path, project) -> None:
    """What DeepLabCut would write of the video had it found every labelled point 3.25 px beside its place."""
    with api.open(project) as opened:
        names, frames = opened.skeleton.names, list(opened.labels)
    coords = ["scorer", "bodyparts", "coords"]
    columns = pandas.MultiIndex.from_product([["net"], names, ["x", "y", "likelihood"]], names=coords)
    values = np.full((60, len(names), 3), np.nan)
    for frame in frames:
        values[frame.key.index, :, :2] = frame.instances[0].points + (3.25, 0)
        values[frame.key.index, :, 2] = 0.9
    pandas.DataFrame(values.reshape(60, -1), columns=columns).to_csv(path)


def test_another_program_beside_the_newest_model(ui, modelled, tmp_path):
    analysed(tmp_path / "rabbit_dlc.csv", modelled)
    ui.label(modelled)
    place(ui, "train")
    panel = ui.page.locator("[data-role=compare]")
    panel.get_by_label(text("compare.path")).fill(str(tmp_path / "rabbit_dlc.csv"))
    panel.get_by_role("button", name=text("compare.go")).click()
    rows = panel.locator("[data-role=answer]")
    rows.nth(1).wait_for(timeout=60_000)
    theirs, own = rows.all_inner_texts()
    assert "rabbit_dlc.csv" in theirs and text("compare.kind-predictions").search(theirs)
    assert theirs.replace(",", ".").count("3.25") == 4  # mean, its interval, median
    assert text("compare.best").search(theirs) and text("compare.kind-model").search(own) and "+" in own
    with ui.page.context.expect_page() as opened:
        panel.get_by_role("link", name=text("results.look")).click()
    opened.value.get_by_text("rabbit_dlc.csv").first.wait_for()
    assert (tmp_path / "rabbit-exports").exists() or list(tmp_path.glob("*-exports/*-comparison.html"))


def test_files_that_are_dropped(ui, modelled, tmp_path):
    analysed(tmp_path / "rabbit_dlc.csv", modelled)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "rabbit_dlc.csv").rename(tmp_path / "theirs" / "rabbit_dlc.csv")
    ui.label(modelled)
    place(ui, "train")
    panel = ui.page.locator("[data-role=compare]")
    drop(ui, [tmp_path / "theirs" / "rabbit_dlc.csv"])
    panel.locator(".source", has_text=str(modelled.parent / "rabbit_dlc.csv")).wait_for()
    panel.get_by_role("button", name=text("compare.go")).click()
    panel.locator("[data-role=answer]").nth(1).wait_for(timeout=60_000)
    assert "rabbit_dlc.csv" in panel.locator("[data-role=answer]").first.inner_text()


def test_why_nothing_can_be_compared_is_said(ui, modelled, tmp_path):
    (tmp_path / "wrong.csv").write_text(
        "scorer,net,net,net\nbodyparts,wing,wing,wing\ncoords,x,y,likelihood\n0,1,2,1\n"
    )
    ui.label(modelled)
    place(ui, "train")
    panel = ui.page.locator("[data-role=compare]")
    panel.get_by_label(text("compare.path")).fill(str(tmp_path / "wrong.csv"))
    panel.get_by_role("button", name=text("add"), exact=True).click()
    panel.get_by_role("button", name=text("compare.go")).click()
    panel.locator("[role=alert]").wait_for(timeout=60_000)
    assert "wing" in panel.locator("[role=alert]").inner_text()
    panel.get_by_role("button", name="wrong.csv").click()
    panel.get_by_role("button", name=text("compare.go")).click()
    panel.locator("[data-role=answer]").first.wait_for(timeout=60_000)
    assert panel.locator("[data-role=answer]").count() == 1 and panel.locator("[role=alert]").count() == 0
