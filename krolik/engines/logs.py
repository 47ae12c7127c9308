"""What another program wrote to a log last, which most often says what went wrong."""

from __future__ import annotations

from pathlib import Path


def last_line(log: Path, otherwise: str) -> str:
    lines = [line.strip() for line in log.read_bytes()[-4000:].decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1][:200] if lines else otherwise
