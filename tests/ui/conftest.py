"""A real browser on a real server. A Chromium, Chrome or Edge that is installed is used, else one is installed."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.clips import VARIANTS, write_clip
from tests.server.conftest import KEY, Live, live, own_folders, project_for  # noqa: F401 (fixtures)

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def installed() -> str | None:
    """The path of a browser on this machine."""
    named = [os.environ.get("KROLIK_BROWSER"), *map(shutil.which, NAMES), *PLACES]
    return next((p for p in named if p and Path(p).exists()), None)


def install() -> None:
    """Playwright's own browser, else Debian's."""
    commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        commands = [["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "chromium"], *commands]
    for command in commands:
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if installed():
            return


@pytest.fixture(scope="session")
def browser():
    """Where none can be had, CI fails and a developer's tests are skipped."""
    if not installed():
        install()
    with sync_playwright() as playwright:
        root = hasattr(os, "geteuid") and os.geteuid() == 0
        try:
            found = playwright.chromium.launch(executable_path=installed(), args=QUIET + ["--no-sandbox"] * root)
        except Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no browser can be had here: {error.message.splitlines()[0]}")
        yield found
        found.close()


ONCE = {
    "test_labelling.py",
    "test_comparing.py",
    "test_engines.py",
    "test_frames.py",
    "test_importing.py",
    "test_saving.py",
    "test_start.py",
    "test_skeleton.py",
}


def pytest_collection_modifyitems(items) -> None:
    """Tests of these files do the same in both languages: one of them each time, the other one with the slow tests.

    Those that drive a browser run two at a time, after those that compute, unless they need the machine for themselves.
    """
    for item in items:
        if "browser" in item.fixturenames and not item.get_closest_marker("alone"):
            item.add_marker(pytest.mark.browser)
        if any(mark.args[0] == "ui" for mark in item.iter_markers("parametrize")):
            continue  # it has its language
        chosen = getattr(item, "callspec", None) and item.callspec.params.get("ui")
        if item.path.name in ONCE and chosen and chosen != ("en", "ru")[crc32(item.originalname.encode()) % 2]:
            item.add_marker(pytest.mark.slow)


class Ui:
    """A page of the user interface, and what a person does with it."""

    def __init__(self, page: Page, live: Live):  # noqa: F811
        self.page, self.live = page, live
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" and "Failed to load" not in m.text
                else None)  # fmt: skip

    def visit(self, path: str = "") -> None:
        self.page.goto(f"{self.live.address}/?token={KEY}{path}")

    def label(self, project: Path) -> str:
        """Opens the place where labels are made; the project's id."""
        identity = self.live.workspace.open(project).id
        self.visit(f"#/p/{identity}/label")
        self.settled()
        return identity

    @property
    def frame(self):
        return self.page.locator("canvas[data-role=frame]")

    @property
    def overlay(self):
        return self.page.locator("canvas[data-role=overlay]")

    @property
    def number(self) -> int:
        """The frame number that the page says."""
        return int(self.page.locator("[data-role=frame-number]").inner_text())

    def settled(self, frame: int | None = None) -> None:
        """Waits until an exact picture is shown (that of `frame`)."""
        wanted = f"[data-shown='{frame}']" if frame is not None else ":not([data-shown='-1'])"
        self.page.wait_for_selector(f"canvas[data-role=frame][data-exact=true]{wanted}")

    def saved(self) -> None:
        """Waits until every edit is acknowledged."""
        self.page.wait_for_selector("[data-role=saved][data-pending='0']")

    def view(self) -> tuple[float, float, float]:
        """(scale, x, y) of the picture on the screen, from the canvas's corner."""
        values = (self.frame.get_attribute(f"data-{name}") for name in ("scale", "x", "y"))
        scale, x, y = (float(v or 0) for v in values)
        return scale, x, y

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the image is in the window."""
        scale, left, top = self.view()
        box = self.overlay.bounding_box()
        assert box is not None
        return box["x"] + left + (x + 0.5) * scale, box["y"] + top + (y + 0.5) * scale

    def click(self, x: float, y: float, **options) -> None:
        self.page.mouse.click(*self.spot(x, y), **options)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        self.page.mouse.move(*self.spot(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.spot(*end), steps=steps)
        self.page.mouse.up()

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB of the canvases as they are on the screen."""
        data = self.overlay.screenshot()
        return cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)

    def labels(self, project: str) -> dict[int, dict]:
        """What the server has: for each labelled frame of the first video its document."""
        base = f"/api/projects/{project}"
        video = self.live.client.get(base).json()["videos"][0]
        frames = {}
        for start in range(0, video["frames"], 256):
            stretch = self.live.client.get(
                f"{base}/videos/{video['id']}/labels?start={start}&stop={start + 256}"
            ).json()
            frames |= {int(k): v for k, v in stretch["frames"].items()}
        return frames

    def points(self, project: str, frame: int) -> dict[int, list]:
        """The points of the first animal of a frame, by keypoint id."""
        document = self.labels(project).get(frame)
        return {int(k): v for k, v in document["instances"][0]["points"].items()} if document else {}


@pytest.fixture(params=["en", "ru"])
def ui(request, browser: Browser, live):  # noqa: F811
    """A page in English, then in Russian. No error may have been thrown in it."""
    context = browser.new_context(locale=request.param, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(15_000)
    found = Ui(page, live)
    yield found
    context.close()
    assert not found.errors


def text(entry: str) -> re.Pattern[str]:
    """What a catalogue entry says in either language, for locating."""
    import json

    folder = Path(__file__).parents[2] / "web" / "src" / "locales"
    found = [json.loads((folder / f"{code}.json").read_text("utf-8"))[entry] for code in ("en", "ru")]
    return re.compile("|".join(re.escape(f).replace("/", r"\/") for f in found))


@pytest.fixture
def project(tmp_path) -> Path:
    """A project with one clip of 60 frames, its number burnt into each."""
    write_clip(tmp_path / "clip.mp4", VARIANTS["b-frames"], 60)
    return project_for(tmp_path / "clip.mp4")


def place(ui: Ui, name: str) -> None:
    """Goes to a place of the project by the rail on the left."""
    ui.page.get_by_role("navigation").get_by_role("link", name=text(f"place.{name}")).click()


def drop(ui: Ui, files: list[Path], names: list[str] | None = None) -> None:
    """Drops files onto the page, under these names."""
    ui.page.locator(".drop").wait_for()
    ui.page.evaluate(
        """(files) => {
        const transfer = new DataTransfer();
        for (const [data, name] of files)
            transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
        document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true }));
    }""",
        [[base64.b64encode(f.read_bytes()).decode(), n] for f, n in zip(files, names or [f.name for f in files])],
    )


@pytest.fixture(scope="session")
def predicted(rabbit, small_model, tmp_path_factory) -> Path:
    """A folder with a project whose video has a (hardly trained) model and predictions; treat as read-only."""
    from krolik import api

    folder = tmp_path_factory.mktemp("predicted")
    shutil.copy(rabbit[0], folder / "rabbit.mp4")
    with api.open(small_model) as project:
        project.backup(folder / "rabbit.krolik")
    with api.open(folder / "rabbit.krolik") as project:
        project.relink(folder / "rabbit.mp4")
        project.predict(folder / "rabbit.mp4")
    return folder


@pytest.fixture
def modelled(predicted, tmp_path) -> Path:
    """A copy of it."""
    for name in ("rabbit.mp4", "rabbit.krolik"):
        shutil.copy(predicted / name, tmp_path / name)
    return tmp_path / "rabbit.krolik"
