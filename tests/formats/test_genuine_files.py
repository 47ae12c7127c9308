"""Files that other programs wrote, read with the counts that those programs give; broken ones refused in one sentence.

The numbers are of DATA.md, of sleap-io 0.9.5, and of pandas, json and h5py without Krolik. The sum is over all x and y.
"""

import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest

import krolik
from krolik.errors import InvalidFile, KrolikError
from krolik.formats import detect, read
from krolik.formats.imported import Imported, Wishes
from krolik.poses import Predictions, State
from krolik.video.images import decode_image


@dataclass(frozen=True)
class Labelled:
    """What is labelled: frames, points with coordinates, their sum, how many are occluded."""

    frames: int
    points: int
    sum: float
    occluded: int = 0


def counted(imported: Imported) -> Labelled:
    animals = [i for f in imported.labels for i in f.instances]
    xy = np.array([p for i in animals for p in i.points[i.located]]).reshape(-1, 2)
    occluded = sum(int((i.states == State.OCCLUDED).sum()) for i in animals)
    return Labelled(len(imported.labels), len(xy), round(float(xy.sum()), 2), occluded)


def predicted(imported: Imported) -> tuple[int, int, float]:
    """Frames, points and their sum."""
    blocks = [b.xy for p in imported.predictions for b in p.blocks()]
    xy = np.concatenate([b.reshape(-1, 2) for b in blocks]).astype(float)
    there = np.isfinite(xy).all(axis=1)
    return sum(p.frames for p in imported.predictions), int(there.sum()), float(xy[there].sum())


