"""Poses in frames that follow each other: the crop follows the last pose, the locator runs when an animal is lost.

Frames may also be far apart in time, or pictures of a folder that have nothing to do with each other: then a crop where
the animal was may show a part of it, or something else, and look right. So the locator runs as well where a pose leaps.

Legend: N animals, K keypoints.
"""

from __future__ import annotations

import math

import numpy as np

from krolik.inference.model import PoseModel
from krolik.video import Frame
from krolik.views import View

SURE = 0.2  # a point of at least this score says where the animal is
HELD = 0.34  # an animal is held while this part of its keypoints is sure
LOCATOR_SURE = 0.15  # several animals: weaker peaks of the locator are noise
RETRY_FRAMES = 8  # how often the locator looks for animals that are missing while others are there, or doubtful
DOUBTFUL = 0.5  # a single animal whose surer half has a lower mean score may be a mistake: other places are looked at
RIVAL = 0.5  # a place whose score is at least this part of the best one's is looked at, whatever the best one shows
SCAN_FRAMES = 32  # how often, while a single animal is doubtful, it is looked for in crops that cover the frame
MOST_CROPS = 64  # a frame that takes more is not searched so
AT_ONCE = 8
LEAP = 0.12  # a point that goes this far in one frame (in crop sides) may be a mistake: the animal is looked for
SURER = 1.05  # a place must be that much surer than the one that was followed: two animals may look the same
OFF_CENTRE = 0.08  # a pose this far off the crop's middle (in crop sides) is looked at again, centred


