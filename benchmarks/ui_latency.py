"""How long the page takes, in a real browser: python benchmarks/ui_latency.py [--json FILE] [--steps N]

A generated 1080p clip (H.264, 30 frames/s, groups of 250 with B-frames, 1,800 frames), the server in a process of its
own as `krolik ui` runs it, Chromium without a screen or GPU on the same cores. Times are from the key or pointer to the
end of the browser's painting of the frame that shows it, so they include up to 17 ms of waiting for the screen. p50 and
p95 over N steps each.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

FRAMES, SIZE, GROUP = 600, (1920, 1080), 250
BOUNDS_MS = {
    "next, prefetched": 30,
    "next, cold": 80,
    "jump, proxy": 120,
    "edit, durable": 50,
    "next, while training": 50,
    "open, 1M predicted": 1000,
}

# `painted` is called after the browser has painted the animation frame in which the canvas has the wanted number
WATCH = """
    const frame = document.querySelector("canvas[data-role=frame]");
    const painted = (good, act) => {
        const after = () => requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => act(performance.now());
            channel.port2.postMessage(0);
        });
        const look = () => { if (good()) { observer.disconnect(); after(); } };
        const observer = new MutationObserver(look);
        observer.observe(frame, { attributes: true });
        look();
    };
"""
STEP = f"""([code, target]) => new Promise((done) => {{
    {WATCH}
    setTimeout(() => done(20000), 20000);
    const overlay = document.querySelector("canvas[data-role=overlay]");
    const start = performance.now();
    painted(() => Number(frame.dataset.shown) === target, (end) => done(end - start));
    for (const type of ["keydown", "keyup"])
        overlay.dispatchEvent(new KeyboardEvent(type, {{ code, bubbles: true, cancelable: true }}));
}})"""
JUMP = f"""([target]) => new Promise((done) => {{
    {WATCH}
    const line = document.querySelector("canvas[role=slider]"), area = line.getBoundingClientRect();
    const frames = Number(line.getAttribute("aria-valuemax")) + 1;
    const x = area.left + (target + 0.5) / frames * area.width, y = area.top + 5;
    const goal = Math.floor((x - area.left) / area.width * frames);
    const result = {{}};
    setTimeout(() => done({{ shown: 20000, exact: 20000, ...result }}), 20000);
    line.setPointerCapture = () => {{}};
    const start = performance.now();
    const there = () => Number(frame.dataset.shown) === goal;
    painted(there, (end) => (result.shown = end - start));
    painted(() => there() && frame.dataset.exact === "true", (end) => done({{ ...result, exact: end - start }}));
    for (const type of ["pointerdown", "pointerup"])
        line.dispatchEvent(new PointerEvent(type, {{ clientX: x, clientY: y, pointerId: 1, bubbles: true }}));
}})"""


def write_clip(path: Path) -> None:
    """Textured, moving, noisy: neither easier nor harder to decode than a room with an animal."""
    rng = np.random.default_rng(0)
    width, height = SIZE
    room = np.kron(rng.integers(60, 190, (height // 8, width // 8, 3), np.uint8), np.ones((8, 8, 1), np.uint8))
    noise = rng.integers(0, 8, (4, height, width, 3), np.uint8)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast", "crf": "23", "g": str(GROUP), "bf": "3", "x264-params": "scenecut=0"}
        stream = container.add_stream("libx264", rate=Fraction(30), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for i in range(FRAMES):
            image = room + noise[i % 4]
            x, y = int(900 + 700 * np.cos(i / 50)), int(500 + 350 * np.sin(i / 35))
            image[y : y + 120, x : x + 160] = 40
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def predict_a_million(project: Path) -> None:
    """A million predicted frames of a video that is not looked at (its file need not exist)."""
    from krolik.poses import BLOCK, Predictions
    from krolik.project import ProjectFile, predictions, runs, videos
    from krolik.skeleton import template

    rng = np.random.default_rng(0)
    with ProjectFile.open(project) as file:
        video = videos.records(file)[0].id
        run = runs.start(
            file,
            "predict",
            {"video": video, "model": "m", "start": 0, "stop": 10**6, "skeleton": template("rabbit").to_json()},
        )
        xy = rng.uniform(0, 1000, (BLOCK, 1, 8, 2)).astype(np.float32)
        score = np.ones((BLOCK, 1, 8), np.float32)
        with file.write():
            for start in range(0, 10**6, BLOCK):
                predictions.store(file, run, video, Predictions(start, xy, score, np.ones(BLOCK, bool)))


def measure(folder: Path, steps: int) -> dict[str, list[float]]:
    from playwright.sync_api import expect, sync_playwright

    from tests.ui.conftest import QUIET, installed

    clip = folder / "clip.mp4"
    write_clip(clip)
    environment = {**os.environ, "KROLIK_STATE": str(folder / "state"), "KROLIK_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "krolik", "ui", str(clip), "--no-browser", "--port", "0", "--root", str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert server.stdout is not None
    link = re.search(r"http\S+", server.stdout.readline())
    assert link is not None
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=installed(), args=[*QUIET, "--no-sandbox"])
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(link[0])
            page.wait_for_selector("canvas[data-role=frame][data-exact=true]")
            work = page.get_by_role("progressbar")  # frames are selected and the display copy is made
            expect(work).to_have_count(0, timeout=600_000)
            found = in_page(page, steps, np.random.default_rng(1))
            found["next, while training"] = while_training(page, folder, steps)
            browser.close()
            predict_a_million(folder / "clip.krolik")
            found["the project alone"] = opened_alone(folder / "clip.krolik")
            found["open, 1M predicted"] = opened(playwright, installed(), link[0], [*QUIET, "--no-sandbox"])
        return found
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()


def in_page(page, steps: int, rng: np.random.Generator) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"next, prefetched": [], "next, cold": [], "jump, proxy": [], "jump, exact": []}
    shown = lambda: int(page.get_attribute("canvas[data-role=frame]", "data-shown"))  # noqa: E731
    page.wait_for_timeout(1000)
    for _ in range(steps):
        found["next, prefetched"].append(page.evaluate(STEP, ["KeyD", shown() + 1]))
        page.wait_for_timeout(150)
    for _ in range(steps):
        result = page.evaluate(JUMP, [int(rng.integers(0, FRAMES))])
        found["jump, proxy"].append(result["shown"])
        found["jump, exact"].append(result["exact"])
        page.wait_for_timeout(300)
    network = page.context.new_cdp_session(page)  # refused in the browser: this program's own work would count too
    network.send("Network.enable")
    network.send("Network.setBlockedURLs", {"urls": ["*ahead=true*"]})
    for jump in range(4):
        page.evaluate(JUMP, [int(FRAMES * (0.1 + 0.2 * jump))])
        page.wait_for_timeout(500)
        for _ in range(steps // 4):
            found["next, cold"].append(page.evaluate(STEP, ["KeyD", shown() + 1]))
            page.wait_for_timeout(30)
    network.send("Network.setBlockedURLs", {"urls": []})
    page.evaluate("performance.clearResourceTimings()")  # a browser remembers only 250 of them
    area = page.locator("canvas[data-role=overlay]").bounding_box()
    for i in range(8):
        page.mouse.click(area["x"] + 200 + 40 * i, area["y"] + 200)
        page.wait_for_timeout(60)
    found["edit, durable"] = page.evaluate("""() => performance.getEntriesByType("resource")
        .filter((e) => /labels\\/\\d+$/.test(e.name)).map((e) => e.responseEnd - e.startTime)""")
    return found


def while_training(page, folder: Path, steps: int) -> list[float]:
    """The next frame, as in the first row, while a training runs that has every core."""
    import krolik
    from krolik import jobs as control
    from krolik.actions.labelling import Point, SetPoints
    from krolik.poses import State
    from krolik.project import jobs

    os.environ["KROLIK_STATE"] = str(folder / "state")
    with krolik.open(folder / "clip.krolik") as project:
        for i in range(0, FRAMES, 30):  # the corners and edges of the dark rectangle
            x, y = int(900 + 700 * np.cos(i / 50)), int(500 + 350 * np.sin(i / 35))
            places = [(x + dx, y + dy) for dx in (0, 80, 159) for dy in (0, 60, 119)]
            points = {k: Point(State.VISIBLE, *place) for k, place in enumerate(places[:8])}
            project.label("clip.mp4", i, SetPoints("a", points))
        job = project.start("train", budget="20m").id
        while not any(e.kind == "curve" for e in jobs.events(project.file, 0, job)):
            page.wait_for_timeout(200)
        page.evaluate(JUMP, [10])
        page.wait_for_timeout(3000)
        times = []
        for _ in range(steps):
            shown = int(page.get_attribute("canvas[data-role=frame]", "data-shown"))
            times.append(page.evaluate(STEP, ["KeyD", shown + 1]))
            page.wait_for_timeout(150)
        assert jobs.get(project.file, job).status == "running"
        control.cancel(project.file, job)
        control.wait(project.file, job, 60)
    return times


def opened_alone(project: Path) -> list[float]:
    """Opening the file and reading all that the timeline shows, without a browser."""
    from krolik.project import ProjectFile
    from krolik.server.overview import Overviews

    times = []
    for _ in range(20):
        start = time.perf_counter()
        with ProjectFile.open(project) as file:
            Overviews(file).now()
        times.append(1000 * (time.perf_counter() - start))
    return times


def opened(playwright, browser_path: str | None, link: str, arguments: list[str]) -> list[float]:
    """From the address to the frame on the canvas, each in a fresh browser context."""
    times = []
    browser = playwright.chromium.launch(executable_path=browser_path, args=arguments)
    for _ in range(20):
        context = browser.new_context(viewport={"width": 1400, "height": 900})
        page = context.new_page()
        start = time.perf_counter()
        page.goto(link)
        page.wait_for_selector("canvas[data-role=frame]:not([data-shown='-1'])")
        times.append(1000 * (time.perf_counter() - start))
        context.close()
    browser.close()
    return times


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.steps)
    table = {}
    for name, times in found.items():
        p50, p95 = np.percentile(times, [50, 95])
        bound = BOUNDS_MS.get(name)
        table[name] = {
            "n": len(times),
            "p50_ms": round(float(p50), 1),
            "p95_ms": round(float(p95), 1),
            "bound_ms": bound,
        }
        print(f"{name:20} n {len(times):3}  p50 {p50:7.1f} ms  p95 {p95:7.1f} ms  bound {bound or '-'}")
    if options.json:
        options.json.write_text(json.dumps(table, indent=2))


if __name__ == "__main__":
    main()
