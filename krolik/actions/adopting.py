"""Adopting: a network that DeepLabCut or SLEAP trained becomes a model of the project."""

from __future__ import annotations

import time
from pathlib import Path

import krolik
from krolik.actions.reporter import Reporter
from krolik.actions.samples import load_pixels
from krolik.actions.splitting import chosen_split
from krolik.actions.training_elsewhere import Telling
from krolik.engines import adopting
from krolik.engines.frameworks import framework
from krolik.errors import InvalidSetting
from krolik.project import ProjectFile, labels, models, runs
from krolik.project.models import ModelRecord

LOOKED_AT = 4  # labelled frames: what it finds there is held against what the framework finds


def adopt(file: ProjectFile, source: Path, wish: str | None, animals: int | None, reporter: Reporter) -> ModelRecord:
    """Takes the trained network of a folder. animals: in a frame at most, as labelled where it is not said.

    Raises NotFound, InvalidFile, InvalidLabels, InvalidSetting, Cancelled.
    """
    chosen = framework(adopting.framework_of(source))
    if wish is not None and wish in {m.name for m in models.every(file)}:
        raise InvalidSetting(f"a model is named {wish!r} already", "--name", "Choose another name.")
    name = models.free_name(file, wish, f"{chosen.name}-{source.absolute().name}")
    sizes = labels.frame_sizes(file)
    labelled = labels.load(file)
    keys = [frame.key for frame in labelled if frame.key in sizes][:LOOKED_AT]
    if animals is None:
        animals = max((len(frame.instances) for frame in labelled), default=0) or None
    elif animals < 1:
        raise InvalidSetting(f"{animals} animals in a frame?", "--animals", "Say how many there are at most.")
    origin = {
        "project": file.get("uuid"), "krolik": krolik.__version__, "trained": time.time(), "split": chosen_split(file),
        "train_frames": None, "validation_frames": None, "began_from": None, "adopted": source.absolute().as_posix(),
    }  # fmt: skip
    wanted = adopting.Wanted(labels.skeleton(file), [load_pixels(file, key) for key in keys], animals)
    reporter.progress(f"adopt {source.name}", 0.0)
    taken = adopting.adopt(chosen, source, wanted, name, origin, Telling(chosen, reporter))
    origin["trained_by"] = taken.trained_by
    stage = {"steps": 0, "seconds": 0.0, "validation_error_px": None, "parts": 1, "curve": []}
    document = {
        "skeleton": taken.skeleton.to_json(), "plan": taken.plan, "fingerprint": {}, "calibration": None,
        "cross_validation": None, "findings": [], "origin": origin, "split": origin["split"], "train": [],
        "validation": [], "metrics": {},
        "statistics": {"seconds": 0.0, "peak_memory_bytes": None, "peak_gpu_memory_bytes": None,
                       "stages": {"pose": stage}},
    }  # fmt: skip
    with file.write():
        run = runs.start(file, "adopt", {"source": origin["adopted"], "name": name})
        record = models.add(file, name, run, taken.onnx, b"", document)
        runs.finish(file, run, "done", model=name)
    return record
