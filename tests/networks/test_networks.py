"""Every network of the registry keeps the same promises."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from krolik.errors import InvalidSetting
from krolik.networks import NETWORKS, build
from krolik.networks.backbones import fastpose, mobilenetv2, resnet, stacked_densenet, stacked_hourglass
from krolik.networks.export import to_onnx, with_metadata
from krolik.networks.heatmap import Heatmap
from krolik.networks.network import Loss, Truth
from krolik.networks.pretrained import body_parameters
from krolik.networks.spec import NetworkSpec
from krolik.poses import State


def spec(name: str, **changes) -> NetworkSpec:
    return NetworkSpec(**{"network": name, "keypoints": 3, "input_size": (192, 128), "sigma_px": 5.0, **changes})


def visible(points: torch.Tensor) -> Truth:
    return Truth(points, torch.full(points.shape[:-1], int(State.VISIBLE), dtype=torch.int8))


def grid(network) -> tuple[int, int]:
    width, height = network.spec.input_size
    return width // network.stride, height // network.stride


def ideal_outputs(network, points: torch.Tensor) -> torch.Tensor:
    """What a perfect network would put out for points (B, N, K, 2)."""
    if isinstance(network, Heatmap):
        return network.encode(visible(points), grid(network))
    heat, offsets, _ = network.encode(visible(points), grid(network))
    return torch.cat([torch.logit(heat.clamp(1e-4, 1 - 1e-4)), offsets.flatten(1, 2)], dim=1)


def small(name: str, **changes):
    """The network at a width that tests can afford."""
    return build(spec(name, **{"width": 0.25, **changes}))


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_decoding_is_exact(name):
    network = small(name)
    inside = [[[10.3, 20.9], [150.2, 99.7], [33.0, 64.0]]], [[[64, 64], [65, 64], [171.4, 20.2]]]
    points = torch.tensor(inside)
    decoded = network.decode(ideal_outputs(network, points))
    assert decoded.shape == (2, 1, 3, 3)
    np.testing.assert_allclose(decoded[..., :2].numpy(), points.numpy(), atol=1e-2)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_decoding_at_the_border_is_near(name):
    """A parabola needs both neighbours; at the border the error is half a cell at most."""
    network = small(name)
    points = torch.tensor([[[[0.1, 127.0], [191.4, 0.2], [0.0, 60.0]]]])
    decoded = network.decode(ideal_outputs(network, points))[..., :2].numpy()
    assert np.abs(decoded - points.numpy()).max() <= (network.stride / 2 if isinstance(network, Heatmap) else 1e-3)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_several_animals_are_several_peaks(name):
    network = small(name, keypoints=1, animals=3)
    points = torch.tensor([[[[20.0, 30.0]], [[100.5, 90.0]], [[150.0, 30.0]]]])
    decoded = network.decode(ideal_outputs(network, points))[0, :, 0]
    assert decoded.shape == (3, 3)
    found = decoded[decoded[:, 0].argsort(), :2].numpy()
    np.testing.assert_allclose(found, points[0, :, 0].numpy(), atol=1e-2)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_unknown_gives_no_gradient_and_absent_does(name):
    network = small(name)
    outputs = network.outputs(torch.zeros(1, 128, 192, 3, dtype=torch.uint8)).detach() * 0 + 0.5
    outputs.requires_grad_()
    points = torch.full((1, 1, 3, 2), torch.nan)
    states = torch.tensor([[[State.UNKNOWN, State.ABSENT, State.UNKNOWN]]], dtype=torch.int8)
    network.loss(outputs, Truth(points, states)).mean().backward()
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()
    own = network.keypoint_channels(3, 1)
    depths = outputs.shape[1] // type(network).channels(3)
    owned = {depth * type(network).channels(3) + channel for depth in range(depths) for channel in own}
    others = [c for c in range(outputs.shape[1]) if c not in owned]
    assert (outputs.grad[0, others] == 0).all()
    assert (outputs.grad[0, own[0]] > 0).all()  # everywhere less of it


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_loss_is_least_at_the_truth(name):
    network = small(name)
    points = torch.tensor([[[[40.3, 50.9], [150.2, 99.7], [90.0, 60.0]]]])
    right = network.loss(ideal_outputs(network, points), visible(points)).mean()
    for shift in (3.0, 10.0):
        assert network.loss(ideal_outputs(network, points + shift), visible(points)).mean() > right


def test_a_rare_keypoint_counts_by_the_root_of_its_labels():
    """Neither as much as the others, nor by the number of its points alone; a weight makes it count more."""
    loss = Loss(torch.ones(8, 2) * torch.tensor([1.0, 3.0]), torch.tensor([[1.0, 0.0]] * 7 + [[1.0, 1.0]]))
    share = 8**-0.5
    assert loss.mean() == pytest.approx((1 + 3 * share) / (1 + share))
    assert loss.mean(torch.tensor([1.0, 3.0])) == pytest.approx((1 + 9 * share) / (1 + 3 * share))
    nothing = Loss(torch.ones(2, 2), torch.zeros(2, 2)).mean()
    assert nothing == 0


def fourier_peak(heat: np.ndarray, sigma: float) -> np.ndarray:
    """DeepPoseKit's way: the cross-correlation with a Gaussian, upsampled a hundredfold about its highest cell.

    heat: (h, w). Returns (x, y) in cells. By explicit Fourier sums (Guizar-Sicairos et al., 2008), for comparison only.
    """
    height, width = heat.shape
    y, x = np.mgrid[:height, :width]
    kernel = np.exp(-((x - width // 2) ** 2 + (y - height // 2) ** 2) / (2 * sigma**2))
    product = np.fft.fft2(heat) * np.fft.fft2(kernel).conj()
    row, column = np.unravel_index(np.argmax(np.fft.ifft2(product).real), heat.shape)
    fine = np.arange(-75, 76) / 100
    rows = np.exp(2j * np.pi * np.outer(row + fine, np.fft.fftfreq(height)))
    columns = np.exp(2j * np.pi * np.outer(np.fft.fftfreq(width), column + fine))
    peak = np.unravel_index(np.argmax((rows @ product @ columns).real), (len(fine), len(fine)))
    found = np.array([column + fine[peak[1]] + width // 2, row + fine[peak[0]] + height // 2])
    return found % (width, height)


def test_sub_pixel_decoding_equals_deepposekits(rng):
    """Within 0.05 cells of the upsampled Fourier transform, on noisy maps too."""
    network = small("stacked_hourglass", keypoints=1)
    for _ in range(20):
        point = torch.tensor(rng.uniform((30, 30), (160, 98)), dtype=torch.float32).reshape(1, 1, 1, 2)
        heat = ideal_outputs(network, point)
        heat = heat + 0.01 * torch.from_numpy(rng.standard_normal(heat.shape).astype(np.float32))
        ours = (network.decode(heat)[0, 0, 0, :2].numpy() + 0.5) / network.stride - 0.5
        theirs = fourier_peak(heat[0, 0].numpy(), network.spec.sigma_px / network.stride)
        assert np.abs(ours - theirs).max() < 0.12, (ours, theirs)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_onnx_equals_torch(name):
    torch.manual_seed(0)
    network = small(name, animals=2)
    images = torch.randint(0, 256, (3, 128, 192, 3), dtype=torch.uint8)
    for module in network.module.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    network.module.eval()
    with torch.no_grad():  # peaks that stand out and do not saturate: of equal ones, either would be right
        spread = network.outputs(images).std(dim=(0, 2, 3)).mean()
        for part, parameter in network.module.named_parameters():
            if "head" in part and parameter.ndim > 1:
                parameter.mul_(1.0 / spread)
    model = with_metadata(to_onnx(network), {"krolik": "да"})
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map["krolik"] == "да"
    found, rivals = session.run(None, {"images": images.numpy()})
    assert rivals.shape == found.shape[::2][:1] + found.shape[2:3] and (rivals <= found[:, 0, :, 2] + 1e-6).all()
    with torch.inference_mode():
        expected = network.decode(network.outputs(images)).numpy()
    np.testing.assert_allclose(found[..., 2], expected[..., 2], atol=1e-3)
    assert (np.abs(found - expected).max(axis=-1) < 1e-2).mean() > 0.9


def test_unet_is_small():
    parameters = sum(p.numel() for p in build(spec("unet", keypoints=4)).module.parameters())
    assert parameters < 0.75e6


def cost(module: torch.nn.Module, size: int, run=None) -> tuple[float, float]:
    """Millions of parameters and of multiply-adds."""
    module.eval()
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        (run or module)(torch.zeros(1, 3, size, size))
    return sum(p.numel() for p in module.parameters()) / 1e6, counter.get_total_flops() / 2e6


@pytest.mark.parametrize(("width", "millions"), [(1.0, 1.81), (0.5, 0.45)])
def test_mobilenet_body_has_the_published_size(width, millions):
    """2.22 M of the publication's 3.5 M lie before the classifier; the last 1×1 layer to 1280 (0.41 M) is not used."""
    module = mobilenetv2.mobilenetv2(width, 12, normalized=False)
    body = sum(p.numel() for p in body_parameters(module))
    assert abs(body / 1e6 - millions) < 0.02


