"""Settings of the whole process, made once by a program (the command line, a benchmark), never by an import."""

from __future__ import annotations

import os

# How long an idle thread of OpenMP spins before it sleeps. GCC's default spins so long that two programs on two cores
# slow each other down thirtyfold (measured: 2,900 ms for a step of 40 ms); with this it is fivefold, and alone nothing
# is lost.
SPIN_COUNT = "10000"


def prepare() -> None:
    """To be called before torch is imported. What the user has set in the environment stays."""
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)
