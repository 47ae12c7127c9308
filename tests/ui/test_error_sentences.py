"""What the program refuses in English is known to the page's other language; the program is searched."""

import ast
import json
import re
from collections.abc import Iterator

import krolik.errors
from tests.ui.test_note_sentences import ROOT, shape, texts

LOCALES = ROOT / "web/src/locales"
RUSSIAN = json.loads((LOCALES / "errors.ru.json").read_text("utf-8"))
CODES = json.loads((LOCALES / "ru.json").read_text("utf-8"))
FOLDERS = ("actions", "formats", "video", "sampling", "training", "evaluation", "inference", "rendering", "networks",
           "project", "engines", "engines/workers")  # fmt: skip
KINDS = {name for name, kind in vars(krolik.errors).items() if isinstance(kind, type)}
REFUSED = {"protocol.Refused"}  # by a worker: what is wrong and what to do, no place
PATTERNS = {s: re.compile(re.sub(r"\\\{\w+\\\}", "(.+?)", re.escape(s))) for s in RUSSIAN}


def errors() -> Iterator[ast.Call]:
    for folder in FOLDERS:
        for path in (ROOT / "krolik" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in KINDS | REFUSED and node.args:
                    yield node


def argument(call: ast.Call, place: int, name: str) -> ast.AST | None:
    named = next((k.value for k in call.keywords if k.arg == name), None)
    return named if named is not None or len(call.args) <= place else call.args[place]


def codes(call: ast.Call) -> list[str]:
    return list(texts(argument(call, 3, "code")))


def said() -> set[str]:
    """What is wrong and what to do, of all errors that no catalogue knows by their code."""
    found = set()
    for call in errors():
        if not any(f"error.{code}" in CODES for code in codes(call)):
            remedy = 1 if ast.unparse(call.func) in REFUSED else 2
            places = ((0, "what"), (remedy, "fix"))
            found |= {shape(t) for place, name in places for t in texts(argument(call, place, name))}
    # where in a file something is, is not part of the sentence; nor is its full stop
    found = {re.sub(r"^(predictions/)?\{\}(: )?(?=[a-z{])", "", text).removesuffix(".") for text in found}
    return {text for text in found if re.search("[a-z]", text.replace("{}", ""))}


def meant(spoken: str) -> str:
    """The entry that the page takes: of those that fit, the one with the most words of its own."""
    fitting = [s for s, pattern in PATTERNS.items() if pattern.fullmatch(spoken)]
    return max(fitting, key=lambda s: len(re.sub(r"\{\w+\}", "", s)), default="")


def test_every_error_is_known_and_none_is_left_over():
    sentences = said()
    assert len(sentences) > 200
    known = {sentence: meant(sentence.replace("{}", "'x'")) for sentence in sentences}
    assert [s for s, entry in known.items() if not entry] == []
    assert set(RUSSIAN) - set(known.values()) == set()


def test_no_error_is_taken_for_another():
    for sentence in RUSSIAN:
        for value in ("7", "a.b, c", "'x'"):
            assert meant(re.sub(r"\{\w+\}", value, sentence)) == sentence


def test_the_same_values_stand_in_both_languages():
    for english, russian in RUSSIAN.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", russian)), english
    assert list(RUSSIAN) == sorted(RUSSIAN)
