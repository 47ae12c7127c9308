"""Takes the pictures of the page that the documents show: python docs/screenshots.py [FOLDER] (needs Chromium).

A generated rabbit, labelled by its truth, goes through the start page and every state of the places Videos, Train,
Results and Label, in both languages. Pictures whose names are in SHOWN belong to the documents; the others are for
looking at.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).parent.parent))

SHOWN = {"start", "videos", "train-running", "train-done", "results", "suggested"}
IMAGES = Path(__file__).parent / "images" / "ui"
WORDS = {"en": {"suggest": "Show where it is wrong"}, "ru": {"suggest": "Показать, где ошибки"}}


def main(folder: Path) -> None:
    from playwright.sync_api import sync_playwright

    from tests.ui.conftest import QUIET, installed

    folder.mkdir(parents=True, exist_ok=True)
    for language in WORDS:
        with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
            project = prepared(Path(place))
            environment = {**os.environ, "KROLIK_STATE": f"{place}/state", "KROLIK_CACHE": f"{place}/cache"}
            command = [sys.executable, "-m", "krolik", "ui", str(project), "--no-browser", "--port", "0"]
            server = subprocess.Popen([*command, "--root", place], stdout=subprocess.PIPE, text=True, env=environment)
            assert server.stdout is not None
            link = re.search(r"http\S+", server.stdout.readline())
            assert link is not None
            try:
                browser = playwright.chromium.launch(executable_path=installed(), args=[*QUIET, "--no-sandbox"])
                page = browser.new_page(viewport={"width": 1280, "height": 800}, locale=language)
                page.set_default_timeout(240_000)
                page.goto(link[0])
                Tour(page, folder, language).all()
                browser.close()
            finally:
                server.kill()
                server.wait()


def prepared(place: Path) -> Path:
    """A project with a video of 240 frames, 30 of them labelled."""
    from krolik.actions.reporter import Silent
    from krolik.demonstration.show import generate, label_exactly
    from krolik.project import ProjectFile
    from krolik.skeleton import template

    truth = generate(place / "rabbit.mp4", 0, 240, Silent())
    with ProjectFile.create(place / "rabbit.krolik", template("rabbit")) as file:
        label_exactly(file, place / "rabbit.mp4", truth, 8)
    return place / "rabbit.krolik"


class Tour:
    """Goes through the states of one project in one language and takes a picture of each."""

    def __init__(self, page, folder: Path, language: str):
        self.page, self.folder, self.language = page, folder, language
        page.wait_for_selector("canvas[data-role=frame][data-exact=true]")
        self.base = page.url.split("#")[0] + "#/p/" + page.url.split("/p/")[1].split("/")[0]

    def shoot(self, name: str) -> None:
        self.page.wait_for_timeout(600)
        path = self.folder / f"{name}-{self.language}.png"
        self.page.screenshot(path=path)
        if name in SHOWN:
            picture = cv2.imread(str(path))
            assert picture is not None
            cv2.imwrite(str(IMAGES / f"{name}-{self.language}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 82])

    def go(self, place: str) -> None:
        self.page.goto(f"{self.base}/{place}")

    def all(self) -> None:
        page = self.page
        self.first()
        self.go("results")
        page.wait_for_selector("canvas[data-role=frame][data-exact=true]")
        self.shoot("results-empty")
        self.go("train")
        page.locator("button.big").wait_for()
        self.shoot("train-empty")
        page.locator("details summary").first.click()
        page.locator("[data-role=plan]").wait_for()
        self.shoot("train-plan")
        page.locator("details summary").first.click()
        page.locator("input.own").fill("75s")
        page.locator("button.big").click()
        page.locator("[data-role=error]").wait_for()
        page.wait_for_timeout(25_000)
        self.shoot("train-running")
        page.locator("[data-role=training][data-status=done]").wait_for()
        page.locator("[data-role=models] input[type=checkbox]").first.check()
        page.locator("[data-role=models]").scroll_into_view_if_needed()
        self.shoot("train-done")
        self.failed()
        self.results()

    def first(self) -> None:
        """Where a project begins."""
        self.page.goto(self.base.split("#")[0] + "#/")
        self.page.locator("form input").first.wait_for()
        self.shoot("start")
        self.go("videos")
        self.page.wait_for_function("() => document.querySelector('article img')?.naturalWidth > 0")
        self.shoot("videos")

    def failed(self) -> None:
        """A training that cannot begin, and one that was cancelled."""
        page = self.page
        page.locator("details summary").first.click()
        page.locator("details input").first.fill("by-video")
        page.locator("button.big").click()
        page.locator("[data-role=training][data-status=failed]").wait_for()
        page.evaluate("document.querySelector('.page').scrollTo(0, 0)")
        self.shoot("train-failed")
        page.locator(".toast button").first.click()

    def results(self) -> None:
        page = self.page
        self.go("results")
        page.locator("[data-role=annotate]:not([disabled])").click()
        page.wait_for_timeout(2000)
        self.shoot("results-running")
        page.locator("[data-role=finished]").wait_for()
        page.wait_for_function("() => Number(document.querySelector('[data-role=poses]').dataset.points) > 0")
        page.get_by_role("slider").first.fill("60")
        self.shoot("results")
        page.get_by_role("button", name=WORDS[self.language]["suggest"]).click()
        page.wait_for_selector("[data-role=reasons]")
        self.shoot("suggested")
        self.go("settings")
        page.locator("[data-role=job-list] tbody tr").first.wait_for()
        self.shoot("settings")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="krolik-pictures-")))
