"""What readers make of what each format can say, where no genuine file here says it."""

import json

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from krolik.errors import InvalidFile
from krolik.formats import detect, read
from krolik.formats.imported import Wishes
from krolik.poses import Predictions, State

V, O, A, U = State.VISIBLE, State.OCCLUDED, State.ABSENT, State.UNKNOWN  # noqa: E741


def picture(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.zeros((size[1], size[0], 3), np.uint8))[1].tobytes())


def states(instance) -> list[int]:
    return instance.states.tolist()


def poses_of(path):
    (poses,) = read(path).predictions
    return poses, Predictions.concatenate(poses.blocks())


def test_alphatracker_s_annotations(tmp_path):
    """Both names of boxes, any number of points, -1 for one that is not there."""

    def animal(kind, *points):
        box = {"class": kind, "x": 1, "y": 2, "width": 10, "height": 20}
        return [box, *({"class": "point", "x": x, "y": y} for x, y in points)]

    value = [
        {"class": "image", "filename": "b.png", "annotations":
            animal("Face", (1, 2), (3, 4), (-1, -1)) + animal("boundingBox", (5, 6), (7, 8), (9, 10))},
        {"class": "image", "filename": "a.png", "annotations": []},
    ]  # fmt: skip
    (tmp_path / "train9.json").write_text(json.dumps(value))
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    imported = read(tmp_path / "train9.json")
    assert imported.labels.skeleton.names == ["point1", "point2", "point3"]
    frames = {f.name: f.instances for f in imported.labels}
    assert frames["a.png"] == () and len(frames["b.png"]) == 2
    one, other = frames["b.png"]
    assert states(one) == [V, V, A] and one.box == (1, 2, 11, 22) and other.points[2].tolist() == [9, 10]


def test_alphatracker_s_poses(tmp_path):
    """Tracked poses keep their ids though the list has holes; untracked ones are a list of all poses."""
    one = {"keypoints": [1, 2, 0.5, 3, 4, 0.25], "scores": 0.4, "box": [0, 0, 9, 9]}
    tracked = {"frame_10": [{}, {**one, "idx": 2}], "frame_2": [{**one, "idx": 1}, {}]}
    (tmp_path / "x-forvis-tracked.json").write_text(json.dumps(tracked))
    poses, joined = poses_of(tmp_path / "x-forvis-tracked.json")
    assert poses.animals == ("1", "2") and (joined.start, joined.stop) == (2, 11) and poses.frames == 2
    assert joined.xy[0, 0].tolist() == [[1, 2], [3, 4]] and np.isnan(joined.xy[0, 1]).all()
    assert joined.score[8, 1].tolist() == [0.5, 0.25] and np.isnan(joined.xy[8, 0]).all()
    results = [{"image_id": n, "file_name": f"frame_{n}.png", "category_id": 1, **one} for n in (0, 0, 1)]
    (tmp_path / "alphapose-results.json").write_text(json.dumps(results))
    poses, joined = poses_of(tmp_path / "alphapose-results.json")
    assert poses.animals == ("", "") and joined.xy.shape == (2, 2, 2, 2)


CVAT_VIDEO = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
  <meta><task><name>t</name><source>rabbit.mp4</source><labels>
    <label><name>rabbit</name><type>skeleton</type><svg>
      &lt;line data-type="edge" data-node-from="1" data-node-to="2"&gt;
      &lt;circle data-node-id="1" data-label-name="nose"&gt;
      &lt;circle data-node-id="2" data-label-name="tail"&gt;</svg></label>
    <label><name>nose</name><type>points</type><parent>rabbit</parent></label>
    <label><name>tail</name><type>points</type><parent>rabbit</parent></label>
  </labels></task></meta>
  <track id="0" label="rabbit">
    <skeleton frame="3" keyframe="1" outside="0">
      <points label="nose" keyframe="1" outside="0" occluded="1" points="1.5,2.5"/>
      <points label="tail" keyframe="1" outside="1" occluded="0" points="0,0"/></skeleton>
    <skeleton frame="4" keyframe="0" outside="0">
      <points label="nose" keyframe="0" outside="0" occluded="0" points="2,3"/></skeleton>
    <skeleton frame="9" keyframe="1" outside="1"><points label="nose" outside="0" occluded="0" points="2,3"/></skeleton>
  </track>
  <track id="1" label="rabbit"><box frame="1" xtl="0" ytl="0" xbr="3" ybr="3"/></track>
