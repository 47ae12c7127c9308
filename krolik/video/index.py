"""The index of a video file: the timestamp of every frame in the order shown, and where decoding can start.

Built by reading packets without decoding them. Frame i is the i-th timestamp in ascending order; this holds for
B-frames, variable frame rates and open groups of pictures alike, and needs no length in the header.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile

# a playlist is a text that names other files and addresses: only this very file is ever read
OPENING = {"fflags": "+genpts", "protocol_whitelist": "file"}


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """pts: (F,) int64 ascending, in units of time_base. keyframes: (G,) int64, frame numbers that can be sought.

    timed: False for files whose packets carry no usable timestamps; those are only read from the start.
    declared: the number of frames that the file's header claims, 0 if it claims none.
    """

    pts: np.ndarray
    keyframes: np.ndarray
    time_base: Fraction
    rate: Fraction
    size: tuple[int, int]  # (width, height) as shown, after rotation
    quarter_turns: int
    timed: bool
    declared: int

    def __len__(self) -> int:
        return len(self.pts)

    @property
    def times_s(self) -> np.ndarray:
        """(F,) float64: seconds since the first frame."""
        return (self.pts - self.pts[0]) * float(self.time_base)

    def to_bytes(self) -> bytes:
        header = {
            "time_base": str(self.time_base), "rate": str(self.rate), "size": self.size,
            "quarter_turns": self.quarter_turns, "timed": self.timed, "declared": self.declared,
        }  # fmt: skip
        buffer = io.BytesIO()
        np.savez_compressed(buffer, pts=np.diff(self.pts, prepend=0), keyframes=self.keyframes,
                            header=np.frombuffer(json.dumps(header).encode(), np.uint8))  # fmt: skip
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> VideoIndex:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            header = json.loads(arrays["header"].tobytes())
            return cls(
                np.cumsum(arrays["pts"]), arrays["keyframes"], Fraction(header["time_base"]), Fraction(header["rate"]),
                tuple(header["size"]), header["quarter_turns"], header["timed"], header["declared"],
            )  # fmt: skip


def build_index(path: Path, progress: Callable[[float], None] | None = None) -> VideoIndex:
    """Reads the whole file once, without decoding more than one frame. Raises InvalidFile.

    `progress` is told the fraction that is read and may raise to cancel.
    """
    import av
    import av.error

    length = path.stat().st_size
    with _translated(path):
        with av.open(str(path), options=OPENING) as container:
            if not container.streams.video:
                raise InvalidFile("no video in this file", path, code="not-a-video")
            stream = container.streams.video[0]
            pts, keys = [], []
            try:
                for packet in container.demux(stream):
                    if packet.size and not packet.is_discard:
                        pts.append(packet.pts)
                        keys.append(packet.is_keyframe)
                    if progress is not None and len(pts) % 500 == 0 and packet.pos is not None:
                        progress(min(1.0, packet.pos / max(1, length)))
            except av.error.FFmpegError:  # a file cut off: what was read is the video
                pass
            if not pts:
                raise InvalidFile("the file holds no frames", path, code="no-frames")
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            time_base, declared = stream.time_base or 1 / rate, stream.frames
        turns, size = _orientation(path)
    if any(p is None for p in pts) or len(set(pts)) != len(pts):
        count = _count_decodable(path)
        ticks = np.round(np.arange(count) / float(rate * time_base)).astype(np.int64)
        return VideoIndex(ticks, np.zeros(1, np.int64), time_base, rate, size, turns, False, declared)
    order = np.argsort(np.array(pts, np.int64), kind="stable")
    keyframes = np.flatnonzero(np.array(keys)[order]).astype(np.int64)
    return VideoIndex(np.array(pts, np.int64)[order], keyframes, time_base, rate, size, turns, True, declared)


def probe(path: Path) -> None:
    """Looks at the beginning of a file only. Raises InvalidFile for what is no video."""
    import av

    with _translated(path):
        with av.open(str(path), options=OPENING) as container:
            if not container.streams.video:
                raise InvalidFile("no video in this file", path, code="not-a-video")
        _orientation(path)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """FFmpeg's refusals in words that help."""
    import av.error

    try:
        yield
    except av.error.FFmpegError as error:
        raise InvalidFile(
            f"not a video that can be read ({error.strerror})",
            path,
            "If it was cut off, copy it again.",
            "not-a-video",
        ) from error


def _orientation(path: Path) -> tuple[int, tuple[int, int]]:
    """Counter-clockwise quarter turns to show the video upright, and its size then, from the first frame."""
    import av
    import av.error

    with av.open(str(path), options=OPENING) as container:
        stream = container.streams.video[0]
        turns, size = 0, (stream.codec_context.width, stream.codec_context.height)
        packets = container.demux(stream)
        for _ in range(256):  # a damaged beginning may hide the first frames
            try:
                frames = next(packets).decode()
            except StopIteration:
                break
            except av.error.FFmpegError:
                continue
            if frames:
                frame = frames[0]
                turns, size = round(frame.rotation / 90) % 4, (frame.width, frame.height)  # pyright: ignore
                break
    if not all(size):
        raise InvalidFile("no frame of the video can be decoded", path, code="no-frames")
    return turns, (size[1], size[0]) if turns % 2 else size


def _count_decodable(path: Path) -> int:
    """The number of frames that come out of the decoder: for files without usable timestamps."""
    import av
    import av.error

    count = 0
    with av.open(str(path), options=OPENING) as container:
        packets = container.demux(container.streams.video[0])
        while True:
            try:
                count += len(next(packets).decode())
            except StopIteration:
                return count
            except av.error.FFmpegError:
                continue
