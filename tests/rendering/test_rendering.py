"""What is drawn is where it should be, in the frame where it should be."""

import math

import numpy as np
import pytest

from krolik.errors import InvalidSetting
from krolik.poses import Predictions
from krolik.rendering import parts
from krolik.rendering.annotated import annotated_frames, write_annotated_images, write_annotated_video
from krolik.rendering.comparison import labelled_and_predicted
from krolik.rendering.overlay import Overlay, Style, radius_for
from krolik.skeleton import Skeleton
from krolik.video import VideoFile
from tests.clips import VARIANTS, read_barcode, write_clip

BONES = Skeleton.of(["нос", "left_ear"], [("нос", "left_ear")])


def drawn(image: np.ndarray) -> np.ndarray:
    return np.argwhere(image.max(axis=2) > 40)[:, ::-1]


def test_points_lie_at_their_places():
    image = Overlay(BONES, Style(radius=3, edges=False), (100, 80)).draw(
        np.zeros((80, 100, 3), np.uint8), np.array([[[20.4, 30.6, 0.9], [70, 50, 0.1]]])
    )
    np.testing.assert_allclose(drawn(image).mean(axis=0), [20.4, 30.6], atol=0.15)


def test_colours_can_be_chosen():
    style = Style(radius=5, edges=False, colors={"нос": "#0000ff"})
    image = Overlay(BONES, style, (100, 80)).draw(
        np.zeros((80, 100, 3), np.uint8), np.array([[[20, 30, 1], [70, 50, 1]]])
    )
    assert image[30, 20].tolist() == [0, 0, 255]
    assert image[50, 70].tolist() == list(bytes.fromhex(BONES.colors[1][1:]))


def test_threshold_nan_and_far_away_points():
    image = np.zeros((80, 100, 3), np.uint8)
    poses = np.array([[[np.nan, np.nan, 0.9], [70, 50, 0.19]], [[1e9, -1e9, 0.9], [-500, 3, 0.9]]])
    Overlay(BONES, Style(names=True, trail=3), (100, 80)).draw(image, poses)
    assert len(drawn(image)) == 0


def test_edges_names_trails_and_opacity():
    poses = np.array([[[20, 40, 0.9], [80, 40, 0.9]]])

    def area(style: Style) -> int:
        overlay = Overlay(BONES, style, (100, 80))
        overlay.draw(np.zeros((80, 100, 3), np.uint8), poses - [[[0, 20, 0]]])
        return len(drawn(overlay.draw(np.zeros((80, 100, 3), np.uint8), poses)))

    bare = area(Style(radius=3, edges=False))
    assert area(Style(radius=3)) > bare + 30
    assert area(Style(radius=3, edges=False, names=True)) > bare + 30
    assert area(Style(radius=3, edges=False, trail=5)) > bare + 10
    assert area(Style(radius=3, edges=False, opacity=0.1)) < bare


def test_several_animals_are_numbered_as_in_tables():
    one = np.array([[[20, 40, 0.9], [80, 60, 0.9]]])
    unseen = np.full_like(one, np.nan)

    def image(poses, **style) -> np.ndarray:
        return Overlay(BONES, Style(radius=3, **style), (100, 80)).draw(np.zeros((80, 100, 3), np.uint8), poses)

    assert (image(one) == image(one, numbers=False)).all()  # there is nobody else
    first, second = (image(np.concatenate(both)) for both in ((one, unseen), (unseen, one)))
    plain = image(np.concatenate([one, unseen]), numbers=False)
    assert (plain == image(one)).all()
    for numbered in (first, second):
        places = np.argwhere((numbered != plain).any(axis=2))
        assert len(places) > 20 and places[:, 0].max() < 40  # above the highest point
    assert (first != second).any()  # 0 and 1
    named = image(np.concatenate([one, unseen]), animals=("0",))
    assert (named == first).all() and (image(np.concatenate([one, unseen]), animals=("", "b")) == first).all()
    called = image(np.concatenate([one, unseen]), animals=("Снежок",))
    assert np.ptp(np.argwhere((called != plain).any(axis=2))[:, 1]) > 2 * np.ptp(
        np.argwhere((first != plain).any(axis=2))[:, 1]
    )


@pytest.mark.parametrize(
    ("size", "extent", "radius"), [((640, 480), math.inf, 480 / 110), ((1024, 1024), 100, 3), ((1024, 1024), 20, 2)]
)
def test_points_do_not_cover_small_animals(size, extent, radius):
    assert radius_for(size, extent) == pytest.approx(radius)


@pytest.mark.parametrize("wrong", [{"radius": -1}, {"threshold": 2}, {"trail": -1}, {"opacity": 0}])
def test_nonsense_styles(wrong):
    with pytest.raises(InvalidSetting, match="out of range"):
        Style(**wrong)


