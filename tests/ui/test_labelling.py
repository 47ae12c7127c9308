"""Labelling as a person does it, in both languages, with keys by their place on the keyboard."""

import re
import time

import cv2
import numpy as np
import pytest

from krolik.actions import selecting
from krolik.actions.adding import add_videos
from krolik.poses import Predictions
from krolik.project import ProjectFile, labels, predictions, runs, videos
from krolik.video.writer import VideoWriter
from tests.clips import VARIANTS, write_clip
from tests.server.conftest import project_for
from tests.ui.conftest import Ui, text

TARGETS = [(40, 30), (99, 77), (201, 150), (305, 20), (14, 160)]


@pytest.fixture
def targets(tmp_path):
    """A clip with dark crosses at known places."""
    from fractions import Fraction

    with VideoWriter(tmp_path / "targets.mp4", (320, 180), Fraction(25)) as writer:
        for _ in range(5):
            image = np.full((180, 320, 3), 200, np.uint8)
            for x, y in TARGETS:
                image[max(0, y - 3) : y + 4, x] = image[y, max(0, x - 3) : x + 4] = 0
            writer.write(image)
    return project_for(tmp_path / "targets.mp4")


def centre_on_screen(ui: Ui, x: int, y: int) -> tuple[float, float]:
    """Where the cross is in the window, found in the picture of the screen and not by the page's own arithmetic."""
    image = ui.pixels().mean(axis=2)
    near = ui.spot(x, y)
    box = ui.overlay.bounding_box()
    left, top = near[0] - box["x"], near[1] - box["y"]
    reach = int(6 * ui.view()[0]) + 2
    x0, y0 = max(0, int(left) - reach), max(0, int(top) - reach)
    window = image[y0 : int(top) + reach, x0 : int(left) + reach]
    dark = np.clip(150 - window, 0, None)
    rows, columns = dark.sum(axis=1), dark.sum(axis=0)
    # the arms: the row and the column with most dark
    row = np.average(np.arange(len(rows)), weights=np.where(rows > 0.6 * rows.max(), rows, 0))
    column = np.average(np.arange(len(columns)), weights=np.where(columns > 0.6 * columns.max(), columns, 0))
    return box["x"] + x0 + column + 0.5, box["y"] + y0 + row + 0.5


@pytest.mark.parametrize(
    "zoom", [0, pytest.param(3, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.slow), 12]
)
def test_a_label_lands_on_its_target_at_every_zoom(ui, targets, zoom):
    identity = ui.label(targets)
    for keypoint, (x, y) in enumerate(TARGETS):
        ui.page.keyboard.press("f")
        time.sleep(0.45)  # twice within a moment means the animal
        ui.page.mouse.move(*ui.spot(x, y))
        for _ in range(zoom):
            ui.page.mouse.wheel(0, -120)
        ui.page.wait_for_timeout(50)
        ui.page.keyboard.press(str(keypoint + 1))
        place = centre_on_screen(ui, x, y)
        ui.page.mouse.click(*place)
        ui.saved()
        state, found_x, found_y = ui.points(identity, 0)[keypoint]
        assert state == 3
        assert abs(found_x - x) <= 0.5 and abs(found_y - y) <= 0.5, (zoom, (x, y), (found_x, found_y))


def test_labels_of_large_images_are_in_their_own_pixels(ui, tmp_path):
    """The page fetches pictures no wider than it shows them; images of a folder may have sizes of their own."""
    folder, discs = tmp_path / "images", [((1920, 1080), (1500, 800)), ((1600, 1200), (300, 1000))]
    folder.mkdir()
    for number, (size, disc) in enumerate(discs):
        image = np.full((size[1], size[0], 3), 90, np.uint8)
        cv2.circle(image, disc, 30, (255, 255, 255), -1)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    identity = ui.label(project_for(folder))
    for number, (_, (x, y)) in enumerate(discs):
        ui.settled(number)
        ui.page.wait_for_timeout(300)  # for a picture of another width
        rows, columns = np.nonzero(ui.pixels().min(axis=2) > 250)
        box = ui.overlay.bounding_box()
        ui.page.mouse.click(box["x"] + columns.mean() + 0.5, box["y"] + rows.mean() + 0.5)
        ui.saved()
        state, found_x, found_y = ui.points(identity, number)[0]
        assert state == 3 and abs(found_x - x) <= 1.5 and abs(found_y - y) <= 1.5
        ui.page.keyboard.press("d")


