"""What becomes of edits: with several tabs, a server that is away, a full disk; and who may not make any."""

from pathlib import Path

import numpy as np
import pytest

import krolik as package
from krolik.actions.labelling import Point, SetPoints
from krolik.poses import State
from krolik.project import ProjectFile, history
from tests.ui.conftest import KEY, Ui, text


def test_two_tabs_lose_nothing_and_see_each_other(ui, project):
    identity = ui.label(project)
    other = Ui(ui.page.context.new_page(), ui.live)
    other.label(project)
    ui.click(20, 10)
    ui.saved()
    other.page.wait_for_selector("#keypoint-0[data-state=visible]")
    other.page.keyboard.press("2")
    other.click(60, 20)
    ui.page.keyboard.press("3")
    ui.click(90, 20)
    ui.saved()
    other.saved()
    ui.page.wait_for_selector("#keypoint-1[data-state=visible]")
    assert sorted(ui.points(identity, 0)) == [0, 1, 2]
    assert not other.errors


def test_a_late_answer_takes_no_newer_label_back(ui, project):
    """What the server said of a frame before an edit arrives after the edit was saved: the edit stays."""
    identity = ui.label(project)
    held: list = []
    ui.page.route("**/labels?start=*", lambda route: held.append((route, route.fetch())))
    ui.click(30, 30)
    ui.saved()
    for _ in range(100):
        if held:
            break
        ui.page.wait_for_timeout(20)  # the page hears of its own edit and asks for the frame again
    assert held
    ui.click(60, 60)
    ui.saved()
    assert len(ui.points(identity, 0)) == 2
    (route, late), *later = held
    assert len(late.json()["frames"]["0"]["instances"][0]["points"]) == 1
    route.fulfill(response=late)
    ui.page.wait_for_timeout(200)
    assert ui.page.locator("li[data-state=visible]").count() == 2
    for route, answer in later:
        route.fulfill(response=answer)


def test_edits_wait_for_a_server_that_is_away(ui, project):
    """The server cannot be reached, the page is reloaded, the server is back: nothing is lost."""
    identity = ui.label(project)
    ui.page.route("**/labels/0", lambda route: route.abort())
    ui.click(20, 10)
    ui.click(40, 10)
    ui.page.wait_for_selector("[data-role=saved][data-pending='2'] .error")
    assert ui.labels(identity) == {}
    ui.page.reload()
    ui.settled()
    assert ui.page.locator("#keypoint-1").get_attribute("data-state") == "visible"
    ui.page.unroute("**/labels/0")
    ui.saved()
    assert sorted(ui.points(identity, 0)) == [0, 1]


def test_a_closed_tab_s_edits_are_sent_by_the_next_one(ui, project):
    identity = ui.label(project)
    ui.page.route("**/labels/0", lambda route: route.abort())
    ui.click(20, 10)
    ui.page.wait_for_selector("[data-role=saved][data-pending='1']")
    next_page = ui.page.context.new_page()
    ui.page.close()
    found = Ui(next_page, ui.live)
    found.label(project)
    found.page.wait_for_timeout(1500)
    assert sorted(found.points(identity, 0)) == [0]


@pytest.mark.alone
def test_an_edit_is_durable_within_50_ms(ui, project):
    """Measured in the page: from the click to the server's answer, which comes after the commit."""
    identity = ui.label(project)
    for i in range(8):
        ui.click(20 + 10 * i, 10)
        ui.page.wait_for_timeout(30)
    ui.saved()
    times = ui.page.evaluate("""() => performance.getEntriesByType("resource")
        .filter((e) => /labels\\/\\d+$/.test(e.name)).map((e) => e.responseEnd - e.startTime)""")
    assert len(times) == 8 and len(ui.points(identity, 0)) == 8
    assert np.median(times) < 50


def test_a_project_whose_video_is_away_says_so(ui, project):
    (project.parent / "clip.mp4").rename(project.parent / "moved.mp4")
    identity = ui.live.workspace.open(project).id
    ui.visit(f"#/p/{identity}/label")
    ui.page.get_by_role("alert").filter(has_text="clip.mp4").first.wait_for()
    ui.visit(f"#/p/{identity}/videos")
    ui.page.get_by_role("button", name=text("videos.relink")).click()
    ui.page.get_by_role("dialog").get_by_text("moved.mp4").click()
    ui.page.get_by_role("button", name=text("videos.relink")).wait_for(state="detached")


