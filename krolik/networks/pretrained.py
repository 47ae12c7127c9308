"""Pretrained bodies: found by path, in the folder that KROLIK_WEIGHTS names, in the cache, or downloaded.

Checkpoints are safetensors files. A download is checked against its SHA-256 before it gets its name.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

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


def body_names(module: torch.nn.Module) -> list[str]:
    """The names of all that a checkpoint of the body fills; none for a network without a pretrained body."""
    prefixes: tuple[str, ...] = getattr(module, "body_prefixes", ())
    counters = ".num_batches_tracked"
    return [name for name in module.state_dict() if name.startswith(prefixes) and not name.endswith(counters)]


def body_parameters(module: torch.nn.Module) -> list[torch.nn.Parameter]:
    """The parameters among them, to be trained more gently than the rest."""
    names = set(body_names(module))
    return [parameter for name, parameter in module.named_parameters() if name in names]


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file. Raises InvalidFile, also for values that are not finite."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise InvalidFile(f"not a readable safetensors file ({error})", path) from error
    for name, tensor in tensors.items():
        if tensor.dtype.is_floating_point and not torch.isfinite(tensor).all():
            raise InvalidFile(f"{name} holds values that are not finite", path)
    return tensors


def load_body(module: torch.nn.Module, path: Path) -> None:
    """Fills the body of a network (all but what leads to its head) from a checkpoint.

    Raises InvalidFile when the file is no checkpoint, holds values that are not finite, or fits another width.
    """
    tensors, own = read(path), module.state_dict()
    # without normalisation the checkpoint has it folded in; with it, it brings its statistics along
    wanted = [name for name in body_names(module) if ".norm." not in name]
    missing = [name for name in wanted if name not in tensors]
    if missing or not wanted:
        raise InvalidFile(f"no weights for this network (it lacks {missing[0] if missing else 'a body'})", path)
    for name in wanted:
        if tensors[name].shape != own[name].shape:
            have, need = tuple(tensors[name].shape), tuple(own[name].shape)
            raise InvalidFile(f"weights of another width: {name} is {have}, not {need}", path, "Set --width to fit.")
        own[name].copy_(tensors[name].float())