def test_click_drag_states_and_holes(ui, project):
    identity = ui.label(project)
    page = ui.page
    ui.click(20, 10)
    ui.click(40, 10)
    page.keyboard.press("s")  # leaves a hole
    ui.click(60, 10)
    page.keyboard.press("e")  # absent
    ui.click(80, 10)
    page.keyboard.press("q")  # occluded
    ui.saved()
    points = ui.points(identity, 0)
    assert {k: p[0] for k, p in points.items()} == {0: 3, 1: 3, 3: 3, 4: 1, 5: 2}
    ui.drag((20, 10), (30, 20))
    ui.click(40, 10, button="right")
    ui.saved()
    points = ui.points(identity, 0)
    assert points[0][1:] == pytest.approx([30, 20], abs=0.3) and points[1][0] == 2
    ui.click(40, 10, button="right")
    ui.saved()
    assert ui.points(identity, 0)[1] == [1]
    page.keyboard.press("3")  # the hole
    ui.click(50, 30)
    ui.saved()
    assert ui.points(identity, 0)[2][1:] == pytest.approx([50, 30], abs=0.3)


def test_keypoints_on_top_of_each_other_and_a_correction_on_the_way(ui, project):
    """Two ear tips seen from the side; a point is dragged meanwhile, and the next click is for the next keypoint."""
    identity = ui.label(project)
    for place in ((40, 20), (40, 20), (41, 21)):
        ui.click(*place)
    ui.drag((41, 21), (60, 30))
    ui.click(80, 40)
    ui.saved()
    found = {keypoint: point[1:] for keypoint, point in ui.points(identity, 0).items()}
    wanted = {0: (40, 20), 1: (40, 20), 2: (60, 30), 3: (80, 40)}
    assert found.keys() == wanted.keys()
    assert all(found[k] == pytest.approx(wanted[k], abs=0.3) for k in (0, 1, 3))
    assert found[2] == pytest.approx((60, 30), abs=0.5)
    ui.page.keyboard.press("Escape")  # nothing waits for a place any more: a click chooses
    ui.click(80, 40)
    ui.page.keyboard.press("Delete")
    ui.saved()
    assert sorted(ui.points(identity, 0)) == [0, 1, 2]


def test_undo_and_redo_survive_a_reload(ui, project):
    identity = ui.label(project)
    for x in (20, 40, 60):
        ui.click(x, 10)
    ui.saved()
    ui.page.reload()
    ui.settled()
    ui.page.keyboard.press("Control+z")
    ui.page.wait_for_selector(".toast")
    ui.page.keyboard.press("Control+z")
    ui.page.wait_for_timeout(300)
    assert sorted(ui.points(identity, 0)) == [0]
    ui.page.keyboard.press("Control+Shift+z")
    ui.page.wait_for_timeout(300)
    assert sorted(ui.points(identity, 0)) == [0, 1]


def test_the_queue_brings_frame_after_frame_without_a_key(ui, project):
    """From a selection to labelled frames: after the last keypoint the next frame comes by itself."""
    with ProjectFile.open(project) as file:
        from krolik.actions.selecting import mark

        mark(file, "clip.mp4", [5, 25, 45], "test")
    identity = ui.label(project)
    ui.settled(5)
    for following in (25, 45, None):
        for keypoint in range(8):
            ui.click(20 + 10 * keypoint, 40)
        if following:
            ui.settled(following)
    ui.saved()
    labelled = ui.labels(identity)
    assert {f: len(d["instances"][0]["points"]) for f, d in labelled.items()} == {5: 8, 25: 8, 45: 8}
    ui.page.keyboard.press("Space")
    ui.page.get_by_role("status").filter(has_text=text("queue.done")).first.wait_for()