class Poser:
    """Turns frames into poses, one after the other. `reset` forgets where the animals were."""

    def __init__(self, model: PoseModel):
        self.model = model
        self._about = model.description
        self.reset()

    def reset(self) -> None:
        self._centres: list[np.ndarray | None] = [None] * max(1, self._about.animals)
        self._scale = self._about.scale
        self._last = list(self._centres)  # the pose (K, 3) of each animal when it was last seen
        self._frame = 0

    def __call__(self, frame: Frame) -> np.ndarray:
        """(N, K, 3) float32: x, y in frame pixels and score; NaN and 0 for an animal that is not there.

        The score is the probability of lying within the distance of the model's calibration, if it has one.
        """
        self._scale = self.model.scale(frame.size)
        poses = self.whole(frame)[None] if self._about.pipeline == "whole" else self._crops(frame)
        if self._about.calibration is not None:
            poses[..., 2] = self._about.calibration(poses[..., 2])
        return poses

    def _crops(self, frame: Frame) -> np.ndarray:
        """(N, K, 3): a crop for each animal, with raw scores."""
        poses = [self._follow(frame, animal) for animal in range(len(self._centres))]
        self._drop_doubles(poses)
        missing = [a for a, pose in enumerate(poses) if pose is None]
        leapt = [a for a, pose in enumerate(poses) if self._leapt(a, pose)]
        doubt = missing or (len(poses) == 1 and _doubtful(poses[0]))
        if leapt or len(missing) == len(poses) or (doubt and self._frame % RETRY_FRAMES == 0):
            self._find(frame, poses, missing, leapt)
        self._last = [p if c is not None else last for p, c, last in zip(poses, self._centres, self._last)]
        self._frame += 1
        nothing = np.full((len(self._about.skeleton), 3), np.nan, np.float32)
        nothing[:, 2] = 0.0
        return np.stack([nothing if pose is None else pose for pose in poses])

    def whole(self, frame: Frame) -> np.ndarray:
        """(K, 3): the pose in the whole frame."""
        view = View.fit(frame.size, self._about.input_size)
        return _in_frame(self.model.pose(frame.warp(view)[None])[0], view)

    def window(self, frame: Frame, pose: np.ndarray) -> View | None:
        """What the network would look at to see this pose (K, 3) again; None where nothing of it is known."""
        if self._about.pipeline == "whole":
            return View.fit(frame.size, self._about.input_size)
        centre = _centre(pose)
        if centre is None:
            return None
        return View.crop(tuple(centre.tolist()), self._about.input_size, self.model.scale(frame.size))

    def _crop(self, frame: Frame, centre: np.ndarray) -> np.ndarray:
        """(K, 3): the pose in a crop around `centre`; looked at twice if it lies off the middle, the surer look counts.

        The middle is that of the sure points: a second look may lose one that the first saw at the crop's edge.
        """
        size, scale = self._about.input_size, self._scale
        looks: list[np.ndarray] = []
        for _ in range(2):
            view = View.crop((float(centre[0]), float(centre[1])), size, scale)
            looks.append(_in_frame(self.model.pose(frame.warp(view)[None])[0], view))
            middle = _centre(looks[-1])
            if middle is None or np.linalg.norm(middle - centre) * scale < OFF_CENTRE * size[0]:
                break
            centre = middle
        return max(looks, key=_certainty)

    def _follow(self, frame: Frame, animal: int) -> np.ndarray | None:
        """The animal's pose near where it was; None if it was nowhere or is not there any more."""
        centre = self._centres[animal]
        if centre is None:
            return None
        pose = self._crop(frame, centre)
        self._centres[animal] = _centre(pose) if _held(pose) else None
        return None if self._centres[animal] is None else pose

    def _leapt(self, animal: int, pose: np.ndarray | None) -> bool:
        """Whether a point is far from where it was in the frame before."""
        last = self._last[animal]
        if pose is None or last is None:
            return False
        sure = (pose[:, 2] >= SURE) & (last[:, 2] >= SURE)
        moved = np.linalg.norm(pose[sure, :2] - last[sure, :2], axis=1)
        return float(moved.max(initial=0)) * self._scale > LEAP * self._about.input_size[0]

    def _drop_doubles(self, poses: list[np.ndarray | None]) -> None:
        """Of two crops that show the same animal, the one that came to it from farther away lets go."""
        reach = 0.15 * self._about.input_size[0] / self._scale
        for a in range(len(poses)):
            for b in range(a):
                first, second = poses[a], poses[b]
                if first is None or second is None:
                    continue
                if np.nanmedian(np.linalg.norm(first[:, :2] - second[:, :2], axis=1)) < 0.3 * reach:
                    loser = max(a, b, key=self._moved)
                    poses[loser] = self._centres[loser] = None

    def _moved(self, animal: int) -> float:
        """How far the animal's crop is from where the animal was last seen."""
        return self._away(animal, self._centres[animal])

    def _away(self, animal: int, centre: np.ndarray | None) -> float:
        last = self._last[animal]
        before = None if last is None else _centre(last)
        return math.inf if before is None or centre is None else float(np.linalg.norm(centre - before))

    def _find(self, frame: Frame, poses: list[np.ndarray | None], missing: list[int], leapt: list[int]) -> None:
        """Looks for animals that are missing, or have leapt, on a thumbnail, away from those that are held."""
        view = View.fit(frame.size, self._about.locator_size)
        found = self.model.locate(frame.warp(view))
        places = _inside([(view.inverse(np.array([x, y], float)), float(score)) for x, y, score in found], frame.size)
        if len(poses) == 1:
            best, followed = self._surest(frame, places), poses[0]
            if followed is not None and _certainty(best) < SURER * _certainty(followed):
                best = followed
            poses[0], self._centres[0] = best, _centre(best) if _held(best) else None
            return
        aside = {animal: poses[animal] for animal in leapt}
        for animal in leapt:
            poses[animal] = self._centres[animal] = None
        self._place(frame, places, poses, [*missing, *leapt])
        for animal, pose in aside.items():
            if poses[animal] is None and pose is not None:
                poses[animal], self._centres[animal] = pose, _centre(pose)
        self._drop_doubles(poses)

    def _place(
        self, frame: Frame, places: list[tuple[np.ndarray, float]], poses: list[np.ndarray | None], missing: list[int]
    ) -> None:
        """Each missing animal takes the place nearest to where it was last, if there is an animal really."""
        reach = 0.25 * self._about.input_size[0] / self._scale
        for centre, score in places:
            if not missing or score < LOCATOR_SURE:
                break
            held = [c for c in self._centres if c is not None]
            if any(np.linalg.norm(centre - other) < reach for other in held):
                continue
            pose = self._crop(frame, centre)
            if _held(pose):  # of several animals, only those that are really there
                animal = min(missing, key=lambda a: self._away(a, centre))
                missing.remove(animal)
                poses[animal], self._centres[animal] = pose, _centre(pose)

    def _surest(self, frame: Frame, places: list[tuple[np.ndarray, float]]) -> np.ndarray:
        """(K, 3): a single animal's best guess, which is always given.

        All places that rival the best one are looked at, and the surest counts: a network that has only seen animals is
        half sure of much that is none. Further places are tried until one holds the animal; then the whole frame.
        """
        looks: list[np.ndarray] = []
        for place, score in places:
            if score < RIVAL * places[0][1] and any(map(_held, looks)):
                break
            looks.append(self._crop(frame, place))
        best = max(looks, key=_certainty)
        if not _doubtful(best) or self._frame % SCAN_FRAMES:
            return best
        return max([best, *self._anywhere(frame)], key=_certainty)

    def _anywhere(self, frame: Frame) -> list[np.ndarray]:
        """The surest pose (K, 3) of crops half a crop apart that cover the frame; nothing where these are too many."""
        size, scale = self._about.input_size, self._scale
        rows, columns = (_middles(n, side / scale) for n, side in zip(frame.size[::-1], size[::-1]))
        views = [View.crop((x, y), size, scale) for y in rows for x in columns]
        if len(views) > MOST_CROPS:
            return []
        groups = [views[i : i + AT_ONCE] for i in range(0, len(views), AT_ONCE)]
        poses = np.concatenate([self.model.pose(np.stack([frame.warp(v) for v in group])) for group in groups])
        surest = int(poses[..., 2].sum(axis=1).argmax())
        centre = _centre(_in_frame(poses[surest], views[surest]))
        return [] if centre is None else [self._crop(frame, centre)]


