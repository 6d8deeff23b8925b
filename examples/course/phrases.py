"""Practice phrases of the course: for each LEGO a basket of phrases made of nothing but LEGOs that came before it.

The phrases come out of sentences that the learner has met: a LEGO takes the place of one of its own kind, and a lead, a
place or a reason may be added. Windows of 2 to 5 LEGOs are cut out of them around the LEGO.
"""

from __future__ import annotations

from grammar import Lexicon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from grammar import Row

WINDOWS = ("2", "3", "4", "5")
SHORTEST, LONGEST = 7, 10
"""Words of a full phrase, on the target side."""
_RECENT = 5
"""How many of the latest sentences with a LEGO of a kind are looked at."""


class Shelf:
    """The LEGOs met so far, in the sentences they came in. Grows in the order of their ids."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._sentences: list[list[Row]] = []
        self._of_kind: dict[str, list[tuple[list[Row], int]]] = {}

    def add_sentence(self) -> None:
        """What is added from here on belongs to the next seed."""
        self._sentences.append([])

    def add(self, row: Row) -> None:
        sentence = self._sentences[-1]
        sentence.append(row)
        self._of_kind.setdefault(self.kind_of(row), []).append((sentence, len(sentence) - 1))

    def drop(self, row_id: str) -> None:
        """Takes a feeder out of the latest sentence: the composite that follows contains it."""
        sentence = self._sentences[-1]
        self._sentences[-1] = [row for row in sentence if row[0] != row_id]

    def kind_of(self, row: Row) -> str:
        """What may take the LEGO's place; questions are built like the past. A joined LEGO is of no common kind."""
        chunk = self._lexicon.of_target.get(row[2])
        return chunk.category.replace("ask:", "past:") if chunk is not None else ""

    def own(self) -> list[Row]:
        """The latest sentence as far as it has come."""
        return list(self._sentences[-1])

    def substituted(self, row: Row) -> list[list[Row]]:
        """Sentences met before, latest first, with `row` in the place of a LEGO of its kind."""
        found = self._of_kind.get(self.kind_of(row), [])[-_RECENT:] if self.kind_of(row) else []
        return [[*sentence[:place], row, *sentence[place + 1 :]] for sentence, place in reversed(found)]

    def latest(self, kind: str, turn: int) -> list[Row]:
        """One of the latest different LEGOs of a kind, another one each turn; [] when none was met."""
        texts: dict[str, Row] = {}
        for sentence, place in reversed(self._of_kind.get(kind, [])[-_RECENT:]):
            if place < len(sentence):
                texts.setdefault(sentence[place][2], sentence[place])
        rows = list(texts.values())
        return [rows[turn % len(rows)]] if rows else []


def baskets(lexicon: Lexicon, records: list[Any], wanted: set[str]) -> dict[str, dict[str, Any]]:
    """A basket for each wanted LEGO id. `records` are decompositions in order, up to the seeds of these LEGOs."""
    shelf = Shelf(lexicon)
    made = {}
    for record in records:
        shelf.add_sentence()
        for row in record[2]:
            for component in row[4] if len(row) > 4 else ():
                if component[2]:
                    shelf.drop(component[2])
            if row[0] in wanted:
                made[row[0]] = basket(row, shelf)
            shelf.add(row)
    return made


def basket(row: Row, shelf: Shelf) -> dict[str, Any]:
    """{"lego": [target, known], "e": [phrase, ...], "d": {"2": [phrase, ...], ..., "5": [...]}}."""
    sentences = _sentences(row, shelf)
    full = [sentence for sentence in sentences if SHORTEST <= _words(sentence) <= LONGEST]
    short = sorted(sentences, key=_words, reverse=True) if not full else []
    phrases = [_phrase(sentence) for sentence in full + short if _words(sentence) <= LONGEST]
    phrases = phrases or [_phrase(sentence) for sentence in sentences[:1]]  # a seed may be longer than a phrase
    windows = {size: _first_window(sentences, row, int(size)) for size in WINDOWS}
    return {"lego": [row[2], row[3]], "e": _distinct(phrases)[:2], "d": windows}


def _sentences(row: Row, shelf: Shelf) -> list[list[Row]]:
    """Sentences with the LEGO, its own first, then longer ones."""
    turn = int(row[0][1:5]) + int(row[0][6:])
    own = [*shelf.own(), row]
    clause = own[1:] if shelf.kind_of(own[0]) in ("lead", "cond") else []
    cores = [core for core in (own, clause, *shelf.substituted(row)) if core]
    lead, condition, place, time = (shelf.latest(kind, turn) for kind in ("lead", "cond", "place", "time"))
    reason = shelf.latest("link", turn) + shelf.latest("state", turn)
    reason = reason if len(reason) == 2 else []
    longer = []
    for core in cores:
        kinds = {shelf.kind_of(part) for part in core}
        heads = [[]] if kinds & {"lead", "cond", "vocative"} else [[], lead, condition]
        here = [] if kinds & {"place", "to"} or "link" in kinds else place
        now = [] if kinds & {"time", "then"} or "link" in kinds else time
        why = [] if "link" in kinds else reason
        for head in heads:
            longer += [head + core + tail for tail in (here, now, here + now, why, here + why)]
    return [sentence for sentence in cores + longer if len(sentence) > 1]


def _first_window(sentences: list[list[Row]], row: Row, size: int) -> list[list[str]]:
    """The first cut of `size` LEGOs around the LEGO, as a list of at most one phrase."""
    for sentence in sentences:
        place = next(number for number, part in enumerate(sentence) if part is row)
        start = min(max(0, place - size + 1), len(sentence) - size)
        if start >= 0:
            return [_phrase(sentence[start : start + size])]
    return []


def _phrase(sentence: list[Row]) -> list[str]:
    return [" ".join(row[2] for row in sentence), " ".join(row[3] for row in sentence)]


def _words(sentence: list[Row]) -> int:
    return sum(len(row[2].split()) for row in sentence)


def _distinct(phrases: list[list[str]]) -> list[list[str]]:
    return list({phrase[0]: phrase for phrase in phrases}.values())