def test_marking_while_watching(ui, project):
    identity = ui.label(project)
    for key, frame in (("v", 0), ("d", 1), ("d", 2), ("v", 2)):
        ui.page.keyboard.press(key)
        ui.settled(frame)
    ui.page.wait_for_timeout(300)
    ui.page.keyboard.press("Home")
    ui.settled(0)
    line = ui.page.locator("canvas[role=slider]").bounding_box()
    ui.page.keyboard.down("Shift")
    ui.page.mouse.move(line["x"] + 0.5 * line["width"], line["y"] + 10)
    ui.page.mouse.down()
    ui.page.mouse.move(line["x"] + 0.55 * line["width"], line["y"] + 10, steps=3)
    ui.page.mouse.up()
    ui.page.keyboard.up("Shift")
    ui.page.wait_for_timeout(300)
    (lanes,) = ui.live.client.get(f"/api/projects/{identity}/overview").json()["lanes"].values()
    assert lanes["selected"][:2] == [0, 2] and lanes["selected"][2:] in ([30, 31, 32, 33], [30, 31, 32])


def test_a_thumbnail_of_the_queue_unselects_its_frame(ui, project):
    with ProjectFile.open(project) as file:
        from krolik.actions.selecting import mark

        mark(file, "clip.mp4", [5, 25], "test")
    identity = ui.label(project)
    ui.page.locator("aside.queue li").nth(1).get_by_role("button").last.click()
    ui.page.locator("aside.queue li").nth(1).wait_for(state="detached")
    (lanes,) = ui.live.client.get(f"/api/projects/{identity}/overview").json()["lanes"].values()
    assert lanes["selected"] == [5]


def test_copy_interpolate_swap_and_no_animal(ui, project):
    identity = ui.label(project)
    page = ui.page
    for keypoint in range(8):
        ui.click(20 + 10 * keypoint, 10)
    page.keyboard.press("g")
    page.locator("dialog input").fill("10")
    page.keyboard.press("Enter")
    ui.settled(10)
    page.keyboard.press("c")
    page.wait_for_timeout(200)
    ui.saved()
    assert ui.points(identity, 10) == ui.points(identity, 0)
    ui.drag((20, 10), (40, 30))
    ui.saved()
    for _ in range(5):
        page.keyboard.press("a")
    ui.settled(5)
    page.keyboard.press("i")
    page.get_by_role("button", name=text("label.accept")).wait_for()
    assert 5 not in ui.labels(identity)  # proposals are no labels
    page.locator("canvas[data-role=overlay]").focus()
    page.keyboard.press("Enter")
    ui.saved()
    page.wait_for_timeout(200)
    middle = ui.points(identity, 5)
    assert middle[0][1:] == pytest.approx([30, 20], abs=0.5) and middle[1][1:] == pytest.approx([30, 10], abs=0.5)
    page.keyboard.press("g")
    page.locator("dialog input").fill("5")
    page.keyboard.press("Enter")
    ui.settled(5)
    page.keyboard.press("l")
    ui.saved()
    swapped = ui.points(identity, 5)
    assert swapped[1] == middle[2] and swapped[2] == middle[1] and swapped[0] == middle[0]
    page.keyboard.press("Home")
    ui.settled(0)
    page.keyboard.press("d")
    ui.settled(1)
    page.keyboard.press("n")
    ui.saved()
    assert ui.labels(identity)[1]["instances"] == []


def test_several_animals_and_whole_poses(ui, project):
    identity = ui.label(project)
    page = ui.page
    page.keyboard.press("m")
    page.keyboard.press("m")  # sequence, loop, pose
    page.wait_for_timeout(200)
    ui.click(64, 32)
    ui.saved()
    assert len(ui.points(identity, 0)) == 8
    page.keyboard.press("t")
    ui.click(30, 50)
    ui.saved()
    first, second = ui.labels(identity)[0]["instances"]
    assert first["id"] != second["id"] and len(second["points"]) == 8
    page.get_by_label(text("label.track")).fill("Белка")
    page.keyboard.press("Enter")
    ui.overlay.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Delete")
    ui.saved()
    (left,) = ui.labels(identity)[0]["instances"]
    assert left["track"] == "Белка"


def test_everything_by_keyboard_and_list(ui, project):
    identity = ui.label(project)
    page = ui.page
    page.get_by_role("listbox").focus()
    page.keyboard.press("Enter")  # in the middle of the view
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Control+Shift+ArrowDown")
    ui.saved()
    page.wait_for_timeout(100)
    points = ui.points(identity, 0)
    assert points[0][1:] == pytest.approx([63.5, 31.5], abs=1)
    assert points[1][1] == pytest.approx(points[0][1] + 1) and points[1][2] == pytest.approx(points[0][2] + 10)


