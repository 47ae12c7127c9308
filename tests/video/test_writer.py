from fractions import Fraction

import av
import numpy as np
import pytest

from krolik.errors import StorageError
from krolik.video import VideoFile
from krolik.video.writer import VideoWriter
from tests.clips import barcode_frame, read_barcode


@pytest.mark.parametrize("size", [(128, 64), (131, 67)])
def test_plays_everywhere_with_the_same_times(tmp_path, size):
    path, times = tmp_path / "видео.mp4", [0, 40, 45, 90, 200, 230, 800]
    with VideoWriter(path, size, Fraction(25), Fraction(1, 1000)) as writer:
        for i, time in enumerate(times):
            writer.write(barcode_frame(i, *size), time)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.width, context.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")
    with VideoFile(path) as video:
        np.testing.assert_allclose(video.times_s, np.array(times) / 1000, atol=0.001)
        assert [read_barcode(f.rgb[: size[1], : size[0]]) for _, f in video.frames()] == list(range(len(times)))


def test_nothing_is_left_of_a_failed_video(tmp_path):
    with pytest.raises(RuntimeError, match="stop"):
        with VideoWriter(tmp_path / "a.mp4", (64, 64), Fraction(25)) as writer:
            writer.write(np.zeros((64, 64, 3), np.uint8))
            raise RuntimeError("stop")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="a.mp4"):
        VideoWriter(tmp_path / "file" / "a.mp4", (64, 64), Fraction(25))
