"""The frameworks whose networks Krolik can train, each in an environment of its own, by files and a subprocess."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from krolik.errors import InvalidSetting

WORKERS = Path(__file__).with_name("workers")


@dataclass(frozen=True)
class Framework:
    """package: its distribution, with the versions that its worker was written for in `requirement`.

    networks: the names that it has for them, its default first; several: those that find several animals. settings:
    what may be wished of a training beside network, budget, seed and the beginning from pretrained weights.
    """

    name: str
    title: str
    package: str
    requirement: str
    worker: str
    networks: tuple[str, ...]
    several: tuple[str, ...]
    settings: frozenset[str]
    pretrained: bool  # whether its users begin from weights that it downloads

    @property
    def script(self) -> Path:
        return WORKERS / self.worker

    def network(self, wish: str | None, animals: int) -> str:
        """For frames with as many animals at most. Raises InvalidSetting for one that it does not have."""
        known = self.several if animals > 1 else (*self.networks, *self.several)
        if wish not in (None, *self.networks, *self.several):
            raise InvalidSetting(f"{self.title} has no network {wish!r} here", "--network",
                                 f"Choose one of: {', '.join(known)}.")  # fmt: skip
        if wish not in (None, *known):
            raise InvalidSetting(f"{wish} finds a single animal, and there are up to {animals} in a frame", "--network",
                                 f"Choose one of: {', '.join(known)}.")  # fmt: skip
        return wish or known[0]


FRAMEWORKS = {
    f.name: f
    for f in (
        Framework(
            "deeplabcut", "DeepLabCut", "deeplabcut", "deeplabcut>=3.0.2,<3.1", "with_deeplabcut.py",
            ("resnet_50", "resnet_101", "hrnet_w18", "hrnet_w32", "hrnet_w48", "cspnext_s", "cspnext_m", "cspnext_x"),
            (), frozenset({"batch_size"}), True,
        ),
        Framework(
            "sleap", "SLEAP", "sleap-nn", "sleap-nn>=0.3.5,<0.4", "with_sleap.py", ("single_medium", "single_large"),
            ("topdown_medium", "topdown_large"), frozenset({"batch_size", "scale"}), False,
        ),
    )
}  # fmt: skip


def framework(name: str) -> Framework:
    """Raises InvalidSetting."""
    if name not in FRAMEWORKS:
        raise InvalidSetting(f"there is no engine {name!r}", "--engine",
                             f"There are: {', '.join(FRAMEWORKS)}.")  # fmt: skip
    return FRAMEWORKS[name]