def test_keys_work_under_a_russian_layout(ui, project):
    """The physical key D reports «в» there; what counts is its place."""
    ui.label(project)
    press = """([code, key]) => {
        const target = document.querySelector("canvas[data-role=overlay]");
        for (const type of ["keydown", "keyup"])
            target.dispatchEvent(new KeyboardEvent(type, { code, key, bubbles: true, cancelable: true }));
    }"""
    for code, key, frame in (("KeyD", "в", 1), ("KeyD", "в", 2), ("KeyA", "ф", 1)):
        ui.page.evaluate(press, [code, key])
        ui.settled(frame)


def test_keys_can_be_changed_and_help_is_searched(ui, project):
    ui.label(project)
    page = ui.page
    page.keyboard.press("F1")
    page.get_by_role("textbox").fill("undo")
    row = page.get_by_role("listitem").filter(has_text=text("action.undo")).first
    row.get_by_role("button", name=text("keys.change")).click()
    page.keyboard.press("d")  # taken
    page.get_by_role("alert").filter(has_text=text("action.next")).wait_for()
    page.keyboard.press("u")
    page.locator("kbd").filter(has_text=re.compile("^U")).first.wait_for()
    page.keyboard.press("Escape")
    ui.click(20, 10)
    ui.saved()
    page.keyboard.press("u")
    page.wait_for_timeout(300)
    assert ui.labels(ui.live.workspace.open(project).id) == {}


def test_a_label_outside_the_frame_is_refused_in_words(ui, project):
    identity = ui.label(project)
    ui.page.keyboard.press("Minus")
    ui.page.wait_for_timeout(50)
    ui.click(-8, 20)
    ui.page.get_by_role("alert").filter(has_text="nose").wait_for()
    assert ui.labels(identity) == {}


def test_zoom_is_kept_across_frames(ui, project):
    ui.label(project)
    ui.page.mouse.move(*ui.spot(100, 20))
    before = ui.spot(100, 20)
    ui.page.mouse.wheel(0, -600)
    ui.page.wait_for_timeout(50)
    view = ui.view()
    assert ui.spot(100, 20) == pytest.approx(before, abs=1.5)
    ui.page.keyboard.press("d")
    ui.settled(1)
    assert ui.view() == view


def test_touch_places_and_pinches(browser, live, project):
    context = browser.new_context(has_touch=True, viewport={"width": 1000, "height": 700})
    ui = Ui(context.new_page(), live)
    identity = ui.label(project)
    ui.page.touchscreen.tap(*ui.spot(50, 20))
    ui.saved()
    assert ui.points(identity, 0)[0][1:] == pytest.approx([50, 20], abs=0.5)
    scale = ui.view()[0]
    pinch = """() => {
        const target = document.querySelector("canvas[data-role=overlay]"), area = target.getBoundingClientRect();
        target.setPointerCapture = () => {};
        const send = (type, id, x, y) => target.dispatchEvent(new PointerEvent(type, { pointerId: id, pointerType:
            "touch", clientX: area.left + x, clientY: area.top + y, bubbles: true, isPrimary: id === 1 }));
        send("pointerdown", 1, 200, 200); send("pointerdown", 2, 300, 200);
        send("pointermove", 2, 400, 200); send("pointerup", 2, 400, 200); send("pointerup", 1, 200, 200);
    }"""
    ui.page.evaluate(pinch)
    ui.page.wait_for_timeout(50)
    assert ui.view()[0] == pytest.approx(2 * scale, rel=0.01)
    assert len(ui.points(identity, 0)) == 1
    context.close()


def test_brightness_and_contrast_change_no_data(ui, project):
    identity = ui.label(project)
    before = ui.pixels().mean()
    ui.page.get_by_label(text("label.brightness")).fill("2")
    ui.page.wait_for_timeout(100)
    assert ui.pixels().mean() > before * 1.2
    assert ui.labels(identity) == {}
    assert ui.live.client.get(f"/api/projects/{identity}").json()["revision"] == 1


def test_the_loupe_and_hiding_last_as_long_as_their_keys(ui, project):
    ui.label(project)
    ui.click(30, 20)
    ui.saved()
    ui.page.mouse.move(*ui.spot(64, 32))
    ui.page.keyboard.press("Escape")  # a key shows where the focus is
    ui.page.wait_for_timeout(100)
    plain = ui.pixels()
    for key in ("z", "h"):
        ui.page.keyboard.down(key)
        ui.page.wait_for_timeout(100)
        assert not np.array_equal(ui.pixels(), plain), key
        ui.page.keyboard.up(key)
        ui.page.wait_for_timeout(100)
        assert np.array_equal(ui.pixels(), plain), key


