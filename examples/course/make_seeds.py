"""Writes data/canonical_seeds.json: 668 English sentences, the same for every course, the same bytes on every machine.

They come out of the known sides of the Italian lexicon; every other lexicon has to know all of them.

The first hundred are laid out by hand where it matters: batch 1 brings one sense of every phrase that has two, batches
2 to 5 bring the other. From batch 6 on both senses return at random.
"""

import json
import random
from pathlib import Path
from typing import Any

from grammar import Chunk, Lexicon

FOLDER = Path(__file__).resolve().parent
SEEDS = 668
BATCH = 20
OTHERS_OF_BATCH = {
    2: ["you know", "I was"],
    3: ["to know", "it is"],
    4: ["to play", "the time"],
    5: ["to leave", "to take", "to ask"],
}
"""Which phrases turn up with their other sense for the first time, by batch."""

FIRST = "I want to speak Italian with you now."
SENTENCES = {
    "frame": "frame inf obj company? place? time?",
    "frame, alone": "frame inf:none company? place? time?",
    "past": "past obj company? place? then?",
    "past, alone": "past:none company? place? then?",
    "rest": "frame inf:alone place? time?",
    "trip": "past:trip company? then? link? state?",
    "lead": "lead past obj place? then?",
    "reason": "frame inf obj link state",
    "reason, alone": "frame inf:trip time? link state",
    "condition": "cond frame inf obj company? time?",
    "question": "ask obj company? then? ?",
    "way": "go to company? by? time?",
    "judgement": "np adj link state",
}
SENSES = {
    "you know": ("you_know where", "vocative you_know where"),
    "I was": ("was mood then? link? state?", "was gerund place? then?"),
    "to know": ("frame inf:fact obj:fact time?", "frame to_know obj:person time?"),
    "to play": ("frame to_play company? place? time?", "frame to_play obj:instrument company? time?"),
    "the time": ("frame to_find obj:moment time?", "frame to_remember obj:moment of"),
    "to leave": ("frame to_leave company? time?", "frame to_leave obj:luggage place? time?"),
    "to take": ("frame inf:vehicle obj:vehicle company? time?", "frame inf:vehicle obj:passenger school time?"),
    "it is": ("it_is hour link state", "it_is weather place? time?"),
    "to ask": ("frame inf:request obj:request company? time?", "frame inf:request obj:query company? time?"),
}
"""The two sentences of each phrase with two senses: the first meaning, the other one."""

ONE_VERB = {f"to_{verb}": f"to {verb}" for verb in ("know", "play", "leave", "find", "remember")}

CLASHES = {
    "with me": ("I", "we"),
    "with us": ("I", "we", "you", "where", "when", "why", "how", "if"),
    "with you": ("you", "where", "when", "why", "how"),
    "with your friends": ("you", "if"),
    "with them": ("they",),
    "with her": ("she",),
}
"""Company that does not go with a sentence whose verb begins with one of these words."""
NO_TIME_AFTER = ("I've started", "she has tried", "it was easy", "when I'm at home")
NO_PLACE_FOR = ("sight", "room")


class Dice:
    """Choices that depend on nothing but the number they start from (only random() is the same in every Python)."""

    def __init__(self, start: int) -> None:
        self._random = random.Random(start)

    def chance(self, probability: float) -> bool:
        return self._random.random() < probability

    def choose(self, options: list[Any]) -> object:
        return options[int(self._random.random() * len(options))]


