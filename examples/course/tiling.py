"""Texts as tokens, and whether the rows of a decomposition tile their sentence.

Texts are compared as tokens: NFC, lower case, typographic apostrophes made plain, punctuation left out, and a cut after
an apostrophe (dell'acqua = dell' + acqua). So case, commas and the final mark never decide.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Any

Tokens = tuple[str, ...]


@lru_cache(maxsize=65_536)
def tokens(text: str) -> Tokens:
    """The tokens of a text; see above."""
    text = unicodedata.normalize("NFC", text).lower().replace("’", "'").replace("ʼ", "'")
    return tuple(re.findall(r"\w+(?:-\w+)*'?", text))


def quoted(some: Tokens | list[str]) -> str:
    return "'" + " ".join(some).replace("' ", "'") + "'"


def contains(whole: Tokens, part: Tokens) -> bool:
    """True when `part` stands in `whole` in one piece."""
    return any(whole[at : at + len(part)] == part for at in range(len(whole) - len(part) + 1))


def tiling(sentence: Tokens, rows: list[Any]) -> list[str]:
    """Empty when the rows tile the sentence: some of them, in order and without overlap, cover it token by token (a row
    may cover several places), and every other row is contained in a composite among them."""
    texts = [tokens(row[2]) for row in rows]
    reasons = [f"Missing LEGO: {quoted(gap)}" for gap in _gaps(sentence, texts)]
    reasons += [f"Extra LEGO: {quoted(text)}" for text in texts if not contains(sentence, text)]
    reasons += [f"Extra LEGO: {quoted(text)} is there twice" for at, text in enumerate(texts) if text in texts[:at]]
    if not reasons and not _covers(sentence, rows, texts):
        by_place = sorted(range(len(texts)), key=lambda at: _place(sentence, texts[at]))
        if _covers(sentence, [rows[at] for at in by_place], [texts[at] for at in by_place]):
            wrong = next(at for at, right in enumerate(by_place) if at != right)
            reasons = [f"LEGOs out of order: {quoted(texts[by_place[wrong]])} belongs before {quoted(texts[wrong])}"]
        else:
            reasons = ["LEGOs overlap: no choice of them covers the sentence once, the rest inside composites"]
    return reasons


def _place(sentence: Tokens, text: Tokens) -> tuple[int, int]:
    """Where a text first stands; a feeder comes before the composite that begins where it does."""
    at = next(at for at in range(len(sentence)) if sentence[at : at + len(text)] == text)
    return at, len(text)


def _gaps(sentence: Tokens, texts: list[Tokens]) -> list[list[str]]:
    """Runs of tokens that no row can cover."""
    covered = [False] * len(sentence)
    for text in texts:
        for at in range(len(sentence) - len(text) + 1):
            if sentence[at : at + len(text)] == text:
                covered[at : at + len(text)] = [True] * len(text)
    runs: list[list[str]] = [[]]
    for token, is_covered in zip(sentence, covered, strict=True):
        if is_covered:
            runs.append([])
        else:
            runs[-1].append(token)
    return [run for run in runs if run]


def _covers(sentence: Tokens, rows: list[Any], texts: list[Tokens]) -> bool:
    dead: set[tuple[int, int]] = set()

    def walk(at: int, used: int) -> bool:
        """`used` is a bit set of rows; new ones are used in order, used ones may come again."""
        if at == len(sentence):
            return all(used >> number & 1 or inside(number, used) for number in range(len(rows)))
        if (at, used) in dead:
            return False
        for number, text in enumerate(texts):
            in_order = used >> number & 1 or used < 1 << number
            if in_order and sentence[at : at + len(text)] == text and walk(at + len(text), used | 1 << number):
                return True
        dead.add((at, used))
        return False

    def inside(number: int, used: int) -> bool:
        return any(
            used >> other & 1 and rows[other][1] == "C" and contains(texts[other], texts[number])
            for other in range(len(rows))
        )

    return walk(0, 0)