def test_a_cyrillic_project_of_several_videos(ui, tmp_path):
    folder = tmp_path / "Опыт №1"
    folder.mkdir()
    for name, frames in (("утро.mp4", 20), ("вечер.mp4", 30)):
        write_clip(folder / name, VARIANTS["plain"], frames)
    project = project_for(folder / "утро.mp4")
    import krolik as package

    with package.open(project) as opened:
        opened.add(folder / "вечер.mp4")
        opened.mark("вечер.mp4", [3])
        opened.mark("утро.mp4", [7])
    ui.label(project)
    shown = ui.page.locator(".bar select")
    names = set()
    for _ in range(2):
        names.add(shown.locator("option:checked").inner_text())
        ui.page.keyboard.press("Space")
        ui.page.wait_for_timeout(500)
    assert names == {"утро.mp4", "вечер.mp4"}


@pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language
def test_the_video_that_was_chosen_stays_whatever_the_address_named(ui, project):
    """A link names the first video; the list, the queue and what others do lead to where they say."""
    write_clip(project.parent / "other.mp4", VARIANTS["plain"], 30)
    with ProjectFile.open(project) as file:
        (other,) = add_videos(file, [project.parent / "other.mp4"], "test")
        first = videos.record(file, "clip.mp4")
        selecting.mark(file, first.id, [5, 9], "test")
        selecting.mark(file, other.id, [7, 12], "test")
    identity = ui.live.workspace.open(project).id
    ui.visit(f"#/p/{identity}/label/{first.id}/5")
    ui.settled(5)
    chosen = ui.page.locator(".bar select").first
    chosen.select_option(other.id)
    ui.settled(7)
    ui.click(20, 10)
    ui.saved()
    ui.page.wait_for_timeout(300)  # what was saved is told to the page
    assert chosen.input_value() == other.id and ui.number == 7
    ui.page.keyboard.press("Space")
    ui.settled(12)
    assert chosen.input_value() == other.id
    ui.page.keyboard.press("Space")
    ui.page.wait_for_function("id => document.querySelector('.bar select').value === id", arg=first.id)
    ui.settled(5)
    ui.page.keyboard.press("d")
    ui.settled(6)
    ui.page.reload()
    ui.settled(6)
    ui.visit(f"#/p/{identity}/results/{first.id}")
    chosen = ui.page.locator(".bar select").first
    chosen.select_option(other.id)
    with ProjectFile.open(project) as file:
        selecting.mark(file, first.id, [20], "test")
    ui.page.wait_for_timeout(1500)
    assert chosen.input_value() == other.id


@pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language
def test_accepting_takes_over_what_is_probable_only(ui, project):
    """A model's place for a keypoint that it hardly sees is shown, and no label until somebody drags it."""
    with ProjectFile.open(project) as file:
        video = videos.record(file, "clip.mp4")
        about = {"video": video.id, "model": "m", "start": 0, "stop": 60, "skeleton": labels.skeleton(file).to_json()}
        run = runs.start(file, "predict", about)
        places = np.linspace((10, 10), (150, 80), 8, dtype=np.float32)
        xy = np.tile(places, (60, 1, 1, 1))
        score = np.tile(np.array([0.9, 0.9, 0.05, 0.5, 0.19, 0.2, 0.1, 0.3], np.float32), (60, 1, 1))
        score[1] = 0.1
        predictions.store(file, run, video.id, Predictions(0, xy, score, np.ones(60, bool)))
    identity = ui.label(project)
    page = ui.page
    page.get_by_role("button", name=text("label.accept")).wait_for()
    ui.drag(tuple(places[2].tolist()), (60, 70))
    ui.saved()
    assert list(ui.points(identity, 0)) == [2]
    page.get_by_role("button", name=text("label.accept")).click()
    ui.saved()
    assert sorted(ui.points(identity, 0)) == [0, 1, 2, 3, 5, 7]
    page.keyboard.press("d")
    ui.settled(1)
    page.get_by_role("button", name=text("label.accept")).click()
    page.get_by_text(text("label.nothing-probable")).wait_for()
    assert list(ui.labels(identity)) == [0] and ui.number == 1