</annotations>"""


def test_cvat_s_videos(tmp_path):
    """Keyframes are labels; what CVAT fills in between them is not."""
    (tmp_path / "annotations.xml").write_text(CVAT_VIDEO)
    imported = read(tmp_path / "annotations.xml")
    assert imported.labels.skeleton.names == ["nose", "tail"] and imported.labels.skeleton.edge_positions == [(0, 1)]
    (frame,) = imported.labels.frames
    assert frame.key == ("rabbit.mp4", 3) and imported.videos[0].name == "rabbit.mp4"
    assert states(frame.instances[0]) == [O, A] and frame.instances[0].track == "rabbit 0"
    assert any("1 poses between keyframes" in n for n in imported.notes)
    assert any("1 shape(s) that are no skeletons" in n for n in imported.notes)


@pytest.mark.parametrize("version", [5, 7.3])
def test_leap(tmp_path, version):
    positions = np.full((3, 2, 5), np.nan)
    positions[:, :, 2] = [[1, 2], [3, 4], [np.nan, np.nan]]
    names, edges = ["head", "tail", "лапа"], [[1, 2], [2, 3]]
    path = tmp_path / "box.labels.mat"
    if version == 5:
        savemat(path, {"positions": positions, "boxPath": "d:\\data\\box.h5",
                       "skeleton": {"nodes": np.array(names, object), "edges": np.array(edges, float)}})  # fmt: skip
    else:
        with h5py.File(path, "w", userblock_size=512) as file:
            letters = [file.create_dataset(f"#refs#/{i}", data=np.array([[ord(c)] for c in n], "u2"))
                       for i, n in enumerate(names)]  # fmt: skip
            file["positions"] = positions.T
            file["skeleton/nodes"] = np.array([[d.ref for d in letters]], h5py.ref_dtype)
            file["skeleton/edges"] = np.array(edges, float).T
            file["boxPath"] = np.array([[ord(c)] for c in "d:\\data\\box.h5"], "u2")
    assert detect(path) == "leap"
    imported = read(path)
    assert imported.labels.skeleton.names == names and imported.labels.skeleton.edge_positions == [(0, 1), (1, 2)]
    (frame,) = imported.labels.frames
    assert frame.key == ("box.h5", 2) and states(frame.instances[0]) == [V, V, U]
    assert frame.instances[0].points[1].tolist() == [3, 4]


@pytest.mark.parametrize("version", [2, 3, 4])
def test_jabs(tmp_path, version):
    """(y, x); one mouse in version 2, tracks in version 3, identities from version 4 on."""
    rng = np.random.default_rng(0)
    shape = (4, 12, 2) if version == 2 else (4, 2, 12, 2)
    points = rng.integers(1, 200, shape).astype("u2")
    confidence = np.ones(shape[:-1], "f4")
    confidence[1, ..., 3] = 0
    path = tmp_path / f"мышь_pose_est_v{version}.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("poseest")
        group["points"], group["confidence"] = points, confidence
        if version > 2:
            group.attrs["version"] = [version, 0]
            group["instance_count"] = np.array([2, 2, 1, 0], "u1")
            ids = np.array([[1, 2], [2, 1], [1, 0], [0, 0]], "u4")
            group["instance_track_id" if version == 3 else "instance_embed_id"] = ids
    poses, joined = poses_of(path)
    assert poses.video == "мышь.mp4" and len(poses.skeleton) == 12 and len(poses.skeleton.edges) == 11
    assert poses.animals == (("1",) if version == 2 else ("1", "2"))
    first = points[0] if version == 2 else points[0, 0]
    np.testing.assert_array_equal(joined.xy[0, 0], first[:, ::-1])
    assert np.isnan(joined.xy[1, 0, 3]).all() and joined.score[1, 0, 3] == 0
    if version > 2:
        np.testing.assert_array_equal(joined.xy[1, 1, 0], points[1, 0, 0, ::-1])  # the second mouse stands first here
        assert np.isnan(joined.xy[2, 1]).all() and np.isnan(joined.xy[3]).all()


def test_sleap_analysis_of_old_programs(tmp_path):
    """Without names of axes, in both orders; without scores."""
    xy = np.arange(2 * 3 * 4 * 2, dtype=float).reshape(2, 3, 4, 2)  # frames, tracks, nodes, xy
    for order in ((1, 3, 2, 0), (0, 1, 2, 3)):
        path = tmp_path / f"{order[0]}.h5"
        with h5py.File(path, "w") as file:
            file["tracks"] = np.transpose(xy, order)
            file["node_names"] = np.array([b"a", b"left_b", b"right_b", "д".encode()])
            file["track_names"] = np.array([b"x", b"y", b"z"])
        poses, joined = poses_of(path)
        np.testing.assert_array_equal(joined.xy, xy)
        assert (joined.score == 1).all() and poses.skeleton.names[3] == "д" and len(poses.skeleton.pairs) == 1


def test_lightning_pose_s_visible(tmp_path):
    """2 visible; 1 hidden, with or without a place; 0 not labelled whatever stands there."""
    picture(tmp_path / "labeled-data" / "v" / "img1.png")
    picture(tmp_path / "labeled-data" / "v" / "img2.png")
    cells = [(1, 2, 2), (3, 4, 1), ("", "", 1), (5, 6, 0), ("", "", 0), (7, 8, "")]
    names = "abcdef"
    rows = ["scorer" + ",me" * 18, "bodyparts," + ",".join(f"{n},{n},{n}" for n in names),
            "coords" + ",x,y,visible" * 6, "labeled-data/v/img1.png," + ",".join(f"{x},{y},{v}" for x, y, v in cells),
            "labeled-data/v/img2.png" + ",,," * 6]  # fmt: skip
    path = tmp_path / "CollectedData.csv"
    path.write_text("\n".join(rows))
    assert detect(path) == detect(tmp_path) == "lightning-pose"
    (frame,) = read(path).labels.frames
    assert states(frame.instances[0]) == [V, O, A, U, U, V] and frame.name == "img1.png"
    path.write_text("\n".join(rows).replace("1,2,2", "1,2,5"))
    with pytest.raises(InvalidFile, match="row 0: visible is 5 instead of 0, 1 or 2"):
        read(path)
    path.write_text("\n".join(rows).replace("1,2,2", "1,,2"))
    with pytest.raises(InvalidFile, match="row 0: a point has one coordinate only"):
        read(path)


def test_deepposekit_s_flags(tmp_path):
    points = np.array([[[1, 2], [3, 4], [-1, -1], [np.nan, np.nan], [0, 0]]] * 2, float)
    annotated = np.array([[1, 0, 0, 1, 0], [0, 0, 0, 0, 0]], bool)
    path = tmp_path / "set.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((2, 16, 16, 1), np.uint8)
        file["annotations"], file["annotated"] = points, annotated
        file["skeleton"] = np.array([[-1, -1], [0, 2], [0, 1], [0, -1], [0, -1]])
        file["skeleton_names"] = np.array([b"head", b"eyeL", b"eyeR", b"tail", b"paw"])
    imported = read(path)
    (frame,) = imported.labels.frames
    assert states(frame.instances[0]) == [V, U, U, A, U] and len(imported.labels.skeleton.pairs) == 1
    (poses,) = imported.predictions
    assert np.isfinite(Predictions.concatenate(poses.blocks()).xy).all(axis=-1).sum() == 3
    one, two = read(path, Wishes(unconfirmed=True)).labels.frames
    assert states(one.instances[0]) == [V, V, U, A, U] and states(two.instances[0]) == [V, V, U, A, U]


def test_label_studio_s_ties(tmp_path):
    """Parents as well as relations; rectangles with the same label in a task say what they are, not who."""

    def region(kind, identity, label, **more):
        value = {"x": 10, "y": 20, "width": 30, "height": 40, kind: [label]}
        return {"id": identity, "type": kind, "original_width": 200, "original_height": 100, "value": value, **more}

    result = [region("rectanglelabels", "r1", "mouse"), region("rectanglelabels", "r2", "mouse"),
              region("keypointlabels", "p1", "nose", parentID="r1"), region("keypointlabels", "p2", "nose"),
              {"type": "relation", "from_id": "p2", "to_id": "r2", "direction": "right"},
              region("keypointlabels", "p3", "nest"), region("brushlabels", "b", "fur")]  # fmt: skip
    value = [{"id": 7, "data": {"image": "/data/local-files/?d=set/a.png"}, "annotations": [{"result": result}]},
             {"id": 8, "data": {"image": "b.png"}, "annotations": []},
             {"id": 9, "data": {"image": "c.png"}, "annotations": [{"result": []}]}]  # fmt: skip
    (tmp_path / "export.json").write_text(json.dumps(value))
    imported = read(tmp_path / "export.json", Wishes(State.ABSENT))
    frames = {f.name: f.instances for f in imported.labels}
    assert sorted(frames) == ["a.png", "c.png"] and frames["c.png"] == ()
    one, two, rest = frames["a.png"]
    assert one.track is None and one.box == (20, 20, 80, 60) and one.points[0].tolist() == [20, 20]
    assert states(two) == [V, A] and states(rest) == [A, V] and rest.box is None
    assert any("1 region(s)" in n for n in imported.notes)


def test_yolo_without_visibility_and_without_labels(tmp_path):
    (tmp_path / "data.yaml").write_text("train: images\nnames: {0: a}\nkpt_shape: [2, 2]\nflip_idx: [1, 0]\n")
    for name in ("a", "b"):
        picture(tmp_path / "images" / f"{name}.png", (200, 100))
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5 0.25 0.5 0 0\n")
    imported = read(tmp_path)
    frames = {f.name: f.instances for f in imported.labels}
    assert frames["b.png"] == ()
    (animal,) = frames["a.png"]
    assert states(animal) == [V, U] and animal.points[0].tolist() == [50, 50] and animal.box == (50, 25, 150, 75)
    assert len(imported.labels.skeleton.pairs) == 1
    (tmp_path / "labels" / "a.txt").write_text("0 0.5 0.5 0.5 0.5 0.25 x 0 0\n")
    with pytest.raises(InvalidFile, match=r"a\.txt: line 1: not only numbers"):
        read(tmp_path)


def test_coco_that_names_no_keypoints_or_no_image(tmp_path):
    base = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "x.json").write_text(json.dumps(base))
    with pytest.raises(InvalidFile, match="no category of it has keypoints"):
        read(tmp_path / "x.json")
    base["categories"][0]["keypoints"] = ["a"]
    base["annotations"] = [{"image_id": 5, "category_id": 1, "keypoints": [1, 2, 2]}, {"image_id": 1, "category_id": 1}]
    (tmp_path / "x.json").write_text(json.dumps(base))
    imported = read(tmp_path / "x.json")
    assert [f.instances for f in imported.labels] == [()]
    assert any("not listed (5)" in n for n in imported.notes) and any("have no keypoints" in n for n in imported.notes)


def test_spaces_around_names_are_no_part_of_them(tmp_path):
    rows = ["video,frame,time_s,animal,keypoint,x,y,score,decoded,model", "v.mp4,0,0,0,nose ,1,2,0.5,1,m"]
    (tmp_path / "p.csv").write_text("\n".join(rows))
    poses, joined = poses_of(tmp_path / "p.csv")
    assert poses.skeleton.names == ["nose"] and joined.xy[0, 0, 0].tolist() == [1, 2]
    value = {"images": [{"id": 1, "file_name": "a.png"}],
             "categories": [{"id": 1, "name": "cat", "keypoints": [" nose", "tail "], "skeleton": [[1, 2]]}],
             "annotations": [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2, 3, 4, 1]}]}  # fmt: skip
    (tmp_path / "x.json").write_text(json.dumps(value))
    imported = read(tmp_path / "x.json")
    assert imported.labels.skeleton.names == ["nose", "tail"] and len(imported.labels.skeleton.edges) == 1
