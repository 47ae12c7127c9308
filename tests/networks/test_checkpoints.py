"""Checkpoints of pretrained bodies: found, or downloaded from a server on this machine and checked."""

import hashlib
import http.server
import threading

import pytest

from krolik.errors import InvalidFile, NotFound
from krolik.networks.checkpoints import Download, download, find, width_of


def test_finding(monkeypatch, tmp_path):
    checkpoint = tmp_path / "mobilenetv2_050_test.safetensors"
    checkpoint.touch()
    monkeypatch.setenv("KROLIK_CACHE", str(tmp_path / "none"))
    monkeypatch.delenv("KROLIK_WEIGHTS", raising=False)
    assert find("mobilenetv2", 0.5, None) is None
    monkeypatch.setenv("KROLIK_WEIGHTS", str(tmp_path))
    assert find("mobilenetv2", 0.5, "auto") == checkpoint
    assert find("mobilenetv2", 1.0, "auto") is None
    assert find("mobilenetv2", 0.5, "none") is None
    assert find("mobilenetv2", 0.5, "mobilenetv2_050_test") == checkpoint
    assert find("mobilenetv2", 0.5, str(checkpoint)) == checkpoint
    assert width_of(checkpoint) == 0.5
    with pytest.raises(NotFound, match="no pretrained weights 'gone'"):
        find("mobilenetv2", 0.5, "gone")


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
    assert download(Download(f"{server}/w", good), target).read_bytes() == b"weights"
    target.unlink()
    with pytest.raises(InvalidFile, match="SHA-256 differs"):
        download(Download(f"{server}/w", "0" * 64), target)
    with pytest.raises(NotFound, match="404.*--pretrained none"):
        download(Download(f"{server}/gone", good), target)
    assert list(target.parent.iterdir()) == []
