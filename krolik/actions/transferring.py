"""Where a training begins when it goes on from an earlier model: one of this project, or the newest of another."""

from __future__ import annotations

from pathlib import Path

from krolik.errors import InvalidSetting
from krolik.project import ProjectFile, models
from krolik.project.models import ModelRecord
from krolik.skeleton import Skeleton
from krolik.training.origin import Origin


def find_origin(file: ProjectFile, wish: str | None) -> Origin | None:
    """The model that `wish` names, or None if it names none (but a checkpoint, or nothing).

    wish: a model's name in the project, or the path of another .krolik project, whose newest model is meant.
    Raises NotFound, InvalidProject.
    """
    if wish in (None, "auto", "none"):
        return None
    for record in models.every(file):
        if record.name == wish:
            return _origin(file, record)
    if str(wish).endswith(".krolik"):
        with ProjectFile.open(Path(str(wish))) as other:
            return _origin(other, models.get(other, None))
    return None


def _origin(file: ProjectFile, record: ModelRecord) -> Origin:
    if record.document["origin"].get("trained_by"):
        raise InvalidSetting(f"{record.name} was trained by another framework", "--pretrained",
                             "Go on from one of Krolik's own models.")  # fmt: skip
    skeleton = Skeleton.from_json(record.document["skeleton"])
    return Origin(record.name, skeleton, record.document["plan"], models.weights(file, record))
