"""Frames as JPEG for the page: one decoding thread per video, the newest wish first, a cache of what was encoded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from krolik.errors import Cancelled, InvalidFile, KrolikError
from krolik.video import Frame, Video

QUALITY = 88
REACH = 24  # decoding on is cheaper than seeking when the wanted frame is at most so far ahead
BACK = 8  # frames kept on a step back: the one before is likely wanted next
BEFORE = 2  # frames before the wanted one that are kept on a jump, as they are decoded anyway
CACHE_BYTES = 256 << 20


@dataclass(frozen=True)
class Picture:
    """A frame as JPEG. size: the frame's own (width, height), which labels are given in; the picture may be smaller."""

    jpeg: bytes
    size: tuple[int, int]


class JpegCache:
    """The most recently used pictures, by any key, up to a number of bytes. For several threads."""

    def __init__(self, limit: int = CACHE_BYTES):
        self._limit, self._bytes, self._lock = limit, 0, threading.Lock()
        self._pictures: OrderedDict[tuple, Picture] = OrderedDict()

    def get(self, key: tuple) -> Picture | None:
        with self._lock:
            if key in self._pictures:
                self._pictures.move_to_end(key)
            return self._pictures.get(key)

    def put(self, key: tuple, picture: Picture) -> None:
        with self._lock:
            if before := self._pictures.pop(key, None):
                self._bytes -= len(before.jpeg)
            self._pictures[key] = picture
            self._bytes += len(picture.jpeg)
            while self._bytes > self._limit:
                self._bytes -= len(self._pictures.popitem(last=False)[1].jpeg)


class Traffic:
    """Who decodes now, when several videos' threads share few cores: display copies before originals, both before
    pictures that are only fetched ahead."""

    COPY, WANTED, AHEAD = 0, 1, 2
    LONGEST_SECONDS = 0.3  # nobody waits for others longer than this at a time

    def __init__(self):
        self._waiting = [0, 0, 0]
        self._change = threading.Condition()

    def add(self, level: int, count: int) -> None:
        with self._change:
            self._waiting[level] += count
            self._change.notify_all()

    def give_way(self, level: int) -> None:
        """Waits while somebody waits for something more urgent."""
        with self._change:
            self._change.wait_for(lambda: not any(self._waiting[:level]), self.LONGEST_SECONDS)


