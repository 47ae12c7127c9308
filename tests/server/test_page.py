"""What is built and shipped: small, whole, and asking nobody else for anything."""

import gzip
import re

import pytest

from krolik.server.app import WEB

LARGEST_GZIP = 250_000


def files():
    return [p for p in WEB.rglob("*") if p.is_file()]


def test_the_first_load_is_small():
    assert sum(len(gzip.compress(p.read_bytes())) for p in files()) <= LARGEST_GZIP


def test_the_page_asks_nobody_else():
    for path in files():
        addresses = set(re.findall(r"https?://[\w./-]+", path.read_text("utf-8")))
        # names of vocabularies and of explanations in error messages, never fetched
        allowed = ("http://www.w3.org/", "https://svelte.dev/e/")
        assert not [a for a in addresses if not a.startswith(allowed)], path.name


def test_no_source_maps_are_shipped():
    assert not [p.name for p in files() if p.suffix == ".map"]


def test_the_page_loads_by_its_own_names(live):
    page = live.client.get("/").text
    names = re.findall(r"(?:src|href)=\"(/assets/[^\"]+)\"", page)
    assert len(names) >= 3
    for name in names:
        answer = live.client.get(name)
        assert answer.status_code == 200, name
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}[name.rsplit(".", 1)[1]]
        assert answer.headers["content-type"].split(";")[0] == kind


def test_the_built_page_is_that_of_the_sources():
    """After a change in web/, install again or run `npm --prefix web run build`."""
    import importlib.util
    from pathlib import Path

    hook = Path(__file__).parents[2] / "hatch_build.py"
    if not (hook.parent / "web" / "src").is_dir() or not (WEB / "sources.sha256").exists():
        pytest.skip("built by hand")
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("the build tool is not installed here")
    spec = importlib.util.spec_from_file_location("hatch_build", hook)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.WebHook(str(hook.parent), {}, None, None, "", "")
    assert made.up_to_date()
