"""The three judges of the course: translations (1.5), decompositions (3.5), baskets (5.5).

The harness calls `check_*(items, records, context)`; a person calls `python3 checks.py decomposition output/x/`, which
judges merged files on their own and exits 1 with what is wrong. Nothing here is shared with what writes the answers.
What is different in each language stands in languages/COURSE/rules.json; an item says which course it belongs to.
Every reason is an object with its error type: `{"type": "tiling_failure", "message": "Missing LEGO: 'parlare'"}`. Texts
are compared as the tokens of tiling.py.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rules import Rules, other_language, rules_of
from tiling import Tokens, contains, quoted, tiling, tokens

Reason = dict[str, str]
Reasons = dict[str, list[Reason]]

MOST_ROWS = 40
MOST_PHRASE_TOKENS = 40
EARLY = "S0020"
"""Up to this seed a phrase may be shorter than 7 words: there is too little to make it of."""


def _rules_for(item: Any) -> Rules:
    return rules_of(item["data"]["course"])


def wrong(kind: str, message: str) -> Reason:
    return {"type": kind, "message": message}


# 1.5 translations: ["S0001", [target, known]]


def check_translation(items: list[Any], records: dict[str, list[Any]], context: dict[str, list[Any]]) -> Reasons:
    """Every seed once, its known side word for word, a target that is a translation and uses the course's words."""
    found = {}
    for item in items:
        reasons = _about_one(records.get(item["id"], []), "seed pair")
        if not reasons:
            reasons = _about_pair(item["id"], item["data"]["known"], records[item["id"]][0], _rules_for(item))
            reasons = reasons or _about_language(item["data"]["course"], records[item["id"]][0][1][0])
        found[item["id"]] = reasons
    return _only_bad(found)


def _about_language(course: str, target: str) -> list[Reason]:
    if found := other_language(course, tokens(target)):
        return [wrong("wrong_language", f"{found[0]!r} is a word of {found[1]}, and this is {course}")]
    return []


def _about_one(records: list[Any], what: str) -> list[Reason]:
    if not records:
        return [wrong("missing_record", f"there is no {what}")]
    return [] if len(records) == 1 else [wrong("duplicate_id", f"{len(records)} records, expected one {what}")]


def _about_pair(seed: str, known: str, record: Any, rules: Rules) -> list[Reason]:
    if not (isinstance(record, list) and len(record) == 2 and is_pair(record[1])):
        return [wrong("schema", 'expected ["S0001", [target, known]], both texts not empty')]
    (target, given) = record[1]
    reasons = []
    if record[0] != seed:
        reasons.append(wrong("bad_id", f"expected {seed}, got {record[0]!r}"))
    if given != known:
        reasons.append(wrong("wrong_seed", f"the known side must be {known!r} word for word, got {given!r}"))
    if tokens(target) == tokens(known):
        reasons.append(wrong("untranslated", "target and known are the same"))
    if target.rstrip()[-1] != known[-1]:
        reasons.append(wrong("punctuation", f"the target must end with {known[-1]!r} as the known side does"))
    opening = rules.opens.get(known[-1], "")
    if not target.lstrip().startswith(opening):
        reasons.append(wrong("punctuation", f"the target must begin with {opening!r}, for it ends with {known[-1]!r}"))
    if "Ã" in target or "â€" in target:
        reasons.append(wrong("encoding", f"{target!r} was decoded with the wrong character set"))
    return reasons + (_about_words(known, target, rules.glossary) if seed <= "S0100" else [])


def _about_words(known: str, target: str, glossary: dict[str, str]) -> list[Reason]:
    return [
        wrong("vocabulary", f"'{word}' is '{glossary[word]}' in this course")
        for word in tokens(known)
        if word in glossary and glossary[word] not in tokens(target)
    ]


def is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str) and tokens(text) for text in value)


# 3.5 decompositions: ["S0001", [target, known], [["S0001L01", "B", target, known], ...]]


def check_decomposition(items: list[Any], records: dict[str, list[Any]], context: dict[str, list[Any]]) -> Reasons:
    """Ids, types, components, hard rules, tiling; then FD against earlier batches and within this one.

    Two seeds of one batch that contradict each other are both rejected: only together can they be put right.
    """
    found: Reasons = {}
    sound: dict[str, list[Any]] = {}
    for item in items:
        reasons = _about_one(records.get(item["id"], []), "decomposition")
        if not reasons:
            record = records[item["id"]][0]
            reasons = _about_shape(item["id"], record) or _about_seed(item, record)
            if is_decomposition(record):
                sound[item["id"]] = record
        found[item["id"]] = reasons
    own = {item["id"] for item in items}
    earlier = [record for record in context.get("decompose", []) if record[0] not in own]
    for seed, reason in _collisions(earlier, sound):
        found[seed].append(reason)
    return _only_bad(found)


