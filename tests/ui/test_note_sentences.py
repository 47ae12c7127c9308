"""What imports, exports and jobs note in English is known to the page's other language; the program is searched."""

import ast
import json
import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from krolik.formats.losses import _WORDS
from krolik.poses import State

ROOT = Path(__file__).parents[2]
RUSSIAN = json.loads((ROOT / "web/src/locales/notes.ru.json").read_text("utf-8"))
FOLDERS = ("actions", "formats", "jobs", "engines/workers")


def shape(sentence: str) -> str:
    return re.sub(r"\{\w*\}", "{}", sentence)


def texts(node: ast.AST | None) -> Iterator[str]:
    """The strings in a piece of the program, with {} where a value comes in; those within values are not meant."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, (ast.List, ast.Tuple)):
        yield from (t for item in node.elts for t in texts(item))


def noted(tree: ast.AST) -> Iterator[str]:
    """What is given to `note(...)`, or as a `note`, added to `notes`, or called so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "note":
            yield from texts(node.value)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if node.func.attr == "note" or (node.func.attr == "append" and name == "notes"):
                yield from texts(node.args[0])
        elif isinstance(node, ast.Assign):
            target = node.targets[0]
            if getattr(target, "id", getattr(target, "attr", "")) in ("note", "notes"):
                yield from texts(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name in ("notes", "_skeleton"):
            yield from (t for n in ast.walk(node) if isinstance(n, ast.Return) for t in texts(n.value) if " " in t)


def lost(tree: ast.AST) -> Iterator[str]:
    """What `losses.py` counts: pairs of what is lost and what becomes of it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "counts":
            pair = node.slice
            if isinstance(pair, ast.Tuple) and all(isinstance(e, ast.Constant) for e in pair.elts):
                what, becomes = (str(e.value) for e in pair.elts if isinstance(e, ast.Constant))
                yield f"{what}: {{}} {becomes}"
            elif isinstance(pair, ast.Tuple) and isinstance(pair.elts[0], ast.Name):
                yield from ("frames without a point: {} left out", "frames without an animal: {} left out")


def said() -> set[str]:
    found = set()
    for folder in FOLDERS:
        for path in (ROOT / "krolik" / folder).glob("*.py"):
            found |= {shape(t) for t in noted(ast.parse(path.read_text("utf-8")))}
    found |= set(lost(ast.parse((ROOT / "krolik/formats/losses.py").read_text("utf-8"))))
    becomes = {State.OCCLUDED: ("absent", "unknown"), State.ABSENT: ("unknown",), State.UNKNOWN: ("absent",)}
    found |= {f"{_WORDS[state]}: {{}} points become {new}" for state, news in becomes.items() for new in news}
    found |= {"frames that could not be decoded: {} look like frames without points"}
    return found - {"", "{}", "{}. {}"}  # an error's sentence; a finding, which is known elsewhere


def test_every_note_is_known_and_none_is_left_over():
    assert len(said()) > 40
    assert said() == {shape(sentence) for sentence in RUSSIAN}


def test_no_note_is_taken_for_another():
    """Neither of this list nor of that of plans and findings: the first that fits is shown."""
    others = json.loads((ROOT / "web/src/locales/sentences.ru.json").read_text("utf-8"))
    every = [*others, *RUSSIAN]
    patterns = {s: re.compile(re.sub(r"\\\{(\w+)\\\}", ".+?", re.escape(s))) for s in every}
    for sentence, value in product(every, ("7", "a.b, c")):
        spoken = re.sub(r"\{\w+\}", value, sentence)
        assert [s for s, pattern in patterns.items() if pattern.fullmatch(spoken)] == [sentence], spoken
