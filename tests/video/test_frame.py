"""A window of a YUV frame looks as the same window of the converted frame."""

import av
import numpy as np
import pytest

from krolik.video import Frame, VideoFile
from krolik.views import View
from tests.clips import Variant, write_clip


def smooth_picture(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 23 + y / 31), np.cos(x / 37), np.sin(y / 29 - x / 41)]
    return (127 + 100 * np.stack(waves, axis=-1)).astype(np.uint8)


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuvj444p"])
@pytest.mark.parametrize("colorspace", [1, 5])
def test_window_equals_converted_window(pixels, colorspace):
    source = av.VideoFrame.from_ndarray(smooth_picture(160, 120), format="rgb24")
    decoded = source.reformat(format=pixels)
    decoded.colorspace = colorspace
    for view in (View.crop((77.3, 60.2), (64, 64), 1.3, 30), View.crop((80, 60), (40, 40), 0.4)):
        seen = Frame(decoded=decoded).warp(view).astype(int)
        whole = view.warp(Frame(decoded=decoded).rgb).astype(int)
        assert np.abs(seen - whole).mean() < 2.5
        assert np.percentile(np.abs(seen - whole), 99) <= 12


def test_rotated_frame_warps_upright(tmp_path):
    path = tmp_path / "turned.mp4"
    write_clip(path, Variant(options={"g": "20"}, rotation=90), 3)
    with VideoFile(path) as video:
        frame = video[1]
        view = View.fit(frame.size, frame.size)
        assert frame.size == (64, 128)
        assert np.abs(frame.warp(view).astype(int) - frame.rgb).max() <= 1
