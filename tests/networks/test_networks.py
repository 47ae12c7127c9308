"""Every network of the registry keeps the same promises."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from krolik.errors import InvalidSetting
from krolik.networks import NETWORKS, build
from krolik.networks.backbones import mobilenetv2
from krolik.networks.export import to_onnx, with_metadata
from krolik.networks.network import NetworkSpec
from krolik.poses import State


def spec(name: str, **changes) -> NetworkSpec:
    return NetworkSpec(**{"network": name, "keypoints": 3, "input_size": (192, 128), "sigma_px": 5.0, **changes})


def ideal_outputs(network, points: torch.Tensor) -> torch.Tensor:
    """What a perfect network would put out for points (B, N, K, 2)."""
    width, height = network.spec.input_size
    stride, sigma, keypoints = network.stride, network.spec.sigma_px, network.spec.keypoints
    xs = (torch.arange(width // stride) + 0.5) * stride - 0.5
    ys = (torch.arange(height // stride) + 0.5) * stride - 0.5
    dx, dy = points[..., 0, None, None] - xs, points[..., 1, None, None] - ys[:, None]
    squared, owner = (dx**2 + dy**2).min(dim=1)
    heat = torch.logit((-0.5 * squared / sigma**2).exp().clamp(1e-4, 1 - 1e-4))
    offsets = torch.stack([d.expand_as(dx + dy).gather(1, owner[:, None])[:, 0] for d in (dx, dy)], dim=2) / sigma
    return torch.cat([heat, offsets.reshape(len(points), 2 * keypoints, *heat.shape[2:])], dim=1)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_decoding_is_exact(name):
    network = build(spec(name))
    points = torch.tensor([[[[10.3, 20.9], [150.2, 99.7], [0.1, 127.0]]], [[[64, 64], [65, 64], [191.4, 0.2]]]])
    decoded = network.decode(ideal_outputs(network, points))
    assert decoded.shape == (2, 1, 3, 3)
    np.testing.assert_allclose(decoded[..., :2].numpy(), points.numpy(), atol=1e-3)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_several_animals_are_several_peaks(name):
    network = build(spec(name, keypoints=1, animals=3))
    points = torch.tensor([[[[20.0, 30.0]], [[100.5, 90.0]], [[150.0, 30.0]]]])
    decoded = network.decode(ideal_outputs(network, points))[0, :, 0]
    assert decoded.shape == (3, 3)
    found = decoded[decoded[:, 0].argsort(), :2].numpy()
    np.testing.assert_allclose(found, points[0, :, 0].numpy(), atol=1e-3)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_unknown_gives_no_gradient_and_absent_does(name):
    network = build(spec(name))
    outputs = torch.zeros(1, 9, 32, 48, requires_grad=True)
    points = torch.full((1, 1, 3, 2), torch.nan)
    states = torch.tensor([[[State.UNKNOWN, State.ABSENT, State.UNKNOWN]]], dtype=torch.int8)
    network.loss(outputs, points, states).mean.backward()
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()
    assert (outputs.grad[0, [0, 2]] == 0).all() and (outputs.grad[0, 3:] == 0).all()
    assert (outputs.grad[0, 1] > 0).all()  # everywhere less of it


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_loss_is_least_at_the_truth(name):
    network = build(spec(name))
    points = torch.tensor([[[[40.3, 50.9], [150.2, 99.7], [90.0, 60.0]]]])
    states = torch.full((1, 1, 3), int(State.VISIBLE), dtype=torch.int8)
    right = network.loss(ideal_outputs(network, points), points, states).mean
    for shift in (3.0, 10.0):
        assert network.loss(ideal_outputs(network, points + shift), points, states).mean > right


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_onnx_equals_torch(name):
    torch.manual_seed(0)
    network = build(spec(name, animals=2, width=0.5))
    images = torch.randint(0, 256, (3, 128, 192, 3), dtype=torch.uint8)
    for module in network.module.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    model = with_metadata(to_onnx(network), {"krolik": "да"})
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["krolik"] == "да"
    (found,) = session.run(None, {"images": images.numpy()})
    with torch.inference_mode():
        expected = network.decode(network.outputs(images)).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_unet_is_small():
    parameters = sum(p.numel() for p in build(spec("unet", keypoints=4)).module.parameters())
    assert parameters < 0.75e6


@pytest.mark.parametrize(("width", "millions"), [(1.0, 1.81), (0.5, 0.45)])
def test_mobilenet_body_has_the_published_size(width, millions):
    """2.22 M of the publication's 3.5 M lie before the classifier; the last 1×1 layer to 1280 (0.41 M) is not used."""
    module = mobilenetv2.module(width, 12, normalized=False)
    body = sum(p.numel() for p in module.body_parameters())
    assert abs(body / 1e6 - millions) < 0.02


def test_mobilenet_channels():
    assert [mobilenetv2.rounded(c * 0.5) for c in (32, 16, 24, 32, 64, 96, 160, 320)] == [
        16,
        8,
        12,
        16,
        32,
        48,
        80,
        160,
    ]


def test_unknown_network():
    with pytest.raises(InvalidSetting, match="There are: unet, mobilenetv2"):
        build(spec("resnet"))


def test_registry_imports_no_torch():
    code = "import sys, krolik.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
