"""Making a project of what a person has: videos, folders of images, and labels that other programs made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from krolik import jobs as control
from krolik.errors import KrolikError
from krolik.formats import detect
from krolik.project import ProjectFile, jobs, labels
from krolik.project.file import SUFFIX
from krolik.project.jobs import Job
from krolik.server.places import VIDEOS
from krolik.server.workspace import Opened, Workspace
from krolik.skeleton import Skeleton
from krolik.video.source import check_video

CONFIG = "config.yaml"  # it stands for the folder around it: a project of DeepLabCut


@dataclass(frozen=True)
class Material:
    """Videos and folders of images; files and folders with labels or predictions of any format."""

    videos: list[Path]
    labels: list[Path]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Material:
        """What each path is. A folder of images that are labelled there is one of labels.

        Raises NotFound, InvalidFile for what is neither a video nor in a format that can be read.
        """
        found = cls([], [])
        for path in paths:
            if path.suffix.lower() in VIDEOS or (path.is_dir() and not _has_labels(path)):
                check_video(path)
                found.videos.append(path)
            else:
                detect(path)
                found.labels.append(path)
        return found


def _has_labels(folder: Path) -> bool:
    try:
        return bool(detect(folder))
    except (KrolikError, OSError):
        return False


def project_place(path: Path) -> Path:
    """Where the project of a video, a folder or a file of labels lies: beside it, and named like it."""
    path = path.parent if path.name == CONFIG else path
    name = path.name if path.is_dir() else path.stem.removesuffix(".pkg")
    return path.parent / f"{name}{SUFFIX}"


def begin(work: Workspace, target: Path, material: Material, bones: Skeleton, new: bool = False) -> tuple[Opened, bool]:
    """The project at `target`, into which the material is being read, and whether it was there already.

    One that was there gets the videos that it lacks, but labels only where it has none and these have not come in yet:
    they may have been corrected there since.
    new: it must not be there. Raises InvalidSetting when it is, StorageError.
    """
    existed = target.exists() and not new
    if not existed:
        ProjectFile.create(target, bones).close()
    opened = work.open(target)
    if material.labels and not _labelled(opened.file, material):
        if not importing(opened):
            bring(work, opened, material)
        return opened, False
    return work.with_videos(target, material.videos, new=not existed), existed


def importing(opened: Opened) -> bool:
    """Whether labels are being read into the project."""
    return any(job.kind == "import" for job in control.settle(opened.file))


def _labelled(file: ProjectFile, material: Material) -> bool:
    sources = {str(path) for path in material.labels}
    return bool(labels.documents(file)) or any(
        job.kind == "import" and job.status == "done" and job.document["source"] in sources for job in jobs.every(file)
    )


def bring(work: Workspace, opened: Opened, material: Material) -> list[Job]:
    """Starts reading the material into an open project; the videos are then those that the labels name."""
    places = [str(p) for p in material.videos]
    if not material.labels:
        return [work.add_videos(opened, material.videos)]
    return [
        control.submit(opened.file, "import", {"source": str(source), "videos": places}, "ui")
        for source in material.labels
    ]
