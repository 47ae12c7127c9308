"""Pretrained bodies: checked and loaded."""

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from krolik.errors import InvalidFile
from krolik.networks import build, pretrained
from krolik.networks.spec import NetworkSpec


def network(width: float = 0.5):
    return build(NetworkSpec("mobilenetv2", 3, (128, 128), 5.0, width, normalized=False))


@pytest.fixture
def checkpoint(tmp_path):
    tensors = {k: v for k, v in network().module.state_dict().items() if k.startswith(("stem.", "blocks."))}
    path = tmp_path / "mobilenetv2_050_test.safetensors"
    save_file({k: torch.full_like(v, 0.25) for k, v in tensors.items()}, path)
    return path


def test_body_is_filled_and_the_head_is_not(checkpoint):
    module = network().module
    pretrained.load_body(module, checkpoint)
    assert (module.stem.weight == 0.25).all() and (module.blocks[16].project.bias == 0.25).all()
    assert not (module.head.weight == 0.25).any()


def test_bad_checkpoints(checkpoint, tmp_path):
    with pytest.raises(InvalidFile, match=r"another width: stem.weight is \(16, .*Set --width"):
        pretrained.load_body(network(1.0).module, checkpoint)
    (tmp_path / "text.safetensors").write_text("not tensors")
    with pytest.raises(InvalidFile, match="not a readable safetensors file"):
        pretrained.load_body(network().module, tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InvalidFile, match="lacks stem.weight"):
        pretrained.load_body(network().module, tmp_path / "other.safetensors")


def test_real_checkpoint_sees_edges_where_they_are(shared):
    """The body's padding must be that of its training: a picture shifted by its stride shifts the features by one."""
    module = build(NetworkSpec("mobilenetv2", 3, (256, 256), 5.0, 0.5, normalized=False)).module
    pretrained.load_body(module, shared / "weights" / "mobilenetv2_050_deeplab.safetensors")
    picture = cv2.imread(str(shared / "data" / "sample-images" / "cat.bmp"))
    picture = cv2.resize(picture, (300, 300))[..., ::-1].astype(np.float32)

    def features(left: int) -> torch.Tensor:
        window = torch.from_numpy(np.ascontiguousarray(picture[16:272, left : left + 256])).permute(2, 0, 1)[None]
        x = module.stem((window - 127.5) / 127.5)
        for block in module.blocks[:6]:
            x = block(x)
        return x

    with torch.inference_mode():
        here, there = features(16), features(24)  # stride 8 after block 5
    same = torch.nn.functional.cosine_similarity(here[..., 6:-5, 7:-5], there[..., 6:-5, 6:-6], dim=1)
    assert here.std() > 0.1
    assert same.mean() > 0.98
