"""An earlier model that a training goes on from. Importing this pulls in no torch."""

from __future__ import annotations

import json
from dataclasses import dataclass

from krolik.networks.spec import NetworkSpec
from krolik.skeleton import Skeleton


@dataclass(frozen=True, eq=False)
class Origin:
    """An earlier model: its name, skeleton, plan (as JSON values) and all stages' weights (safetensors)."""

    name: str
    skeleton: Skeleton
    plan: dict
    weights: bytes

    def spec(self, stage: str) -> NetworkSpec | None:
        """How a stage's network was built; None if the model has no such stage."""
        size = int.from_bytes(self.weights[:8], "little")
        specs = json.loads(json.loads(self.weights[8 : 8 + size])["__metadata__"]["krolik"])
        return NetworkSpec.from_json(specs[stage]) if stage in specs else None