class Writer:
    """Makes sentences that it has not made before."""

    def __init__(self, lexicon: Lexicon, dice: Dice) -> None:
        self._lexicon = lexicon
        self._dice = dice
        self._made: set[str] = set()

    def write(self, pattern: str, fullness: float) -> str:
        """A new sentence by `pattern`; optional places (`time?`) are taken with the probability `fullness`."""
        while True:
            sentence = self._sentence(pattern.split(), fullness)
            if sentence not in self._made:
                self._made.add(sentence)
                return sentence

    def _sentence(self, slots: list[str], fullness: float) -> str:
        chunks: list[Chunk] = []
        takes = ""
        for slot in slots:
            if slot == "?" or (slot.endswith("?") and not self._is_taken(slot, chunks, takes, fullness)):
                continue
            chunk = self._chunk(slot.rstrip("?"), takes, chunks)
            takes = chunk.category.partition(":")[2] or takes
            chunks.append(chunk)
        text = " ".join(chunk.known + ("," if chunk.comma else "") for chunk in chunks)
        return text[0].upper() + text[1:] + ("?" if slots[-1] == "?" else ".")

    def _is_taken(self, slot: str, chunks: list[Chunk], takes: str, fullness: float) -> bool:
        if slot == "state?":
            return chunks[-1].category == "link"
        if slot == "time?" and any(chunk.known in NO_TIME_AFTER for chunk in chunks):
            return False
        if slot == "place?" and takes in NO_PLACE_FOR:
            return False
        return self._dice.chance(fullness)

    def _chunk(self, slot: str, takes: str, before: list[Chunk]) -> Chunk:
        if slot in ONE_VERB:
            return self._lexicon.parse(ONE_VERB[slot])[0]
        if slot in ("obj", "adj"):
            return self._pick([f"{slot}:{takes}"])
        if slot in ("inf", "past", "ask", "np"):
            return self._pick([name for name in self._lexicon.of_category if self._is_open(name, slot)])
        if slot == "company":
            subjects = {chunk.known.split()[0] for chunk in before if chunk.category != "lead"}
            return self._pick([slot], [known for known, words in CLASHES.items() if subjects.intersection(words)])
        return self._pick([slot], ["to play", "to leave"])

    def _is_open(self, category: str, slot: str) -> bool:
        """Verbs that take an object of a class of its own: no head with two senses is among them."""
        kind, _, takes = category.partition(":")
        is_regular = f"past:{takes}" in self._lexicon.of_category and f"obj:{takes}" in self._lexicon.of_category
        return kind == slot and (slot == "np" or is_regular)

    def _pick(self, categories: list[str], without: list[str] | None = None) -> Chunk:
        chunks = self._lexicon.of_category[str(self._dice.choose(categories))]
        chunk = self._dice.choose([chunk for chunk in chunks if chunk.known not in (without or ())])
        assert isinstance(chunk, Chunk)
        return chunk


def seeds(lexicon: Lexicon) -> list[str]:
    """All sentences in order."""
    writer = Writer(lexicon, Dice(668))
    dice = Dice(4)
    sentences = []
    for number in range(1, SEEDS + 1):
        batch, place = (number - 1) // BATCH + 1, (number - 1) % BATCH
        fullness = min(0.45, 0.2 + number / 1500)
        sentences.append(FIRST if number == 1 else writer.write(_pattern(batch, place, dice), fullness))
    return sentences


def _pattern(batch: int, place: int, dice: Dice) -> str:
    """Every second seed of batch 1 brings a first sense; in batches 2 to 5 some bring an other one; then by chance."""
    phrases = list(SENSES)
    if batch == 1:
        opening = ["frame", "frame, alone", "lead", "past", "frame", "condition"]
        if place % 2 == 0 and place > 0:
            return SENSES[phrases[place // 2 - 1]][0]
        return SENTENCES[opening[place // 2 % len(opening)]]
    others = OTHERS_OF_BATCH.get(batch, [])
    if place % 6 == 4 and place // 6 < len(others):
        return SENSES[others[place // 6]][1]
    if batch > len(OTHERS_OF_BATCH) + 1 and dice.chance(0.12):
        return str(dice.choose(list(SENSES[str(dice.choose(phrases))])))
    return str(dice.choose(list(SENTENCES.values())))


def main() -> None:
    lexicon = Lexicon.load(str(FOLDER / "languages" / "ita_for_eng" / "lexicon.json"))
    rows = [json.dumps({"id": f"S{number:04}", "known": known}) for number, known in enumerate(seeds(lexicon), 1)]
    head = '{"known_language": "eng", "seeds": [\n  '
    (FOLDER / "data" / "canonical_seeds.json").write_text(head + ",\n  ".join(rows) + "\n]}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
