"""The documentation is true: generated pages are up to date, commands run, links lead somewhere."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import krolik as package
from krolik.cli.main import COMMANDS
from krolik.demonstration.show import label_exactly
from krolik.project import ProjectFile
from krolik.training.splits import RULES
from tests.cli.conftest import QUICK, krolik, trained  # noqa: F401 (fixtures)
from tests.server.conftest import ended

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def generator():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["cli.md", "api.md", "format-table.md"])
def test_generated_pages_are_up_to_date(page, monkeypatch):
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.setenv(name, "")
    made = generator().PAGES[page]()
    assert made == (ROOT / "docs" / page).read_text("utf-8"), "run: python docs/generate.py"


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_every_command_and_rule_is_documented():
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    assert all(f"## krolik {name}" in text for name in COMMANDS)
    formats = (ROOT / "docs" / "formats.md").read_text("utf-8")
    assert all(f"`{rule.split(':')[0].split('[')[0]}:" in formats for rule in RULES.split(", "))


def commands(readme: str) -> list[list[str]]:
    """The lines of the shell blocks that begin with krolik."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("krolik ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def dlc_project(folder: Path, rabbit) -> None:
    """A DeepLabCut project of a few frames of the generated rabbit."""
    from krolik.rendering.annotated import write_image
    from krolik.skeleton import template

    video, truth = rabbit
    names = template("rabbit").names
    place = folder / "labeled-data" / "rabbit"
    rows = [
        "scorer" + ",me" * 16, "bodyparts," + ",".join(f"{n},{n}" for n in names), "coords" + ",x,y" * 8,
    ]  # fmt: skip
    with package.open_video(video) as opened:
        for i in range(0, 60, 6):
            write_image(place / f"img{i:03d}.png", opened[i].rgb)
            cells = [f"{x},{y}" if seen else "," for (x, y), seen in zip(truth.points[i], truth.visible[i])]
            rows.append(f"labeled-data/rabbit/img{i:03d}.png," + ",".join(cells))
    (place / "CollectedData_me.csv").write_text("\n".join(rows) + "\n")
    bodyparts = "".join(f"- {n}\n" for n in names)
    (folder / "config.yaml").write_text(f"scorer: me\nbodyparts:\n{bodyparts}skeleton: []\n")


def test_the_readme_s_commands_run(krolik, rabbit, tmp_path, monkeypatch):  # noqa: F811
    """Those of the English one; the Russian one has the same."""
    monkeypatch.chdir(tmp_path)
    dlc_project(tmp_path / "my-dlc-project", rabbit)
    shutil.copy(rabbit[0], tmp_path / "rabbit.mp4")
    lines = commands("README.md")
    assert [line[0] for line in lines[:3]] == ["ui", "train", "run"]
    for line in lines:
        if line[0] == "ui":
            open_and_label(line, rabbit)
            continue
        quick = [*line[: line.index("--budget")], *QUICK] if line[0] == "train" else line
        done = krolik(*quick)
        assert done.code == 0, f"krolik {shlex.join(quick)}: {done.err}"
    made = {p.name for p in tmp_path.iterdir()}
    assert {
        "rabbit.krolik",
        "rabbits.krolik",
        "results",
        "worst",
        "rabbit.csv",
        "annotated.mp4",
        "rabbit.onnx",
        "report.html",
        "report.json",
        "report-keypoints.png",
    } <= made
    assert {p.name for p in (tmp_path / "results").iterdir()} == {
        "rabbit_annotated.mp4", "rabbit.csv", "rabbit.json", "rabbit.h5",
    }  # fmt: skip


def open_and_label(line: list[str], rabbit) -> None:
    """What the README's first line opens, asked for its page; the labels that a person then makes there."""
    command = [sys.executable, "-m", "krolik", *line, "--no-browser", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        link = re.search(r"http://127\.0\.0\.1:\d+/\?token=[\w-]+\S*", server.stdout.readline())
        assert link is not None
        with httpx.Client(follow_redirects=True) as client:
            assert "<title>Krolik</title>" in client.get(link[0]).text
            identity = re.search(r"#/p/(\w+)/label$", link[0])
            assert identity is not None
            project = f"{link[0].split('?')[0]}api/projects/{identity[1]}"
            assert ended(client, project, 1)["status"] == "done"
            (lanes,) = client.get(f"{project}/overview").json()["lanes"].values()
            assert len(lanes["selected"]) == 20
    finally:
        server.terminate()
        server.wait()
        server.stdout.close()
    with ProjectFile.open("rabbit.krolik") as file:
        label_exactly(file, Path("rabbit.mp4"), rabbit[1], 6)


def test_the_readme_s_python_runs(trained, rabbit, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    shutil.copy(trained, tmp_path / "rabbits.krolik")
    shutil.copy(rabbit[0], tmp_path / "rabbit.mp4")
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    quick = 'budget="4steps", pipeline="whole", input_px=64, width=0.5'
    assert 'budget="5m"' in code
    exec(compile(code.replace('budget="5m"', quick), "README.md", "exec"), {})
    assert (tmp_path / "annotated.mp4").exists()


def test_pages_in_both_languages_have_the_same_parts():
    """The Russian pages are as long as the English ones: headings, pictures, lists."""
    for page in ("README.md", "docs/ui.md"):
        english, russian = ((ROOT / page.replace(".md", suffix)).read_text("utf-8") for suffix in (".md", ".ru.md"))
        for mark in (r"^## ", r"^- \*\*", r"!\["):
            assert len(re.findall(mark, english, re.M)) == len(re.findall(mark, russian, re.M)), (page, mark)


def test_both_readmes_have_the_same_commands():
    assert commands("README.md") == commands("README.ru.md")
