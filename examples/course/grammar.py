"""The language of a course: a lexicon of chunks, and from it the one right translation and decomposition of a seed.

A chunk is the smallest piece that a learner says as a whole: "voglio", "la macchina rossa". Known and target are one to
one, except for a few senses ("to know" is sapere or conoscere): there the neighbour decides which one is meant, and the
registry of earlier batches decides whether the head may stand alone. The language itself is in languages/, a lexicon a
course. Starts fast: nothing but json is imported.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False  # typing itself would take as long to import as all the rest
if TYPE_CHECKING:
    from typing import Any

    Row = list[Any]
    """["S0001L01", "B", target, known], or ["S0001L02", "C", target, known, [[part, literal, row id or null], ...]]."""


class Chunk:
    """One known phrase and its target. `parts` are [target part, literal known] and empty for a base chunk."""

    __slots__ = ("category", "comma", "feeder", "known", "parts", "target")

    def __init__(self, known: str, target: str, category: str, feeder: str = "") -> None:
        self.comma = known.endswith(",")
        self.known = known.rstrip(",")
        self.parts = [part.split("=") for part in target.split("|")] if "=" in target else []
        self.target = " ".join(part for part, _ in self.parts) if self.parts else target
        self.category = category
        self.feeder = feeder
        """Known text of the base chunk inside this one that gets a row of its own."""


class Sense:
    """A known phrase with two targets: `other` where the neighbour on `side` is of category `partner`, else `first`."""

    __slots__ = ("first", "known", "literal", "other", "partner", "side")

    def __init__(
        self, known: str, category: str, first: str, other: str, literal: str, side: str, partner: str
    ) -> None:
        self.known = known
        self.first = Chunk(known, first, category)
        self.other = Chunk(known, other, category)
        self.literal = literal
        self.side = side
        self.partner = partner


class Registry:
    """What the learner knows already: known phrase -> target and back, in lower case; the first meaning stays."""

    __slots__ = ("of_known", "of_target")

    def __init__(self, records: list[Any]) -> None:
        """`records` are accepted decompositions, in order."""
        self.of_known: dict[str, str] = {}
        self.of_target: dict[str, str] = {}
        for record in records:
            for row in record[2]:
                self.of_known.setdefault(row[3].lower(), row[2].lower())
                self.of_target.setdefault(row[2].lower(), row[3].lower())

    def forbids(self, chunk: Chunk) -> bool:
        """True when the known phrase already has another target, or the target another known phrase."""
        known, target = chunk.known.lower(), chunk.target.lower()
        return self.of_known.get(known, target) != target or self.of_target.get(target, known) != known


class Lexicon:
    """All chunks, by category, by the words of the known side, and by target."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.of_category: dict[str, list[Chunk]] = {}
        self.of_target: dict[str, Chunk] = {}
        self.senses = {entry["known"]: Sense(**entry) for entry in content["senses"]}
        self.opens: dict[str, str] = content.get("opens", {})
        """Final mark -> the one that a sentence begins with then: "?" -> "¿"."""
        self._starts: dict[str, list[tuple[list[str], Chunk]]] = {}
        for category, entries in content["chunks"].items():
            for entry in entries:
                self._add(Chunk(entry[0], entry[1], category, *entry[2:]))
        for takes, verbs in content["verbs"].items():
            self._add_verbs(takes, verbs, content["subjects"], content["questions"], content.get("asks", ""))
        for sense in self.senses.values():
            self._add(sense.first)
            self.of_target[sense.other.target] = sense.other
        for choices in self._starts.values():
            choices.sort(key=lambda choice: -len(choice[0]))

    @classmethod
    def load(cls, path: str) -> Lexicon:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123  (pathlib would double the start-up)
            return cls(json.load(file))

    def parse(self, sentence: str) -> list[Chunk]:
        """The chunks of a known sentence, with the right senses. ValueError when the grammar does not have it."""
        chunks = self._cut(words_of(sentence), 0)
        if chunks is None:
            raise ValueError(f"expected a sentence of this grammar, got {sentence!r}")
        return [self._in_context(chunks, place) for place in range(len(chunks))]

    def _add(self, chunk: Chunk) -> None:
        words = words_of(chunk.known)
        self._starts.setdefault(words[0], []).append((words, chunk))
        self.of_category.setdefault(chunk.category, []).append(chunk)
        self.of_target.setdefault(chunk.target, chunk)

    def _add_verbs(self, takes: str, verbs: Row, subjects: Row, questions: Row, asks: str) -> None:
        """The past of a verb is a participle behind what a subject has ("ho=I have"), or a form for each person."""
        for verb, past, infinitive, forms in verbs:
            self._add(Chunk(f"to {verb}", infinitive, f"inf:{takes}"))
            for who, parts, *person in subjects:
                form = forms[person[0]] if person else forms
                target = f"{parts}|{form}={past}" if parts else form
                self._add(Chunk(f"{who} {past}", target, f"past:{takes}"))
            for question, word in questions:
                did = f"{asks}|{forms}={past}" if isinstance(forms, str) else f"{forms[1]}=you {past}"
                self._add(Chunk(f"{question} did you {verb}", f"{word}={question}|{did}", f"ask:{takes}"))

    def _cut(self, words: list[str], start: int) -> list[Chunk] | None:
        """The longest chunk first, and back when the rest cannot be read."""
        if start == len(words):
            return []
        for pattern, chunk in self._starts.get(words[start], ()):
            if words[start : start + len(pattern)] == pattern:
                rest = self._cut(words, start + len(pattern))
                if rest is not None:
                    return [chunk, *rest]
        return None

    def _in_context(self, chunks: list[Chunk], place: int) -> Chunk:
        chunk = chunks[place]
        sense = self.senses.get(chunk.known)
        if sense is None:
            return chunk
        neighbour = place + (1 if sense.side == "right" else -1)
        is_other = 0 <= neighbour < len(chunks) and chunks[neighbour].category == sense.partner
        return sense.other if is_other else sense.first


