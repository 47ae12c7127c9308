"""Labels and pictures that make training hard: a sensible model or one clear sentence, never a crash or a NaN."""

import cv2
import numpy as np
import pytest
import torch

import krolik
from krolik import api
from krolik.actions.labelling import Point, SetPoints
from krolik.actions.reporter import Silent
from krolik.errors import InvalidFile, InvalidLabels, StorageError
from krolik.poses import State
from krolik.project import models, runs
from krolik.training import loop

QUICK = {"budget": "6steps", "network": "unet", "width": 0.25}


def picture(rng, size=(96, 128), kind="rgb") -> np.ndarray:
    height, width = size
    image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    if kind == "grey":
        return image[..., 0]
    if kind == "grey16":
        return image[..., 0].astype(np.uint16) * 257
    if kind == "rgba":
        return np.dstack([image, np.full((height, width), 128, np.uint8)])
    return image


def make(folder, images, place) -> api.Project:
    """A project of a folder of images, each labelled by `place(i, (width, height))` → {keypoint: (x, y)}."""
    (folder / "images").mkdir()
    for i, image in enumerate(images):
        cv2.imwrite(str(folder / "images" / f"{i:03d}.png"), image)
    project = krolik.new(folder / "p.krolik", folder / "images", "nose,tail")
    for i, image in enumerate(images):
        points = {k: Point(State.VISIBLE, float(x), float(y)) for k, (x, y) in place(i, image.shape[1::-1]).items()}
        if points:
            project.label("images", i, SetPoints("a", points))
    return project


def spread(rng):
    return lambda i, size: {k: rng.uniform(5, np.array(size) - 5) for k in (0, 1)}


def finite(project, model) -> bool:
    from safetensors.torch import load

    tensors = load(models.weights(project.file, model))
    return all(bool(torch.isfinite(t).all()) for t in tensors.values())


def test_one_labelled_frame(tmp_path, rng):
    with make(tmp_path, [picture(rng)], spread(rng)) as project:
        reporter = Silent()
        model = project.train("none", reporter=reporter, **QUICK)
        assert finite(project, model) and model.document["calibration"] is None
        assert any("only 1 frame(s)" in note for note in reporter.notes)


def test_a_keypoint_that_is_never_labelled(tmp_path, rng):
    with make(tmp_path, [picture(rng) for _ in range(8)], lambda i, size: {0: (40 + i, 50)}) as project:
        reporter = Silent()
        model = project.train("every:4", reporter=reporter, **QUICK)
        assert finite(project, model)
        assert any("never labelled in a training frame: tail" in note for note in reporter.notes)
        overall = project.evaluate().metrics
        assert overall.keypoints[1].n == 0 and np.isnan(overall.keypoints[1].mean_error_px)
        project.report(tmp_path / "r.html")


def test_all_labels_in_one_corner(tmp_path, rng):
    with make(tmp_path, [picture(rng) for _ in range(8)], lambda i, size: {0: (0, 0), 1: (1, 1)}) as project:
        reporter = Silent()
        assert finite(project, project.train("every:4", reporter=reporter, **QUICK))
        assert any("on the frame's border" in note for note in reporter.notes)


def test_images_of_wildly_different_sizes(tmp_path, rng):
    sizes = [(96, 128), (700, 40), (33, 500), (1200, 1600), (9, 11), (96, 128)]
    place = lambda i, size: {0: (size[0] / 2, size[1] / 3), 1: (size[0] / 3, size[1] / 2)}  # noqa: E731
    with make(tmp_path, [picture(rng, size) for size in sizes], place) as project:
        assert finite(project, project.train("every:3", **QUICK))
        assert project.evaluate().metrics.overall.n == 4


def test_grey_16_bit_and_transparent_images(tmp_path, rng):
    images = [picture(rng, kind=kind) for kind in ("grey", "grey16", "rgba", "rgb") * 2]
    with make(tmp_path, images, spread(rng)) as project:
        assert finite(project, project.train("every:4", **QUICK))


def test_labels_that_change_while_training_do_not_reach_it(tmp_path, rng):
    class Relabelling(Silent):
        def progress(self, title, fraction, text="", seconds_left=None):
            project.label("images", 0, SetPoints("a", {0: Point(State.VISIBLE, 3.0, 3.0)}))

    with make(tmp_path, [picture(rng) for _ in range(8)], spread(rng)) as project:
        undisturbed = project.train("every:4", name="undisturbed", **QUICK)
        disturbed = project.train("every:4", name="disturbed", reporter=Relabelling(), **QUICK)
        assert models.weights(project.file, disturbed) == models.weights(project.file, undisturbed)


def test_a_full_disk_at_a_checkpoint(tmp_path, rng, monkeypatch):
    """Training goes on and says so once; the model is kept if there is room at the end."""

    def full(*_):
        raise StorageError("the disk is full", "p.krolik")

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(runs, "save_checkpoint", full)
    with make(tmp_path, [picture(rng) for _ in range(8)], spread(rng)) as project:
        reporter = Silent()
        assert finite(project, project.train("every:4", reporter=reporter, **QUICK))
        assert [n for n in reporter.notes if "checkpoint" in n] == [
            "no checkpoint can be kept (the disk is full); make room before the training ends"
        ]


def test_a_corrupt_checkpoint_is_refused(tmp_path, rng):
    (tmp_path / "mobilenetv2_050_x.safetensors").write_bytes(b"\x08\0\0\0\0\0\0\0not json")
    with make(tmp_path, [picture(rng) for _ in range(4)], spread(rng)) as project:
        with pytest.raises(InvalidFile, match="not a readable safetensors file"):
            project.train("none", "mobilenetv2", "2steps", pretrained=str(tmp_path / "mobilenetv2_050_x.safetensors"))
        assert project.models == []


def test_no_animal_in_any_frame(tmp_path, rng):
    from krolik.actions.labelling import NoAnimals

    with make(tmp_path, [picture(rng) for _ in range(4)], lambda i, size: {}) as project:
        for i in range(4):
            project.label("images", i, NoAnimals())
        with pytest.raises(InvalidLabels, match="no labelled point to train on"):
            project.train("none", **QUICK)


def test_control_c_keeps_the_best_so_far(tmp_path, rng):
    class Stopping(Silent):
        seen = 0

        def progress(self, title, fraction, text="", seconds_left=None):
            self.seen += title == "train"

        def cancelled(self):
            return self.seen >= 5

    with make(tmp_path, [picture(rng) for _ in range(8)], spread(rng)) as project:
        model = project.train("every:4", "unet", "60steps", pipeline="whole", width=0.25, reporter=Stopping())
        assert model.document["statistics"]["stages"]["pose"]["steps"] == 5
        assert finite(project, model)
