"""The generated rabbit is exact, and the demonstration leaves what it promises."""

import numpy as np
import pytest

import krolik
from krolik.demonstration.motion import perform
from krolik.demonstration.painter import SIZE, Painter, project
from krolik.video import open_video


def test_generation_is_seeded(rabbit):
    first, again = Painter(3).paint(perform(3, 5)[4], 4), Painter(3).paint(perform(3, 5)[4], 4)
    np.testing.assert_array_equal(first.image, again.image)


def test_the_nose_is_where_it_is_said_to_be():
    """The nose is the only pink spot at the front of the head."""
    picture = Painter(0).paint(perform(0, 1)[0], 0)
    x, y = (round(float(v)) for v in picture.points["nose"])
    red, green, _ = picture.image[y - 2 : y + 3, x - 5 : x + 2].astype(float).mean(axis=(0, 1))
    assert red > 1.15 * green
    assert picture.visible["nose"]


def test_some_paws_are_hidden_and_the_rabbit_stays_in_sight(rabbit):
    truth = rabbit[1]
    share = truth.visible.mean(axis=0)
    assert share.min() < 0.6 < share.max()
    poses = perform(0, 300)
    places = project(np.array([[p.x, p.y, 0.3] for p in poses]))
    assert (places > 40).all() and (places < np.array(SIZE) - 40).all()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_demonstration(tmp_path, monkeypatch):
    monkeypatch.setattr("krolik.demonstration.show.FRAMES", 48)
    report = krolik.demo(tmp_path / "out", budget="6steps")
    names = {p.name for p in report.parent.iterdir()}
    assert {"report.html", "rabbit.mp4", "rabbit_annotated.mp4", "rabbit.krolik", "rabbit_predictions.csv",
            "rabbit_model.onnx"} <= names  # fmt: skip
    page = report.read_text("utf-8")
    assert page.count("data:image/jpeg") >= 7 and "http://" not in page and "https://" not in page
    with open_video(report.parent / "rabbit_annotated.mp4") as video:
        assert len(video) == 48
    begun = []

    def generate(video, *_):
        begun.append(video)
        raise KeyboardInterrupt

    monkeypatch.setattr("krolik.demonstration.show.generate", generate)
    with pytest.raises(KeyboardInterrupt):
        krolik.demo(tmp_path / "out", budget="2steps")  # never writes over anything
    assert [video.parent.name for video in begun] == ["out-2"]
