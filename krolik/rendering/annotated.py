"""The video with the keypoints drawn on it, and chosen frames of it as images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from krolik.files import replacing
from krolik.poses import Predictions
from krolik.rendering.overlay import Overlay, Style, write
from krolik.skeleton import Skeleton
from krolik.video import Frame, Video
from krolik.video.writer import VideoWriter
from krolik.views import View


def annotated_frames(
    video: Video, skeleton: Skeleton, blocks: Iterable[Predictions], style: Style, span: tuple[int, int]
) -> Iterator[tuple[int, np.ndarray]]:
    """(frame number, (H, W, 3) uint8 RGB) of the frames of a span; one that cannot be decoded is grey and says so.

    blocks: of the frames of the span, and of those before it that its trails come from. A frame that they leave out is
    shown as it is.
    """
    overlay = Overlay(skeleton, style, video.size)
    rows = ((b.start + i, np.dstack([b.xy[i], b.score[i]])) for b in blocks for i in range(len(b)))
    row = next(rows, None)
    while row is not None and row[0] < span[0]:
        overlay.remember(row[1])
        row = next(rows, None)
    for i, frame in video.frames(*span):
        picture = _picture(frame, i, video.size)
        if row is not None and row[0] == i:
            picture = overlay.draw(picture, row[1])
            row = next(rows, None)
        yield i, picture


def _picture(frame: Frame | None, i: int, size: tuple[int, int]) -> np.ndarray:
    if frame is not None:
        return frame.rgb if frame.rgb.flags.writeable else frame.rgb.copy()
    image = np.full((size[1], size[0], 3), 96, np.uint8)
    write(image, f"frame {i} cannot be decoded", (8, size[1] / 2), (255, 255, 255), max(12.0, size[1] / 20))
    return image


def write_annotated_video(
    path: Path,
    video: Video,
    frames: Iterable[tuple[int, np.ndarray]],
    done: Callable[[int], None],
    joined: bool = False,
) -> int:
    """Writes annotated frames as a video with the source's own timestamps; their number. Raises StorageError.

    joined: it becomes a part of a longer one.
    """
    index = video.index
    base = index.time_base if index is not None else None
    count, size = 0, video.size
    with VideoWriter(path, size, video.rate, base, reorder=not joined) as writer:
        origin = None
        for i, image in frames:
            pts = None
            if index is not None:
                origin = int(index.pts[i]) if origin is None else origin
                pts = int(index.pts[i]) - origin
            writer.write(_fitted(image, size), pts)
            count += 1
            done(i)
    return count


def _fitted(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The image; one of another size than the first is fitted into the video's."""
    own = (image.shape[1], image.shape[0])
    return image if own == size else View.fit(own, size).warp(image)


def write_annotated_images(
    folder: Path, video: Video, skeleton: Skeleton, poses_of: Callable[[int], np.ndarray | None],
    frames: Iterable[int], style: Style,
) -> list[Path]:  # fmt: skip
    """One PNG per chosen frame. `poses_of` gives (N, K, 3) or None. Raises StorageError, NotFound."""
    written = []
    for i in frames:
        image = np.ascontiguousarray(video[i].rgb)
        poses = poses_of(i)
        if poses is not None:
            image = Overlay(skeleton, style, video.size).draw(image.copy(), poses)
        written.append(write_image(folder / f"{Path(video.name).stem}_{Path(video.frame_name(i)).stem}.png", image))
    return written


def write_image(path: Path, rgb: np.ndarray) -> Path:
    """(H, W, 3) uint8 RGB as PNG or JPEG, by the suffix. Raises StorageError."""
    import cv2

    _, data = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    with replacing(path) as partial:
        partial.write_bytes(data.tobytes())
    return path
