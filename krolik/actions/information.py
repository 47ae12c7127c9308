"""What a project holds, and what the machine can do."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import sys
from dataclasses import asdict, dataclass

import krolik
from krolik.errors import KrolikError
from krolik.project import ProjectFile, history, labels, models, runs, splits, videos


@dataclass(frozen=True)
class ProjectInformation:
    """labelled: how often each keypoint has coordinates. missing_videos: those that are not where they were."""

    path: str
    megabytes: float
    read_only: bool
    keypoints: list[str]
    edges: list[list[str]]
    symmetric_pairs: list[list[str]]
    videos: list[dict]
    missing_videos: list[str]
    labelled_frames: int
    labelled: dict[str, int]
    splits: list[str]
    models: list[dict]
    predictions: list[dict]
    interrupted: list[dict]
    changes: int

    def to_json(self) -> dict:
        return asdict(self)


def describe(file: ProjectFile, check: bool) -> ProjectInformation:
    """Raises InvalidProject when `check` finds damage."""
    if check:
        file.check()
    found = labels.load(file)
    bones = found.skeleton
    names = {k.id: k.name for k in bones.keypoints}
    records = videos.records(file)
    missing = []
    for record in records:
        try:
            videos.locate(file, record)
        except KrolikError:
            missing.append(record.name)
    by_id = {r.id: r.name for r in records}
    every_model = [
        {"name": m.name, "validation_error_px": _validation(m), "mean_error_px": {
            split: metrics["overall"]["mean_error_px"] for split, metrics in m.document["metrics"].items()}}
        for m in models.every(file)
    ]  # fmt: skip
    predicted = [
        {"run": r.id, "video": by_id[r.document["video"]], "model": r.document["model"],
         "frames": r.document["stop"] - r.document["start"], "status": r.status}
        for r in runs.every(file, "predict") if r.document["video"] in by_id
    ]  # fmt: skip
    interrupted = [
        {"run": r.id, "kind": r.kind} for kind in ("train", "predict") for r in runs.every(file, kind)
        if r.status != "done"
    ]  # fmt: skip
    return ProjectInformation(
        path=str(file.path),
        megabytes=round(file.path.stat().st_size / 1e6, 2),
        read_only=file.read_only,
        keypoints=bones.names,
        edges=[[names[a], names[b]] for a, b in bones.edges],
        symmetric_pairs=[[names[a], names[b]] for a, b in bones.pairs],
        videos=[
            {"id": r.id, "name": r.name, "frames": r.frames, "size": list(r.size), "rate": r.rate} for r in records
        ],
        missing_videos=missing,
        labelled_frames=len(found),
        labelled=dict(zip(bones.names, found.located_count().tolist())),
        splits=splits.names(file),
        models=every_model,
        predictions=predicted,
        interrupted=interrupted,
        changes=len(history.log(file)),
    )


def _validation(model: models.ModelRecord) -> float | None:
    return model.document["statistics"]["stages"]["pose"]["validation_error_px"]


PACKAGES = ("torch", "onnxruntime", "av", "opencv-python-headless", "numpy", "pandas", "h5py")


def examine() -> dict[str, str]:
    """Versions, cores, what is measured fast, where things are kept."""
    import av.codec

    from krolik.folders import cache_folder
    from krolik.networks.checkpoints import FOLDER_VARIABLE
    from krolik.training.machine import measure_machine

    lines = {"krolik": krolik.__version__, "python": sys.version.split()[0], "system": platform.platform()}
    for package in PACKAGES:
        try:
            lines[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            lines[package] = "missing: install Krolik again"
    machine = measure_machine()
    lines["sqlite"] = sqlite3.sqlite_version
    lines["cores"] = str(machine.cores)
    lines["device"] = f"{machine.device} ({machine.device_name})"
    faster = f"{machine.bf16_speedup:.2f} times as fast as float32 here"
    lines["bfloat16"] = faster if machine.bf16_speedup else "not in this processor"
    try:
        av.codec.Codec("libx264", "w")
        lines["H.264 encoding"] = "yes"
    except ValueError:
        lines["H.264 encoding"] = "no: annotated videos cannot be written"
    lines["pretrained weights"] = os.environ.get(FOLDER_VARIABLE) or f"none ({FOLDER_VARIABLE} is not set)"
    lines["cache"] = str(cache_folder())
    return lines
