"""From a video file to the annotated video and a CSV without leaving the page, and the loop that corrects a model."""

import csv
import re
import shutil
import time

import numpy as np
import pytest

from krolik.project import ProjectFile, labels
from krolik.skeleton import template
from krolik.video import VideoFile
from tests.conftest import SMALL
from tests.ui.conftest import drop, place, text

NEAR_PX, NEAR_SHARE = 5, 0.95
one_language = pytest.mark.parametrize("ui", ["ru"], indirect=True)


def label_the_frame(ui, truth) -> int:
    """Clicks every keypoint at its true place; hidden ones are said to be absent. The frame's number."""
    frame = ui.number
    ui.overlay.focus()
    for point, visible in zip(truth.points[frame], truth.visible[frame]):
        if visible:
            ui.click(*point)
        else:
            ui.page.keyboard.press("e")
        ui.page.wait_for_timeout(10)
    return frame


@pytest.mark.alone  # trains a minute on all cores
@pytest.mark.parametrize("ui", ["en", pytest.param("ru", marks=pytest.mark.slow)], indirect=True)
def test_the_whole_journey(ui, rabbit, tmp_path):
    """Drop, skeleton, frames, labels, a minute of training, results, two corrections, export."""
    video, truth = rabbit
    shutil.copy(video, tmp_path / "rabbit.mp4")
    page = ui.page
    ui.visit()
    page.get_by_label(text("start.path")).fill(str(tmp_path / "rabbit.mp4"))
    page.keyboard.press("Enter")  # the rabbit's skeleton is the template that is offered first
    ui.settled()
    page.locator(".queue li button.here").wait_for()
    done = []
    for number in range(20):
        done.append(label_the_frame(ui, truth))
        if number < 19:
            page.wait_for_function("n => Number(document.querySelector('canvas[data-role=frame]').dataset.shown) !== n",
                                   arg=done[-1])  # fmt: skip
            ui.settled()
    ui.saved()
    assert len(set(done)) == 20

    place(ui, "train")
    page.get_by_role("button", name=text("budget.1m"), exact=True).click()
    page.get_by_role("button", name=text("train.go"), exact=True).click()
    page.locator("[data-role=training][data-status=running]").wait_for()
    page.locator("[data-role=error]").wait_for(timeout=60_000)  # an error in pixels while it goes on
    page.locator("[data-role=training] canvas").first.wait_for()
    page.locator("[data-role=training][data-status=done]").wait_for(timeout=240_000)
    page.locator("[data-role=models] tbody tr").wait_for()

    place(ui, "results")
    page.locator("[data-role=annotate]:not([disabled])").click()
    page.locator("[data-role=finished] [data-role=download]").nth(1).wait_for(timeout=180_000)
    page.wait_for_function("() => Number(document.querySelector('[data-role=poses]').dataset.points) > 0")
    page.locator("[data-role=chart] canvas").wait_for()

    page.get_by_role("button", name=text("results.suggest")).click()
    page.locator("[data-role=reasons]").wait_for(timeout=120_000)
    for _ in range(2):  # corrected: the proposed points are dragged to where they are
        ui.settled()
        frame = ui.number
        assert frame not in done and page.locator("[data-role=reasons]").inner_text()
        correct(ui, truth, frame)
        done.append(frame)
        page.keyboard.press("Space")
        page.wait_for_function("n => Number(document.querySelector('canvas[data-role=frame]').dataset.shown) !== n",
                               arg=frame)  # fmt: skip
    ui.saved()

    place(ui, "results")
    page.locator("[data-role=export] button[data-role=export-go]").click()
    with page.expect_download() as waiting:
        page.locator("[data-role=export] [data-role=download]", has_text="predictions").first.click(timeout=60_000)
    table = tmp_path / "found.csv"
    waiting.value.save_as(table)
    with page.expect_download() as waiting:
        page.locator("[data-role=finished] [data-role=download]", has_text=".mp4").click()
    annotated = tmp_path / "annotated.mp4"
    waiting.value.save_as(annotated)
    with VideoFile(annotated) as film:
        assert len(film) == 60 and all(frame is not None for _, frame in film.frames())
    share = share_near(table, truth)
    print(f"within {NEAR_PX} px: {share:.4f}")
    assert share >= NEAR_SHARE
    with ProjectFile.open(tmp_path / "rabbit.krolik") as file:
        assert {f.key.index for f in labels.load(file)} == set(done)


