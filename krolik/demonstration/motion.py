"""What the rabbit does: it hops, turns, sits up, grooms, listens; seeded, one pose per frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from krolik.demonstration.rabbit import Pose

RATE = 30  # frames per second
FIELD = (1.05, 0.6)  # half the width and depth of where it may go, in body units


def perform(seed: int, frames: int) -> list[Pose]:
    """Poses of consecutive frames."""
    rng = np.random.default_rng(seed)
    poses: list[Pose] = []
    pose = Pose(x=-0.55, y=0.1, yaw=0.25)
    while len(poses) < frames:
        done = list(_next_act(pose, rng))
        poses += done
        pose = done[-1]
    return [_alive(p, i, seed) for i, p in enumerate(poses[:frames])]


def _next_act(pose: Pose, rng: np.random.Generator) -> Iterator[Pose]:
    ahead = (pose.x + 0.45 * math.cos(pose.yaw), pose.y + 0.45 * math.sin(pose.yaw))
    if abs(ahead[0]) > FIELD[0] or abs(ahead[1]) > FIELD[1]:
        # back towards the middle, mostly ending up with the same side to the camera: one hind paw is rarely seen
        home = math.atan2(-pose.y * 0.6, -pose.x)
        yield from _turn(pose, home + rng.normal(0, 0.25))
        return
    act = rng.choice(["hop", "hop", "turn", "groom", "listen"])
    if act == "hop":
        for _ in range(int(rng.integers(1, 3))):
            steps = list(_hop(pose, float(rng.uniform(0.3, 0.5))))
            yield from steps
            pose = steps[-1]
    elif act == "turn":
        yield from _turn(pose, pose.yaw + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1))
    elif act == "groom":
        yield from _groom(pose, int(rng.integers(35, 60)))
    else:
        yield from _listen(pose, rng)


def _ease(t: float) -> float:
    return t * t * (3 - 2 * t)


def _hop(pose: Pose, length: float) -> Iterator[Pose]:
    frames = 13
    for i in range(1, frames + 1):
        t = i / frames
        rise = math.sin(math.pi * t)
        yield replace(
            pose,
            x=pose.x + length * _ease(t) * math.cos(pose.yaw),
            y=pose.y + length * _ease(t) * math.sin(pose.yaw),
            height=0.24 * rise if i < frames else 0.0,
            pitch=0.35 * math.cos(math.pi * t) * rise,
            stretch=rise * (1.0 if t < 0.65 else -0.3),
        )


def _turn(pose: Pose, target: float) -> Iterator[Pose]:
    swing = (target - pose.yaw + math.pi) % (2 * math.pi) - math.pi
    frames = max(8, int(abs(swing) * 16))
    for i in range(1, frames + 1):
        t = _ease(i / frames)
        look = 0.5 * math.copysign(math.sin(math.pi * i / frames), swing)
        yield replace(pose, yaw=pose.yaw + swing * t, look=look if i < frames else 0.0)


def _groom(pose: Pose, frames: int) -> Iterator[Pose]:
    for i in range(1, frames + 1):
        t = i / frames
        sit = _ease(min(1.0, t / 0.25, (1 - t) / 0.2))
        groom = _ease(min(1.0, max(0.0, (t - 0.22) / 0.12), max(0.0, (0.85 - t) / 0.1)))
        yield replace(
            pose, sit=sit, groom=groom, groom_phase=0.55 * i, nod=0.25 * groom + 0.1 * groom * math.sin(0.55 * i)
        )


def _listen(pose: Pose, rng: np.random.Generator) -> Iterator[Pose]:
    frames = int(rng.integers(20, 40))
    look, back = rng.uniform(-0.6, 0.6), rng.uniform(-0.35, 0.5, 2)
    for i in range(1, frames + 1):
        t = math.sin(math.pi * i / frames)
        yield replace(pose, look=look * t, nod=-0.15 * t, ears=(back[0] * t, back[1] * t))


def _alive(pose: Pose, i: int, seed: int) -> Pose:
    """Breathing, a twitching nose, ears that never quite rest and lag behind in a hop."""
    wave = [math.sin(i * f + seed + p) for f, p in ((0.31, 0.0), (0.13, 1.0), (0.17, 2.5), (0.9, 0.3))]
    flap = 0.9 * pose.height
    return replace(
        pose,
        nod=pose.nod + 0.03 * wave[0] + 0.012 * wave[3],
        ears=(pose.ears[0] + 0.10 * wave[1] + 2.2 * flap, pose.ears[1] + 0.10 * wave[2] + 2.0 * flap),
        ears_apart=(0.06 * wave[2], 0.06 * wave[1]),
    )
