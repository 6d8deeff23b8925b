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
    "docs/api.md",
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
    "job.yaml",
    "tests/messages/catalogue.md",
    *sorted(
        str(path.relative_to(ROOT))
        for folder in ("prompts", "examples", "plugin", "harness")
        for path in (ROOT / folder).rglob("*.md")
    ),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples").rglob("*.yaml")),
)
SOURCES = sorted(
    path for folder in ("harness", "scripts", "examples", "scenes", "checks") for path in (ROOT / folder).rglob("*.py")
)
"""Programs whose strings of several words people or models read."""
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
    r"\bfrom the cache, [\d,]+ into it": "cache read, cache write",
    r"\bthe real thing\b": "a real run",
    r"\bexit code \d+: nothing\b": "finished, 1 failed",
    r"\bfirst own job\b": "Quickstart",
    r"\bleave it alone\b": "run it unattended",
    r"\bis nobody behind\b": "runs as `nobody`",
    r"\bholds? up nothing\b": "does not block",
    r"\bwhat holds a session\b": "sandboxing and limits",
    r"\bwhat a session leaves\b": "output",
    r"\b(?:checks?|manifest|prompt) of today\b": "the current checks",
    r"\bleaves? the merge\b": "is removed from the merge",
    r"\bbehind the others\b": "after the others, appended",
    r"\blay a value over\b": "override a value",
    r"\bother made-up\b|\banother seed, other\b": "a seed for synthetic records",
    r"\bgive running sessions the grace\b": "let running sessions finish within `grace`",
    r"\bit always is JSON\b": "(drop the option)",
    r"\bwaits in its folder\b": "is queued",
    r"\bnobody can answer\b(?! questions)": "stdin is not a terminal",
    r"\bunasked\b": "without confirmation",
    r"\btook more of\b": "exceeded the limits of",
    r"\blinger(?:s|ed|ing)?\b": "idle after output",
    r"\bif (?:this machine|the host) is well\b": "if the host is healthy",
    r"\bwho goes on\b": "items that keep ...",
    r"\b(?:a session's|the composer's) slip\b": "an error of a session",
    r"\bwith them in sight\b": "used as context",
    r"\bdid not tell the cost\b": "reported no cost",
    r"\bwanted is exactly\b": "return a record for exactly these ids",
    r"\bspelled exactly so\b": "spelled as shown",
    r"\bfor the dots\b": "replace every ...",
    r"\bmade items?\b": "derived items",
    r"\bjoined late\b": "out of order",
    r"\bseal(?:s|ed)?\b": "clean-shutdown mark",
    r"\bclash(?:es|ed)?\b": "duplicate id",
    r"\bshelf\b": "inline store",
    r"\bthere (?:is|are) no (?:file|folder|program|phase)\b": "the file does not exist",
    r"\bmakes? no \w+ of\b": "yields no ...",
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


def test_what_programs_say_is_plain_american_english() -> None:
    hits = [f"{path.relative_to(ROOT)}: {hit}" for path in SOURCES for hit in found(prose_of(path))]
    assert not hits, "\n".join(hits)


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
        "354,001 from the cache, 101,596 into it",
        "The real thing would have cost about $1",
        "exit code 1: nothing is left to do",
        "What you should know before you leave it alone",
        "a session of root is nobody behind its walls",
        "a check that hangs holds up nothing but itself",
        "judge by the checks of today",
        "their records leave the merge",
        "plan new items behind the others",
        "give running sessions the grace",
        "It always is JSON.",
        "`--yes` goes on unasked",
        "took more of this machine than a session may",
        "ended while it lingered",
        "who goes on breaking down is then taken for the cause",
        "a session's slip, or a fault of the manifest",
        "no record was made with them in sight",
        "did not tell the cost",
        "Wanted is exactly this one id, spelled exactly so",
        "with what you fill in for the dots",
        "there is no file 'x'",
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
