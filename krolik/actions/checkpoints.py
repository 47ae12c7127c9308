"""Keeping in the project what a training needs to go on after an interruption."""

from __future__ import annotations

from dataclasses import dataclass, field

from krolik.actions.reporter import Reporter
from krolik.errors import StorageError
from krolik.project import ProjectFile, runs


@dataclass
class Checkpoints:
    """Of one run."""

    file: ProjectFile
    run: int
    reporter: Reporter
    _warned: bool = field(default=False, init=False)

    def keep(self, data: bytes) -> None:
        """In place of the last one. Where the disk is full, training goes on without it and says so once."""
        try:
            runs.save_checkpoint(self.file, self.run, data)
        except StorageError as error:
            if not self._warned:
                self.reporter.note(f"no checkpoint can be kept ({error.what}); make room before the training ends")
            self._warned = True
