"""What the table writers are given: labels or predictions with all that a row of a table says.

Legend: F frames, N animals, K keypoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from krolik.errors import NotFound
from krolik.poses import FrameKey, Labels, Predictions, State
from krolik.skeleton import Skeleton

STATE_NAMES = {s: s.name.lower() for s in State}
STATES_BY_NAME = {name: s for s, name in STATE_NAMES.items()}


def _no_image(key: FrameKey) -> bytes:
    raise NotFound("the image of this frame is not there", f"{key.video}, frame {key.index}")


def _no_size(key: FrameKey) -> tuple[int, int]:
    raise NotFound("the size of this frame is not known", f"{key.video}, frame {key.index}")


@dataclass(frozen=True, eq=False)
class LabelTable:
    """Labels with the name and (where known) the place of each video, and the time of each frame in seconds.

    image: the encoded image of a labelled frame. size: its (width, height).
    """

    labels: Labels
    video_names: dict[str, str]  # by the video part of the frame keys
    video_paths: dict[str, str]
    image_names: dict[str, tuple[str, ...]]  # of image folders only
    time_s: Callable[[FrameKey], float]
    image: Callable[[FrameKey], bytes] = _no_image
    size: Callable[[FrameKey], tuple[int, int]] = _no_size
    selected: tuple[FrameKey, ...] = ()
    frames: dict[str, int] = field(default_factory=dict)  # how many each video has


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions of one video, read block by block so that memory does not grow with the video."""

    skeleton: Skeleton
    video: str
    model: str  # the model's identity: name and short hash
    times_s: np.ndarray  # (frames of the video,)
    blocks: Callable[[], Iterator[Predictions]]
    animals: tuple[str, ...] = ()  # names of the rows, where they have any
    path: str = ""
    size: tuple[int, int] = (0, 0)  # (width, height); (0, 0) where it is not known
    undecodable: int = 0  # frames that could not be decoded

    def animal_names(self, count: int) -> list[str]:
        """A name for each of `count` rows: its own, else animal1, animal2, ..., none of them twice."""
        names: list[str] = []
        for i in range(count):
            name = (self.animals[i] if i < len(self.animals) else "") or f"animal{i + 1}"
            while name in names:
                name += "_"
            names.append(name)
        return names

    def animal_count(self) -> int:
        """How many rows a frame has at most."""
        return max((block.score.shape[1] for block in self.blocks()), default=0)


def block_arrays(table: PredictionTable, block: Predictions) -> dict[str, np.ndarray]:
    """A block in long form: one entry per (frame, animal, keypoint), in that order."""
    frames, animals, keypoints = block.score.shape
    index = np.arange(block.start, block.stop)
    return {
        "frame": np.repeat(index, animals * keypoints),
        "time_s": np.repeat(np.round(table.times_s[index], 6), animals * keypoints),
        "animal": np.tile(np.repeat(np.arange(animals), keypoints), frames),
        "keypoint": np.tile(np.arange(keypoints), frames * animals),
        "x": block.xy[..., 0].ravel(),
        "y": block.xy[..., 1].ravel(),
        "score": block.score.ravel(),
        "decoded": np.repeat(block.decoded, animals * keypoints),
    }


def all_blocks(tables: Sequence[PredictionTable]) -> Iterator[tuple[PredictionTable, Predictions]]:
    for table in tables:
        for block in table.blocks():
            yield table, block


def one_file_each(
    out: Path, tables: Sequence[PredictionTable], suffix: str, write: Callable[[Path, PredictionTable], None]
) -> None:
    """Formats of one video a file: the file `out` for one video, a folder of files named by the videos for more."""
    if len(tables) == 1:
        write(out, tables[0])
        return
    out.mkdir(parents=True, exist_ok=True)
    for table, stem in zip(tables, video_stems(tables)):
        write(out / (stem + suffix), table)


def video_stems(tables: Sequence[PredictionTable]) -> list[str]:
    """The videos' names without suffix, with it where two would be the same."""
    stems = [PurePosixPath(t.video.replace("\\", "/")).stem for t in tables]
    return [stem if stems.count(stem) == 1 else table.video for stem, table in zip(stems, tables)]