def _inside(places: list[tuple[np.ndarray, float]], size: tuple[int, int]) -> list[tuple[np.ndarray, float]]:
    """The places that lie in the frame, or all if none does: an animal's middle is never outside."""
    inside = [p for p in places if ((p[0] > -1) & (p[0] < size)).all()]
    return inside or places


def _middles(extent: float, side: float) -> list[float]:
    """Of windows of `side` that cover 0 to `extent`, half a window apart at most."""
    if extent <= side:
        return [extent / 2]
    return np.linspace(side / 2, extent - side / 2, int(np.ceil(2 * extent / side)) - 1).tolist()


def _doubtful(pose: np.ndarray | None) -> bool:
    """Whether what a single animal's crop shows may be something else; half of its keypoints may well be hidden."""
    return pose is not None and bool(np.sort(pose[:, 2])[len(pose) // 2 :].mean() < DOUBTFUL)


def _in_frame(pose: np.ndarray, view: View) -> np.ndarray:
    out = pose.copy()
    out[:, :2] = view.inverse(pose[:, :2].astype(float))
    return out


def _centre(pose: np.ndarray) -> np.ndarray | None:
    """The middle of the box around the sure points."""
    sure = pose[pose[:, 2] >= SURE, :2]
    return (sure.min(axis=0) + sure.max(axis=0)) / 2 if len(sure) else None


def _certainty(pose: np.ndarray) -> float:
    return float(pose[:, 2].sum())


def _held(pose: np.ndarray) -> bool:
    return bool((pose[:, 2] >= SURE).mean() >= HELD)
