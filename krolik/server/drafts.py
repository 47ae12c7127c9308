"""Small trainings that start by themselves while a person labels, so that the next frames come with proposals."""

from __future__ import annotations

from krolik import jobs as control
from krolik.project import ProjectFile, jobs, labels, models, selection
from krolik.project.jobs import Job

FIRST = 15  # labelled frames from which on a small training helps
GROWTH = 1.5  # so many times more labels are worth the next one
BUDGET = "90s"
SWITCH = "drafts"  # the property by which a project says that it wants none


class Drafts:
    """Decides when to begin one. allowed: whether this server starts them at all."""

    def __init__(self, file: ProjectFile, allowed: bool):
        self._file, self._allowed = file, allowed

    @property
    def on(self) -> bool:
        return self._allowed and self._file.find(SWITCH) != "off"

    def switch(self, on: bool) -> None:
        with self._file.write():
            self._file.put(SWITCH, "on" if on else "off")

    def consider(self) -> Job | None:
        """After edits: a training, if there is enough that is new and frames wait for proposals."""
        if not self.on or self._file.read_only:
            return None
        labelled = labels.documents(self._file).keys()
        done = [j for j in jobs.every(self._file) if j.kind == "train"]
        trained = [len(m.document["train"]) for m in models.every(self._file)]
        before = max([*trained, *(int(j.document.get("labelled", 0)) for j in done)], default=0)
        if len(labelled) < max(FIRST, GROWTH * before) or any(j.active for j in done):
            return None
        if not any(key not in labelled for key in selection.load(self._file)):
            return None
        document = {"budget": BUDGET, "propose": True, "labelled": len(labelled)}
        return control.submit(self._file, "train", document, "draft")
