"""`video[i]` is exactly frame i: in order, at random and backwards, in every variant."""

import random

import numpy as np
import pytest

from krolik.errors import InvalidFile, NotFound
from krolik.video import VideoFile, VideoIndex
from tests.clips import VARIANTS, read_barcode, write_clip

FRAMES = 60


@pytest.fixture(scope="module", params=sorted(VARIANTS))
def clip(request, tmp_path_factory):
    variant = VARIANTS[request.param]
    path = tmp_path_factory.mktemp("clips") / f"клип {request.param}{variant.suffix}"
    return path, variant, write_clip(path, variant, FRAMES)


def number(frame, variant) -> int:
    # a player turns the picture clockwise, so turning counter-clockwise shows it as it was drawn
    return read_barcode(np.rot90(frame.rgb, variant.rotation // 90))


def test_in_order(clip):
    path, variant, _ = clip
    with VideoFile(path) as video:
        assert len(video) == FRAMES
        assert [(i, number(f, variant)) for i, f in video.frames()] == [(i, i) for i in range(FRAMES)]


def test_backwards_at_random_and_in_pieces(clip):
    path, variant, _ = clip
    rng = random.Random(0)
    order = list(range(FRAMES - 1, -1, -3)) + [rng.randrange(FRAMES) for _ in range(40)]
    with VideoFile(path) as video:
        assert [number(video[i], variant) for i in order] == order
        assert [i for i, f in video.frames(37, 45) if number(f, variant) == i] == list(range(37, 45))


def test_times_and_size(clip):
    path, variant, times = clip
    with VideoFile(path) as video:
        np.testing.assert_allclose(video.times_s, np.array(times) / 1000, atol=0.002)
        size = variant.size[::-1] if variant.rotation % 180 else variant.size
        assert video.size == size == video[0].size
        assert video[0].rgb.shape == (size[1], size[0], 3)


def test_index_survives_storage(clip):
    path, variant, _ = clip
    with VideoFile(path) as video:
        again = VideoIndex.from_bytes(video.index.to_bytes())
    with VideoFile(path, again) as video:
        assert number(video[41], variant) == 41


def test_outside(clip):
    with VideoFile(clip[0]) as video, pytest.raises(NotFound, match="frames 0 to 59"):
        video[60]


def test_damaged_frames_are_gaps_not_the_end(tmp_path):
    path = tmp_path / "damaged.mp4"
    write_clip(path, VARIANTS["plain"], FRAMES)
    with VideoFile(path) as video:
        index = video.index
    import av

    with av.open(str(path)) as container:
        packets = [(p.pos, p.size) for p in container.demux(video=0) if p.size]
    data = bytearray(path.read_bytes())
    for place, size in packets[24:30]:
        data[place : place + size] = bytes(size)
    path.write_bytes(data)
    with VideoFile(path, index) as video:
        seen = [(i, None if f is None else read_barcode(f.rgb)) for i, f in video.frames()]
        with pytest.raises(InvalidFile, match="frame 25 cannot be decoded"):
            video[25]
    assert [i for i, _ in seen] == list(range(FRAMES))
    assert all(n == i for i, n in seen[:24] + seen[36:])
    assert any(n is None for _, n in seen[24:30])


def test_truncated_file(tmp_path):
    path = tmp_path / "cut.mkv"
    write_clip(path, VARIANTS["mkv"], FRAMES)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with VideoFile(path) as video:
        assert 10 < len(video) < FRAMES
        for i, frame in video.frames():
            assert frame is None or read_barcode(frame.rgb) == i


@pytest.mark.parametrize("content", [b"", b"not a video at all", bytes(5000)])
def test_no_video(tmp_path, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match="broken.mp4"):
        VideoFile(path)


def test_missing_file(tmp_path):
    with pytest.raises(NotFound, match="no such file"):
        VideoFile(tmp_path / "gone.mp4")


REAL = {
    "data/openfield/videos/m3v1mp4.mp4": (2330, (640, 480)),
    "data/bigbuckbunny/bigbuckbunny.mp4": (132, (1280, 720)),
    "data/flies-pair/centered_pair_low_quality.mp4": (1100, (384, 384)),
    "formats/video/centered_pair_low_quality.webm": (30, (384, 384)),
    "formats/video/small_robot_3_frame.mp4": (3, (560, 320)),
}


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_videos(shared, name):
    count, size = REAL[name]
    with VideoFile(shared / name) as video:
        assert (len(video), video.size) == (count, size)
        middle = count // 2
        in_order = dict(video.frames(max(0, middle - 3), middle + 2))
        for i, frame in in_order.items():
            assert np.array_equal(video[i].rgb, frame.rgb)
        assert video[count - 1].rgb.shape == (size[1], size[0], 3)
