"""Every text of the page is in both catalogues, with the plural forms of its language; nothing is left over."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web" / "src"
CATALOGUES = {code: json.loads((WEB / "locales" / f"{code}.json").read_text("utf-8")) for code in ("en", "ru")}
FORMS = {"en": {"one", "other"}, "ru": {"one", "few", "many", "other"}}
SOURCES = sorted([*WEB.rglob("*.svelte"), *WEB.rglob("*.ts")])


def used() -> tuple[set[str], list[re.Pattern[str]]]:
    """Keys that the sources name, and the patterns of those that they put together."""
    plain, made = set(), []
    for path in SOURCES:
        source = path.read_text("utf-8")
        plain |= set(re.findall(r"\bt\(\s*\"([^\"]+)\"", source))
        for condition in re.findall(r"\bt\([^()`]*?\? (\"[^\"]+\" : \"[^\"]+\")", source):
            plain |= set(re.findall(r"\"([^\"]+)\"", condition))
        for template in re.findall(r"\bt\(\s*`([^`]+)`", source):
            parts = re.split(r"\$\{[^}]*\}", template)
            made.append(re.compile(r"[\w-]+".join(map(re.escape, parts))))
    return plain, made


def test_both_languages_say_everything():
    assert set(CATALOGUES["en"]) == set(CATALOGUES["ru"])
    for code, catalogue in CATALOGUES.items():
        for key, entry in catalogue.items():
            if isinstance(entry, dict):
                assert set(entry) == FORMS[code], (code, key)
            texts = entry.values() if isinstance(entry, dict) else [entry]
            assert all(t.strip() for t in texts), (code, key)


@pytest.mark.parametrize("key", sorted(CATALOGUES["en"]))
def test_both_languages_use_the_same_values(key):
    names = []
    for catalogue in CATALOGUES.values():
        entry = catalogue[key]
        texts = entry.values() if isinstance(entry, dict) else [entry]
        names.append({n for t in texts for n in re.findall(r"\{(\w+)\}", t)})
    assert names[0] == names[1]


def test_every_text_that_is_used_is_there_and_every_one_that_is_there_is_used():
    plain, made = used()
    there = set(CATALOGUES["en"])
    assert plain <= there, plain - there
    errors = {key for key in there if key.startswith("error.")}
    unused = {k for k in there - plain - errors if not any(m.fullmatch(k) for m in made)}
    assert not unused


def test_every_error_that_the_server_names_has_a_sentence():
    codes = set()
    for path in (ROOT / "krolik").rglob("*.py"):
        source = path.read_text("utf-8")
        codes |= set(re.findall(r"code=\"([a-z-]+)\"", source))
    codes |= {"video-missing", "video-changed", "outside-frame", "disk-full", "read-only", "changed-meanwhile", "busy"}
    missing = {c for c in codes if f"error.{c}" not in CATALOGUES["en"]}
    assert not missing


def test_no_text_stands_in_the_sources_themselves():
    """What is between tags, and what attributes say to people, comes from the catalogues."""
    allowed = {"Krolik", "MB", "h", "START:STOP:STEP", "3, 10-20, 100-200:25", "px"}
    for path in WEB.rglob("*.svelte"):
        markup = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", path.read_text("utf-8"), flags=re.DOTALL)
        markup = re.sub(r"<!--.*?-->", "", markup, flags=re.DOTALL)
        while (shorter := re.sub(r"\{[^{}]*\}", " ", markup)) != markup:  # expressions, innermost first
            markup = shorter
        said = re.findall(r"(?:title|aria-label|placeholder|alt)=\"([^\"]*[^\W\d_][^\"]*)\"", markup)
        texts = re.sub(r"<[^<>]*>", "\n", re.sub(r"=>", "", markup)).splitlines()
        said += [t.strip() for t in texts if re.search(r"[^\W\d_]", t)]
        left = {s for s in said if s not in allowed and s.split(" ")[0] not in allowed}
        assert not left, (path.name, left)