LABELS = {
    "data/flies13/demo-flies13-preds.slp": ("sleap", Labelled(1350, 33858, 33174146.05)),
    "formats/slp/clip.2node.slp": ("sleap", Labelled(1500, 6000, 5434594.5)),
    "formats/slp/imgvideo.slp": ("sleap", Labelled(0, 0, 0.0)),
    "formats/slp/labels.v002.slp": ("sleap", Labelled(5, 18, 7075.43)),
    "formats/slp/labels.v002.rel_paths.slp": ("sleap", Labelled(5, 18, 7075.43)),
    "formats/slp/minimal_instance.slp": ("sleap", Labelled(1, 4, 1481.96)),
    "formats/slp/minimal_instance.pkg.slp": ("sleap", Labelled(1, 4, 1481.96)),
    "formats/slp/py_written_25_identity.slp": ("sleap", Labelled(2, 6, 51.0)),
    "formats/slp/test_grid_labels.legacy.slp": ("sleap", Labelled(1, 3, -4.0)),
    "formats/slp/typical.slp": ("sleap", Labelled(1, 4, 1481.96)),
    "formats/coco/flat_images/annotations.json": ("coco", Labelled(3, 51, 16830.0)),
    "formats/coco/flat_images/annotations_negative_frame.json": ("coco", Labelled(3, 34, 11220.0)),
    "formats/coco/visibility_ternary/annotations.json": ("coco", Labelled(3, 33, 12027.0, 18)),
    "formats/coco/nested_paths/annotations.json": ("coco", Labelled(3, 51, 16218.0)),
    "formats/coco/category_folders/annotations.json": ("coco", Labelled(3, 47, 14010.0)),
    "data/coco-animals/ap10k/test_ap10k.json": ("coco", Labelled(2, 32, 33443.0)),
    "data/coco-animals/zebra/test_zebra.json": ("coco", Labelled(2, 18, 2974.79)),
    "formats/cvat/for_images/train.xml": ("cvat", Labelled(2, 6, 44.0)),
    "formats/label-studio/task-10526.json": ("label-studio", Labelled(1, 15, 16168.02)),
    "formats/yolo-pose": ("yolo-pose", Labelled(3, 19, 9752.0, 2)),
    "formats/nwb/minimal.annotations.nwb": ("nwb", Labelled(2, 8, 554.0)),
    "data/openfield": ("deeplabcut", Labelled(116, 464, 161406.06)),
    "data/reaching": ("deeplabcut", Labelled(55, 233, 173946.34)),
}  # fmt: skip
PREDICTIONS = {
    "data/flies-pair/centered_pair_predictions.slp": ("sleap", 1100, 48620, 18933879.0),
    "formats/slp/labels.v002.slp": ("sleap", 7, 24, 8877.51),
    "formats/slp/predictions_1.2.7_provenance_and_tracking.slp": ("sleap", 101, 2592, 2721280.49),
    "formats/slp/testDLC_sleap.slp": ("sleap", 101, 1414, 823384.89),
    "formats/sleap-analysis-h5/testDLC_sleap.analysis.h5": ("sleap-analysis", 101, 1414, 823384.89),
    "formats/sleap-analysis-h5/centered_pair_standard.analysis.h5": ("sleap-analysis", 1100, 48620, 18933879.0),
    "formats/dlc-analysed/single/testDLC_h5_table.h5": ("deeplabcut-analysed", 100, 1400, 742563.6),
    "formats/dlc-analysed/single/testDLC_csv_table.csv": ("deeplabcut-analysed", 97, 1358, 755363.6),
    "formats/dlc-analysed/multi/testDLC_h5_table_madlc.h5": ("deeplabcut-analysed", 100, 2100, 1338357.7),
    "formats/dlc-analysed/multi/testDLC_csv_table_madlc.csv": ("deeplabcut-analysed", 97, 2037, 1298112.8),
    "formats/dlc-analysed/single/openfield_dlc_inference_example_missingdata.csv":
        ("deeplabcut-analysed", 2330, 9318, 4734243.95),
    "formats/lightning-pose/3f859b5c-e73a-4044-b49e-34bb81e96715.left.rng=0.csv":
        ("lightning-pose", 1000, 2000, 245129.0),
    "formats/lightning-pose/05272019_fly4_0_R1C24_Cam-A_rot-ccw-0.06_sec.rng=0.csv":
        ("lightning-pose", 500, 6000, 2518924.9),
    "formats/jabs/example_pose_est_v5.h5": ("jabs", 250, 10147, 9130058.0),
    "formats/nwb/minimal.pose.nwb": ("nwb", 3, 8, 534.0),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_labels(shared, name):
    form, expected = LABELS[name]
    assert detect(shared / name) == form
    assert counted(read(shared / name)) == expected


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions(shared, name):
    form, frames, points, total = PREDICTIONS[name]
    assert detect(shared / name) == form
    found = predicted(read(shared / name))
    assert found[:2] == (frames, points)
    assert found[2] == pytest.approx(total, abs=0.1)


@pytest.mark.parametrize("name", ["simple_standard", "simple_matlab", "multi_matlab", "single_frame_matlab"])
def test_analysis_files_are_what_is_expected(shared, name):
    folder = shared / "formats" / "sleap-analysis-h5"
    (poses,) = read(folder / f"{name}.analysis.h5").predictions
    expected = json.loads((folder / f"{name}.expected.json").read_text())
    joined = Predictions.concatenate(poses.blocks())
    assert poses.skeleton.names == expected["nodeNames"] and list(poses.animals) == expected["trackNames"]
    assert [list(e) for e in poses.skeleton.edge_positions] == expected["edgeInds"]
    assert poses.frames == expected["nFrames"]
    assert len({f["frameIdx"] for f in expected["frames"]}) == poses.frames
    for frame in expected["frames"]:
        shown = [n for n in range(len(poses.animals)) if np.isfinite(joined.xy[frame["frameIdx"], n]).any()]
        assert len(shown) == len(frame["instances"])
        for n, instance in zip(shown, frame["instances"]):
            points = np.array(instance["points"], float)
            np.testing.assert_allclose(joined.xy[frame["frameIdx"], n], points[:, :2], rtol=1e-6)
            np.testing.assert_allclose(joined.score[frame["frameIdx"], n], points[:, 2], rtol=1e-6)


def test_the_same_poses_as_slp_and_as_analysis(shared):
    (one,) = read(shared / "formats" / "slp" / "testDLC_sleap.slp").predictions
    (other,) = read(shared / "formats" / "sleap-analysis-h5" / "testDLC_sleap.analysis.h5").predictions
    assert one.skeleton.names == other.skeleton.names and one.animals == other.animals
    a, b = (Predictions.concatenate(p.blocks()) for p in (one, other))
    np.testing.assert_allclose(a.xy, b.xy, rtol=1e-6)
    np.testing.assert_allclose(a.score, b.score, rtol=1e-6)


def test_half_a_pixel_of_old_files(shared):
    """Before format 1.1 the corner was (0, 0); the same points as the file has them are half a pixel more."""
    import h5py

    path = shared / "formats" / "slp" / "test_grid_labels.legacy.slp"
    with h5py.File(path) as file:
        stored = np.column_stack([file["points"]["x"], file["points"]["y"]])
    (animal,) = read(path).labels.frames[0].instances
    np.testing.assert_array_equal(animal.points, stored - 0.5)


def test_names_edges_pairs_and_tracks_of_slp(shared):
    flies = read(shared / "data" / "flies13" / "demo-flies13-preds.slp")
    assert flies.labels.skeleton.names[:4] == ["head", "thorax", "abdomen", "wingL"]
    assert (len(flies.labels.skeleton.edges), len(flies.labels.skeleton.pairs)) == (12, 5)
    assert [i.track for i in flies.labels.frames[7].instances] == ["track_0", "track_1"]
    (pair,) = read(shared / "data" / "flies-pair" / "centered_pair_predictions.slp").predictions
    assert len(pair.animals) == 27 and pair.animals[:2] == ("1", "2")
    assert len(pair.skeleton.pairs) == 10
    waiting = read(shared / "formats" / "slp" / "labels.v002.slp").selected
    assert [k.index for k in waiting[:3]] == [0, 110, 220] and len(waiting) == 10


def test_skeletons_alone(shared):
    folder = shared / "formats" / "skeletons"
    one, other = (read(folder / f"flies13.skeleton.{kind}").labels.skeleton for kind in ("json", "yml"))
    assert one.names == other.names and set(one.edge_positions) == set(other.edge_positions)
    assert {frozenset(p) for p in one.pairs} == {frozenset(p) for p in other.pairs}
    mice = read(folder / "mice_hc.json").labels.skeleton
    assert mice.names == ["nose1", "earL1", "earR1", "tailstart1", "tailend1"] and len(mice.edges) == 4
    config = read(shared / "formats" / "dlc-collected" / "madlc_230_config.yaml")
    assert config.labels.skeleton.names == ["A", "B", "C", "D", "E"] and len(config.labels.skeleton.edges) == 3


def test_deepposekit_s_unconfirmed_points_and_broken_swaps(shared):
    path = shared / "data" / "dpk-fly" / "example_annotation_set.h5"
    imported = read(path)
    assert len(imported.labels) == 0 and predicted(imported)[:2] == (100, 3200)
    assert any("midlegR3" in note and "midlegL2/midlegR2" in note for note in imported.notes)
    assert any("3200 of 3200 points are not confirmed" in note for note in imported.notes)
    taken = read(path, Wishes(unconfirmed=True))
    assert counted(taken).points == 3200 and not taken.predictions
    names = taken.labels.skeleton.names
    pairs = {frozenset((names[a], names[b])) for a, b in taken.labels.skeleton.pairs}
    assert frozenset(("midlegL2", "midlegR2")) in pairs and frozenset(("midlegR3", "midlegL2")) not in pairs
    for other, count in (("zebra", 9), ("locust", 35)):
        skeleton = read(shared / "data" / "dpk-skeletons" / other / "skeleton.csv").labels.skeleton
        assert len(skeleton) == count
    (video,) = imported.videos
    assert video.embedded is not None
    assert decode_image(video.embedded("img00003.png"), "").shape == (192, 192, 3)


def test_embedded_images_come_into_the_project(shared, tmp_path):
    for name in ("formats/slp/minimal_instance.pkg.slp", "data/dpk-fly/example_annotation_set.h5"):
        with krolik.new(tmp_path / "p.krolik") as project:
            report = project.import_labels(shared / name, unconfirmed=True)
            assert report.frames == len(project.labels) > 0
            folder = tmp_path / "p-images"
            assert len(list(folder.rglob("*.png"))) == (1 if name.endswith("slp") else 100)
            project.export(tmp_path / "out", to="coco", what="labels")
        shutil.rmtree(folder)
        shutil.rmtree(tmp_path / "out")
        (tmp_path / "p.krolik").unlink()


def test_predictions_come_into_the_project_and_go_out_again(shared, tmp_path):
    source = shared / "data" / "flies-pair" / "centered_pair_predictions.slp"
    with krolik.new(tmp_path / "flies.krolik") as project:
        report = project.import_labels(source)
        assert report.predictions == {"centered_pair_low_quality.mp4": 1100} and len(report.tracks) == 27
        project.export(tmp_path / "back.slp", to="sleap")
        project.render("centered_pair_low_quality.mp4", tmp_path / "frames", frames=[5])
    one, other = (read(p).predictions[0] for p in (source, tmp_path / "back.slp"))
    a, b = (Predictions.concatenate(p.blocks()) for p in (one, other))
    assert one.animals == other.animals and one.skeleton.names == other.skeleton.names
    np.testing.assert_array_equal(a.xy, b.xy)
    np.testing.assert_array_equal(a.score, b.score)


def test_what_cannot_be_read_is_one_sentence(shared):
    bad = {
        "formats/slp/vlen_multiframe.pkg.slp": "images but no metadata",
        "formats/dlc-pickle/Documentation_data-real_numpy.pickle": "is not opened",
        "bad/wrong_shape.analysis.h5": "does not fit 14 keypoints and 1 tracks",
        "bad/truncated.slp": "truncated file",
        "bad/truncated.h5": "truncated file",
    }
    for name, words in bad.items():
        with pytest.raises(InvalidFile, match=words) as caught:
            read(shared / name)
        assert "\n" not in str(caught.value)


def test_every_file_can_be_looked_at(shared):
    """Nothing but one sentence, for all files that are no pictures."""
    pictures = {".png", ".jpg", ".jpeg", ".tif", ".bmp", ".mp4", ".webm"}
    files = [p for part in ("formats", "bad") for p in (shared / part).rglob("*")
             if p.is_file() and p.suffix.lower() not in pictures]  # fmt: skip
    assert len(files) > 55
    understood = 0
    for path in files:
        try:
            krolik.inspect(path)
            understood += 1
        except KrolikError as error:
            assert "\n" not in str(error)
            assert path.name in str(error) or path.parent.name in str(error)
    assert understood > 38
