"""Poses in frames that follow each other: the crop follows the last pose, the locator runs when an animal is lost.

Frames may also be far apart in time, or pictures of a folder that have nothing to do with each other: then a crop where
the animal was may show a part of it, or something else, and look right. So the locator runs as well where a pose leaps.

Legend: N animals, K keypoints.
"""

from __future__ import annotations

import math

import numpy as np

from krolik.inference.beside import hints, is_another
from krolik.inference.identity import nearest
from krolik.inference.look import SURE, Look, centre_of, extent_of, in_frame, surest
from krolik.inference.model import PoseModel
from krolik.inference.thumbnails import middles, thumbnails
from krolik.video import Frame
from krolik.views import View

RETRY_FRAMES = 8  # how often the locator looks for animals that are missing while others are there, or doubtful
SOON = (0, 1, 2, 4)  # frames after one was lost, when it is looked for as well
RECENTLY = 64  # for so many frames one that was lost may well be beside another one
RIVAL = 0.5  # a place whose score is at least this part of the best one's is looked at, whatever the best one shows
# how often a single animal that stays doubtful is looked for in crops that cover the frame; one of several that stays
# missing, beside the others
SCAN_FRAMES = 32
MOST_CROPS, AROUND = 64, 16  # a frame that takes more crops is searched so around the locator's best place only
AT_ONCE = 8
LEAP = 0.12  # a point that goes this far in one frame (in crop sides) may be a mistake: the animal is looked for
SURER = 1.05  # a place must be that much surer than the one that was followed: two animals may look the same
SAME_PLACE = 0.25  # places nearer than this (in crop sides) are one
MOST_PLACES = 4  # that are looked at beside as many as there are animals, of those that windows show
OFF_CENTRE = 0.08  # a pose this far off the crop's middle (in crop sides) is looked at again, centred