def is_decomposition(record: Any) -> bool:
    """True when the rows can be read; what they say may still be wrong."""
    if not (isinstance(record, list) and len(record) == 3 and is_pair(record[1]) and isinstance(record[2], list)):
        return False
    return 0 < len(record[2]) <= MOST_ROWS and all(_is_row(row) for row in record[2])


def _is_row(row: Any) -> bool:
    has_texts = isinstance(row, list) and len(row) in (4, 5) and all(isinstance(cell, str) for cell in row[:4])
    return has_texts and is_pair(row[2:4])


def _about_shape(seed: str, record: Any) -> list[Reason]:
    if not is_decomposition(record):
        return [
            wrong(
                "schema",
                f"expected [seed, [target, known], rows] with 1 to {MOST_ROWS} rows [id, B or C, target, known]",
            )
        ]
    reasons = []
    if record[0] != seed:
        reasons.append(wrong("bad_id", f"expected {seed}, got {record[0]!r}"))
    ids = [row[0] for row in record[2]]
    for number, row_id in enumerate(ids, 1):
        if row_id in ids[: number - 1]:
            reasons.append(wrong("duplicate_id", f"{row_id} is there twice"))
        elif row_id != f"{seed}L{number:02}":
            reasons.append(wrong("bad_id", f"expected {seed}L{number:02}, got {row_id!r}"))
    return reasons


def _about_seed(item: Any, record: Any) -> list[Reason]:
    reasons = []
    pair = item["records"][0][1] if item.get("records") else record[1]
    if record[1] != pair:
        reasons.append(wrong("wrong_seed", f"expected the pair {json.dumps(pair, ensure_ascii=False)}"))
    for row in record[2]:
        reasons += _about_row(row, {other[0]: tokens(other[2]) for other in record[2]}, _rules_for(item))
    return reasons + [wrong("tiling_failure", told) for told in tiling(tokens(record[1][0]), record[2])]


def _about_row(row: list[Any], targets: dict[str, Tokens], rules: Rules) -> list[Reason]:
    words = tokens(row[2])
    reasons = _about_bonds(row[0], words, rules)
    if row[1] == "B":
        bare = words[1:] if words[0] in rules.articles else words
        if len(bare) > 1:
            reasons.append(
                wrong("missing_components", f"{row[0]} {quoted(words)} has several words: make it a C with components")
            )
        return reasons
    if row[1] != "C":
        return [*reasons, wrong("schema", f"{row[0]} is of type {row[1]!r}, expected B or C")]
    return reasons + _about_components(row, words, targets)


def _about_bonds(row_id: str, words: Tokens, rules: Rules) -> list[Reason]:
    """The hard rules that a program can see: they look at the last word of a row."""
    last, name = words[-1], f"{row_id} {quoted(words)}"
    if last in rules.articles:
        return [wrong("unbonded_article", f"{name}: an article stays with its noun")]
    if last in rules.auxiliaries:
        return [wrong("unbonded_auxiliary", f"{name}: an auxiliary stays with its verb")]
    if last in rules.negations:
        return [wrong("standalone_negation", f"{name}: the negation stays with what it negates")]
    if last in rules.clitics:
        return [wrong("unbonded_clitic", f"{name}: a clitic stays with its verb")]
    if words[0] in rules.prepositions and len(words) == 1:
        return [wrong("over_granularization", f"{name}: a preposition alone says nothing")]
    return []


def _about_components(row: list[Any], words: Tokens, targets: dict[str, Tokens]) -> list[Reason]:
    parts = row[4] if len(row) == 5 and isinstance(row[4], list) else []
    if len(parts) < 2 or not all(
        isinstance(part, list) and len(part) in (2, 3) and is_pair(part[:2]) for part in parts
    ):
        return [
            wrong("missing_components", f"{row[0]} {quoted(words)} needs at least two [part, literal known] components")
        ]
    reasons = []
    if tuple(token for part in parts for token in tokens(part[0])) != words:
        reasons.append(wrong("missing_components", f"the parts of {row[0]} must make {quoted(words)}, in order"))
    for part in parts:
        if len(part) == 3 and part[2] is not None and targets.get(part[2]) != tokens(part[0]):
            reasons.append(
                wrong("missing_feeder", f"{row[0]} refers to {part[2]!r} for {part[0]!r}, no row of this seed is that")
            )
    return reasons