@pytest.mark.parametrize(("width", "million_multiply_adds"), [(1.0, 365), (0.75, 252), (0.5, 112), (0.35, 67)])
def test_mobilenet_body_costs_what_was_measured_elsewhere(width, million_multiply_adds):
    """At 256², to stride 32. Our channels are multiples of 4, so narrow bodies cost a little less."""
    module = mobilenetv2.Body(width, norm=False)
    _, multiply_adds = cost(module, 256, module.features)
    assert multiply_adds == pytest.approx(million_multiply_adds, rel=0.2 if width < 1 else 0.02)


@torch.inference_mode()
def test_mobilenets_shortcut_in_bfloat16_changes_nothing():
    strided = mobilenetv2.Convolution(8, 8, 3, 2, 8, norm=False, active=True)
    torch.nn.init.normal_(strided.bias)
    x = torch.randn(2, 8, 10, 14).to(memory_format=torch.channels_last)
    exact = strided(x)
    with torch.autocast("cpu", torch.bfloat16):
        near = strided(x.bfloat16())
    assert near.shape == exact.shape and near.dtype == torch.bfloat16
    assert torch.allclose(near.float(), exact, atol=0.1) and not torch.allclose(exact, exact.roll(1, 3), atol=0.1)


@pytest.mark.parametrize(
    ("depth", "millions", "billion_multiply_adds"), [(18, 11.18, 1.81), (34, 21.28, 3.66), (50, 23.51, 4.09)]
)
def test_resnet_body_has_the_published_size(depth, millions, billion_multiply_adds):
    """He et al., table 1, without the classifier; ResNet-50 with its stride in the 3×3 layers, as torchvision's."""
    module = resnet.ResNet(depth, 1.0, 4, dilated=False)
    parameters, multiply_adds = cost(module, 224, module.body)
    parameters -= sum(p.numel() for p in module.head.parameters()) / 1e6
    assert parameters == pytest.approx(millions, abs=0.01)
    assert multiply_adds / 1e3 == pytest.approx(billion_multiply_adds, abs=0.01)


