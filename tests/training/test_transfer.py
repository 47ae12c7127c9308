"""Going on from an earlier model, and to another skeleton by the names of its keypoints."""

import json

import pytest
import torch
from safetensors.torch import save

from krolik.networks import NETWORKS, build
from krolik.networks.spec import NetworkSpec
from krolik.skeleton import Skeleton
from krolik.training.transfer import Origin, transfer


def network(name: str, keypoints: int):
    return build(NetworkSpec(name, keypoints, (64, 64), 5.0, 0.25))


def origin_of(net, names: list[str]) -> Origin:
    tensors = {f"pose.{k}": v.contiguous() for k, v in net.module.state_dict().items()}
    weights = save(tensors, {"krolik": json.dumps({"pose": net.spec.to_json()})})
    return Origin("old", Skeleton.of(names), {}, weights)


LARGE = ("stacked_hourglass", "fastpose")  # they are in the next test as well


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in sorted(NETWORKS)]
)
def test_the_same_skeleton_takes_everything_over(name):
    torch.manual_seed(1)
    old, new = network(name, 2), network(name, 2)
    with torch.no_grad():
        for value in old.module.parameters():
            value.add_(torch.randn_like(value))
    origin = origin_of(old, ["a", "b"])
    assert origin.spec("pose") == old.spec and origin.spec("locator") is None
    assert transfer(new, origin, "pose", ["a", "b"], ["a", "b"]) == 2
    for key, value in new.module.state_dict().items():
        assert torch.equal(value, old.module.state_dict()[key]), key


@pytest.mark.parametrize("name", ["unet", "resnet18", "stacked_hourglass", "fastpose"])
def test_another_skeleton_finds_its_keypoints_by_name(name):
    """Keypoints in another order, one of them new: the known ones are decoded as before."""
    torch.manual_seed(2)
    old, new = network(name, 2), network(name, 3)
    with torch.no_grad():
        for key, value in old.module.named_parameters():
            if "head" in key:
                value.add_(0.1 * torch.randn_like(value))
    names = ["b", "new", "a"]
    assert transfer(new, origin_of(old, ["a", "b"]), "pose", names, ["a", "b"]) == 2
    images = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    old.module.eval(), new.module.eval()
    with torch.inference_mode():
        before, after = old.outputs(images), new.outputs(images)
    if name == "stacked_hourglass":  # the second stack hears of the new keypoint; the first does not
        before, after = before[:, :2], after[:, :3]
    family = type(old)
    for to, source in ((0, 1), (2, 0)):
        own, theirs = family.keypoint_channels(3, to), family.keypoint_channels(2, source)
        torch.testing.assert_close(after[:, own], before[:, theirs])
