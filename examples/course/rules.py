"""The hard rules of a course's language, as far as a program can see them: the words of languages/COURSE/rules.json."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

LANGUAGES = Path(__file__).resolve().parent / "languages"


@dataclass(frozen=True)
class Rules:
    """The words of a language that a program can hold its hard rules against. `glossary`: words that have one
    translation throughout seeds 1 to 100; `opens`: a final mark and the one that a sentence begins with then; `signs`:
    words that give the language away, and are none in the other courses."""

    articles: frozenset[str]
    auxiliaries: frozenset[str]
    negations: frozenset[str]
    clitics: frozenset[str]
    prepositions: frozenset[str]
    signs: frozenset[str]
    glossary: dict[str, str]
    opens: dict[str, str]


@lru_cache
def rules_of(course: str) -> Rules:
    """`ita_for_eng`. ValueError with the courses there are for any other."""
    known = sorted(path.parent.name for path in LANGUAGES.glob("*/rules.json"))
    if course not in known:
        raise ValueError(f"there are no rules for the course {course!r}, only for {', '.join(known)}")
    told = json.loads((LANGUAGES / course / "rules.json").read_text(encoding="utf-8"))
    words = {name: frozenset(told[name]) for name in Rules.__annotations__ if name not in ("glossary", "opens")}
    return Rules(**words, glossary=told["glossary"], opens=told["opens"])


def other_language(course: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """A word that gives the language of another course away, and that course."""
    others = (path.parent.name for path in sorted(LANGUAGES.glob("*/rules.json")) if path.parent.name != course)
    return next(((word, other) for other in others for word in words if word in rules_of(other).signs), None)