def test_resnet_has_torchvisions_names():
    names = set(resnet.ResNet(18, 1.0, 4).state_dict())
    assert {"conv1.weight", "bn1.running_mean", "layer2.0.downsample.0.weight", "layer4.1.bn2.bias"} <= names


@pytest.mark.parametrize(
    ("growth", "maps", "levels", "size", "millions", "million_multiply_adds"),
    [
        (48, 18, 3, 160, 1.57, 751),
        (48, 66, 4, 192, 2.19, 1127),
        (48, 18, 5, 256, 2.67, 1935),
        (24, 9, 5, 256, 0.68, 521),
    ],
)
def test_stacked_densenet_has_deepposekits_size(growth, maps, levels, size, millions, million_multiply_adds):
    """Counted from models that DeepPoseKit 0.3.9 built itself."""
    parameters, multiply_adds = cost(stacked_densenet.StackedDenseNet(growth, maps, levels), size)
    assert parameters == pytest.approx(millions, rel=0.02)
    assert multiply_adds == pytest.approx(million_multiply_adds, rel=0.05)


@pytest.mark.parametrize(
    ("filters", "stacks", "millions", "million_multiply_adds"), [(64, 2, 0.54, 516), (256, 1, 4.23, 5213)]
)
def test_stacked_hourglass_has_deepposekits_size(filters, stacks, millions, million_multiply_adds):
    """Counted from models that DeepPoseKit 0.3.9 built itself, at 192²."""
    parameters, multiply_adds = cost(stacked_hourglass.StackedHourglass(filters, stacks, 9), 192)
    assert parameters == pytest.approx(millions, rel=0.07)
    assert multiply_adds == pytest.approx(million_multiply_adds, rel=0.07)


def test_sleap_profiles():
    """Filters 16 and 24, doubled down to stride 16; heads at strides 2 and 4."""
    single, centered = build(spec("sleap_single")), build(spec("sleap_centered"))
    assert (single.stride, centered.stride) == (2, 4)
    assert [m.weight.shape[0] for m in single.module.down.modules() if hasattr(m, "weight")][::2] == [16, 32, 64, 128]
    assert single.module.middle[0].weight.shape[:2] == (256, 128)
    assert centered.module.middle[0].weight.shape[:2] == (384, 192)


def test_fastpose_is_a_residual_body_with_pixel_shuffle():
    """SE-ResNet-101 to 2048 channels, shuffled to 512, 256 and 128 at strides 16, 8 and 4."""
    module = fastpose.FastPose(1.0, 17)
    assert sum(len(getattr(module, f"layer{i}")) for i in range(1, 5)) == 33
    assert module.duc1[0].weight.shape[:2] == (1024, 512)
    assert module.duc2[0].weight.shape[:2] == (512, 256)
    assert module.head.weight.shape[:2] == (17, 128)
    assert sum(p.numel() for p in module.parameters()) / 1e6 == pytest.approx(59.6, abs=0.1)


def test_an_input_that_does_not_halve_is_refused():
    with pytest.raises(InvalidSetting, match="unet cannot take an input of 100×128. Its sides must be multiples of 64"):
        build(spec("unet", input_size=(100, 128)))


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
        build(spec("yolo"))


def test_registry_imports_no_torch():
    code = "import sys, krolik.networks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
