"""From a video file to labelled frames; what cannot be opened is said in the page's language."""

import pytest

from krolik.poses import State
from krolik.project import ProjectFile, labels
from tests.clips import VARIANTS, write_clip
from tests.server.conftest import project_for
from tests.ui.conftest import drop, text


@pytest.mark.slow  # the journey labels as many in the same way; here it is counted what a person does for it
def test_from_a_video_to_twenty_labelled_frames_of_a_seven_keypoint_rabbit(ui, rabbit, tmp_path):
    """Besides the clicks that place points, a person needs at most eight clicks and keys. This is counted here."""
    import shutil

    video, truth = rabbit
    shutil.copy(video, tmp_path / "rabbit.mp4")
    page, extra = ui.page, 0
    ui.visit()
    page.get_by_label(text("start.path")).fill(str(tmp_path / "rabbit.mp4"))
    extra += 2  # a click into the field, a paste
    page.keyboard.press("Enter")
    extra += 1
    ui.settled()
    page.get_by_role("link", name=text("place.skeleton")).last.click()
    extra += 1
    page.get_by_role("button", name="tail").last.click()  # the template's eighth keypoint is not wanted
    extra += 1
    page.locator("table tbody tr").nth(7).wait_for(state="detached")
    page.get_by_role("link", name=text("place.label")).last.click()
    extra += 1
    page.get_by_text(text_of_twenty()).wait_for()
    ui.settled()  # on the frame that it goes to with the queue's arrival
    identity = page.url.split("/p/")[1].split("/")[0]
    done: list[int] = []
    for _ in range(20):
        frame = ui.number
        assert frame not in done
        done.append(frame)
        for point in truth.points[frame][:7]:
            ui.click(*point)
            page.wait_for_timeout(5)
        if len(done) < 20:
            page.wait_for_function("n => Number(document.querySelector('canvas[data-role=frame]').dataset.shown) !== n",
                                   arg=frame)  # fmt: skip
            ui.settled()
    ui.saved()
    assert extra <= 8
    found = ui.labels(identity)
    assert sorted(found) == sorted(done)
    with ProjectFile.open(tmp_path / "rabbit.krolik") as file:
        for frame in labels.load(file):
            (animal,) = frame.instances
            assert (animal.states == State.VISIBLE).all() and len(animal.states) == 7
            assert abs(animal.points - truth.points[frame.key.index][:7]).max() <= 1.0


def text_of_twenty():
    import re

    return re.compile(r"^(20 left|осталось 20)$")


def test_browsing_to_a_project(ui, tmp_path):
    write_clip(tmp_path / "a.mp4", VARIANTS["plain"], 20)
    project_for(tmp_path / "a.mp4")
    ui.visit()
    ui.page.get_by_role("button", name=text("start.browse")).click()
    ui.page.get_by_role("dialog").get_by_role("button", name="a.krolik").click()
    ui.settled()
    ui.visit()
    ui.page.get_by_role("link", name="a", exact=True).click()  # it is a recent one now
    ui.settled()


def test_dropping_a_video(ui, tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    write_clip(tmp_path / "drop.mp4", VARIANTS["plain"], 30)
    ui.visit()
    drop(ui, [tmp_path / "drop.mp4"], ["дроп.mp4"])
    ui.settled()
    assert (home / "Krolik" / "дроп.mp4").read_bytes() == (tmp_path / "drop.mp4").read_bytes()
    assert (home / "Krolik" / "дроп.krolik").exists()


def test_dropping_several_videos_and_what_is_none(ui, tmp_path, monkeypatch):
    """All of them go into one project; of what cannot be taken is said why, and it keeps nothing else out."""
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    for name in ("a", "b"):
        write_clip(tmp_path / f"{name}.mp4", VARIANTS["plain"], 20 + ord(name))
    (tmp_path / "notes.txt").write_text("no video")
    ui.visit()
    drop(ui, [tmp_path / "a.mp4", tmp_path / "notes.txt", tmp_path / "b.mp4"])
    ui.settled()
    assert "notes.txt" in ui.page.locator(".toast.error").inner_text()
    identity = ui.page.url.split("/p/")[1].split("/")[0]
    found = ui.live.client.get(f"/api/projects/{identity}").json()["videos"]
    assert [v["name"] for v in found] == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("path, code", [
    ("{tmp}/nothing.mp4", "no-file"), ("/etc", "outside-roots"), ("rabbit.mp4", "not-a-path"),
    ("{tmp}/broken.mp4", "not-a-video"), ("{tmp}/broken.krolik", "not-a-project"), ("{tmp}", "no-images"),
])  # fmt: skip
def test_what_cannot_be_opened_is_said_in_words(ui, tmp_path, path, code):
    (tmp_path / "broken.mp4").write_bytes(b"no video" * 1000)
    (tmp_path / "broken.krolik").write_bytes(b"no project" * 1000)
    ui.visit()
    ui.page.get_by_label(text("start.path")).fill(path.replace("{tmp}", str(tmp_path)))
    ui.page.keyboard.press("Enter")
    alert = ui.page.get_by_role("alert")
    alert.wait_for()
    import json
    from pathlib import Path

    language = ui.page.evaluate("document.documentElement.lang")
    catalogue = Path(__file__).parents[2] / "web" / "src" / "locales" / f"{language}.json"
    sentence = json.loads(catalogue.read_text("utf-8"))[f"error.{code}"].split("{")[0]
    assert alert.inner_text().startswith(sentence)
    assert {p.name for p in tmp_path.iterdir()} == {"broken.mp4", "broken.krolik"}


def test_without_the_link_there_is_only_a_door(browser, live):
    context = browser.new_context()
    page = context.new_page()
    answer = page.goto(live.address)
    assert answer is not None and answer.status == 401
    assert "krolik ui" in page.locator("body").inner_text()
    context.close()


def test_the_language_can_be_switched_and_is_remembered(ui, project):
    ui.label(project)
    other = "ru" if ui.page.evaluate("document.documentElement.lang") == "en" else "en"
    ui.page.locator("#language").select_option(other)
    name = {"en": "Videos", "ru": "Видео"}[other]
    ui.page.get_by_role("link", name=name).last.wait_for()
    ui.page.reload()
    ui.page.get_by_role("link", name=name).last.wait_for()
    assert ui.page.evaluate("document.documentElement.lang") == other


def test_frames_are_selected_from_the_page(ui, project):
    identity = ui.label(project)
    ui.page.get_by_role("button", name=text("select.title")).click()
    dialog = ui.page.get_by_role("dialog")
    dialog.get_by_label(text("select.count")).fill("6")
    dialog.get_by_label(text("select.strategy")).select_option("uniform")
    dialog.get_by_text(text("command.show")).first.click()
    assert "-n 6 --strategy uniform" in dialog.locator("code").first.inner_text()
    dialog.get_by_role("button", name=text("select.go"), exact=True).first.click()
    dialog.wait_for(state="detached")
    ui.settled(4)  # it goes to the first of them
    (lanes,) = ui.live.client.get(f"/api/projects/{identity}/overview").json()["lanes"].values()
    assert lanes["selected"] == [4, 14, 24, 34, 44, 54]
    ui.page.get_by_role("button", name=text("select.title")).click()
    dialog.get_by_label(text("select.count")).fill("600")
    dialog.get_by_role("button", name=text("select.go"), exact=True).first.click()
    ui.page.get_by_role("alert").filter(has_text="54").wait_for()