@pytest.mark.parametrize("variant", ["plain", "variable-rate", "odd-size", "rotated-90", "b-frames"])
def test_annotated_video_has_every_frame_at_its_time(tmp_path, variant):
    source, out = tmp_path / f"a{VARIANTS[variant].suffix}", tmp_path / "b.mp4"
    write_clip(source, VARIANTS[variant], 30)
    with VideoFile(source) as video:
        width, height = video.size
        xy = np.full((30, 1, 2, 2), np.nan, np.float32)
        xy[:, 0, 0] = np.column_stack([np.linspace(6, width - 6, 30), np.full(30, 6)])
        blocks = [Predictions(0, xy, np.ones((30, 1, 2), np.float32), np.arange(30) != 11)]
        frames = []
        drawings = annotated_frames(video, BONES, blocks, Style(radius=4), (0, 30))
        write_annotated_video(out, video, drawings, frames.append)
        assert frames == list(range(30))
        with VideoFile(out) as written:
            np.testing.assert_allclose(written.times_s, video.times_s, atol=0.002)
            turns = VARIANTS[variant].rotation // 90
            for i, frame in written.frames():
                shown = frame.rgb[:height, :width]
                assert read_barcode(np.rot90(shown, turns)) == i
                # the marker is a saturated patch in the top rows, moving from left to right
                top = shown[:14].astype(int)
                marker = np.argwhere(top.max(axis=2) - top.min(axis=2) > 60)
                assert abs(marker[:, 1].mean() - xy[i, 0, 0, 0]) < 2


def test_frames_without_predictions_are_shown_as_they_are(tmp_path):
    write_clip(tmp_path / "a.mp4", VARIANTS["plain"], 20)

    def block(start: int, stop: int) -> Predictions:
        xy = np.full((stop - start, 1, 2, 2), 20, np.float32)
        return Predictions(start, xy, np.ones((stop - start, 1, 2), np.float32), np.ones(stop - start, bool))

    with VideoFile(tmp_path / "a.mp4") as video:
        plain = {i: frame.rgb.copy() for i, frame in video.frames() if frame is not None}
        found = dict(annotated_frames(video, BONES, [block(3, 6), block(10, 12)], Style(radius=4), (2, 15)))
    assert list(found) == list(range(2, 15))
    assert [i for i in found if not np.array_equal(found[i], plain[i])] == [3, 4, 5, 10, 11]


@pytest.mark.parametrize("variant", ["plain", "variable-rate", "b-frames", "mov-mjpeg"])
def test_a_long_video_in_parts_is_the_same_and_goes_on_where_it_was(tmp_path, variant, monkeypatch):
    source, out = tmp_path / f"a{VARIANTS[variant].suffix}", tmp_path / "b.mp4"
    write_clip(source, VARIANTS[variant], 50)
    monkeypatch.setattr(parts, "PART", 16)
    written: list[int] = []
    with VideoFile(source) as video:
        xy = np.tile(np.array([[8, 8], [40, 8]], np.float32), (50, 1, 1, 1)) + np.arange(50)[:, None, None, None]
        block = Predictions(0, xy.astype(np.float32), np.ones((50, 1, 2), np.float32), np.ones(50, bool))
        style = Style(radius=3, trail=5)

        def write(path, first, stop, fail_at=None):
            written.append(first)
            if first == fail_at:
                raise RuntimeError("killed")
            drawings = annotated_frames(video, BONES, [block], style, (first, stop))
            write_annotated_video(path, video, drawings, lambda i: None, joined=True)

        seconds = lambda i: int(video.index.pts[i]) * video.index.time_base  # noqa: E731
        spans = parts.spans(0, 50)
        with pytest.raises(RuntimeError):
            parts.write_in_parts(out, "k", spans, lambda *a: write(*a, fail_at=32), seconds)
        assert not out.exists()
        parts.write_in_parts(out, "k", spans, write, seconds)
        assert written == [0, 16, 32, 32, 48]
        whole = tmp_path / "whole.mp4"
        write_annotated_video(whole, video, annotated_frames(video, BONES, [block], style, (0, 50)), lambda i: None)
        with VideoFile(out) as joined, VideoFile(whole) as expected:
            np.testing.assert_allclose(joined.times_s, expected.times_s, atol=0.002)
            for (i, mine), (_, theirs) in zip(joined.frames(), expected.frames()):
                assert mine is not None and theirs is not None, i
                assert np.abs(mine.rgb.astype(int) - theirs.rgb).mean() < 2.5, i
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([source.name, "b.mp4", "whole.mp4"])


def test_annotated_images(tmp_path):
    write_clip(tmp_path / "a.mp4", VARIANTS["plain"], 10)
    with VideoFile(tmp_path / "a.mp4") as video:
        paths = write_annotated_images(
            tmp_path / "out",
            video,
            BONES,
            lambda i: np.array([[[5, 5, 1], [9, 9, 1.0]]]) if i else None,
            [0, 7],
            Style(),
        )
    assert [p.name for p in paths] == ["a_00000000.png", "a_00000007.png"]


def test_comparison_shows_both():
    picture = labelled_and_predicted(
        np.zeros((200, 300, 3), np.uint8), BONES, np.array([[[100, 100], [np.nan, np.nan]]]),
        np.array([[[110, 100, 1], [np.nan, np.nan, 0]]]), "кадр 5",
    )  # fmt: skip
    assert picture.shape == (480, 480, 3)
    assert len(drawn(picture)) > 200


@pytest.mark.parametrize("keypoints, shown", [(1, True), (3, True), (4, False)])
def test_a_comparison_shows_more_than_a_few_keypoints_that_lie_close_together(keypoints, shown):
    image = np.zeros((800, 1000, 3), np.uint8)
    image[95:106, 155:166] = (0, 0, 255)
    points = np.full((1, keypoints, 3), 100.0)
    bones = Skeleton.of([f"k{k}" for k in range(keypoints)])
    picture = labelled_and_predicted(image, bones, points[..., :2], points, "")
    assert ((picture[..., 2] > 200) & (picture[..., :2] < 50).all(axis=-1)).any() == shown
