"""What people and models read is plain American English (docs/style.md): no banned phrasings, no British spelling."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

HELD = (
    "README.md",
    "AGENTS.md",
    "CHANGELOG.md",
    "docs/architecture.md",
    "docs/guide.md",
    "docs/promise.md",
    "docs/style.md",
    "docs/authentication.md",
    "docs/batch-plans.md",
    "docs/checks.md",
    "docs/command.md",
    "docs/document-blocks.md",
    "docs/faults.md",
    "docs/instances.md",
    "docs/items.md",
    "docs/outputs.md",
    "docs/prompts.md",
    "docs/rehearsal.md",
    "docs/review.md",
    "docs/security.md",
    "docs/terminal.md",
    "harness/core/faults.py",
    *sorted(
        f"harness/{path.parent.name}/{path.name}"
        for room in ("cli", "doctor", "views")
        for path in (ROOT / "harness" / room).glob("*.py")
    ),
    "harness/prompts/contract.py",
    "harness/prompts/layout.py",
    "harness/prompts/retry_words.py",
    "tests/messages/catalogue.md",
)
"""Files whose every sentence is held. Add a file when it is clean; the list only grows.

Exempt for good: docs/decisions (history, in the words of its day), docs/measurements.md (records of runs),
and docs/documents.md (quotes the source documents).
"""
_GLOSSARY = re.compile(r"\n## Glossary[\s\S]*")
_CODE_BLOCK = re.compile(r"```[\s\S]*?```")
_CODE = re.compile(r"`[^`\n]*`")
_TARGET = re.compile(r"\]\([^)]*\)")

BANNED = {
    r"(?:for|to|of|by|than) who(?! or what)\b": "name the person: users who ...",
    r"(?:^|[.;:|] )[Ww]hat is \w+ is\b": "a noun: records that pass are merged",
    r"(?:^|[.;:|] )Who(?:ever)? \w+(?: \w+){0,4} (?:is|has|goes|comes|sees)\b": "name the person",
    r"\btells\b": "says, reports, shows",
    r"\btold\b": "reported, said",
    r"\banew\b": "again, over",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bgoes again\b": "is retried",
    r"\bgoes on\b": "continues",
    r"\bby hand\b": "manually",
    r"\bat the worst\b": "at most",
    r"\b(?:of|is) yours\b": "your",
    r"\bstand-in\b": "mock API",
    r"\btroubles?\b": "fault, host error",
    r"\bsecond thoughts\b": "review",
    r"\bwall(?:s|ed)?\b": "sandbox",
    r"\btrespass\w*": "unauthorized change",
    r"\bblot(?:s|ted)?\b": "redact",
    r"(?<!here )\b(?:is|are|was) no (?!longer|such|more\b)\w+": "is not a (valid) ...",
    r"\bmade[- ]up\b|\bmake up\b": "synthetic",
    r"\bbelieved\b": "trusted, retried as transient",
    r"\bdoubted\b": "suspected",
    r"\bexcused\b": "no-strike",
    r"\bwithout a word\b": "did not shut down cleanly",
    r"\bbeside the plan\b": "out of order",
    r"\bforesight\b": "dry run",
    r"\bballast\b": "reserve file",
    r"\bfor ever\b": "forever, permanently",
    r"\bthe night long\b": "overnight",
    r"\bgoes ahead\b": "starts first",
    r"\bcomes to naught\b": "fails",
    r"\bin vain\b": "without effect",
    r"\bnot any\b": "no",
    r"\bas it were\b": "(drop it)",
    r"\bsaid aloud\b|\bsay aloud\b": "reported",
    r"\bthis machine(?:'s doing| stood still)": "the host",
}
"""Pattern -> what to write instead. Matched without regard to case, outside code."""

BRITISH = re.compile(
    r"\b(?:\w*(?:behaviour|colour|favour|honour|labour|neighbour|flavour)\w*|(?:cancell|travell|modell|labell|signall)(?:ed|ing)"
    r"|(?:organis|recognis|summaris|normalis|serialis|initialis|authoris|optimis|realis|minimis|maximis|categoris)(?:e|es|ed|ing|ation)"
    r"|centres?|licence|defence|grey|whilst|amongst|towards|artefacts?|analyse[ds]?|learnt|spelt|judgements?)\b",
    re.IGNORECASE,
)


def prose_of(path: Path) -> str:
    """What is read of a file: Markdown without code, or the strings of a module in place of its code."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return "\n".join(_strings(text))
    if path.name == "style.md":
        text = re.sub(r'"[^"\n]*"', "", _GLOSSARY.sub("", text))  # it quotes what it bans
    return _TARGET.sub("]", _CODE.sub("`code`", _CODE_BLOCK.sub("", text)))


def _strings(source: str) -> list[str]:
    """Of several words; docstrings and comments are for developers and are not held here."""
    tree = ast.parse(source)
    described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and " " in node.value.strip()
        and id(node) not in described
    ]


def found(prose: str) -> list[str]:
    """`told: reported, said: ... the cost was told ...`, one for each place."""
    hits = []
    for pattern, instead in BANNED.items():
        for match in re.finditer(pattern, prose, re.IGNORECASE | re.MULTILINE):
            hits.append(f"{match[0]!r}, write {instead!r}: ...{_around(prose, match)}...")
    hits += [f"{match[0]!r} is not American: ...{_around(prose, match)}..." for match in BRITISH.finditer(prose)]
    return hits


def _around(prose: str, match: re.Match[str]) -> str:
    return " ".join(prose[max(0, match.start() - 40) : match.end() + 40].split())


@pytest.mark.parametrize("name", HELD)
def test_what_is_read_is_plain_american_english(name: str) -> None:
    hits = found(prose_of(ROOT / name))
    assert not hits, f"{name}\n" + "\n".join(hits)


@pytest.mark.parametrize(
    "sentence",
    [
        "For who works here next",
        "What is good is done.",
        "What happens is told on standard error",
        "the stand-in of a rehearsal",
        "Troubles on purpose: 529 x2",
        "Second thoughts",
        "nobody behind its walls",
        "trespasses are listed",
        "secrets are blotted",
        "3.5 is no integer",
        "files that are no UTF-8",
        "Start anew",
        "mend exactly this",
        "the item goes again",
        "edited by hand",
        "at the worst $3",
        "a program of yours",
        "made-up records",
        "it was believed three times",
        "without a word: it was killed",
        "the behaviour of a neighbour",
        "a cancelled job",
        "towards the cap",
    ],
)
def test_each_banned_phrasing_is_found(sentence: str) -> None:
    assert found(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Users who watch the job see each event.",
        "There is no lead with this id.",
        "It is no longer pending.",
        "Name what the record must contain.",
        "The check passes; what remains is retried.",
        "Fix exactly these problems.",
    ],
)
def test_plain_english_is_not_found(sentence: str) -> None:
    assert not found(sentence)