def _collisions(earlier: list[Any], batch: dict[str, list[Any]]) -> list[tuple[str, Reason]]:
    """(seed, reason) wherever one known has two targets, or one target two knowns; the earlier batches are right."""
    first: dict[tuple[int, Tokens], tuple[list[Any], bool]] = {}
    found = []
    rows = [(row, True) for record in earlier for row in record[2]]
    rows += [(row, False) for record in batch.values() for row in record[2]]
    for row, is_settled in rows:
        for side, other in ((3, 2), (2, 3)):
            met, met_settled = first.setdefault((side, tokens(row[side])), (row, is_settled))
            if is_settled or tokens(met[other]) == tokens(row[other]):
                continue
            found.append((row[0][:5], _collision(row, met, side, other)))
            if not met_settled and met[0][:5] != row[0][:5]:
                found.append((met[0][:5], _collision(met, row, side, other)))
    return found


def _collision(row: list[Any], met: list[Any], side: int, other: int) -> Reason:
    kind = "fd_violation" if side == 3 else "fcfs_violation"
    advice = "put it together with its neighbors into a composite" if side == 3 else "keep the first known"
    return wrong(kind, f"{row[side]!r} is {met[other]!r} in {met[0]}, here ({row[0]}) it is {row[other]!r}: {advice}")


# 5.5 baskets: {"S0001L01": {"lego": [target, known], "e": [[t, k], ...], "d": {"2": [...], ..., "5": [...]}}}


def check_baskets(items: list[Any], records: dict[str, list[Any]], context: dict[str, list[Any]]) -> Reasons:
    """The LEGO itself, and phrases that hold it and nothing but LEGOs up to its id, in the right sizes."""
    vocabulary = Vocabulary(context.get("decompose", []))
    found = {}
    for item in items:
        reasons = _about_one(records.get(item["id"], []), "basket")
        found[item["id"]] = reasons or _about_basket(item["id"], item["data"], records[item["id"]][0], vocabulary)
    return _only_bad(found)


class Vocabulary:
    """All LEGOs by their tokens, with the id and the known words of the first that has them, and all seed sentences."""

    def __init__(self, decompositions: list[Any]) -> None:
        rows = [row for record in decompositions for row in record[2]]
        self.first: dict[Tokens, tuple[str, Tokens]] = {}
        for row in rows:
            self.first.setdefault(tokens(row[2]), (row[0], tokens(row[3])))
        self.beginning = min((row[0] for row in rows), default="")
        self.sentences = {tokens(record[1][0]) for record in decompositions}
        self._longest = max((len(text) for text in self.first), default=0)

    def covers(self, phrase: Tokens, gate: str) -> set[tuple[int, Tokens]]:
        """(number of LEGOs, their known words sorted) of every way to make the phrase of LEGOs up to `gate`."""
        ways: list[set[tuple[int, Tokens]]] = [set() for _ in range(len(phrase) + 1)]
        ways[0] = {(0, ())}
        for end in range(1, len(phrase) + 1):
            for start in range(max(0, end - self._longest), end):
                row_id, known = self.first.get(phrase[start:end], ("", ()))
                if row_id and row_id <= gate:
                    ways[end] |= {(count + 1, tuple(sorted(words + known))) for count, words in ways[start]}
        return ways[-1]

    def too_late(self, phrase: Tokens, gate: str) -> str:
        """The first token that no LEGO up to `gate` covers, with the LEGO that will."""
        for token in phrase:
            ids = [row_id for text, (row_id, _) in self.first.items() if token in text]
            if not any(row_id <= gate for row_id in ids):
                return f"'{token}' comes with {min(ids)}" if ids else f"'{token}' is in no LEGO"
        return "its words come in other LEGOs only"


def _about_basket(lego_id: str, lego: Any, basket: Any, vocabulary: Vocabulary) -> list[Reason]:
    if not _is_basket(basket):
        return [
            wrong("schema", 'expected {"lego": [t, k], "e": [[t, k], ...], "d": {"2": [[t, k], ...], "3", "4", "5"}}')
        ]
    if basket["lego"] != [lego["target"], lego["known"]]:
        return [wrong("wrong_lego", f"expected {[lego['target'], lego['known']]}, got {basket['lego']}")]
    if lego_id != vocabulary.beginning and not (basket["e"] and basket["d"]["2"]):
        return [
            wrong("empty_basket", "expected at least one e phrase and one window of 2; only the first LEGO has none")
        ]
    reasons = []
    for phrase in basket["e"]:
        reasons += _about_phrase(lego_id, lego, phrase, None, vocabulary)
        words = len(phrase[0].split())
        is_seed = tokens(phrase[0]) in vocabulary.sentences
        if not (7 <= words <= 10 or is_seed or (words < 7 and lego_id[:5] <= EARLY)):
            reasons.append(wrong("phrase_length", f"{phrase[0]!r} has {words} words, expected 7 to 10"))
    for size, phrases in sorted(basket["d"].items()):
        for phrase in phrases:
            reasons += _about_phrase(lego_id, lego, phrase, int(size), vocabulary)
    return reasons


