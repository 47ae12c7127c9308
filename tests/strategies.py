"""What hypothesis makes: skeletons, animals, frames, labels."""

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from krolik.poses import FrameKey, Instance, LabeledFrame, Labels, State
from krolik.skeleton import Skeleton

NAMES = ["nose", "left_ear", "right_ear", "ухо левое", "ухо правое", "左耳", "右耳", "tail base", 'quo"te,comma', "a.x"]
coordinate = st.floats(-50, 5000, allow_nan=False, width=32)


@st.composite
def skeletons(draw):
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    edges = []
    if len(names) > 1:
        pair = st.tuples(st.sampled_from(names), st.sampled_from(names)).filter(lambda p: p[0] != p[1])
        edges = draw(st.lists(pair, max_size=4, unique=True))
    skeleton = Skeleton.of(names, edges)
    return skeleton if draw(st.booleans()) else replace(skeleton, pairs=())


@st.composite
def instances(draw, keypoints: int, place=coordinate, boxes: bool = False):
    states = draw(st.lists(st.sampled_from(list(State)), min_size=keypoints, max_size=keypoints))
    points = np.array([[draw(place), draw(place)] for _ in range(keypoints)])
    box = draw(st.sampled_from([None, (1.0, 2.5, 30.0, 31.25)])) if boxes else None
    return Instance(points, np.array(states), draw(st.sampled_from([None, "a", "Белка", "白"])), box)


@st.composite
def label_sets(draw, videos: tuple[str, ...] = ("клип.mp4", "b.avi"), place=coordinate, boxes: bool = False):
    skeleton = draw(skeletons())
    keys = draw(st.lists(st.tuples(st.sampled_from(videos), st.integers(0, 99)), max_size=6, unique=True))
    frames = []
    for video, index in sorted(keys):
        animals = draw(st.lists(instances(len(skeleton), place, boxes), max_size=3))
        frames.append(LabeledFrame(FrameKey(video, index), tuple(animals), f"{index:08d}"))
    return Labels(skeleton, tuple(frames))