def words_of(sentence: str) -> list[str]:
    """Lower-case words without punctuation; apostrophes stay."""
    return sentence.lower().translate({ord(mark): None for mark in ",.?!"}).split()


def translate(lexicon: Lexicon, known: str) -> str:
    """The target sentence, with its capital letter, inner commas and final mark."""
    chunks = lexicon.parse(known)
    text = " ".join(chunk.target + ("," if chunk.comma else "") for chunk in chunks)
    return lexicon.opens.get(known[-1], "") + text[0].upper() + text[1:] + known[-1]


def decompose(lexicon: Lexicon, seed_id: str, target: str, known: str, registry: Registry) -> list[Any]:
    """The record [seed id, [target, known], [row, ...]].

    A chunk that `registry` forbids is put together with its neighbour until the whole is new: more context decides.
    """
    chunks = lexicon.parse(known)
    place = 0
    while place < len(chunks):
        if registry.forbids(chunks[place]) and len(chunks) > 1:
            place = _join(lexicon, chunks, place)
        else:
            place += 1
    rows: list[Row] = []
    for chunk in chunks:
        _append_rows(lexicon, rows, seed_id, chunk, registry)
    return [seed_id, [target, known], rows]


def _join(lexicon: Lexicon, chunks: list[Chunk], place: int) -> int:
    """Makes one chunk of the one at `place` and its neighbour; returns where the new one stands."""
    head = chunks[place]
    sense = lexicon.senses.get(head.known)
    goes_left = place > 0 and (place == len(chunks) - 1 or (sense is not None and sense.side == "left"))
    left = place - 1 if goes_left else place
    first, second = chunks[left], chunks[left + 1]
    joined = Chunk(f"{first.known} {second.known}", f"{first.target} {second.target}", "joined")
    joined.parts = _literal_parts(lexicon, first) + _literal_parts(lexicon, second)
    chunks[left : left + 2] = [joined]
    return left


def _literal_parts(lexicon: Lexicon, chunk: Chunk) -> list[list[str]]:
    sense = lexicon.senses.get(chunk.known)
    literal = sense.literal if sense is not None and chunk.target == sense.other.target else chunk.known
    return chunk.parts or [[chunk.target, literal]]


def _append_rows(lexicon: Lexicon, rows: list[Row], seed_id: str, chunk: Chunk, registry: Registry) -> None:
    if not chunk.parts:
        rows.append([_row_id(seed_id, rows), "B", chunk.target, chunk.known])
        return
    feeder = lexicon.parse(chunk.feeder)[0] if chunk.feeder else None
    feeder_id = None
    if feeder is not None and not registry.forbids(feeder):
        feeder_id = _row_id(seed_id, rows)
        rows.append([feeder_id, "B", feeder.target, feeder.known])
    components = [
        [part, literal, feeder_id if feeder and part == feeder.target else None] for part, literal in chunk.parts
    ]
    rows.append([_row_id(seed_id, rows), "C", chunk.target, chunk.known, components])


def _row_id(seed_id: str, rows: list[Row]) -> str:
    return f"{seed_id}L{len(rows) + 1:02}"
