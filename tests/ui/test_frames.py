"""The number that is shown is that of the picture that is shown: stepped, jumped, scrubbed, played."""

import base64
import time

import cv2
import numpy as np
import pytest

from tests.clips import VARIANTS, read_barcode, write_clip
from tests.server.conftest import project_for

FRAMES = 90
CLIPS = ["plain", "b-frames", "long-gop", "open-gop", "variable-rate", "rotated-90", "rotated-180", "transport-stream"]


def size_of(name: str) -> tuple[int, int]:
    width, height = VARIANTS[name].size
    return (height, width) if VARIANTS[name].rotation == 90 else (width, height)


def upright(name: str):
    """A turned clip shows its barcode turned: how to read it."""
    return {"rotated-90": 1, "rotated-180": 2}.get(name, 0)


def shown(ui, name: str) -> int:
    """The barcode on the screen."""
    scale, x, y = ui.view()
    width, height = size_of(name)
    matrix = np.array([[scale, 0, x + 0.5 * scale - 0.5], [0, scale, y + 0.5 * scale - 0.5]])
    image = cv2.warpAffine(ui.pixels(), matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return read_barcode(np.rot90(image, upright(name)))


# that each of them is decoded exactly is seen in tests/video
SEEN = ("b-frames", "variable-rate", "rotated-90", "transport-stream")


@pytest.mark.parametrize("name", [n if n in SEEN else pytest.param(n, marks=pytest.mark.slow) for n in CLIPS])
def test_the_number_shown_is_the_frame_shown(ui, name, tmp_path, rng):
    path = tmp_path / f"clip{VARIANTS[name].suffix}"
    write_clip(path, VARIANTS[name], FRAMES)
    ui.label(project_for(path))
    page = ui.page

    def agrees() -> int:
        number = ui.number
        assert shown(ui, name) == number
        return number

    assert agrees() == 0
    for key, frame in [("d", 1), ("ArrowRight", 2), ("Shift+ArrowRight", 12), ("a", 11), ("Shift+A", 1), ("End", 89),
                       ("ArrowLeft", 88), ("Home", 0)]:  # fmt: skip
        page.keyboard.press(key)
        ui.settled(frame)
        assert agrees() == frame
    for frame in rng.integers(0, FRAMES, 3).tolist():
        page.keyboard.press("g")
        page.locator("dialog input").fill(str(frame))
        page.keyboard.press("Enter")
        ui.settled(frame)
        assert agrees() == frame


@pytest.mark.alone  # its bounds are of what two seconds show
@pytest.mark.parametrize("name", [pytest.param("long-gop", marks=pytest.mark.slow), "variable-rate", "rotated-90"])
def test_scrubbed_and_held_and_played(ui, tmp_path, name):
    """While it moves, number and picture are read at one moment, from the canvas itself."""
    times_ms = write_clip(tmp_path / "clip.mp4", VARIANTS[name], 250)
    ui.label(project_for(tmp_path / "clip.mp4"))
    page = ui.page
    # the picture and the number of one moment: what the canvas holds when the number is read
    look = """() => {
        const canvas = document.querySelector("canvas[data-role=frame]");
        return [Number(canvas.dataset.shown), canvas.toDataURL("image/png"),
                [canvas.dataset.scale, canvas.dataset.x, canvas.dataset.y].map(Number), devicePixelRatio];
    }"""

    def moment() -> int:
        number, url, (scale, x, y), _ = page.evaluate(look)
        image = cv2.imdecode(np.frombuffer(base64.b64decode(url.split(",")[1]), np.uint8), cv2.IMREAD_COLOR)
        matrix = np.array([[scale, 0, x + 0.5 * scale - 0.5], [0, scale, y + 0.5 * scale - 0.5]])
        small = cv2.warpAffine(image, matrix, size_of(name), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        assert read_barcode(np.rot90(small[..., ::-1], upright(name))) == number
        return number

    line = page.locator("canvas[role=slider]").bounding_box()
    assert line is not None
    page.mouse.move(line["x"] + 2, line["y"] + 20)
    page.mouse.down()
    scrubbed = set()
    for part in np.linspace(0, 0.99, 25):
        page.mouse.move(line["x"] + part * line["width"], line["y"] + 20)
        scrubbed.add(moment())
    page.mouse.up()
    ui.settled(247)
    assert moment() == 247 and len(scrubbed) > 5
    page.keyboard.press("Home")
    ui.settled(0)
    page.keyboard.down("d")
    held = []
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        held.append(moment())
    page.keyboard.up("d")
    assert held == sorted(held) and held[-1] > 15
    page.keyboard.press("Home")
    ui.settled(0)
    page.keyboard.press("p")
    played = []
    end = time.monotonic() + 2.0
    while time.monotonic() < end:
        played.append(moment())
    page.keyboard.press("p")
    rate = 1000 * (len(times_ms) - 1) / times_ms[-1]
    assert played == sorted(played) and 0.8 * rate < played[-1] < 3.2 * rate  # two seconds
    page.wait_for_selector("canvas[data-role=frame][data-exact=true]")
    assert moment() == ui.number


def test_a_damaged_frame_says_so_and_the_others_are_shown(ui, tmp_path):
    path = tmp_path / "clip.mov"
    write_clip(path, VARIANTS["mov-mjpeg"], 20)
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data) - 2) if data[i : i + 3] == b"\xff\xd8\xff"]
    data[starts[7] : starts[8]] = bytes(starts[8] - starts[7])
    path.write_bytes(bytes(data))
    ui.label(project_for(path))
    for _ in range(6):
        ui.page.keyboard.press("d")
    ui.settled(6)
    ui.page.keyboard.press("d")
    ui.page.get_by_role("alert").filter(has_text="7").wait_for()
    ui.click(20, 20)  # no label goes to a frame that nobody sees
    ui.page.keyboard.press("d")
    ui.settled(8)
    assert shown(ui, "mov-mjpeg") == ui.number == 8
    assert ui.labels(ui.page.url.split("/p/")[1].split("/")[0]) == {}


def test_a_video_that_changed_says_so(ui, tmp_path):
    path = tmp_path / "clip.mp4"
    write_clip(path, VARIANTS["plain"], 20)
    project = project_for(path)
    write_clip(path, VARIANTS["b-frames"], 30)
    identity = ui.live.workspace.open(project).id
    ui.visit(f"#/p/{identity}/label")
    ui.page.get_by_role("alert").filter(has_text="clip.mp4").first.wait_for()
