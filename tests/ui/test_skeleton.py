"""The skeleton, changed on the page after labelling: no label moves."""

import pytest

from tests.ui.conftest import text


def open_skeleton(ui, project) -> str:
    """Labels two keypoints, then opens the skeleton's page."""
    identity = ui.label(project)
    ui.click(20, 10)
    ui.click(40, 20)
    ui.saved()
    ui.visit(f"#/p/{identity}/skeleton")
    ui.page.locator("table tbody tr").nth(7).wait_for()
    return identity


def skeleton(ui, identity) -> dict:
    return ui.live.client.get(f"/api/projects/{identity}").json()["skeleton"]


def names(ui, identity) -> list[str]:
    return [k["name"] for k in skeleton(ui, identity)["keypoints"]]


def wait_names(ui, expected: list[str]) -> None:
    ui.page.wait_for_function(
        "names => [...document.querySelectorAll('input.name')].map(i => i.value).join('|') === names.join('|')",
        arg=expected,
    )


def test_rename_reorder_delete_add_and_undo(ui, project):
    identity = open_skeleton(ui, project)
    page = ui.page
    before = names(ui, identity)
    page.locator("input.name").first.fill("нос 🐇")
    page.keyboard.press("Tab")
    wait_names(ui, ["нос 🐇", *before[1:]])
    page.locator("table tbody tr").first.get_by_role("button").nth(1).click()  # down
    wait_names(ui, [before[1], "нос 🐇", *before[2:]])
    page.locator("table tbody tr").nth(2).get_by_role("button").nth(2).click()  # delete right_ear
    wait_names(ui, [before[1], "нос 🐇", *before[3:]])
    page.get_by_placeholder(text("skeleton.new-name")).fill("右目")
    page.keyboard.press("Enter")
    wait_names(ui, [before[1], "нос 🐇", *before[3:], "右目"])
    assert skeleton(ui, identity)["keypoints"][-1]["id"] == 8
    points = ui.points(identity, 0)
    assert points[0][1:] == pytest.approx([20, 10], abs=0.3) and points[1][1:] == pytest.approx([40, 20], abs=0.3)
    for _ in range(4):
        page.get_by_role("button", name=text("action.undo")).click()
        page.wait_for_timeout(250)
    wait_names(ui, before)


def test_clicks_that_come_faster_than_their_answers_all_count(ui, project):
    """Each is made of what the one before has left, also where the server is slow."""
    identity = open_skeleton(ui, project)
    before = names(ui, identity)
    ui.page.route("**/skeleton", lambda route: (ui.page.wait_for_timeout(300), route.continue_()))
    ui.page.locator("canvas").evaluate("""(canvas) => {
        const area = canvas.getBoundingClientRect();
        for (const [x, y] of [[0.1, 0.9], [0.3, 0.9], [0.5, 0.9]])
            for (const type of ["pointerdown", "pointerup"])
                canvas.dispatchEvent(new PointerEvent(type, { pointerId: 1, button: 0, bubbles: true,
                    clientX: area.left + x * area.width, clientY: area.top + y * area.height }));
    }""")
    rows = ui.page.locator("table tbody tr")
    for _ in range(2):
        rows.first.get_by_role("button").nth(1).evaluate("button => button.click()")  # down
    ui.page.locator("input.name").nth(10).wait_for()
    wait_names(ui, [*before[1:3], before[0], *before[3:], *names(ui, identity)[8:]])
    assert len(set(names(ui, identity))) == 11 and not ui.page.locator(".toast.error").count()


def test_two_of_one_name_are_refused_in_words(ui, project):
    identity = open_skeleton(ui, project)
    before = names(ui, identity)
    ui.page.locator("input.name").first.fill("tail")
    ui.page.keyboard.press("Tab")
    ui.page.get_by_role("alert").filter(has_text="tail").wait_for()
    wait_names(ui, before)
    ui.page.locator("input.name").first.fill("")
    ui.page.keyboard.press("Tab")
    ui.page.get_by_role("alert").filter(has_text=text("error.empty-name")).wait_for()
    wait_names(ui, before)


def test_drawn_on_the_frame(ui, project):
    identity = open_skeleton(ui, project)
    page = ui.page
    canvas = page.locator("section canvas")
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 0.97 * box["width"], box["y"] + 0.03 * box["height"])
    page.locator("table tbody tr").nth(8).wait_for()
    scale = min(box["width"] / 128, box["height"] / 64)
    left, top = box["x"] + (box["width"] - 128 * scale) / 2, box["y"] + (box["height"] - 64 * scale) / 2
    spot = lambda x, y: (left + (x + 0.5) * scale, top + (y + 0.5) * scale)  # noqa: E731
    edges = skeleton(ui, identity)["edges"]
    page.mouse.move(*spot(20, 10))
    page.mouse.down()
    page.mouse.move(*spot(40, 20), steps=4)
    page.mouse.up()
    page.wait_for_timeout(400)
    assert skeleton(ui, identity)["edges"] == [e for e in edges if e != [0, 1]]  # the template had it: it is gone
    page.locator("select").filter(has=page.locator("option[value='8']")).last.wait_for()
    assert len(ui.points(identity, 0)) == 2


def test_pairs_templates_and_colours(ui, project):
    identity = open_skeleton(ui, project)
    page = ui.page
    page.locator("table tbody tr").nth(1).locator("select").select_option("-1")
    page.wait_for_timeout(300)
    assert [1, 2] not in skeleton(ui, identity)["symmetric_pairs"]
    page.get_by_role("button", name=text("skeleton.pairs")).click()
    page.wait_for_timeout(300)
    assert [1, 2] in skeleton(ui, identity)["symmetric_pairs"]
    page.locator("input[type=color]").first.evaluate(
        "e => { e.value = '#ff0000'; e.dispatchEvent(new Event('change', { bubbles: true })); }")  # fmt: skip
    page.wait_for_timeout(300)
    assert skeleton(ui, identity)["keypoints"][0]["color"] == "#ff0000"
    page.get_by_role("button", name=text("skeleton.safe-colors")).click()
    page.wait_for_timeout(300)
    assert skeleton(ui, identity)["keypoints"][0]["color"] == "#e69f00"
    page.get_by_label(text("skeleton.template")).select_option("mouse")
    page.wait_for_timeout(400)
    found = {k["name"]: k["id"] for k in skeleton(ui, identity)["keypoints"]}
    assert found["nose"] == 0 and found["left_ear"] == 1 and found["neck"] == 8  # same names, same keypoints
    assert sorted(ui.points(identity, 0)) == [0, 1]
