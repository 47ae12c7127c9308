"""The picture of a number is the frame of that number, in whatever order and by however many it is asked for."""

import threading
import time
from concurrent.futures import CancelledError, ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from krolik import jobs as control
from krolik.actions.adding import add_videos
from krolik.errors import KrolikError
from krolik.project import ProjectFile, jobs
from krolik.server.jpegs import FrameServer, JpegCache, Picture, encode
from krolik.skeleton import template
from krolik.video import Frame, VideoFile, open_video, proxy
from tests.clips import VARIANTS, read_barcode, write_clip

FRAMES = 60


def pixels(picture: Picture) -> np.ndarray:
    """(h, w, 3) uint8 RGB."""
    bgr = cv2.imdecode(np.frombuffer(picture.jpeg, np.uint8), cv2.IMREAD_COLOR)
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def shown(picture: Picture) -> int:
    return read_barcode(pixels(picture))


@pytest.fixture(params=["b-frames", "long-gop", "variable-rate", "transport-stream"])
def server(request, tmp_path):
    variant = VARIANTS[request.param]
    path = tmp_path / f"clip{variant.suffix}"
    write_clip(path, variant, FRAMES)
    found = FrameServer("clip", lambda: open_video(path), JpegCache())
    yield found
    found.close()


def test_any_order(server, rng):
    order = [0, 1, 2, 30, 29, 28, 27, 5, 59, 58, 0, *rng.integers(0, FRAMES, 40).tolist()]
    assert [shown(server.request(i, None, True)[0].result(30)) for i in order] == order


def test_many_at_once(server, rng):
    order = rng.integers(0, FRAMES, 120).tolist()
    with ThreadPoolExecutor(8) as pool:
        pictures = pool.map(lambda i: server.request(i, None, i % 2 == 0)[0].result(60), order)
        assert [shown(p) for p in pictures] == order


def test_nobody_waits_for_what_was_given_up(server):
    picture, abandon = server.request(50, None, False)
    abandon()
    with pytest.raises((CancelledError, TimeoutError)):
        # it may have been decoded already, then it is there
        if not picture.cancelled():
            picture.result(0.01)
            raise TimeoutError
        picture.result()
    assert shown(server.request(3, None, True)[0].result(30)) == 3


def test_giving_up_takes_nothing_from_others(server):
    pictures = [server.request(i % 60, None, True) for i in range(0, 240, 7)]
    for _, abandon in pictures[::2]:
        abandon()
    assert [shown(p.result(30)) for p, _ in pictures[1::2]] == [i % 60 for i in range(0, 240, 7)][1::2]


def test_errors_reach_who_waits(tmp_path):
    path = tmp_path / "gone.mp4"
    found = FrameServer("gone", lambda: open_video(path), JpegCache())
    with pytest.raises(KrolikError, match="no such file"):
        found.request(0, None, True)[0].result(10)
    write_clip(path, VARIANTS["plain"], 10)
    assert shown(found.request(4, None, True)[0].result(10)) == 4  # it is looked for again
    found.close()
    assert not [t for t in threading.enumerate() if t.name == "frames of gone"]


def test_the_cache_is_bounded():
    cache = JpegCache(1000)
    for i in range(50):
        cache.put(("v", i, None), Picture(bytes(100), (3, 2)))
    assert [i for i in range(50) if cache.get(("v", i, None))] == list(range(40, 50))


def test_a_narrower_picture_is_the_same_picture():
    image = np.zeros((100, 300, 3), np.uint8)
    image[:, 150:] = 250
    picture = encode(Frame(image), 150)
    small = pixels(picture)
    assert picture.size == (300, 100)
    assert small.shape == (50, 150, 3) and small[25, 70].max() < 20 and small[25, 80].min() > 230


@pytest.mark.parametrize("name", ["plain", "rotated-90", "yuv444p", "odd-size", "mov-mjpeg"])
@pytest.mark.parametrize("width", [None, 64])
def test_the_picture_has_the_frame_s_colours_and_stands_upright(tmp_path, name, width):
    path = tmp_path / f"clip{VARIANTS[name].suffix}"
    write_clip(path, VARIANTS[name], 3)
    with open_video(path) as video:
        picture = video[1].bgr(width)[..., ::-1].astype(int)
        expected = video[1].rgb
    if width is not None and width < expected.shape[1]:
        size = (width, round(expected.shape[0] * width / expected.shape[1]))
        expected = cv2.resize(expected, size, interpolation=cv2.INTER_AREA)
    assert picture.shape == expected.shape
    assert abs(picture - expected).mean() < 3


def test_a_display_copy_has_every_frame_at_its_number(tmp_path):
    path = tmp_path / "long.mp4"
    write_clip(path, VARIANTS["long-gop"], 320)
    with VideoFile(path) as video:
        assert proxy.wanted(video.index)
        target = proxy.place(tmp_path, "some content")
        fractions = list(proxy.build(path, video.index, target))
        assert fractions == sorted(fractions) and fractions
    copy = proxy.open_proxy(target, 320)
    assert copy is not None and copy.index.keyframes[:3].tolist() == [0, 10, 20]
    numbers = [0, 319, 150, 149, 7]
    assert [read_barcode(copy[i].rgb) for i in numbers] == numbers
    copy.close()
    assert proxy.open_proxy(target, 321) is None and not target.exists()


def test_a_display_copy_is_a_job_that_can_be_cancelled_and_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("KROLIK_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "long.mp4"
    write_clip(path, VARIANTS["long-gop"], 12_000)
    with ProjectFile.create(tmp_path / "long.krolik", template("rabbit")) as file:
        (record,) = add_videos(file, [path], "ui")
        job = control.submit(file, "proxy", {"video": record.id}, "ui")
        deadline = time.monotonic() + 60
        while not jobs.get(file, job.id).fraction:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        control.cancel(file, job.id)
        assert control.wait(file, job.id, 60).status == "cancelled"
        assert not list((tmp_path / "cache" / "proxies").iterdir())
        control.resume(file, job.id)
        assert control.wait(file, job.id, 60).status == "done"
        copy = proxy.open_proxy(proxy.place(tmp_path / "cache", record.fingerprint), 12_000)
    assert copy is not None
    copy.close()


def test_short_or_quick_videos_need_no_copy(tmp_path):
    write_clip(tmp_path / "a.mp4", VARIANTS["long-gop"], 60)
    write_clip(tmp_path / "b.mp4", VARIANTS["plain"], 320)
    for name in ("a.mp4", "b.mp4"):
        with VideoFile(tmp_path / name) as video:
            assert not proxy.wanted(video.index)
    assert not proxy.wanted(None)
