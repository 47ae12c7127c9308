"""What can go wrong, said in one clear sentence.

KrolikError               anything a user can understand and mend (exit code 2)
├── InvalidFile           a file that is not what it should be
├── InvalidLabels         labels that contradict the skeleton or the frame
├── InvalidProject        a project that is damaged, too new or not a project
├── InvalidSetting        an option or argument with a value that makes no sense
├── NotFound              a named thing that is not there
├── Conflict              a value that somebody else changed meanwhile
├── Cancelled             work that was stopped before it had a result
└── StorageError          a disk that is full, a folder that is read-only
"""

from __future__ import annotations


class KrolikError(Exception):
    """A problem with its place and its remedy.

    Parameters: `what` is wrong, `where` (file, frame or field), and how to `fix` it. `code` names the problem for
    programs that say it in another language; `values` are what its sentence then needs.
    """

    exit_code = 2
    http_status = 400

    def __init__(self, what: str, where: object = "", fix: str = "", code: str = "", **values: object):
        self.what, self.where, self.fix, self.code, self.values = what, str(where), fix, code, values
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f". {self.fix}" if self.fix else ""
        return f"{place}{self.what}{remedy}"

    def to_json(self) -> dict:
        """For programs: a code that the page's catalogues know, and the English sentence for what they do not."""
        values = {"where": self.where, **{k: str(v) for k, v in self.values.items()}}
        return {"code": self.code or "other", "message": str(self), "values": values}

    def __reduce__(self):  # survives the way through a process pool
        return _rebuilt, (type(self), (self.what, self.where, self.fix, self.code), self.values)


def _rebuilt(kind: type[KrolikError], arguments: tuple, values: dict) -> KrolikError:
    return kind(*arguments, **values)


class InvalidFile(KrolikError):
    """A file that is not what it should be."""


class InvalidLabels(KrolikError):
    """Labels that contradict the skeleton or the frame."""


class InvalidProject(KrolikError):
    """A project file that is damaged, newer than this program, or no project at all."""


class InvalidSetting(KrolikError):
    """An option or argument whose value makes no sense."""


class NotFound(KrolikError):
    """A named thing that is not there."""

    http_status = 404


class Conflict(KrolikError):
    """A value that was changed by somebody else since it was read."""

    http_status = 409


class Cancelled(KrolikError):
    """Work that was stopped before it had a result."""

    http_status = 409


class StorageError(KrolikError):
    """A disk that is full, a folder that is read-only, a file that is locked."""

    http_status = 507
