"""Exact reading of a video file: `video[i]` is frame i of the index, in whatever order frames are asked for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from krolik.errors import InvalidFile, NotFound
from krolik.video.frame import Frame
from krolik.video.index import OPENING, VideoIndex, build_index

NEAR = 24  # decoding on is cheaper than seeking when the wanted frame is at most this far ahead


class VideoFile:
    """A video file with its index. Not for several threads at once: each opens its own.

    Raises InvalidFile when the file is no video, NotFound for frames outside it.
    """

    def __init__(self, path: str | Path, index: VideoIndex | None = None):
        self.path = Path(path)
        if not self.path.is_file():
            raise NotFound("no such file", self.path, code="no-file")
        self.index = index or build_index(self.path)
        self._cursor: _Cursor | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) as shown."""
        return self.index.size

    @property
    def rate(self) -> Fraction:
        """Frames per second on average."""
        return self.index.rate

    @property
    def times_s(self) -> np.ndarray:
        """(F,) float64: seconds since the first frame."""
        return self.index.times_s

    def frame_name(self, index: int) -> str:
        """The frame's number, padded so that names sort as numbers do."""
        return f"{index:08d}"

    def __getitem__(self, i: int) -> Frame:
        """Frame i. Raises NotFound outside the video, InvalidFile when the frame cannot be decoded."""
        if not 0 <= i < len(self):
            raise NotFound(f"no frame {i}", self.path, f"The video has frames 0 to {len(self) - 1}.")
        cursor = self._cursor
        # without timestamps, going on is the only way forward
        reach = NEAR if self.index.timed else len(self)
        if cursor is None or not cursor.next_index <= i < cursor.next_index + reach:
            self.close()
            cursor = self._cursor = _Cursor(self.path, self.index)
            cursor.seek(i)
        frame = cursor.advance_to(i)
        if frame is None:
            raise InvalidFile(f"frame {i} cannot be decoded", self.path, code="undecodable", frame=i)
        return frame

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[tuple[int, Frame | None]]:
        """Every frame from start to stop - 1 in order; None stands for one that cannot be decoded."""
        stop = len(self) if stop is None else min(stop, len(self))
        cursor = _Cursor(self.path, self.index)
        try:
            cursor.seek(start)
            for i in range(start, stop):
                yield i, cursor.advance_to(i)
        finally:
            cursor.close()

    def close(self) -> None:
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None

    def __enter__(self) -> VideoFile:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Cursor:
    """A decoder that only moves forward. Packets that cannot be decoded are passed over."""

    def __init__(self, path: Path, index: VideoIndex):
        import av

        self._av, self._path, self._index = av, path, index
        self.next_index = 0  # no frame before this one can come any more
        self._open()

    def _open(self) -> None:
        try:
            self._container = self._av.open(str(self._path), options=OPENING)
        except (self._av.FFmpegError, OSError) as error:
            raise InvalidFile(f"not a video that can be read ({error})", self._path) from error
        self._stream = self._container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self._decoded = self._decode(self._container.demux(self._stream))
        self._held: tuple[int, object] | None = None
        self._count = 0
        self.next_index = 0

    def seek(self, target: int) -> None:
        """Starts decoding at the last keyframe at or before `target`; at the beginning where that fails."""
        if not self._index.timed or target == 0:
            return
        keys = self._index.keyframes
        self._introduce()
        wanted_pts = int(self._index.pts[target])
        for place in range(int(np.searchsorted(keys, target, side="right")) - 1, 0, -1):
            key_pts = int(self._index.pts[keys[place]])
            try:
                self._container.seek(key_pts, stream=self._stream)
                packets = self._container.demux(self._stream)
                first = next(packets)
            except (self._av.FFmpegError, StopIteration):
                break
            # containers seek by decoding time, which may land one keyframe too late: then try the one before
            if first.is_keyframe and first.pts is not None and first.pts <= wanted_pts:
                self._decoded = self._decode(packets, first)
                self._held = None
                self.next_index = int(keys[place])
                return
        self.close()
        self._open()

    def _introduce(self) -> None:
        """Shows the decoder the first packet: only there x264 tells its version, and H.264 in 4:4:4 of its older
        versions is decoded to garbage by who does not know it."""
        with contextlib.suppress(self._av.FFmpegError, StopIteration):
            next(self._container.demux(self._stream)).decode()

    def _decode(self, packets, first=None) -> Iterator:
        """Decoded frames; errors of single packets are passed over."""
        packet = first
        while True:
            if packet is not None:
                with contextlib.suppress(self._av.FFmpegError):
                    yield from packet.decode()
            try:
                packet = next(packets)
            except StopIteration:
                return
            except self._av.FFmpegError:  # cut off here: flush what the decoder still holds
                with contextlib.suppress(self._av.FFmpegError):
                    yield from self._stream.decode(None)
                return

    def _position(self, frame) -> int | None:
        """The frame's number by its timestamp; None for a frame that the index does not know."""
        if not self._index.timed:
            self._count += 1
            return self._count - 1
        if frame.pts is None:
            return None
        place = int(np.searchsorted(self._index.pts, frame.pts))
        known = place < len(self._index) and self._index.pts[place] == frame.pts
        return place if known else None

    def advance_to(self, target: int) -> Frame | None:
        """Decodes on until frame `target`; None when the decoder passes it by."""
        self.next_index = max(self.next_index, target)
        while True:
            if self._held is None:
                frame = next(self._decoded, None)
                if frame is None:
                    self.next_index = target + 1
                    return None
                place = self._position(frame)
                if place is None or place < target:
                    continue
                self._held = (place, frame)
            place, frame = self._held
            if place < target:
                self._held = None
                continue
            self.next_index = target + 1
            if place > target:
                return None
            self._held = None
            return Frame(decoded=frame, quarter_turns=self._index.quarter_turns)  # pyright: ignore

    def close(self) -> None:
        self._container.close()