def test_a_video_is_removed_with_its_labels_and_comes_back(ui, project):
    identity = ui.label(project)
    ui.click(20, 10)
    ui.saved()
    kept = ui.labels(identity)
    ui.visit(f"#/p/{identity}/videos")
    ui.page.get_by_role("button", name=text("videos.remove"), exact=True).click()
    ui.page.locator("[data-role=remove]").click()
    ui.page.get_by_text(text("videos.none")).wait_for()
    ui.visit(f"#/p/{identity}/label")
    ui.page.get_by_text(text("label.no-video")).wait_for()
    ui.visit(f"#/p/{identity}/videos")
    ui.page.get_by_role("button", name=text("action.undo")).click()
    ui.page.get_by_role("heading", name="clip.mp4").wait_for()
    assert ui.labels(identity) == kept and kept


def test_a_read_only_project_can_be_looked_at(ui, project, monkeypatch):
    monkeypatch.setattr("krolik.project.file.os.access", lambda path, mode: False)
    identity = ui.label(project)
    ui.page.get_by_role("alert").filter(has_text=text("error.read-only")).wait_for()
    ui.click(20, 10)
    ui.page.keyboard.press("d")
    ui.settled(1)
    assert ui.labels(identity) == {}


def test_a_full_disk_keeps_the_edits_and_says_so(ui, project):
    identity = ui.label(project)
    full = {"code": "disk-full", "message": "the disk is full", "values": {"where": "x"}}
    ui.page.route("**/labels/0", lambda route: route.fulfill(status=507, json=full))
    ui.click(20, 10)
    ui.page.locator("[data-role=saved] .error").filter(has_text=text("error.disk-full")).wait_for()
    ui.page.unroute("**/labels/0")
    ui.saved()
    assert sorted(ui.points(identity, 0)) == [0]


def test_a_hostile_page_in_the_same_browser_can_do_nothing(ui, project, tmp_path):
    """Another origin, with the cookie in the browser: reads nothing, changes nothing, frames nothing."""
    import functools
    import http.server
    import threading

    identity = ui.label(project)
    with ProjectFile.open(project) as file:
        before = history.revision(file)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "evil.html").write_text("<!doctype html><title>evil</title>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    handler.log_message = lambda *_: None  # pyright: ignore
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    evil = ui.page.context.new_page()
    evil.goto(f"http://localhost:{site.server_port}/evil.html")
    attack = (Path(__file__).parent / "attack.js").read_text("utf-8")
    video = ui.live.client.get(f"/api/projects/{identity}").json()["videos"][0]["id"]
    for host in ("127.0.0.1", "localhost"):
        code = attack.replace("ID/", f"{identity}/").replace("VIDEO", video)
        found = evil.evaluate(code, f"http://{host}:{ui.live.port}")
        assert found["read"] == found["json"] == found["events"] == found["image"] == found["socket"] == "refused"
        assert found["script"] == "refused"
        assert found["blind"] in ("opaque0", "refused")
    evil.set_content(f'<iframe src="{ui.live.address}/" width="900" height="600"></iframe>')
    evil.wait_for_timeout(500)
    assert "Krolik" not in (evil.frames[-1].content() if len(evil.frames) > 1 else "")
    evil.close()
    site.shutdown()
    site.server_close()
    with ProjectFile.open(project) as file:
        assert history.revision(file) == before
    ui.errors.clear()


def test_the_launch_link_leaves_no_token_in_the_address(ui, project):
    identity = ui.label(project)
    assert KEY not in ui.page.url and ui.page.url.endswith(f"#/p/{identity}/label")


@pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language
def test_an_import_says_what_it_brought_until_it_is_read(ui, project, tmp_path):
    with package.open(project) as opened:
        opened.label("clip.mp4", 3, SetPoints("a", {0: Point(State.VISIBLE, 5.0, 6.0)}))
        opened.export(tmp_path / "labels.json", "json", what="labels")
    identity = ui.live.workspace.open(project).id
    ui.visit(f"#/p/{identity}/videos")
    ui.page.get_by_role("button", name=text("import.title")).click()
    ui.page.get_by_label(text("import.path")).fill(str(tmp_path / "labels.json"))
    ui.page.get_by_role("button", name=text("import.go")).last.click()
    card = ui.page.locator("[data-role=imported]")
    card.wait_for(timeout=60_000)
    assert "Krolik JSON" in card.inner_text() and card.locator("li").count() == 1
    card.get_by_role("button").click()
    card.wait_for(state="detached")
    ui.page.reload()
    ui.page.get_by_role("heading", name="clip.mp4").wait_for()
    assert card.count() == 0
