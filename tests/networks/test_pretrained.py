"""Pretrained bodies: found, checked, loaded; downloads from a server on this machine."""

import hashlib
import http.server
import threading

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from krolik.errors import InvalidFile, NotFound
from krolik.networks import build, pretrained
from krolik.networks.network import NetworkSpec


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


def test_finding(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("KROLIK_CACHE", str(tmp_path / "none"))
    monkeypatch.delenv("KROLIK_WEIGHTS", raising=False)
    assert pretrained.find("mobilenetv2", 0.5, None) is None
    monkeypatch.setenv("KROLIK_WEIGHTS", str(tmp_path))
    assert pretrained.find("mobilenetv2", 0.5, "auto") == checkpoint
    assert pretrained.find("mobilenetv2", 1.0, "auto") is None
    assert pretrained.find("mobilenetv2", 0.5, "none") is None
    assert pretrained.find("mobilenetv2", 0.5, "mobilenetv2_050_test") == checkpoint
    assert pretrained.find("mobilenetv2", 0.5, str(checkpoint)) == checkpoint
    assert pretrained.width_of(checkpoint) == 0.5
    with pytest.raises(NotFound, match="no pretrained weights 'gone'"):
        pretrained.find("mobilenetv2", 0.5, "gone")


def test_bad_checkpoints(checkpoint, tmp_path):
    with pytest.raises(InvalidFile, match=r"another width: stem.weight is \(16, .*Set --width"):
        pretrained.load_body(network(1.0).module, checkpoint)
    (tmp_path / "text.safetensors").write_text("not tensors")
    with pytest.raises(InvalidFile, match="not a readable safetensors file"):
        pretrained.load_body(network().module, tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InvalidFile, match="lacks stem.weight"):
        pretrained.load_body(network().module, tmp_path / "other.safetensors")


@pytest.fixture
def server(tmp_path):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/w" else 404)
            self.end_headers()
            if self.path == "/w":
                self.wfile.write(b"weights")

        def log_message(self, format, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def test_download_is_checked(server, tmp_path):
    good = hashlib.sha256(b"weights").hexdigest()
    target = tmp_path / "cache" / "a.safetensors"
    assert pretrained.download(pretrained.Download(f"{server}/w", good), target).read_bytes() == b"weights"
    target.unlink()
    with pytest.raises(InvalidFile, match="SHA-256 differs"):
        pretrained.download(pretrained.Download(f"{server}/w", "0" * 64), target)
    with pytest.raises(NotFound, match="404.*--pretrained none"):
        pretrained.download(pretrained.Download(f"{server}/gone", good), target)
    assert list(target.parent.iterdir()) == []


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
