"""Which keypoints are left and right of each other, told by their names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

LEFT, RIGHT = "left", "right"
# Longest first, so that "left" is not read as "l" + "eft"; stems cover every gender and case.
SIDE_TOKENS = {"left": LEFT, "right": RIGHT, "l": LEFT, "r": RIGHT, "л": LEFT, "п": RIGHT, "左": LEFT, "右": RIGHT}
SIDE_STEMS = {
    "лев": LEFT, "прав": RIGHT, "link": LEFT, "recht": RIGHT, "gauche": LEFT, "droit": RIGHT, "izquierd": LEFT,
    "derech": RIGHT, "esquerd": LEFT, "direit": RIGHT, "sinistr": LEFT, "destr": RIGHT,
}  # fmt: skip
GLUED = {"left": LEFT, "right": RIGHT, "лев": LEFT, "прав": RIGHT, "左": LEFT, "右": RIGHT}
LETTERS = {"l": "r", "r": "l", "L": "R", "R": "L", "л": "п", "п": "л", "Л": "П", "П": "Л"}
ABBREVIATED = 3  # letters: in so short a word any of them may be the side, as in FL, LHP
WORDS = re.compile(r"[A-ZА-ЯЁ]?[a-zа-яё]+|[A-ZА-ЯЁ]+(?![a-zа-яё])|\d+|[^\W\d_]")


def split_side(name: str) -> tuple[str | None, str]:
    """The side that a keypoint's name tells and the rest of the name: "leftEar" → (left, "ear")."""
    tokens = [t.lower() for t in WORDS.findall(name)]
    if len(tokens) > 1:
        for i, token in enumerate(tokens):
            side = SIDE_TOKENS.get(token) or next((s for stem, s in SIDE_STEMS.items() if token.startswith(stem)), None)
            if side:
                return side, " ".join(tokens[:i] + tokens[i + 1 :])
    lowered = name.lower()
    for glue, side in GLUED.items():
        if lowered.startswith(glue) and len(lowered) > len(glue):
            return side, " ".join(tokens).removeprefix(glue)
        if lowered.endswith(glue) and len(lowered) > len(glue):
            return side, " ".join(tokens).removesuffix(glue)
    return None, name.lower()


def symmetric_pairs(names: Sequence[str]) -> list[tuple[str, str]]:
    """The (left, right) pairs among `names`.

    Told by left/right, l/r, лев-/прав-, 左/右 and the like in them; else by a letter that is the only difference
    between two names, as in FL_paw and FR_paw, LHP and RHP, lhip and rhip.
    """
    sides: dict[str, dict[str, list[str]]] = {}
    for name in names:
        side, rest = split_side(name)
        if side:
            sides.setdefault(rest, {LEFT: [], RIGHT: []})[side].append(name)
    told = [(s[LEFT][0], s[RIGHT][0]) for s in sides.values() if len(s[LEFT]) == 1 and len(s[RIGHT]) == 1]
    return told + _by_a_letter([name for name in names if split_side(name)[0] is None])


def _by_a_letter(names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of names of which each is the other's only counterpart."""
    partners = {name: [other for other in _exchanged(name) if other in names] for name in names}
    pairs = []
    for name, (*others,) in partners.items():
        if len(others) != 1 or partners[others[0]] != [name]:
            continue
        differing = next(a for a, b in zip(name, others[0]) if a != b)
        if differing in "lLлЛ":
            pairs.append((name, others[0]))
    return pairs


def _exchanged(name: str) -> Iterator[str]:
    """The name with another side, for each letter that may tell a side."""
    for word in WORDS.finditer(name):
        short = word.end() - word.start() <= ABBREVIATED
        for place in range(word.start(), word.end()):
            outermost = place in (word.start(), word.end() - 1)
            if name[place] in LETTERS and (short or outermost):
                yield name[:place] + LETTERS[name[place]] + name[place + 1 :]