def correct(ui, truth, frame: int) -> None:
    """Drags every proposed point that is seen to where it is, which makes it a label."""
    identity = ui.page.url.split("/p/")[1].split("/")[0]
    base = f"/api/projects/{identity}"
    video = ui.live.client.get(base).json()["videos"][0]["id"]
    stretch = ui.live.client.get(f"{base}/videos/{video}/labels?start={frame}&stop={frame + 1}").json()
    for keypoint, (x, y, _) in stretch["predicted"][str(frame)][0]["points"].items():
        if truth.visible[frame][int(keypoint)]:
            ui.drag((x, y), tuple(truth.points[frame][int(keypoint)]))
    ui.saved()


def share_near(table, truth) -> float:
    """The part of the visible points of all frames that the table has within NEAR_PX of the truth."""
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    names = template("rabbit").names
    found = np.full((*truth.visible.shape, 2), np.nan)
    keypoint = next(k for k in rows[0] if rows[0][k] in names)
    for row in rows:
        if row["x"]:
            found[int(row["frame"]), names.index(row[keypoint])] = float(row["x"]), float(row["y"])
    off = np.linalg.norm(found - truth.points, axis=-1)
    return float((off[truth.visible] <= NEAR_PX).mean())


@one_language
def test_three_clicks_from_a_new_video_to_its_results(ui, modelled, tmp_path):
    """With a model at hand: a video is dropped; Results, Annotate, the file."""
    from tests.clips import VARIANTS, write_clip

    write_clip(tmp_path / "new.mp4", VARIANTS["plain"], 20)
    identity = ui.label(modelled)
    place(ui, "videos")
    drop(ui, [tmp_path / "new.mp4"])
    ui.page.get_by_role("heading", name="new-2.mp4").wait_for()  # dropped files are copied beside the project
    place(ui, "results")
    ui.page.locator("[data-role=annotate]:not([disabled])").click()
    with ui.page.expect_download() as waiting:
        ui.page.locator("[data-role=finished] [data-role=download]", has_text=".mp4").click(timeout=90_000)
    waiting.value.save_as(tmp_path / "done.mp4")
    with VideoFile(tmp_path / "done.mp4") as film:
        assert len(film) == 20
    assert identity in ui.page.url
    ui.page.locator("[data-role=all-videos]").check()
    ui.page.locator("[data-role=annotate]:not([disabled])").click()
    made = ui.page.locator("[data-role=export] .made").first.locator("[data-role=download]")
    made.filter(has_text="rabbit.csv").wait_for(timeout=90_000)
    assert sorted(made.all_inner_texts()) == [
        f"⤓ {name}" for name in ("new-2.csv", "new-2_annotated.mp4", "rabbit.csv", "rabbit_annotated.mp4")
    ]
    assert ui.page.locator("[data-role=finished] [data-role=download]").count() == 2  # of the video that is shown


@one_language
def test_filters_smoothing_and_curves(ui, modelled):
    ui.label(modelled)
    place(ui, "results")
    points = ui.page.locator("[data-role=poses]")
    ui.page.get_by_label(text("results.threshold")).fill("0")
    ui.page.wait_for_selector("[data-role=poses][data-points='8']")
    ui.page.get_by_role("checkbox", name="tail").uncheck()
    ui.page.wait_for_selector("[data-role=poses][data-points='7']")
    with ui.page.expect_response(lambda r: "/poses?" in r.url and "method=kalman" in r.url) as answer:
        ui.page.locator("[data-role=smoothing]").select_option("kalman")
    assert answer.value.ok
    ui.page.wait_for_selector("[data-role=poses][data-points='7']")
    ui.page.get_by_label(text("results.curve")).select_option("x")
    ui.page.keyboard.press("Escape")
    ui.page.locator("body").click(position={"x": 300, "y": 300})
    ui.page.keyboard.press("ArrowRight")
    ui.settled(1)
    assert points.get_attribute("data-points") is not None
    ui.page.get_by_label(text("results.what")).select_option("labels")
    ui.page.get_by_label(text("results.format")).select_option("coco")
    ui.page.locator("[data-role=export-go]").click()
    ui.page.locator("[data-role=export] [data-role=download]", has_text="coco").wait_for(timeout=60_000)