class Poser:
    """Turns frames into poses, one after the other. `reset` forgets where the animals were."""

    def __init__(self, model: PoseModel):
        self.model = model
        self._about = model.description
        self.reset()

    def reset(self) -> None:
        self._now: list[Look | None] = [None] * max(1, self._about.animals)  # each animal that is held
        self._scales = self._about.scales
        self._last = list(self._now)  # each animal as it was last held
        self._frame, self._since_loss, self._doubted = 0, RECENTLY, False
        self._beside: dict[int, dict[int, Look]] = {}  # of each lost animal: the others near it as they were then
        self._seen = np.full(
            (len(self._now), len(self._about.skeleton), 2), np.nan
        )  # whole frames: where each was last

    def __call__(self, frame: Frame) -> np.ndarray:
        """(N, K, 3) float32: x, y in frame pixels and score; NaN and 0 for an animal that is not there.

        The score is the probability of lying within the distance of the model's calibration, if it has one.
        """
        self._scales = self.model.scales(frame.size)
        poses = self._whole(frame) if self._about.pipeline == "whole" else self._crops(frame)
        if self._about.calibration is not None:
            poses[..., 2] = self._about.calibration(poses[..., 2])
        return poses

    def _crops(self, frame: Frame) -> np.ndarray:
        """(N, K, 3): a crop for each animal, with raw scores."""
        held = [look is not None for look in self._now]
        looks = [self._follow(frame, animal) for animal in range(len(self._now))]
        self._drop_doubles(looks)
        missing = [a for a, look in enumerate(looks) if look is None]
        leapt = [a for a, look in enumerate(looks) if self._leapt(a, look)]
        doubt = missing or (len(looks) == 1 and looks[0] is not None and not looks[0].certain)
        lost = [animal for animal in missing if held[animal]]
        self._since_loss = 0 if lost else self._since_loss + 1
        self._beside |= {animal: self._near(animal) for animal in lost}
        soon = bool(missing) and self._since_loss in SOON
        if leapt or soon or len(missing) == len(looks) or (doubt and self._frame % RETRY_FRAMES == 0):
            self._find(frame, looks, missing, leapt)
        self._last = [now or last for now, last in zip(self._now, self._last)]
        self._doubted = len(looks) == 1 and (looks[0] is None or not looks[0].certain)
        self._frame += 1
        nothing = np.full((len(self._about.skeleton), 3), np.nan, np.float32)
        nothing[:, 2] = 0.0
        return np.stack([nothing if look is None else look.pose for look in looks])

    def _whole(self, frame: Frame) -> np.ndarray:
        """(N, K, 3): what a network that sees whole frames finds, each animal in its place, with raw scores."""
        view = self._about.whole(frame.size)
        poses = np.stack([in_frame(pose, view) for pose in self.model.poses(frame.warp(view))])
        if len(poses) > 1:
            poses = poses[nearest(self._seen, poses[..., :2])]
            there = np.isfinite(poses[..., 0])
            self._seen[there] = poses[there][:, :2]
        poses[..., 2] = np.nan_to_num(poses[..., 2])
        return poses

    def window(self, frame: Frame, pose: np.ndarray) -> View | None:
        """What the network would look at to see this pose (K, 3) again; None where nothing of it is known."""
        if self._about.pipeline == "whole":
            return self._about.whole(frame.size)
        centre = centre_of(pose)
        if centre is None:
            return None
        scale = self.model.scales(frame.size).fitting(extent_of(pose), frame.size)
        return View.crop(tuple(centre.tolist()), self._about.input_size, scale)

    def _crop(self, frame: Frame, centre: np.ndarray, scale: float) -> Look:
        """The pose in a crop around `centre`; looked at twice if it lies off the middle, the surer look counts.

        The middle is that of the sure points: a second look may lose one that the first saw at the crop's edge.
        """
        size = self._about.input_size
        looks: list[Look] = []
        for _ in range(2):
            view = View.crop((float(centre[0]), float(centre[1])), size, scale)
            looks.append(Look(in_frame(self.model.pose(frame.warp(view)[None])[0], view), scale))
            middle = looks[-1].centre
            if middle is None or np.linalg.norm(middle - centre) * scale < OFF_CENTRE * size[0]:
                break
            centre = middle
        return surest(looks)

    def _fitted(self, frame: Frame, place: np.ndarray) -> Look:
        """The surest look at a place of all scales that animals may have."""
        return surest([self._crop(frame, place, scale) for scale in self._scales.of(frame.size)])

    def _follow(self, frame: Frame, animal: int) -> Look | None:
        """The animal near where it was; None if it was nowhere or is not there any more."""
        before = self._now[animal]
        if before is None or before.centre is None:
            return None
        look = self._crop(frame, before.centre, before.scale)
        extent = look.extent
        if look.centre is not None and not self._scales.fits(extent, look.scale, frame.size):
            other = self._crop(frame, look.centre, self._scales.fitting(extent, frame.size))
            look = surest([look, other])
        self._now[animal] = look if look.held else None
        return self._now[animal]

    def _leapt(self, animal: int, look: Look | None) -> bool:
        """Whether a point is far from where it was in the frame before."""
        last = self._last[animal]
        if look is None or last is None:
            return False
        sure = (look.pose[:, 2] >= SURE) & (last.pose[:, 2] >= SURE)
        moved = np.linalg.norm(look.pose[sure, :2] - last.pose[sure, :2], axis=1)
        return float(moved.max(initial=0)) * look.scale > LEAP * self._about.input_size[0]

    def _drop_doubles(self, looks: list[Look | None]) -> None:
        """Of two crops that show the same animal, the one that came to it from farther away lets go."""
        for a in range(len(looks)):
            for b in range(a):
                first, second = looks[a], looks[b]
                if first is None or second is None:
                    continue
                reach = 0.15 * self._about.input_size[0] / max(first.scale, second.scale)
                if np.nanmedian(np.linalg.norm(first.pose[:, :2] - second.pose[:, :2], axis=1)) < 0.3 * reach:
                    loser = max(a, b, key=self._moved)
                    looks[loser] = self._now[loser] = None

    def _moved(self, animal: int) -> float:
        """How far the animal's crop is from where the animal was last seen."""
        now = self._now[animal]
        return self._away(animal, None if now is None else now.centre)

    def _away(self, animal: int, centre: np.ndarray | None) -> float:
        last = self._last[animal]
        before = None if last is None else last.centre
        return math.inf if before is None or centre is None else float(np.linalg.norm(centre - before))

    def _find(self, frame: Frame, looks: list[Look | None], missing: list[int], leapt: list[int]) -> None:
        """Looks for animals that are missing, or have leapt, on a thumbnail, away from those that are held."""
        places = self.places(frame)
        if len(looks) == 1:
            best, followed = self._single(frame, places), looks[0]
            if followed is not None and best.certainty < SURER * followed.certainty:
                best = followed
            looks[0], self._now[0] = best, best if best.held else None
            return
        aside = {animal: looks[animal] for animal in leapt}
        for animal in leapt:
            looks[animal] = self._now[animal] = None
        missing = [*missing, *leapt]
        self._place(frame, places, looks, missing)
        if self._since_loss < RECENTLY or self._frame % SCAN_FRAMES == 0:
            self._place_beside(frame, looks, missing)
        for animal, look in aside.items():
            if looks[animal] is None and look is not None:
                looks[animal] = self._now[animal] = look
        self._drop_doubles(looks)

    def places(self, frame: Frame) -> list[tuple[np.ndarray, float]]:
        """Where the locator sees animals, and how surely, the surest first."""
        places: list[tuple[np.ndarray, float]] = []
        views = thumbnails(self._about, frame.size, self.model.zooms.get(frame.size, 1.0))
        for view in views:
            found = self.model.locate(frame.warp(view))
            places += [(view.inverse(np.array([x, y], float)), float(score)) for x, y, score in found]
        places = _inside(places, frame.size)
        if len(views) == 1:
            return places
        apart: list[tuple[np.ndarray, float]] = []  # windows overlap
        near = SAME_PLACE * self._about.input_size[0] / self._scales.of(frame.size)[0]
        for place, score in sorted(places, key=lambda found: -found[1]):
            if all(np.linalg.norm(place - other) > near for other, _ in apart):
                apart.append((place, score))
        return apart[: MOST_PLACES + len(self._now)]

    def _near(self, animal: int) -> dict[int, Look]:
        """The other animals within a crop of this one, as all were last held."""
        own = self._last[animal]
        return {
            other: look for other, look in enumerate(self._last)
            if other != animal and look is not None and own is not None
            and self._away(animal, look.centre) < self._about.input_size[0] / own.scale
        }  # fmt: skip

    def _place(
        self, frame: Frame, places: list[tuple[np.ndarray, float]], looks: list[Look | None], missing: list[int]
    ) -> None:
        """Each missing animal takes the place nearest to where it was last, if there is an animal really."""
        for centre, score in places:
            if not missing or score < self._about.locator_sure:
                break
            if any(self._covers(look, centre) for look in self._now):
                continue
            look = self._fitted(frame, centre)
            if look.held:  # of several animals, only those that are really there
                self._take(min(missing, key=lambda a: self._away(a, centre)), look, looks, missing)

    def _take(self, animal: int, look: Look, looks: list[Look | None], missing: list[int]) -> None:
        """A missing animal goes on with a look; or another one does, and it with what that was held as."""
        missing.remove(animal)
        other = self._mistaken(animal, look)
        if other is not None:
            looks[animal] = self._now[animal] = self._now[other]
            animal = other
        looks[animal] = self._now[animal] = look

    def _mistaken(self, animal: int, look: Look) -> int | None:
        """Which of those beside which the animal was lost became it unnoticed, as they lay on each other, if one did.

        Then it fits both of them better if they change places. That is told by where both were, so not long after.
        """
        lost, beside = self._last[animal], self._beside.pop(animal, {})
        gains = {}
        for other, then in beside.items():
            now = self._now[other]
            if lost is not None and now is not None and self._since_loss < RECENTLY:
                stay, change = lost.apart(look) + then.apart(now), lost.apart(now) + then.apart(look)
                gains[other] = stay - change
        best = max(gains, key=lambda other: gains[other], default=None)
        return best if best is not None and gains[best] > 0 else None

    def _place_beside(self, frame: Frame, looks: list[Look | None], missing: list[int]) -> None:
        """Of animals that touch, the locator may see one: missing ones are looked for around those that are held."""
        for held in [look for look in self._now if look is not None]:
            found = self._another(frame, held) if missing else None
            if found is not None and found.centre is not None:
                centre = found.centre
                self._take(min(missing, key=lambda a: self._away(a, centre)), found, looks, missing)

    def _another(self, frame: Frame, held: Look) -> Look | None:
        """An animal that touches one that is held."""
        others = [look for look in self._now if look is not None]
        for hint in hints(self.model, frame, held, others):
            if hint.centre is not None:
                centred = self._crop(frame, hint.centre, hint.scale)
                if centred.held and is_another(centred, others, self._about.input_size[0]):
                    return centred
        return None

    def _covers(self, look: Look | None, place: np.ndarray) -> bool:
        """Whether a place is that of an animal which is held already."""
        if look is None or look.centre is None:
            return False
        return float(np.linalg.norm(place - look.centre)) < SAME_PLACE * self._about.input_size[0] / look.scale

    def _single(self, frame: Frame, places: list[tuple[np.ndarray, float]]) -> Look:
        """A single animal's best guess, which is always given.

        All places that rival the best one are looked at, and the surest counts: a network that has only seen animals is
        half sure of much that is none. Further places are tried until one holds the animal; then the whole frame.
        """
        looks: list[Look] = []
        for place, score in places:
            if score < RIVAL * places[0][1] and any(look.held for look in looks):
                break
            looks.append(self._fitted(frame, place))
        best = surest(looks)
        if best.certain or (self._doubted and self._frame % SCAN_FRAMES):
            return best
        anywhere = [self._anywhere(frame, scale, places[0][0]) for scale in self._scales.of(frame.size)]
        return surest([best, *(look for looks in anywhere for look in looks)])

    def _anywhere(self, frame: Frame, scale: float, place: np.ndarray) -> list[Look]:
        """The surest look of crops half a crop apart that cover the frame; those around a place where they are many."""
        size = self._about.input_size
        rows, columns = (middles(n, side / scale) for n, side in zip(frame.size[::-1], size[::-1]))
        centres = [(x, y) for y in rows for x in columns]
        if len(centres) > MOST_CROPS:
            centres = sorted(centres, key=lambda m: math.dist(m, place))[:AROUND]
        views = [View.crop(middle, size, scale) for middle in centres]
        groups = [views[i : i + AT_ONCE] for i in range(0, len(views), AT_ONCE)]
        poses = np.concatenate([self.model.pose(np.stack([frame.warp(v) for v in group])) for group in groups])
        surest = int(poses[..., 2].sum(axis=1).argmax())
        centre = centre_of(in_frame(poses[surest], views[surest]))
        return [] if centre is None else [self._crop(frame, centre, scale)]


def _inside(places: list[tuple[np.ndarray, float]], size: tuple[int, int]) -> list[tuple[np.ndarray, float]]:
    """The places that lie in the frame, or all if none does: an animal's middle is never outside."""
    inside = [p for p in places if ((p[0] > -1) & (p[0] < size)).all()]
    return inside or places
