"""Checkpoints of pretrained bodies: by path, in the folder that KROLIK_WEIGHTS names, in the cache, or downloaded.

They are safetensors files. A download is checked against its SHA-256 before it gets its name. Importing this pulls in
no torch.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from krolik.errors import InvalidFile, NotFound
from krolik.folders import cache_folder

FOLDER_VARIABLE = "KROLIK_WEIGHTS"


@dataclass(frozen=True)
class Download:
    """A checkpoint at a public address."""

    url: str
    sha256: str


# Checkpoints by name. None is hosted by the project yet; an address goes here with its hash.
DOWNLOADS: dict[str, Download] = {}


def find(body: str, width: float | None, wish: str | None) -> Path | None:
    """The checkpoint for a body; `width` None takes any, and narrower ones first.

    wish: a path or name ("mobilenetv2_050_deeplab"), "none", or "auto" (also None): the first that fits in the folder
    of KROLIK_WEIGHTS or the cache. Raises NotFound for a path or name that is not there.
    """
    if wish == "none":
        return None
    if wish in (None, "auto"):
        wanted = "*" if width is None else f"{round(width * 100):03d}"
        candidates = [p for f in _folders() for p in sorted(f.glob(f"{body}_{wanted}_*.safetensors"))]
        return candidates[0] if candidates else None
    path = Path(str(wish))
    if path.is_file():
        return path
    for folder in _folders():
        if (folder / f"{wish}.safetensors").is_file():
            return folder / f"{wish}.safetensors"
    if str(wish) in DOWNLOADS:
        return download(DOWNLOADS[str(wish)], cache_folder() / f"{wish}.safetensors")
    raise NotFound(f"no pretrained weights {str(wish)!r}", "--pretrained",
                   f"Give a .safetensors file, a name in the folder of {FOLDER_VARIABLE}, or a model.")  # fmt: skip


def width_of(path: Path) -> float | None:
    """The width multiplier in a checkpoint's name: mobilenetv2_050_deeplab → 0.5."""
    found = re.match(r"[a-z0-9]+_(\d{3})_", path.name)
    return int(found[1]) / 100 if found else None


def _folders() -> list[Path]:
    named = os.environ.get(FOLDER_VARIABLE)
    return [f for f in ([Path(named)] if named else []) + [cache_folder()] if f.is_dir()]


def download(source: Download, target: Path) -> Path:
    """Fetches a checkpoint into `target`. Raises NotFound when offline, InvalidFile when the hash is another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{os.getpid()}.part")
    digest = hashlib.sha256()
    try:
        # the address and its hash are ours, see DOWNLOADS
        with urllib.request.urlopen(source.url, timeout=30) as answer, partial.open("wb") as file:  # noqa: S310
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != source.sha256:
            raise InvalidFile("the download is not the file that was published (SHA-256 differs)", source.url,
                              "Try again; if it stays so, report it.")  # fmt: skip
        partial.replace(target)
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise NotFound(f"cannot be downloaded ({error})", source.url,
                       "Go on without it by --pretrained none.") from error  # fmt: skip
    finally:
        partial.unlink(missing_ok=True)
    return target
