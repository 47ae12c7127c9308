"""krolik jobs and krolik suggest, and smoothing on the command line."""

import csv
import shutil

import pytest


@pytest.fixture
def project(trained, tmp_path):
    return shutil.copy(trained, tmp_path / "p.krolik")


def test_jobs_of_the_command_line_are_listed_followed_and_gone_on_with(krolik, project):
    import krolik as package
    from krolik import jobs as control

    listed = krolik("jobs", project).out
    assert "train" in listed and "predict" in listed and "done" in listed
    assert krolik("jobs", project, "cancel").code == 2  # nothing runs
    assert krolik("jobs", project, "resume", 99).code == 2
    with package.open(project) as opened:
        job = opened.start("train", budget="5000steps", pipeline="whole", input_px=64, width=0.5).id
        while not control.wait(opened.file, job, 0.1).fraction:
            pass
    done = krolik("jobs", project, "cancel")
    assert done.code == 0 and f"job {job} (train): cancel" in done.out
    followed = krolik("jobs", project, "follow", job, "--json")
    assert followed.code == 0 and followed.json["status"] == "cancelled"
    assert krolik("jobs", project, "resume").code == 0
    assert krolik("jobs", project, "cancel", job).code == 0
    assert "cancelled" in krolik("jobs", project, "follow", job).out


def test_suggestions_are_said_with_their_reasons(krolik, project):
    done = krolik("suggest", project, "-n", 3)
    assert done.code == 0 and "3 frames wait to be labelled" in done.out
    assert len([line for line in done.out.splitlines() if line.startswith("rabbit.mp4 ")]) == 3
    more = krolik("suggest", project, "rabbit.mp4", "-n", 2, "--json").json
    assert len(more) == 2 and {"video", "frame", "score", "reasons"} == set(more[0])
    assert krolik("suggest", project, "-n", 0).code == 2


def test_exports_can_be_smoothed(krolik, project, tmp_path):
    def table(*options) -> list[dict]:
        out = tmp_path / f"t{len(options)}.csv"
        assert krolik("export", project, "--to", "csv", "-o", out, *options).code == 0
        with out.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(line for line in file if not line.startswith("#")))

    plain, smooth = table(), table("--smooth", "median:9", "--fill", 3)
    assert len(plain) == len(smooth) and plain != smooth
    assert krolik("export", project, "-o", tmp_path / "x.csv", "--smooth", "magic").code == 2
    none = table("--least-score", "1", "--smooth", "none", "--fill", "0")
    assert not any(row["x"] for row in none)


def test_run_takes_the_project_beside_the_video(krolik, trained, rabbit, tmp_path):
    shutil.copy(rabbit[0], tmp_path / "rabbit.mp4")
    assert krolik("run", tmp_path / "rabbit.mp4").code == 2  # there is none
    shutil.copy(trained, tmp_path / "rabbit.krolik")
    done = krolik("run", tmp_path / "rabbit.mp4", "--to", "csv", "-o", tmp_path / "out", "--smooth", "kalman")
    assert done.code == 0
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"rabbit.csv", "rabbit_annotated.mp4"}
