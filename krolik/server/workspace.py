"""The projects that the server has open, and those that were open lately."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from krolik import jobs as control
from krolik.actions.labelling import keep_frame
from krolik.errors import KrolikError, NotFound
from krolik.files import replacing
from krolik.folders import cache_folder, state_folder
from krolik.poses import FrameKey
from krolik.project import ProjectFile, labels, videos
from krolik.project.jobs import Job
from krolik.project.videos import VideoRecord
from krolik.server.drafts import Drafts
from krolik.server.jpegs import FrameServer, JpegCache, Traffic
from krolik.server.overview import Overviews
from krolik.server.places import Places
from krolik.video import Video, proxy
from krolik.video.source import content_fingerprint

RECENT = 12
QUIET_SECONDS = 2.0  # without an edit before pixels are kept


def identity_of(path: Path) -> str:
    """The id of the project at that path; the same after a restart, so that an address in the browser stays good."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]


class Opened:
    """An open project with the decoders of its videos."""

    def __init__(self, file: ProjectFile, cache: JpegCache, traffic: Traffic, drafts: bool = False):
        self.id, self.file, self._cache = identity_of(file.path), file, cache
        self.overviews, self._traffic, self.drafts = Overviews(file), traffic, Drafts(file, drafts)
        self._servers: dict[str, FrameServer] = {}
        self._lock = threading.Lock()
        self._to_keep, self._was_edited = threading.Event(), threading.Event()
        self.closed = False
        threading.Thread(target=self._keep_pixels, daemon=True, name="keep pixels").start()
        self.keep_pixels()

    def frames(self, record: VideoRecord) -> FrameServer:
        """The frame server of a video."""
        return self._server(f"{self.id}/{record.id}", lambda: videos.open_record(self.file, record), Traffic.WANTED)

    def proxy_frames(self, record: VideoRecord) -> FrameServer | None:
        """The frame server of a video's display copy, where there is one."""
        path = self.proxy_path(record)
        name = f"{self.id}/{record.id}/proxy"
        if name not in self._servers:
            copy = proxy.open_proxy(path, record.frames)
            if copy is None:
                return None
            copy.close()
        return self._server(name, lambda: _opened(path, record.frames), Traffic.COPY)

    def proxy_path(self, record: VideoRecord) -> Path:
        return proxy.place(cache_folder(), record.fingerprint)

    def _server(self, name: str, open_video: Callable[[], Video], level: int) -> FrameServer:
        with self._lock:
            if name not in self._servers:
                self._servers[name] = FrameServer(name, open_video, self._cache, self._traffic, level)
            return self._servers[name]

    def forget_video(self, record: VideoRecord) -> None:
        """Closes the decoder of a video that was linked anew."""
        with self._lock:
            server = self._servers.pop(f"{self.id}/{record.id}", None)
        if server is not None:
            server.close()

    def keep_pixels(self) -> None:
        """Has the pixels of newly labelled frames kept, in the background."""
        if not self.file.read_only:
            self._to_keep.set()

    def edited(self) -> None:
        """A label was made: its pixels are kept, and it may be enough for a small training, in the background."""
        self._was_edited.set()
        self.keep_pixels()

    def _consider_a_draft(self) -> None:
        with suppress(KrolikError):  # a comfort: labelling goes on without it
            self.drafts.consider()

    def _keep_pixels(self) -> None:
        while not self.closed:
            self._to_keep.wait()
            self._to_keep.clear()
            while self._to_keep.wait(QUIET_SECONDS) and not self.closed:  # the next click matters more
                self._to_keep.clear()
            if self._was_edited.is_set() and not self.closed:
                self._was_edited.clear()
                self._consider_a_draft()
            hopeless: set[str] = set()
            while (key := self._next_to_keep(hopeless)) is not None:
                if not self._keep(key):
                    hopeless.add(key.video)

    def _next_to_keep(self, hopeless: set[str]) -> FrameKey | None:
        try:
            lacking = [] if self.closed else labels.without_pixels(self.file)
        except KrolikError:  # closed meanwhile
            return None
        return next((k for k in lacking if k.video not in hopeless), None)

    def _keep(self, key: FrameKey) -> bool:
        """Whether it worked; a video that is not there now is looked for again when the next label is made."""
        try:
            with videos.open_record(self.file, videos.record(self.file, key.video)) as video:
                keep_frame(self.file, video, key)
        except KrolikError:
            return False
        return True

    def close(self) -> None:
        self.closed = True
        self._to_keep.set()
        for server in self._servers.values():
            server.close()
        self.file.close()


