"""A network as ONNX: pictures in (uint8 RGB), poses in view pixels out, decoding inside; and rivals of the peaks."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

import torch

from krolik.networks import peaks
from krolik.networks.network import Network

OPSET = 17


class _Decoded(torch.nn.Module):
    """(B, H, W, 3) uint8 → (B, N, K, 3) float32: x, y, confidence; and (B, K): the height of each second peak."""

    def __init__(self, network: Network):
        super().__init__()
        self.module, self.network = network.module, network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = self.network.outputs(images)
        return self.network.decode(outputs), peaks.second(self.network.heat(outputs))


def to_onnx(network: Network) -> bytes:
    """The network with its present weights. Batch size is free, the input's size is the spec's."""
    width, height = network.spec.input_size
    example = torch.zeros(2, height, width, 3, dtype=torch.uint8)
    network.module.to("cpu").eval()
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # the newer exporter needs a further package and takes ten times as long for these small graphs
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Decoded(network).eval(),
            (example,),
            buffer,  # pyright: ignore[reportArgumentType]
            input_names=["images"],
            output_names=["poses", "rivals"],
            dynamic_axes={"images": {0: "batch"}, "poses": {0: "batch"}, "rivals": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()


def with_metadata(model: bytes, metadata: Mapping[str, str]) -> bytes:
    """The same ONNX model with these texts in its metadata."""
    import onnx

    proto = onnx.load_from_string(model)
    onnx.helper.set_model_props(proto, dict(metadata))
    return proto.SerializeToString()
