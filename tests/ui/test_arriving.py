"""What is clicked on a frame becomes its labels, in order, however slowly they come and however one got there."""

import numpy as np
import pytest

from krolik.actions import skeletons
from krolik.actions.labelling import Point, SetPoints, label
from krolik.poses import FrameKey, Predictions, State
from krolik.project import ProjectFile, labels, predictions, runs, videos
from tests.clips import VARIANTS, write_clip
from tests.server.conftest import project_for
from tests.ui.conftest import text

TARGETS = [(20, 20), (60, 30), (100, 45), (30, 50)]
pytestmark = pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language


@pytest.fixture
def long(tmp_path):
    """A project with a clip of 250 frames, of which labels are fetched in stretches."""
    write_clip(tmp_path / "clip.mp4", VARIANTS["long-gop"], 250)
    return project_for(tmp_path / "clip.mp4")


def click_all(ui) -> None:
    for target in TARGETS:
        ui.click(*target)
    ui.saved()


def placed(ui, project: str, frame: int) -> list[list[int]]:
    """The places of the labels of a frame, by keypoint, rounded."""
    points = ui.points(project, frame)
    assert sorted(points) == list(range(len(points)))
    return [[round(v) for v in points[keypoint][1:]] for keypoint in sorted(points)]


def test_clicks_keep_their_order_while_labels_are_fetched_twice(ui, long):
    """The labels of a frame are on their way when a change elsewhere has them fetched again, which is sooner."""
    identity = ui.label(long)
    held = []

    def hold(route):
        held.append(route) if not held else route.continue_()

    ui.page.route("**/labels?start=*", hold)
    ui.page.keyboard.press("g")
    ui.page.locator("dialog input").fill("120")
    ui.page.keyboard.press("Enter")
    ui.settled(120)
    ui.click(*TARGETS[0])
    with ui.page.expect_response(lambda r: "/labels?start=" in r.url), ProjectFile.open(long) as file:
        video = videos.record(file, "clip.mp4").id
        label(file, FrameKey(video, 125), [SetPoints("a", {0: Point(State.VISIBLE, 5, 5)})], "another person")
    for target in TARGETS[1:]:
        ui.click(*target)
    held[0].continue_()
    ui.saved()
    ui.page.wait_for_timeout(300)
    assert placed(ui, identity, 120) == [list(t) for t in TARGETS]


def test_the_next_frame_awaits_its_own_animal_while_its_picture_comes(ui, long):
    """News of the project arrives while the frame before is on the screen: its animal is not the next one's."""
    identity = ui.label(long)
    ui.click(*TARGETS[0])
    ui.saved()
    held, waits = [], True
    ui.page.route("**/frames/20?*", lambda route: held.append(route) if waits else route.continue_())
    ui.page.keyboard.press("g")
    ui.page.locator("dialog input").fill("20")
    ui.page.keyboard.press("Enter")
    with ui.page.expect_response(lambda r: "/labels?start=" in r.url), ProjectFile.open(long) as file:
        video = videos.record(file, "clip.mp4").id
        label(file, FrameKey(video, 5), [SetPoints("a", {0: Point(State.VISIBLE, 5, 5)})], "another person")
    ui.page.wait_for_timeout(300)
    waits = False
    for route in held:
        route.continue_()
    ui.settled(20)
    click_all(ui)
    assert placed(ui, identity, 20) == [list(t) for t in TARGETS]


def test_a_drag_that_began_on_another_frame_labels_nothing(ui, long):
    """The frame changes by a key while the mouse is down."""
    identity = ui.label(long)
    click_all(ui)
    mouse = ui.page.mouse
    mouse.move(*ui.spot(*TARGETS[1]))
    mouse.down()
    ui.page.keyboard.press("d")
    ui.settled(1)
    mouse.move(*ui.spot(70, 40), steps=4)
    mouse.up()
    ui.page.wait_for_timeout(300)
    ui.saved()
    assert list(ui.labels(identity)) == [0]
    assert placed(ui, identity, 0) == [list(t) for t in TARGETS]


def test_a_frame_where_playing_stopped_takes_labels(ui, long):
    """Also one of which no label was fetched before; while it plays a click stops it and labels nothing."""
    identity = ui.label(long)
    ui.page.keyboard.press("p")
    ui.page.wait_for_function("() => Number(document.querySelector('[data-role=frame-number]').textContent) > 40")
    ui.click(*TARGETS[0])
    ui.settled()
    stopped = ui.number
    assert stopped > 40
    click_all(ui)
    assert list(ui.labels(identity)) == [stopped]
    assert placed(ui, identity, stopped) == [list(t) for t in TARGETS]


def test_going_elsewhere_ends_playing(ui, long):
    ui.label(long)
    ui.page.keyboard.press("p")
    ui.page.wait_for_function("() => Number(document.querySelector('[data-role=frame-number]').textContent) > 10")
    ui.page.keyboard.press("d")
    ui.settled()
    stopped = ui.number
    ui.page.wait_for_timeout(500)
    assert 10 < ui.number == stopped < 240


def test_new_proposals_are_seen_on_frames_that_were_visited_before(ui, project):
    ui.label(project)
    ui.page.keyboard.press("End")
    ui.settled(59)
    with ProjectFile.open(project) as file:
        video, skeleton = videos.record(file, "clip.mp4"), labels.skeleton(file)
        about = {"video": video.id, "model": "m", "start": 0, "stop": 60, "skeleton": skeleton.to_json()}
        run = runs.start(file, "predict", about)
        xy = np.tile(np.linspace((10, 10), (150, 80), 8, dtype=np.float32), (60, 1, 1, 1))
        found = Predictions(0, xy, np.full((60, 1, 8), 0.9, np.float32), np.ones(60, bool))
        predictions.store(file, run, video.id, found)
        skeletons.set_skeleton(file, skeletons.rename(skeleton, {"nose": "snout"}), "test")  # all is looked at again
    ui.page.get_by_role("button", name=text("label.accept")).wait_for()
    ui.page.keyboard.press("Home")
    ui.settled(0)
    ui.page.get_by_role("button", name=text("label.accept")).wait_for()
