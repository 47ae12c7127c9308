import cv2
import numpy as np
import pytest

from krolik.errors import InvalidFile, NotFound
from krolik.video import ImageSequence, open_video
from krolik.video.images import read_image


def save(path, value: int, size=(40, 30), dtype=np.uint8, channels=3):
    image = np.full((size[1], size[0], channels) if channels > 1 else (size[1], size[0]), value, dtype)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


def test_a_folder_is_a_video_in_natural_order(tmp_path):
    folder = tmp_path / "Кролик 兔子"
    folder.mkdir()
    for number in (1, 2, 10):
        save(folder / f"img{number}.png", number)
    (folder / "notes.txt").write_text("not an image")
    with open_video(folder) as video:
        assert [video.frame_name(i) for i in range(len(video))] == ["img1.png", "img2.png", "img10.png"]
        assert [int(f.rgb[0, 0, 0]) for _, f in video.frames()] == [1, 2, 10]
        assert video.size == (40, 30)


def test_damaged_images_are_gaps(tmp_path):
    for number in range(3):
        save(tmp_path / f"{number}.png", number)
    (tmp_path / "1.png").write_bytes(b"not an image")
    video = ImageSequence(tmp_path)
    assert [(i, f is None) for i, f in video.frames()] == [(0, False), (1, True), (2, False)]
    with pytest.raises(InvalidFile, match="1.png: not an image"):
        video[1]
    with pytest.raises(NotFound, match="images 0 to 2"):
        video[3]


@pytest.mark.parametrize(("dtype", "channels", "value"), [(np.uint16, 1, 40000), (np.uint8, 1, 9), (np.uint8, 4, 200)])
def test_every_mode_becomes_rgb(tmp_path, dtype, channels, value):
    save(tmp_path / "a.png", value, dtype=dtype, channels=channels)
    image = read_image(tmp_path / "a.png")
    assert image.shape == (30, 40, 3)
    assert image.dtype == np.uint8
    assert image[0, 0, 0] == (value // 256 if dtype == np.uint16 else value)


def test_empty_folder(tmp_path):
    with pytest.raises(InvalidFile, match="no images"):
        open_video(tmp_path)