def _opened(path: Path, frames: int) -> Video:
    copy = proxy.open_proxy(path, frames)
    if copy is None:
        raise NotFound("the display copy is gone", path, code="no-file")
    return copy


class Workspace:
    """Everything that the server knows."""

    def __init__(self, roots: Sequence[Path], drafts: bool = False):
        """roots: the folders that may be looked into. drafts: whether small trainings start by themselves."""
        self._drafts = drafts
        self.places = Places(roots)
        self._cache, self._traffic = JpegCache(), Traffic()
        self._opened: dict[str, Opened] = {}
        self._lock = threading.RLock()

    def open(self, path: Path) -> Opened:
        """Opens a project, or gives the one that is open. Raises NotFound, InvalidProject, StorageError."""
        identity = identity_of(path)
        with self._lock:
            if identity in self._opened and not self._opened[identity].file.is_there:
                self._opened.pop(identity).close()  # another file has its name now
            if identity not in self._opened:
                self._opened[identity] = Opened(
                    ProjectFile.open(path.resolve()), self._cache, self._traffic, self._drafts
                )
            self.places.allow(path.resolve().parent)
        self._remember(path)
        return self._opened[identity]

    def get(self, identity: str) -> Opened:
        """An open project, or a recent one, by its id. Raises NotFound."""
        if identity in self._opened:
            return self._opened[identity]
        for path in self.recent():
            if identity_of(path) == identity:
                return self.open(path)
        raise NotFound("this project is not open", identity, code="not-open")

    def recent(self) -> list[Path]:
        """The projects that were open lately and are still there, the last one first."""
        try:
            known = json.loads((state_folder() / "recent.json").read_text("utf-8"))
            return [p for p in map(Path, known) if p.is_file()]
        except (OSError, ValueError, TypeError):
            return []

    def _remember(self, path: Path) -> None:
        known = [str(path.resolve())] + [str(p) for p in self.recent() if p != path.resolve()]
        try:
            with replacing(state_folder() / "recent.json") as partial:
                partial.write_text(json.dumps(known[:RECENT], ensure_ascii=False), "utf-8")
        except KrolikError:
            pass  # a list for comfort: nothing is lost without it

    def select_first(self, opened: Opened) -> Job:
        """Chooses the first frames of a new project's videos, so that labelling can begin at once."""
        return control.submit(opened.file, "select", {"first": True}, "ui")

    def add_videos(self, opened: Opened, paths: Sequence[Path], new: bool = False) -> Job:
        """Starts reading videos into a project; of a new one the first frames are then chosen."""
        return control.submit(opened.file, "add", {"paths": [str(p) for p in paths], "select": new}, "ui")

    def with_videos(self, target: Path, paths: Sequence[Path], new: bool = False) -> Opened:
        """The project at `target`, into which those of the videos are being read that it lacks."""
        opened = self.open(target)
        lacking = [p for p in paths if videos.find(opened.file, content_fingerprint(p)) is None]
        if lacking:
            self.add_videos(opened, lacking, new)
        return opened

    def build_proxy(self, opened: Opened, record: VideoRecord) -> Job | None:
        """Starts making the display copy of a video if that pays and it is not there yet."""
        index = videos.frame_index(opened.file, record.id)
        target = opened.proxy_path(record)
        if opened.file.read_only or index is None or not proxy.wanted(index) or proxy.open_proxy(target, record.frames):
            return None
        document = {"video": record.id}
        if any(j.kind == "proxy" and j.document == document for j in control.settle(opened.file)):
            return None
        videos.locate(opened.file, record)
        return control.submit(opened.file, "proxy", document, "ui")

    def close(self) -> None:
        for opened in self._opened.values():
            opened.close()
