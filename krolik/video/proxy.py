"""A copy of a video for display only, small and with few frames between keyframes, so that jumps are quick.

Made where the original has long groups of pictures; never for labels' pixels, training or export. It has exactly one
picture per frame of the original, in its order, or it is thrown away.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.files import discard, replacing
from krolik.video.index import VideoIndex, build_index
from krolik.video.reader import VideoFile

LONGEST_GROUP = 30  # frames between keyframes that are quick enough as they are
SHORTEST = 300  # frames of a video that is worth a proxy
GROUP = 10
LONGER_SIDE = 960
CACHE_LIMIT = 8 << 30


def wanted(index: VideoIndex | None) -> bool:
    """Whether jumping in this video is slow enough for a proxy to pay."""
    if index is None or len(index) < SHORTEST:
        return False
    gaps = np.diff(index.keyframes, append=len(index))
    return not index.timed or int(gaps.max()) > LONGEST_GROUP


def place(folder: Path, fingerprint: str) -> Path:
    """Where the proxy of a video with that content lies."""
    return folder / "proxies" / f"{hashlib.sha256(fingerprint.encode()).hexdigest()[:24]}.mp4"


def open_proxy(path: Path, frames: int) -> VideoFile | None:
    """The proxy, if it is there and has exactly so many frames."""
    if not path.is_file():
        return None
    proxy = VideoFile(path)
    if len(proxy) == frames:
        return proxy
    proxy.close()
    discard(path)
    return None


def build(source: Path, index: VideoIndex, target: Path) -> Iterator[float]:
    """Writes the proxy; yields the fraction that is done."""
    import av
    import cv2

    video = VideoFile(source, index)
    scale = min(1.0, LONGER_SIDE / max(video.size))
    width, height = (max(2, round(side * scale / 2) * 2) for side in video.size)
    make_room(target.parent)
    with replacing(target) as partial, av.open(str(partial), "w", format="mp4") as container:
        options = {"crf": "26", "preset": "ultrafast", "bf": "0", "g": str(GROUP)}
        stream = container.add_stream("libx264", rate=Fraction(30), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in video.frames():
            if frame is None:  # the page asks for the original then, which says why
                bgr = np.full((height, width, 3), 128, np.uint8)
            else:
                bgr = np.asarray(cv2.resize(frame.bgr(width), (width, height)), np.uint8)  # even sides
            picture = av.VideoFrame.from_ndarray(bgr, format="bgr24")
            picture.pts = number
            container.mux(stream.encode(picture))
            yield number / len(video)
        container.mux(stream.encode(None))
    if len(build_index(target)) != len(video):
        discard(target)


def make_room(folder: Path) -> None:
    """Removes the proxies that were not used for longest when they take too much of the disk."""
    if not folder.is_dir():
        return
    files = sorted(folder.glob("*.mp4"), key=lambda p: p.stat().st_mtime)
    total = sum(p.stat().st_size for p in files)
    for path in files:
        if total <= CACHE_LIMIT:
            return
        total -= path.stat().st_size
        discard(path)
