"""What a network is built from. Importing this pulls in no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class NetworkSpec:
    """Enough to build a network again. Sizes in view pixels; `animals` is how many it decodes from one view."""

    network: str
    keypoints: int
    input_size: tuple[int, int]  # (width, height)
    sigma_px: float
    width: float = 1.0
    animals: int = 1
    normalized: bool = True  # batch normalisation in the backbone; off for pretrained weights that have it folded in

    def to_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> NetworkSpec:
        return cls(**{**value, "input_size": tuple(value["input_size"])})
