"""Smoothing predictions over time, as a view of them: what a model said stays as it is in the project.

Points of too low a score are no evidence. Short gaps are bridged by a straight line, long ones stay empty. All three
filters look at the past and the future alike, so nothing lags behind, and near a gap or an end they narrow evenly, so
nothing is pulled inwards.

- median: over a window of frames.
- one-euro: Casiez, Roussel and Vogel (CHI 2012), which smooths slow movements more than fast ones; here forwards and
  backwards, averaged.
- kalman: a constant velocity with random accelerations, seen with noise that grows as confidence falls; the smoother of
  Rauch, Tung and Striebel (AIAA Journal, 1965).

Works through a video in pieces that overlap, in constant memory. Legend: F frames, N animals, K keypoints, T tracks
(N * K of them).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

import numpy as np

from krolik.errors import InvalidSetting
from krolik.poses import Predictions

METHODS = ("none", "median", "one-euro", "kalman")
MOST_FRAMES = 500  # of a window or gap
PIECE = 2048  # frames that are smoothed together
TRACKS = 256  # so many at least go through a filter of frame after frame at a time, where there are more pieces
REACH = 16  # so many times its time scale a filter's memory is of no account
EAGER = 0.1  # one-euro: how much a speed of one jitter per frame opens the filter
LEAST_SCORE = 0.05  # in the Kalman filter, below it noise does not grow any more


@dataclass(frozen=True)
class Smoothing:
    """frames: the time scale. fill: the longest gap, in frames, that is bridged. threshold: lower scores are no points.

    Raises InvalidSetting.
    """

    method: str = "none"
    frames: int = 5
    fill: int = 0
    threshold: float = 0.0

    def __post_init__(self):
        if self.method not in METHODS:
            raise InvalidSetting(f"no smoothing is named {self.method!r}", "--smooth", f"Say {', '.join(METHODS)}.")
        checks = (
            ("--smooth", self.frames, 2 <= self.frames <= MOST_FRAMES, f"Say 2 to {MOST_FRAMES} frames."),
            ("--fill", self.fill, 0 <= self.fill <= MOST_FRAMES, f"Say 0 to {MOST_FRAMES} frames."),
            ("--least-score", self.threshold, 0 <= self.threshold <= 1, "Say 0 to 1."),
        )
        for option, value, good, fix in checks:
            if not good:
                raise InvalidSetting(f"{value} is out of range", option, fix)

    @classmethod
    def parse(cls, text: str, fill: int = 0, threshold: float = 0.0) -> Smoothing:
        """ "median", "kalman:9" (frames). Raises InvalidSetting."""
        method, _, frames = text.partition(":")
        if frames and not frames.isdigit():
            raise InvalidSetting(f"{frames!r} is no number of frames", "--smooth", "Write median:5.")
        return cls(method, int(frames or 5), fill, threshold)

    def to_json(self) -> dict:
        return asdict(self)

    @property
    def changes_nothing(self) -> bool:
        return self.method == "none" and not self.fill and not self.threshold

    @property
    def margin(self) -> int:
        """Frames before and after a piece that its points may depend on."""
        return REACH * self.frames + self.fill + 1


def smoothed(blocks: Iterable[Predictions], settings: Smoothing) -> Iterator[Predictions]:
    """The same blocks with smoothed points. Where frames are missing between blocks, nothing is smoothed across."""
    if settings.changes_nothing:
        yield from blocks
        return
    enough = TRACKS if settings.method in ("one-euro", "kalman") else 1
    waiting: list[_Piece] = []
    for piece in _pieces(blocks, settings.margin):
        waiting.append(piece)
        if len(waiting) * piece.tracks >= enough:
            yield from _smoothed(waiting, settings)
            waiting = []
    if waiting:
        yield from _smoothed(waiting, settings)


@dataclass(frozen=True, eq=False)
class _Piece:
    """Blocks to be smoothed, between those that they may depend on."""

    before: Sequence[Predictions]
    ready: Sequence[Predictions]
    after: Sequence[Predictions]

    @property
    def tracks(self) -> int:
        return self.ready[0].xy.shape[1] * self.ready[0].xy.shape[2]


def _pieces(blocks: Iterable[Predictions], margin: int) -> Iterator[_Piece]:
    before: list[Predictions] = []  # given out already
    held: list[Predictions] = []
    for block in chain(blocks, [None]):
        if held and (block is None or held[-1].stop != block.start):
            yield _Piece(before, held, [])
            before, held = [], []
        if block is None:
            return
        held.append(block)
        if held[-1].stop - held[0].start >= PIECE + margin:
            ready = [b for b in held if b.stop <= held[-1].stop - margin]
            after = held[len(ready) :]
            yield _Piece(before, ready, after)
            before = [b for b in before + ready if b.stop > ready[-1].stop - margin]
            held = list(after)


def _smoothed(pieces: Sequence[_Piece], settings: Smoothing) -> Iterator[Predictions]:
    """Side by side, as if each were of other animals: a filter takes hardly longer for many tracks than for one."""
    wholes = [Predictions.concatenate([*p.before, *p.ready, *p.after]) for p in pieces]
    frames, ends = max(map(len, wholes)), np.cumsum([0, *(p.tracks for p in pieces)])
    xy = np.full((frames, ends[-1], 2), np.nan, np.float32)
    score = np.zeros((frames, ends[-1]), np.float32)
    for whole, first, end in zip(wholes, ends, ends[1:]):
        xy[: len(whole), first:end] = whole.xy.reshape(len(whole), -1, 2)
        score[: len(whole), first:end] = whole.score.reshape(len(whole), -1)
    xy, score = smooth(xy, score, settings)
    for piece, whole, first, end in zip(pieces, wholes, ends, ends[1:]):
        for block in piece.ready:
            part = slice(block.start - whole.start, block.stop - whole.start), slice(first, end)
            yield Predictions(block.start, xy[part].reshape(block.xy.shape), score[part].reshape(block.score.shape),
                              block.decoded)  # fmt: skip


def smooth(xy: np.ndarray, score: np.ndarray, settings: Smoothing) -> tuple[np.ndarray, np.ndarray]:
    """xy: (F, T, 2) pixels, NaN where there is no point; score: (F, T). The same shapes, smoothed, as float32."""
    there = np.isfinite(xy).all(axis=2) & (score >= settings.threshold)
    points = np.where(there[..., None], xy, np.nan).astype(np.float64)
    weights = np.where(there, score, 0.0).astype(np.float64)
    bridged = _bridge(points, weights, there, settings.fill)
    if settings.method == "median":
        points = _median(points, there | bridged, settings.frames)
    elif settings.method == "one-euro":
        points = _both_ways(points, there | bridged, settings.frames)
    elif settings.method == "kalman":
        points = _kalman(points, weights, there | bridged, settings.frames)
    return points.astype(np.float32), weights.astype(np.float32)


def _bridge(points: np.ndarray, weights: np.ndarray, there: np.ndarray, limit: int) -> np.ndarray:
    """Fills gaps of at most `limit` frames in place, with the lower score of their ends; (F, T) bool: which."""
    filled = np.zeros_like(there)
    for track in range(there.shape[1] if limit else 0):
        known = np.flatnonzero(there[:, track])
        gaps = np.diff(known)
        for place in np.flatnonzero((gaps > 1) & (gaps <= limit + 1)):
            first, last = known[place], known[place + 1]
            part = (np.arange(first + 1, last) - first) / (last - first)
            start, end = points[first, track], points[last, track]
            points[first + 1 : last, track] = start + part[:, None] * (end - start)
            weights[first + 1 : last, track] = min(weights[first, track], weights[last, track])
            filled[first + 1 : last, track] = True
    return filled


def _runs(there: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """(track, start, stop) of the unbroken stretches of points."""
    padded = np.pad(there, ((1, 1), (0, 0))).astype(np.int8)
    change = np.diff(padded, axis=0)
    for track in range(there.shape[1]):
        starts, stops = np.flatnonzero(change[:, track] == 1), np.flatnonzero(change[:, track] == -1)
        yield from ((track, int(a), int(b)) for a, b in zip(starts, stops))


def _median(points: np.ndarray, there: np.ndarray, frames: int) -> np.ndarray:
    """Over windows of `frames` (made odd) that narrow evenly near the ends of a stretch."""
    from numpy.lib.stride_tricks import sliding_window_view

    half = max(1, frames // 2)
    out = points.copy()
    for track, start, stop in _runs(there):
        run = points[start:stop, track]
        for i in range(min(half, (len(run) + 1) // 2)):  # the ends
            out[start + i, track] = np.median(run[: 2 * i + 1], axis=0)
            out[stop - 1 - i, track] = np.median(run[len(run) - 2 * i - 1 :], axis=0)
        if len(run) > 2 * half:
            windows = sliding_window_view(run, 2 * half + 1, axis=0)
            out[start + half : stop - half, track] = np.median(windows, axis=-1)
    return out


def jitter(points: np.ndarray) -> np.ndarray:
    """(T,) pixels: the noise of each track, from how its second differences scatter; 1 where that says nothing."""
    second = points[2:] - 2 * points[1:-1] + points[:-2]
    with np.errstate(all="ignore"):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of tracks without points
            scatter = np.nanmedian(np.abs(second), axis=(0, 2)) if len(second) else np.full(points.shape[1], np.nan)
    sigma = 1.4826 * scatter / np.sqrt(6)
    return np.where(np.isfinite(sigma), np.maximum(sigma, 1e-3), 1.0)


def _both_ways(points: np.ndarray, there: np.ndarray, frames: int) -> np.ndarray:
    forwards = _one_euro(points, there, frames)
    backwards = _one_euro(points[::-1], there[::-1], frames)[::-1]
    return (forwards + backwards) / 2


def _one_euro(points: np.ndarray, there: np.ndarray, frames: int) -> np.ndarray:
    """Frequencies in cycles per frame; speeds in jitters per frame, so that it is the same at every size."""
    slow = 1 / (np.pi * frames)
    of_speed = 1 / (1 + 1 / (2 * np.pi * 4 * slow))
    sigma = jitter(points)[:, None]
    joined = there & np.pad(there[:-1], ((1, 0), (0, 0)))  # the frame before has the point as well
    rows, out = np.where(there[..., None], points, 0.0), np.empty_like(points)
    value, speed = np.zeros(points.shape[1:]), np.zeros(points.shape[1:])
    for i, row in enumerate(rows):
        step = row - value
        speed = (speed + of_speed * (step / sigma - speed)) * joined[i][:, None]
        turns = 2 * np.pi * slow * (1 + EAGER * (speed * speed).sum(axis=1))
        value = out[i] = value + np.where(joined[i], turns / (1 + turns), 1.0)[:, None] * step
    return np.where(there[..., None], out, np.nan)


def _kalman(points: np.ndarray, weights: np.ndarray, there: np.ndarray, frames: int) -> np.ndarray:
    """Forwards the filter, backwards the smoother; x and y alike, so one covariance (a, b; b, c) serves both."""
    count, tracks = there.shape
    noise = jitter(points) ** 2
    push = noise * (2.0 / frames) ** 4  # variance of the acceleration: the smoother averages over about `frames`
    q = (push / 4, push / 2, push)
    state = np.zeros((count, 2, tracks, 2))  # place and speed after each frame
    cov = np.zeros((count, 3, tracks))
    ahead_state, ahead_cov = np.zeros_like(state), np.zeros_like(cov)
    place, speed = np.zeros((tracks, 2)), np.zeros((tracks, 2))
    a, b, c = (np.zeros(tracks) for _ in range(3))
    running = np.zeros(tracks, bool)
    for i in range(count):
        seen = there[i]
        place, a, b, c = place + speed, a + 2 * b + c + q[0], b + c + q[1], c + q[2]
        r = noise / np.clip(weights[i], LEAST_SCORE, 1.0)
        fresh = seen & ~running
        start = np.nan_to_num(points[i])
        place = np.where(fresh[:, None], start, place)
        speed = np.where(fresh[:, None], 0.0, speed)
        a, b = np.where(fresh, 1e4 * noise, a), np.where(fresh, 0.0, b)
        c = np.where(fresh, 1e4 * noise, c)
        ahead_state[i], ahead_cov[i] = (place, speed), (a, b, c)
        gain, turn = np.where(seen, a / (a + r), 0), np.where(seen, b / (a + r), 0)
        miss = start - place
        place, speed = place + gain[:, None] * miss, speed + turn[:, None] * miss
        a, b, c = (1 - gain) * a, (1 - gain) * b, c - turn * b
        state[i], cov[i] = (place, speed), (a, b, c)
        running = seen
    for i in range(count - 2, -1, -1):
        joined = there[i] & there[i + 1]
        a, b, c = cov[i]
        pa, pb, pc = ahead_cov[i + 1]
        determinant = np.maximum(pa * pc - pb * pb, 1e-12)
        # gain = P F' (P ahead)^-1 with F = (1, 1; 0, 1)
        one, two = a + b, b
        three, four = b + c, c
        g = ((one * pc - two * pb) / determinant, (two * pa - one * pb) / determinant,
             (three * pc - four * pb) / determinant, (four * pa - three * pb) / determinant)  # fmt: skip
        differ = state[i + 1] - ahead_state[i + 1]
        place = state[i, 0] + g[0][:, None] * differ[0] + g[1][:, None] * differ[1]
        speed = state[i, 1] + g[2][:, None] * differ[0] + g[3][:, None] * differ[1]
        state[i] = np.where(joined[None, :, None], (place, speed), state[i])
    return np.where(there[..., None], state[:, 0], np.nan)
