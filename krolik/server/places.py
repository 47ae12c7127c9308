"""The folders that the page may look into. Pages speak of ids; only here they become paths again."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from krolik.errors import InvalidFile, KrolikError, NotFound
from krolik.project.file import SUFFIX
from krolik.video.images import SUFFIXES as IMAGES

VIDEOS = {".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".mts", ".m2ts", ".ts", ".mjpeg",
          ".3gp", ".flv", ".h264", ".hevc", ".ogv", ".asf", ".vob", ".y4m"}  # fmt: skip
# files that may hold labels or predictions; whether they do is found out when one is chosen
LABELS = {".slp", ".csv", ".h5", ".hdf5", ".json", ".yaml", ".yml", ".xml", ".nwb", ".mat"}
MOST_ENTRIES = 2000

Kind = Literal["folder", "images", "labels", "video", "project"]
ORDER = ("folder", "images", "project", "video", "labels")


class Outside(KrolikError):
    """A path that the page may not reach."""

    http_status = 403


@dataclass(frozen=True)
class Entry:
    """What a folder holds; `size` in bytes, 0 for folders."""

    id: str
    name: str
    kind: Kind
    size: int = 0


@dataclass(frozen=True)
class Listing:
    """A folder. `parent` is None at the top of what may be seen; `more` when it holds more than is listed."""

    id: str
    path: str
    parent: str | None
    entries: list[Entry]
    more: bool


class Places:
    """Ids for paths inside the roots; an id is random and good for as long as the server runs."""

    def __init__(self, roots: Sequence[Path]):
        self._paths: dict[str, Path] = {}
        self._ids: dict[Path, str] = {}
        self.roots: list[Path] = []
        for root in roots:
            self.allow(root)

    def allow(self, folder: Path) -> None:
        """One more root."""
        folder = folder.resolve()
        if folder.is_dir() and folder not in self.roots:
            self.roots.append(folder)

    def inside(self, path: Path) -> bool:
        """Whether the path, links followed, lies in a root."""
        real = path.resolve()
        return any(real == root or root in real.parents for root in self.roots)

    def id_of(self, path: Path) -> str:
        path = path.resolve()
        if path not in self._ids:
            identity = secrets.token_urlsafe(9)
            self._ids[path], self._paths[identity] = identity, path
        return self._ids[path]

    def path_of(self, identity: str) -> Path:
        """Raises NotFound for an id that was never given or whose file is gone, Outside when it leads out by now."""
        path = self._paths.get(identity)
        if path is None or not path.exists():
            raise NotFound("no such file or folder", path or "", code="no-file")
        if not self.inside(path):
            raise Outside("this folder may not be looked into", path, code="outside-roots")
        return path

    def resolve(self, text: str) -> Entry:
        """What a typed or pasted path means: quotes, file:// and ~ are understood.

        Raises NotFound, Outside, InvalidFile for a file of a kind that the page has no use for.
        """
        path = self.typed(text)
        entry = self._entry(path)
        if entry is None:
            raise InvalidFile("neither a video nor labels of a known format", path, code="unknown-format")
        return entry

    def typed(self, text: str) -> Path:
        """The file or folder, whatever its kind, of a typed or pasted path. Raises NotFound, Outside."""
        text = text.strip().strip("\"'")
        if text.lower().startswith("file://"):
            text = unquote(urlsplit(text).path)
            if len(text) > 2 and text[0] == "/" and text[2] == ":":  # file:///C:/...
                text = text[1:]
        path = Path(text).expanduser() if text and "\0" not in text else None
        if path is None or not path.is_absolute():
            raise NotFound("not a whole path", text, "Begin with / or a drive letter.", "not-a-path")
        try:
            real = path.resolve()
            # outside the roots nothing is told, not even whether it exists
            if not self.inside(real):
                raise Outside("this folder may not be looked into", text,
                              "Start krolik ui with --root FOLDER.", "outside-roots")  # fmt: skip
            if not real.exists():
                raise NotFound("no such file or folder", text, code="no-file")
        except OSError as error:
            raise NotFound("no such file or folder", text, code="no-file") from error
        return real

    def list(self, identity: str) -> Listing:
        """The folders, projects, videos and files of labels in a folder. Raises NotFound, Outside."""
        folder = self.path_of(identity)
        try:
            children = sorted(folder.iterdir(), key=lambda p: p.name.lower())
        except OSError as error:
            raise NotFound("this folder cannot be read", folder, code="no-file") from error
        entries = [e for p in children[: 4 * MOST_ENTRIES] if not p.name.startswith(".") and (e := self._entry(p))]
        entries.sort(key=lambda e: max(1, ORDER.index(e.kind)))  # by name, folders of either kind together
        parent = folder.parent if folder not in self.roots and self.inside(folder.parent) else None
        return Listing(identity, str(folder), self.id_of(parent) if parent else None, entries[:MOST_ENTRIES],
                       len(entries) > MOST_ENTRIES)  # fmt: skip

    def _entry(self, path: Path) -> Entry | None:
        """None for what the page has no use for, or may not see."""
        suffix = path.suffix.lower()
        try:
            if not self.inside(path):
                return None
            if path.is_dir():
                images = any(p.suffix.lower() in IMAGES for p, _ in zip(path.iterdir(), range(200)))
                return Entry(self.id_of(path), path.name or str(path), "images" if images else "folder")
            if not path.is_file() or suffix not in VIDEOS | LABELS | {SUFFIX}:
                return None
            kind = "project" if suffix == SUFFIX else "video" if suffix in VIDEOS else "labels"
            return Entry(self.id_of(path), path.name, kind, path.stat().st_size)
        except OSError:
            return None
