"""Labels of other programs on the page: as a project of their own, and into a project, found by browsing."""

import pytest

import krolik
from krolik.actions.labelling import Point, SetPoints
from krolik.poses import State
from krolik.project import jobs, labels
from tests.clips import VARIANTS, write_clip
from tests.ui.conftest import drop, text


@pytest.fixture
def theirs(tmp_path):
    """A video, and a DeepLabCut project and a file with labels of it."""
    write_clip(tmp_path / "clip.mp4", VARIANTS["b-frames"], 12)
    with krolik.new(tmp_path / "made.krolik", tmp_path / "clip.mp4", skeleton="nose,tail") as opened:
        opened.label("clip.mp4", 3, SetPoints("a", {0: Point(State.VISIBLE, 5.0, 6.0)}))
        opened.export(tmp_path / "labels.json", "json", what="labels")
        opened.export(tmp_path / "dlc", "deeplabcut", what="labels")
    (tmp_path / "made.krolik").unlink()
    return tmp_path


def first_frame(project) -> float:
    with krolik.open(project) as opened:
        (frame,) = labels.load(opened.file)
        return float(frame.instances[0].points[0, 0])


def test_a_project_of_another_program_is_opened_like_a_video(ui, theirs):
    page = ui.page
    ui.visit()
    page.get_by_label(text("start.path")).fill(str(theirs / "dlc"))
    page.keyboard.press("Enter")
    card = page.locator("[data-role=imported]")
    card.wait_for(timeout=60_000)
    assert "DeepLabCut" in card.inner_text() and page.url.endswith("/videos")
    assert first_frame(theirs / "dlc.krolik") == 5.0
    page.locator(".chip[title]").wait_for()  # one frame without the tail, which is not called doubtful
    assert page.locator(".chip.bad").count() == 0
    ui.visit()  # and once more: what was made of it is opened, and nothing imported over it
    page.get_by_label(text("start.path")).fill(str(theirs / "dlc"))
    page.keyboard.press("Enter")
    ui.settled()
    assert page.url.endswith("/label") and "dlc" in page.locator(".toast").inner_text()


@pytest.mark.parametrize("ui", ["en"], indirect=True)  # the same in every language
def test_labels_are_found_by_browsing_and_asked_for_again_where_their_video_is_missing(ui, theirs):
    page = ui.page
    (theirs / "elsewhere").mkdir()
    (theirs / "clip.mp4").rename(theirs / "elsewhere" / "clip.mp4")
    with krolik.new(theirs / "own.krolik", skeleton="nose,tail"):
        pass
    ui.visit(f"#/p/{ui.live.workspace.open(theirs / 'own.krolik').id}/videos")
    page.get_by_role("button", name=text("import.title")).click()
    page.locator("[data-role=look-source]").click()
    page.get_by_role("button", name="labels.json").click()
    assert page.get_by_label(text("import.path")).input_value() == str(theirs / "labels.json")
    page.get_by_role("button", name=text("import.go")).last.click()
    failed = page.locator("[data-role=import-failed]")
    failed.wait_for(timeout=60_000)
    assert "labels.json" in failed.inner_text() and "clip.mp4" in failed.inner_text()
    page.reload()  # it is said as long as nobody has read it
    failed.get_by_role("button", name=text("import.again")).click()
    assert page.get_by_label(text("import.path")).input_value() == str(theirs / "labels.json")
    page.locator("[data-role=look-beside]").click()
    page.get_by_role("button", name="elsewhere").click()
    page.get_by_role("button", name="clip.mp4").click()
    assert page.get_by_label(text("import.videos")).input_value() == str(theirs / "elsewhere" / "clip.mp4")
    page.get_by_label(text("import.missing")).select_option(index=1)
    page.get_by_role("button", name=text("import.go")).last.click()
    page.locator("[data-role=imported]").wait_for(timeout=60_000)
    with krolik.open(theirs / "own.krolik") as opened:
        assert jobs.every(opened.file)[0].document["missing"] == "absent"
    assert failed.count() == 0 and first_frame(theirs / "own.krolik") == 5.0


def test_a_folder_that_is_dropped_is_said_to_be_one(ui, theirs, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(theirs))
    ui.visit()  # only a real drag brings a folder: here a file is called one
    ui.page.evaluate("""() => {
        DataTransferItem.prototype.webkitGetAsEntry = function () {
            const { name } = this.getAsFile();
            return { name, isDirectory: name === "dlc" };
        };
    }""")
    drop(ui, [theirs / "labels.json", theirs / "clip.mp4"], ["dlc", "clip.mp4"])
    ui.settled()
    assert ui.page.locator(".toast.error").inner_text().startswith("dlc ")
    assert (theirs / "Krolik" / "clip.krolik").exists() and not (theirs / "Krolik" / "dlc").exists()


@pytest.mark.parametrize("ui", ["en"], indirect=True)
def test_a_video_that_is_dropped_with_a_project_comes_into_it(ui, theirs, monkeypatch):
    (theirs / "home").mkdir()
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(theirs / "home"))
    with krolik.new(theirs / "own.krolik", skeleton="nose,tail"):
        pass
    ui.visit()
    drop(ui, [theirs / "own.krolik", theirs / "clip.mp4"])
    ui.page.get_by_role("heading", name="clip.mp4").wait_for(timeout=60_000)
    assert ui.page.url.endswith("/videos")


@pytest.mark.parametrize("ui", ["ru"], indirect=True)  # in English it is the program's own sentence
def test_why_labels_cannot_be_read_is_said_in_the_language_of_the_page(ui, theirs):
    page = ui.page
    (csv,) = (theirs / "dlc" / "labeled-data" / "clip").glob("*.csv")
    csv.write_text(csv.read_text("utf-8").replace("5.0", "five"), "utf-8")
    with krolik.new(theirs / "own.krolik", skeleton="nose,tail"):
        pass
    ui.visit(f"#/p/{ui.live.workspace.open(theirs / 'own.krolik').id}/videos")
    page.get_by_role("button", name=text("import.title")).click()
    page.get_by_label(text("import.path")).fill(str(csv))
    page.get_by_role("button", name=text("import.go")).last.click()
    failed = page.locator("[data-role=import-failed]")
    failed.wait_for(timeout=60_000)
    assert f"Не получилось: {csv}: img" in failed.inner_text() and "nose x: 'five' — не число" in failed.inner_text()
