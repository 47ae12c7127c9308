"""Watching what a model says: it belongs to what was chosen last, and how it is shown stays as it was set."""

import numpy as np
import pytest

from krolik.actions.adding import add_videos
from krolik.poses import Predictions
from krolik.project import ProjectFile, labels, predictions, runs, videos
from tests.clips import VARIANTS, write_clip
from tests.server.conftest import project_for
from tests.ui.conftest import place, text

pytestmark = pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language


def predict(project, **more) -> None:
    """Predictions of two animals in every frame of every video; of the second, four points are sure."""
    with ProjectFile.open(project) as file:
        skeleton = labels.skeleton(file).to_json()
        for record in videos.records(file):
            about = {"video": record.id, "model": "m", "model_name": "m", "start": 0, "stop": record.frames, **more}
            run = runs.start(file, "predict", {**about, "skeleton": skeleton})
            xy = np.tile(np.linspace((10, 10), (150, 80), 8, dtype=np.float32), (record.frames, 2, 1, 1))
            score = np.tile(np.float32([[0.9] * 8, [0.9] * 4 + [0.4] * 4]), (record.frames, 1, 1))
            found = Predictions(0, xy, score, np.ones(record.frames, bool))
            predictions.store(file, run, record.id, found)
            runs.finish(file, run, "done")


def shown(ui, points: int, numbers: str = "0 1") -> None:
    """Waits until so many points are drawn, and the numbers of these animals."""
    ui.page.wait_for_selector(f"[data-role=poses][data-points='{points}'][data-numbers='{numbers}']")


def test_animals_with_a_name_are_called_by_it(ui, tmp_path):
    write_clip(tmp_path / "a.mp4", VARIANTS["b-frames"], 60)
    project = project_for(tmp_path / "a.mp4")
    predict(project, animals=["Снежок"])
    ui.label(project)
    place(ui, "results")
    shown(ui, 16, "Снежок 1")
    chosen = ui.page.get_by_label(text("label.animal"))
    assert chosen.locator("option").all_inner_texts()[1:] == ["Снежок", "1"]
    last = ui.page.locator("li", has_text="tail").locator("small")
    lines = ui.page.locator("[data-role=chart] .u-series")
    assert last.inner_text() == "0.40" and lines.count() == 1 + 8  # of both together the lowest
    ui.page.get_by_label(text("results.curve")).select_option("x")
    lines.filter(has_text="Снежок").wait_for()
    assert lines.count() == 1 + 2
    chosen.select_option("Снежок")
    shown(ui, 8, "Снежок")
    lines.filter(has_text="nose").wait_for()
    assert last.inner_text() == "0.90" and lines.count() == 1 + 8
    place(ui, "label")  # and the labels that proposals become have it
    ui.settled()
    ui.page.get_by_role("button", name=text("label.accept")).click()
    ui.saved()
    with ProjectFile.open(project) as file:
        (frame,) = labels.load(file)
    assert [(a.track, int(a.located.sum())) for a in frame.instances] == [("Снежок", 8), (None, 8)]


def test_what_was_set_stays_from_place_to_place_and_from_video_to_video(ui, tmp_path):
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.mp4", VARIANTS["b-frames"], ord(name) - 40)
    project = project_for(tmp_path / "a.mp4")
    with ProjectFile.open(project) as file:
        add_videos(file, [tmp_path / "b.mp4"], "test")
    predict(project)
    ui.label(project)
    place(ui, "results")
    shown(ui, 16)
    ui.page.get_by_label(text("results.threshold")).fill("0.95")
    shown(ui, 0, "")
    assert "0.9" in ui.page.locator("[data-role=faint]").inner_text()
    ui.page.get_by_label(text("results.threshold")).fill("0.5")
    shown(ui, 12)
    ui.page.get_by_role("checkbox", name="nose").uncheck()
    shown(ui, 10)
    with ui.page.expect_response(lambda r: "/poses?" in r.url and "method=median" in r.url):
        ui.page.locator("[data-role=smoothing]").select_option("median")
    ui.page.get_by_role("button", name=text("action.next")).click()
    ui.page.keyboard.press("ArrowRight")  # the button that was clicked has the focus
    ui.settled(2)
    place(ui, "train")
    place(ui, "results")
    ui.settled(2)
    shown(ui, 10)
    assert ui.page.locator("[data-role=smoothing]").input_value() == "median"
    ui.page.get_by_label(text("label.animal")).select_option(index=2)  # the second
    shown(ui, 3, "1")
    ui.page.get_by_label("Video", exact=True).select_option(label="b.mp4")
    shown(ui, 10)  # of all animals again
    assert ui.page.get_by_label(text("label.animal")).input_value() == "-1"
    assert ui.page.locator("[data-role=smoothing]").input_value() == "median"


def test_a_late_answer_does_not_bring_back_older_predictions(ui, modelled):
    """The first question which predictions there are is answered after those that a job has just made were shown."""
    held = []

    def hold(route):
        held.append((route, route.fetch())) if not held else route.continue_()

    ui.page.route("**/runs", hold)
    identity = ui.label(modelled)
    place(ui, "results")
    ui.page.get_by_role("heading", name=text("label.keypoints")).wait_for()
    base = f"/api/projects/{identity}"
    ui.live.client.post(f"{base}/predict", json={"again": True})
    chosen = ui.page.get_by_label(text("results.shown"))
    chosen.wait_for(timeout=60_000)
    before = chosen.input_value()
    (route, answer), = held  # fmt: skip
    route.fulfill(response=answer)
    ui.page.wait_for_timeout(300)
    assert chosen.input_value() == before and chosen.locator("option").count() == 2


def test_what_a_prediction_had_to_say_stays_in_sight(ui, modelled):
    """Also after the page was opened anew: it may be that the film is not like those the model was made for."""
    identity = ui.label(modelled)
    ui.live.client.post(f"/api/projects/{identity}/predict", json={})
    place(ui, "results")
    told = ui.page.locator("[data-role=told]").first
    told.wait_for(timeout=60_000)
    assert "--again" in told.inner_text()  # it is predicted already
    ui.page.reload()
    ui.page.locator("[data-role=told]").first.wait_for()