def _is_basket(basket: Any) -> bool:
    if not (isinstance(basket, dict) and basket.keys() >= {"lego", "e", "d"} and isinstance(basket["d"], dict)):
        return False
    lists = [basket["e"], *basket["d"].values()]
    return basket["d"].keys() == {"2", "3", "4", "5"} and all(
        isinstance(phrases, list) and all(is_pair(phrase) for phrase in phrases) for phrases in lists
    )


def _about_phrase(lego_id: str, lego: Any, phrase: list[str], size: int | None, vocabulary: Vocabulary) -> list[Reason]:
    words = tokens(phrase[0])
    if len(words) > MOST_PHRASE_TOKENS:
        return [wrong("schema", f"a phrase of {len(words)} words, expected at most {MOST_PHRASE_TOKENS}")]
    if not contains(words, tokens(lego["target"])):
        return [wrong("missing_lego", f"{phrase[0]!r} does not contain {lego['target']!r}")]
    ways = vocabulary.covers(words, lego_id)
    if not ways:
        late = vocabulary.too_late(words, lego_id)
        return [wrong("gate_violation", f"{phrase[0]!r}: {late}, only LEGOs up to {lego_id} may be used")]
    right = [count for count, known in ways if known == tuple(sorted(tokens(phrase[1])))]
    if not right:
        return [wrong("known_mismatch", f"{phrase[1]!r} must be the known texts of the LEGOs of {phrase[0]!r}")]
    if size is not None and size not in right:
        return [wrong("window", f"{phrase[0]!r} is made of {min(right)} LEGOs, expected {size}")]
    return []


# on their own, over merged files


def _only_bad(found: Reasons) -> Reasons:
    return {name: reasons for name, reasons in found.items() if reasons}


def main(arguments: list[str]) -> int:
    """`checks.py translation|decomposition|baskets OUTPUT_DIR [COURSE]`: prints what is wrong, a line each; 1 if
    anything is. The course is one of languages/, by default the one that the folder is called after."""
    if len(arguments) not in (2, 3) or arguments[0] not in _WHOLE:
        print(f"usage: checks.py {'|'.join(_WHOLE)} OUTPUT_DIR [COURSE]", file=sys.stderr)
        return 2
    folder = Path(arguments[1])
    course = arguments[2] if len(arguments) == 3 else "_".join(folder.resolve().name.split("_")[:3])
    try:
        rules_of(course)
    except ValueError as error:
        print(f"error: {error}; name it behind the folder", file=sys.stderr)
        return 2
    found = _WHOLE[arguments[0]](folder, course)
    for name, reasons in found.items():
        for reason in reasons:
            print(f"{name}: {reason['type']}: {reason['message']}")
    return 1 if found else 0


def _read(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text(encoding="utf-8"))


def _by_id(records: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for record in records:
        found.setdefault(record[0], []).append(record)
    return found


def _whole_translation(folder: Path, course: str) -> Reasons:
    pairs = _by_id(_read(folder, "seed_pairs.json"))
    seeds = _read(Path(__file__).resolve().parent / "data", "canonical_seeds.json")["seeds"]
    first, last = min(pairs, default=""), max(pairs, default="")
    wanted = [{**seed, "course": course} for seed in seeds if first <= seed["id"] <= last]
    items = [{"id": seed["id"], "data": seed} for seed in wanted]
    strangers = {
        name: [wrong("wrong_seed", "no such seed")] for name in pairs if name not in {seed["id"] for seed in seeds}
    }
    return {**check_translation(items, pairs, {}), **strangers}


def _whole_decomposition(folder: Path, course: str) -> Reasons:
    pairs = _by_id(_read(folder, "seed_pairs.json"))
    found = _by_id(_read(folder, "lego_pairs.json"))
    strangers = {name: [wrong("wrong_seed", "no such seed pair")] for name in found if name not in pairs}
    items = [{"id": name, "data": {"course": course}, "records": records} for name, records in pairs.items()]
    return {**check_decomposition(items, found, {}), **strangers}


def _whole_baskets(folder: Path, course: str) -> Reasons:
    decompositions = _read(folder, "lego_pairs.json")
    found = _read(folder, "lego_baskets.json")
    rows = {row[0]: {"target": row[2], "known": row[3]} for record in decompositions for row in record[2]}
    strangers = {name: [wrong("bad_id", "no such LEGO")] for name in found if name not in rows}
    items = [{"id": name, "data": lego} for name, lego in rows.items()]
    records = {name: [basket] for name, basket in found.items()}
    return {**check_baskets(items, records, {"decompose": decompositions}), **strangers}


_WHOLE = {"translation": _whole_translation, "decomposition": _whole_decomposition, "baskets": _whole_baskets}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