def encode(frame: Frame, width: int | None) -> Picture:
    """A frame as JPEG, made smaller to `width` if it is wider."""
    import cv2

    jpeg = cv2.imencode(".jpg", frame.bgr(width), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
    return Picture(jpeg, frame.size)


@dataclass(eq=False)
class _Wish:
    """A picture that somebody waits for. `waiting` counts who still does."""

    index: int
    width: int | None
    urgent: bool
    picture: Future[Picture] = field(default_factory=Future)
    waiting: int = 1


class FrameServer:
    """Serves one video. `open_video` is called in the thread that decodes; errors reach whoever waits.

    level: where it stands in the `traffic` that it shares with others (Traffic.COPY or Traffic.WANTED).
    """

    def __init__(
        self,
        name: str,
        open_video: Callable[[], Video],
        cache: JpegCache,
        traffic: Traffic | None = None,
        level: int = Traffic.WANTED,
    ):
        self._name, self._open, self._cache = name, open_video, cache
        self._traffic, self._level = traffic or Traffic(), level
        self._wishes: list[_Wish] = []
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def request(self, index: int, width: int | None, urgent: bool) -> tuple[Future[Picture], Callable[[], None]]:
        """The picture to come, and what to call when nobody waits for it any more."""
        found = self._cache.get((self._name, index, width))
        if found is not None:
            done: Future[Picture] = Future()
            done.set_result(found)
            return done, lambda: None
        with self._change:
            wish = next((w for w in self._wishes if (w.index, w.width) == (index, width)), None)
            if wish is None:
                wish = _Wish(index, width, urgent)
                self._wishes.append(wish)
                self._traffic.add(self._level_of(wish), 1)
            else:
                wish.waiting += 1
                self._traffic.add(self._level_of(wish), -1)
                wish.urgent |= urgent
                self._traffic.add(self._level_of(wish), 1)
                self._wishes.append(self._wishes.pop(self._wishes.index(wish)))
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"frames of {self._name}", daemon=True)
                self._thread.start()
            self._change.notify()
        return wish.picture, lambda: self._abandon(wish)

    def _abandon(self, wish: _Wish) -> None:
        with self._change:
            wish.waiting -= 1
            if wish.waiting == 0 and self._drop(wish):
                wish.picture.cancel()

    def _drop(self, wish: _Wish) -> bool:
        """Takes a wish out of the list; whether it was in it."""
        if wish not in self._wishes:
            return False
        self._wishes.remove(wish)
        self._traffic.add(self._level_of(wish), -1)
        return True

    def _level_of(self, wish: _Wish) -> int:
        return self._level if wish.urgent else Traffic.AHEAD

    def close(self) -> None:
        """Ends the thread; whoever waits is told."""
        with self._change:
            self._closed = True
            for wish in list(self._wishes):
                self._drop(wish)
                wish.picture.set_exception(Cancelled("the video was closed", self._name, code="cancelled"))
            self._change.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _next(self, position: int) -> _Wish | None:
        """The wish to fulfil now: the newest urgent one, else the nearest one ahead of the decoder."""
        with self._change:
            while not self._wishes and not self._closed:
                self._change.wait()
            if self._closed:
                return None
            urgent = [w for w in self._wishes if w.urgent]
            if urgent:
                return urgent[-1]
            return min(self._wishes, key=lambda w: (w.index < position, abs(w.index - position)))

    def _superseded(self, wish: _Wish) -> bool:
        """Whether something newer goes first; the wish stays in the list unless nobody waits for it."""
        with self._change:
            newer = self._wishes[self._wishes.index(wish) + 1 :] if wish in self._wishes else []
            urgent = self._wishes if not wish.urgent else newer
            return self._closed or wish.waiting == 0 or any(w.urgent for w in urgent)

    def _work(self) -> None:
        walk: _Walk | None = None
        try:
            while (wish := self._next(walk.position if walk else 0)) is not None:
                try:
                    if walk is None:
                        walk = _Walk(self._open())
                    picture = self._fulfil(walk, wish)
                except Exception as error:  # noqa: BLE001 (whoever waits gets it)
                    # a damaged frame is passed by; after anything else the file is opened anew
                    if walk is not None and not (isinstance(error, KrolikError) and error.code == "undecodable"):
                        walk.close()
                        walk = None
                    self._settle(wish, error)
                else:
                    if picture is not None:
                        self._settle(wish, picture)
        finally:
            if walk is not None:
                walk.close()

    def _settle(self, wish: _Wish, result: Picture | Exception) -> None:
        with self._change:
            self._drop(wish)
            if wish.picture.done() or not wish.picture.set_running_or_notify_cancel():
                return
            if isinstance(result, Picture):
                wish.picture.set_result(result)
            else:
                wish.picture.set_exception(result)

    def _fulfil(self, walk: _Walk, wish: _Wish) -> Picture | None:
        """The picture; None when something newer goes first. Frames just before it are kept where that costs little."""
        known = self._cache.get((self._name, wish.index, wish.width))
        if known is not None:
            return known
        passed: list[tuple[int, Frame]] = []
        for index, frame in walk.to(wish.index):
            self._traffic.give_way(self._level_of(wish))
            if index == wish.index:
                if frame is None:
                    raise InvalidFile(f"frame {index} cannot be decoded", self._name, code="undecodable", frame=index)
                picture = self._encode(index, frame, wish.width)
                if passed:
                    self._settle(wish, picture)  # before the extra work
                for earlier, kept in reversed(passed):
                    self._encode(earlier, kept, wish.width)
                return picture
            if frame is not None and walk.kept:
                passed = [*passed, (index, frame)][-walk.kept :]
            if self._superseded(wish):
                return None
        raise InvalidFile(f"frame {wish.index} cannot be decoded", self._name, code="undecodable", frame=wish.index)

    def _encode(self, index: int, frame: Frame, width: int | None) -> Picture:
        picture = encode(frame, width)
        self._cache.put((self._name, index, width), picture)
        return picture


class _Walk:
    """A decoder going forward through a video; it starts anew where a wanted frame is behind or far ahead."""

    def __init__(self, video: Video):
        self._video = video
        self._frames: Iterator[tuple[int, Frame | None]] | None = None
        self.position = 0  # the frame that comes next
        self.kept = 0  # how many of the frames that are passed on the way are worth keeping

    def to(self, index: int) -> Iterator[tuple[int, Frame | None]]:
        """Frames up to the wanted one; before it come those that the decoder passes anyway."""
        reach = REACH if self._video.index is not None else 1
        self.kept = 0
        if self._frames is None or not self.position <= index < self.position + reach:
            if self._video.index is not None:
                self.kept = BACK if 0 < self.position - index <= 2 * BACK else BEFORE
            self._start(self._first_kept(index))
        assert self._frames is not None
        while self.position <= index:
            number, frame = next(self._frames, (index, None))
            self.position = number + 1
            yield number, frame

    def _first_kept(self, index: int) -> int:
        """Where to begin so that the frames just before are seen too, without decoding a group more for them."""
        if self._video.index is None:
            return index
        keys = self._video.index.keyframes
        key = int(keys[max(0, np.searchsorted(keys, index, side="right") - 1)]) if len(keys) else 0
        return max(key, index - self.kept, 0)

    def _start(self, index: int) -> None:
        if self._frames is not None:
            self._frames.close()  # pyright: ignore[reportAttributeAccessIssue]
        self._frames, self.position = self._video.frames(index), index

    def close(self) -> None:
        if self._frames is not None:
            self._frames.close()  # pyright: ignore[reportAttributeAccessIssue]
        self._video.close()
