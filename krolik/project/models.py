"""Trained models in the project."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field

from krolik.errors import NotFound
from krolik.project.file import ProjectFile


@dataclass(frozen=True)
class ModelRecord:
    """`document`: skeleton, plan, fingerprint, statistics, metrics, split and validation frames, as JSON values."""

    id: int
    name: str
    created: float
    run: int | None
    document: dict = field(repr=False)  # long: hundreds of frames


def add(file: ProjectFile, name: str, run: int, onnx: bytes, weights: bytes, document: dict) -> ModelRecord:
    with file.write():
        identity = file.execute(
            "INSERT INTO model (name, created, run, onnx, weights, document) VALUES (?, ?, ?, ?, ?, ?)",
            name, time.time(), run, onnx, weights, json.dumps(document, ensure_ascii=False),
        )  # fmt: skip
    return next(m for m in every(file) if m.id == identity)


def every(file: ProjectFile) -> list[ModelRecord]:
    """All models, oldest first."""
    rows = file.rows("SELECT id, name, created, run, document FROM model ORDER BY id")
    return [ModelRecord(i, name, created, run, json.loads(text)) for i, name, created, run, text in rows]


def free_name(file: ProjectFile, wish: str | None, base: str) -> str:
    """The wished name; where it was taken meanwhile, that with a number, and without a wish `base` with a number."""
    taken = {m.name for m in every(file)}
    if wish is not None and wish not in taken:
        return wish
    return next(n for i in range(1, 10**6) if (n := f"{wish or base}-{i}") not in taken)


def get(file: ProjectFile, name: str | None) -> ModelRecord:
    """The model of that name, or the newest. Raises NotFound."""
    found = every(file)
    if not found:
        raise NotFound(
            "the project has no model yet", file.path, f"Train one: krolik train {file.path.name}.", "no-model"
        )
    if name is None:
        return found[-1]
    for model in found:
        if model.name == name:
            return model
    raise NotFound(
        f"no model is named {name!r}", file.path, f"There are: {', '.join(m.name for m in found)}.", "no-such-model"
    )


def onnx(file: ProjectFile, model: ModelRecord) -> bytes:
    return file.rows("SELECT onnx FROM model WHERE id = ?", model.id)[0][0]


def weights(file: ProjectFile, model: ModelRecord) -> bytes:
    """All stages as one safetensors file."""
    return file.rows("SELECT weights FROM model WHERE id = ?", model.id)[0][0]


def set_metrics(file: ProjectFile, model: ModelRecord, metrics: dict) -> None:
    """Keeps what an evaluation found, by the name of its split."""
    with file.write():
        document = {**model.document, "metrics": {**model.document.get("metrics", {}), **metrics}}
        file.execute("UPDATE model SET document = ? WHERE id = ?", json.dumps(document, ensure_ascii=False), model.id)