@one_language
def test_the_plan_says_why_in_the_language_of_the_page(ui, modelled):
    ui.label(modelled)
    place(ui, "train")
    ui.page.get_by_text(text("train.more")).click()
    plan = ui.page.locator("[data-role=plan]")
    plan.get_by_role("button", name=re.compile(r"\d")).click()
    rows = plan.locator("tbody tr").all_inner_texts()
    assert len(rows) > 15
    english = [row for row in rows if not re.search("[а-я]", row) and not row.startswith("device\t")]
    assert not english


@pytest.mark.slow
@one_language
def test_the_plan_can_be_changed_and_a_training_stopped_with_its_best(ui, modelled):
    identity = ui.label(modelled)
    place(ui, "train")
    ui.page.get_by_text(text("train.more")).click()
    ui.page.get_by_label("input_size").fill("64")
    ui.page.get_by_label("input_size").blur()
    ui.page.get_by_text(text("plan.yours")).wait_for(timeout=60_000)
    ui.page.get_by_label(text("train.own-budget")).fill("2000steps")
    ui.page.get_by_role("button", name=text("train.go"), exact=True).click()
    running = ui.page.locator("[data-role=training][data-status=running]")
    running.locator("[data-role=error]").wait_for(timeout=120_000)
    running.get_by_role("button", name=text("train.stop")).click(timeout=60_000)
    running.wait_for(state="detached", timeout=90_000)
    job = max(
        ui.live.client.get(f"/api/projects/{identity}/jobs").json(), key=lambda j: j["id"] * (j["kind"] == "train")
    )
    model = ui.live.client.get(f"/api/projects/{identity}/models").json()[0]
    assert job["wish"] == "stop" and job["result"]["model"] == model["name"]
    assert next(v for f, v, _ in model["decisions"] if f == "input_size") == [64, 64]
    ui.page.get_by_role("checkbox", name=model["name"]).check()
    ui.page.locator("[data-role=models] [data-role=chart]").wait_for()


@one_language
def test_a_failure_is_said_in_words(ui, modelled):
    ui.label(modelled)
    place(ui, "train")
    ui.page.get_by_text(text("train.more")).click()
    ui.page.get_by_label(text("train.split"), exact=True).fill("by-video")
    ui.page.get_by_role("button", name=text("train.go"), exact=True).click()
    ui.page.locator("[data-role=training][data-status=failed]").wait_for(timeout=60_000)
    alert = ui.page.locator("[data-role=training] [role=alert]").inner_text()
    said = re.compile("all labels are of one video|вся разметка относится к одному видео")
    assert said.search(alert) and "{" not in alert
    assert said.search(ui.page.locator(".toast").inner_text())


@one_language
def test_an_interrupted_job_is_shown_and_gone_on_with(ui, modelled):
    import os
    import signal

    if not hasattr(signal, "SIGKILL"):
        pytest.skip("this system has no kill -9")
    identity = ui.label(modelled)
    base = f"/api/projects/{identity}"
    job = ui.live.client.post(f"{base}/train", json={**SMALL, "budget": "3000steps"}).json()["id"]
    ui.page.locator("[data-role=job][data-kind=train]").wait_for()
    with ProjectFile.open(modelled) as file:
        from krolik.project import jobs

        end = time.monotonic() + 60
        while not jobs.get(file, job).fraction:
            assert time.monotonic() < end
            time.sleep(0.05)
        os.kill(jobs.get(file, job).pid or 0, signal.SIGKILL)
    ui.page.locator("[data-role=interrupted]").wait_for()
    ui.page.locator("[data-role=interrupted]").get_by_role("button", name=text("job.resume")).click()
    ui.page.locator("[data-role=job][data-kind=train]").wait_for()
    ui.live.client.post(f"{base}/jobs/{job}/cancel", json={})
    ui.page.locator("[data-role=job][data-kind=train]").wait_for(state="detached", timeout=60_000)
    place(ui, "settings")
    ui.page.locator("[data-role=job-list] tbody tr").first.wait_for()
