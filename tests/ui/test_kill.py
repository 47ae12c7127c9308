"""The server is killed while a person labels; another one takes its place; the page goes on."""

import pytest

from krolik.project import ProjectFile, labels
from tests.server.conftest import Killable
from tests.ui.conftest import Ui


@pytest.mark.parametrize("language", [pytest.param("en", marks=pytest.mark.slow), "ru"])
def test_killing_the_server_while_labelling(browser, project, own_folders, language):
    first = Killable(project)
    context = browser.new_context(locale=language, viewport={"width": 1280, "height": 800})
    ui = Ui(context.new_page(), first)  # pyright: ignore
    ui.visit(f"#/p/{first.identity}/label")
    ui.settled()
    for x in (20, 40, 60):
        ui.click(x, 10)
    ui.saved()
    first.kill()
    with ProjectFile.open(project) as file:  # what was said to be saved is saved
        assert labels.load(file).frames[0].instances[0].located.sum() == 3
    ui.click(80, 10)
    ui.click(100, 10)
    ui.page.wait_for_selector("[data-role=saved][data-pending='2'] .error")
    second = Killable(project, first.port)
    try:
        ui.saved()  # without reloading, without a click
        points = ui_points(second)
        assert sorted(points) == ["0", "1", "2", "3", "4"]
        assert points["4"][1:] == pytest.approx([100, 10], abs=0.3)
    finally:
        context.close()
        second.kill()


def ui_points(server: Killable) -> dict[str, list]:
    base = f"/api/projects/{server.identity}"
    video = server.client.get(base).json()["videos"][0]["id"]
    frames = server.client.get(f"{base}/videos/{video}/labels?start=0&stop=5").json()["frames"]
    return frames["0"]["instances"][0]["points"]
