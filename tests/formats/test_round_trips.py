"""What a format is said to hold comes back equal; what it is said to lose is exactly what is lost."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from krolik.actions.exporting import write_labels
from krolik.errors import InvalidLabels
from krolik.formats import FORMATS, LABELS, PREDICTIONS, read, writable
from krolik.formats.image_files import image_places
from krolik.formats.losses import reduced
from krolik.formats.tables import LabelTable, PredictionTable
from krolik.poses import BLOCK, Labels, Predictions, State
from krolik.skeleton import Skeleton
from tests.strategies import label_sets, skeletons

SIZE = (64, 64)
VIDEO_NAMES = ("a.mp4", "a.avi", "b.mp4")
VIDEOS = ("клип.mp4", "кадры")
IMAGES = tuple(f"кадр {i}.png" for i in range(100))
PNG = cv2.imencode(".png", np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))[1].tobytes()
inside = st.floats(0, 63, width=32)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def not_hostile(monkeypatch):
    """The files are our own: reading them in a second process first takes most of the time."""
    monkeypatch.setattr("krolik.formats.ensure_readable", lambda path: None)
    monkeypatch.setattr("krolik.formats.deeplabcut.ensure_readable", lambda path: None)


def table(labels: Labels) -> LabelTable:
    names = {f.key.video: f.key.video for f in labels}
    return LabelTable(
        labels, names, {v: f"/data/{v}" for v in names}, {v: IMAGES for v in names if v == "кадры"},
        lambda key: key.index / 25, lambda key: PNG, lambda key: SIZE,
    )  # fmt: skip


def named(skeleton: Skeleton) -> tuple:
    """What a skeleton says by its names."""
    at = skeleton.position
    name = lambda k: skeleton.names[at[k]]  # noqa: E731
    pairs = {frozenset((name(a), name(b))) for a, b in skeleton.pairs}
    return skeleton.names, [(name(a), name(b)) for a, b in skeleton.edges], pairs


def frames_of(labels: Labels, where) -> dict:
    return {where(f): f.instances for f in labels}


def same(found, wanted) -> None:
    """Animals equal but for the last digits."""
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted):
        assert one.track == other.track
        assert one.states.tolist() == other.states.tolist()
        np.testing.assert_allclose(one.points, other.points, rtol=0, atol=1e-9)
        assert (one.box is None) == (other.box is None)
        if one.box is not None:
            np.testing.assert_allclose(one.box, other.box, rtol=0, atol=1e-9)


@pytest.mark.parametrize("form", writable(LABELS))
@QUICK
@given(label_sets(VIDEOS, inside, boxes=True))
def test_labels_come_back_as_announced(tmp_path_factory, form, labels):
    source = table(labels)
    carries = FORMATS[form].carries()
    expected, losses = reduced(labels, carries, source.size)
    out = tmp_path_factory.mktemp("out") / "метки"
    if not expected.frames:
        with pytest.raises(InvalidLabels, match="no frame is left"):
            write_labels(FORMATS[form], out, source)
        return
    report = write_labels(FORMATS[form], out, source)
    assert report.losses[: len(losses)] == tuple(map(str, losses))
    if form in ("csv", "csv-wide", "alphatracker") and not any(f.instances for f in expected):
        return  # what the keypoints are is only told by animals
    back = read(report.out)
    assert named(back.labels.skeleton) == named(expected.skeleton)
    assert not carries.colors or back.labels.skeleton == labels.skeleton
    if not carries.videos:
        found = [f.instances for f in back.labels]
        assert len(found) == len(expected.frames)
        for one, frame in zip(found, expected):
            same(one, frame.instances)
        return
    if carries.images:
        places = image_places(replace(source, labels=expected))
        wanted = frames_of(expected, lambda f: places[f.key])
        got = frames_of(back.labels, lambda f: (f.key.video, f.name))
    else:
        wanted = frames_of(expected, lambda f: f.key)
        got = frames_of(back.labels, lambda f: f.key)
    assert sorted(got) == sorted(wanted)
    for key in wanted:
        same(got[key], wanted[key])


def test_nothing_is_lost_without_a_word(tmp_path):
    """Every state, an identity, a box, an empty frame, edges and pairs: what is gone is in the report."""
    skeleton = Skeleton.of(["left_a", "right_a", "b"], [("left_a", "b")])
    from krolik.poses import FrameKey, Instance, LabeledFrame

    states = np.array([State.OCCLUDED, State.ABSENT, State.VISIBLE])
    animal = Instance(np.array([[1.0, 2], [0, 0], [3, 4]]), states, "Белка", (0.0, 0, 9, 9))
    frames = (LabeledFrame(FrameKey("клип.mp4", 0), (animal,)), LabeledFrame(FrameKey("клип.mp4", 1), ()))
    labels = Labels(skeleton, frames)
    words = {"occluded": "occlusion", "absent": "absence", "tracks": "identities", "boxes": "boxes",
             "edges": "edges of the skeleton", "empty_frames": "frames without an animal"}  # fmt: skip
    for form in writable(LABELS):
        carries = FORMATS[form].carries()
        losses = "\n".join(write_labels(FORMATS[form], tmp_path / form, table(labels)).losses)
        for field, word in words.items():
            if not getattr(carries, field):
                assert word in losses, (form, field)


@st.composite
def predicted(draw):
    """(skeleton, names of animals, blocks): gaps at the ends, animals that come and go, points that are not there."""
    skeleton = draw(skeletons())
    animals, start = draw(st.integers(1, 3)), draw(st.integers(0, 300))
    frames = draw(st.integers(1, 300))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    xy = rng.uniform(0, 640, (frames, animals, len(skeleton), 2)).astype(np.float32)
    score = rng.uniform(0.01, 1, xy.shape[:-1]).astype(np.float32)
    gone = rng.random(score.shape) < draw(st.sampled_from([0, 0.3]))
    gone[0] = gone[-1] = False
    xy[gone], score[gone] = np.nan, 0
    names = draw(st.sampled_from([("",) * animals, tuple(f"мышь {i}" for i in range(animals))]))
    blocks, at = [], start
    while at < start + frames:
        stop = min(start + frames, (at // BLOCK + 1) * BLOCK)
        part = slice(at - start, stop - start)
        blocks.append(Predictions(at, xy[part], score[part], np.ones(stop - at, bool)))
        at = stop
    return skeleton, names, blocks


@pytest.mark.parametrize("form", writable(PREDICTIONS))
@settings(QUICK, max_examples=12)
@given(predicted())
def test_predictions_come_back(tmp_path_factory, form, made):
    from krolik.actions.exporting import write_predictions

    skeleton, names, blocks = made
    if form == "lightning-pose":  # one animal
        names, blocks = names[:1], [Predictions(b.start, b.xy[:, :1], b.score[:, :1], b.decoded) for b in blocks]
    joined = Predictions.concatenate(blocks)
    times = np.arange(joined.stop + 3) / 25
    source = PredictionTable(skeleton, "клип.mp4", "unet-1@abc", times, lambda: iter(blocks), names, "/data/клип.mp4")
    out = write_predictions(FORMATS[form], tmp_path_factory.mktemp("out") / "клип", [source]).out
    files = [out] if out.is_file() else sorted(out.iterdir())
    assert len(files) == (2 if form == "deeplabcut" else 1)
    for path in files:
        (back,) = read(path).predictions
        found = Predictions.concatenate(back.blocks())
        if form not in ("alphatracker",):  # it names no keypoints
            assert back.skeleton.names == skeleton.names
        span = slice(joined.start - found.start, joined.stop - found.start)
        order = [back.animals.index(n) for n in names] if any(names) and any(back.animals) and form != "alphatracker" \
            else list(range(len(names)))  # fmt: skip
        np.testing.assert_array_equal(found.xy[span][:, order], joined.xy)
        np.testing.assert_allclose(found.score[span][:, order], joined.score, rtol=1e-6, atol=1e-6)
        outside = np.delete(found.xy, np.r_[span], axis=0)
        assert np.isnan(outside).all()


def test_several_videos_become_several_files(tmp_path):
    from krolik.actions.exporting import write_predictions

    skeleton = Skeleton.of(["a", "b"])
    block = Predictions(0, np.ones((4, 1, 2, 2), np.float32), np.ones((4, 1, 2), np.float32), np.ones(4, bool))
    tables = [PredictionTable(skeleton, v, "m", np.arange(4.0), lambda: iter([block])) for v in VIDEO_NAMES]
    for form in writable(PREDICTIONS):
        report = write_predictions(FORMATS[form], tmp_path / form, tables)
        if FORMATS[form].each:
            paths = sorted(report.out.iterdir())
            assert len(paths) == (6 if form == "deeplabcut" else 3), form
            assert all(len(read(p).predictions) == 1 for p in paths)
        else:
            assert [p.video for p in read(report.out).predictions] == [*VIDEO_NAMES] or form == "nwb"


def test_what_predictions_lose_is_said(tmp_path):
    from krolik.actions.exporting import write_predictions

    skeleton = Skeleton.of(["a", "b"], [("a", "b")])
    block = Predictions(0, np.ones((4, 2, 2, 2), np.float32), np.ones((4, 2, 2), np.float32), np.ones(4, bool))
    poses = PredictionTable(
        skeleton, "v.mp4", "m", np.arange(4.0), lambda: iter([block]), ("мышь", "кот"), undecodable=3
    )
    with pytest.raises(InvalidLabels, match="Lightning Pose holds one animal; there are 2"):
        write_predictions(FORMATS["lightning-pose"], tmp_path / "lp", [poses])
    for form in set(writable(PREDICTIONS)) - {"lightning-pose"}:
        report = write_predictions(FORMATS[form], tmp_path / form, [poses])
        path = report.out if report.out.is_file() else next(report.out.iterdir())
        (back,) = read(path).predictions
        assert ("edges of the skeleton: 1 left out" in report.losses) is (not back.skeleton.edges), form
        assert ("identities: 2 left out" in report.losses) is (set(back.animals) != {"мышь", "кот"}), form
        assert ("names of keypoints: 2 left out" in report.losses) is (back.skeleton.names != ["a", "b"]), form
        assert any("3 look like frames without points" in loss for loss in report.losses) is not FORMATS[form].own


def test_a_folder_that_is_there_is_not_overwritten(tmp_path):
    from krolik.errors import InvalidSetting
    from krolik.poses import FrameKey, Instance, LabeledFrame

    labels = Labels(Skeleton.of(["a"]), (LabeledFrame(FrameKey("клип.mp4", 0), (Instance.of(np.ones((1, 2))),)),))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "mine.txt").write_text("mine")
    for form in ("coco", "deeplabcut", "yolo-pose", "cvat", "label-studio", "alphatracker", "lightning-pose"):
        with pytest.raises(InvalidSetting, match="there is something already"):
            write_labels(FORMATS[form], tmp_path / "x", table(labels))
    assert [p.name for p in Path(tmp_path / "x").iterdir()] == ["mine.txt"]


def test_deeplabcut_s_unique_bodyparts(tmp_path):
    """What exists once in a frame belongs to the animal "single", in DeepLabCut's own way."""
    import yaml

    from krolik.poses import FrameKey, Instance, LabeledFrame

    mouse, cage = np.array([[1.0, 2], [3, 4], [np.nan] * 2]), np.array([[np.nan] * 2, [np.nan] * 2, [9.0, 9]])
    animals = (Instance.of(mouse, "a"), Instance.of(mouse + 1, "b"), Instance.of(cage, "single"))
    labels = Labels(Skeleton.of(["nose", "tail", "corner"]), (LabeledFrame(FrameKey("клип.mp4", 0), animals),))
    out = write_labels(FORMATS["deeplabcut"], tmp_path / "p", table(labels)).out
    config = yaml.safe_load((out / "config.yaml").read_text("utf-8"))
    assert config["individuals"] == ["a", "b"] and config["uniquebodyparts"] == ["corner"]
    assert config["multianimalbodyparts"] == ["nose", "tail"]
    (frame,) = read(out).labels.frames
    for one, wanted in zip(frame.instances, animals, strict=True):
        same([one], [wanted])
    mixed = (Instance.of(mouse, "a"), Instance.of(mouse, "single"))
    labels = Labels(labels.skeleton, (LabeledFrame(FrameKey("клип.mp4", 0), mixed),))
    with pytest.raises(InvalidLabels, match="keeps for unique bodyparts"):
        write_labels(FORMATS["deeplabcut"], tmp_path / "q", table(labels))
    assert not (tmp_path / "q").exists()


@pytest.mark.parametrize("animals", [0, 1])
def test_a_video_in_which_nothing_was_found(tmp_path, animals):
    """Is written by every format; what is read of it has no point, or is refused in a sentence."""
    from krolik.actions.exporting import write_predictions
    from krolik.errors import KrolikError

    xy = np.full((5, animals, 2, 2), np.nan, np.float32)
    block = Predictions(0, xy, np.zeros(xy.shape[:3], np.float32), np.ones(5, bool))
    poses = PredictionTable(Skeleton.of(["a", "b"]), "v.mp4", "m", np.arange(5.0), lambda: iter([block]))
    for form in writable(PREDICTIONS):
        out = write_predictions(FORMATS[form], tmp_path / form, [poses]).out
        for path in [out] if out.is_file() else sorted(out.iterdir()):
            try:
                found = [b for p in read(path).predictions for b in p.blocks()]
            except KrolikError as error:
                assert animals == 0 or form in ("alphatracker", "sleap-csv"), error
            else:
                assert all(np.isnan(b.xy).all() for b in found)
