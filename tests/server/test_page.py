"""What is built and shipped: small, whole, and asking nobody else for anything."""

import gzip
import re

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
