"""Every kind of message, rendered with its examples: `python -m tests.messages.catalogue` writes catalogue.md again.

The words are changed in `harness/views`; in that file they are read in one sitting, and a test holds it to them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from harness.base.fact_format import filled
from harness.core import message_kinds
from harness.core.item_rounds import ItemEnd, ReopenedKind
from harness.core.messages import Message
from harness.core.rejections import KINDS
from harness.job import plan_flaws
from harness.job.change import ChangeKind, WayKind
from harness.job.plan_flaws import FlawKind, flaw_text
from harness.prompts import failure_words, retry_words
from harness.views import reason_words
from harness.views.change_text import CHANGE_WORDS, WAY_WORDS, change_line
from harness.views.item_words import END_WORDS, REOPENED_WORDS
from harness.views.messages import WORDS, text_of
from harness.views.next_step import Bound
from harness.views.status_text import BOUND_WORDS, step_line
from tests.messages.examples import CHANGES, STEPS, WAYS
from tests.zone import in_utc

PLACE: Final = Path(__file__).with_name("catalogue.md")
COMMAND: Final = "python -m tests.messages.catalogue"


@dataclass(frozen=True)
class Section:
    """`kinds` are all that there are, `words` what the package has for them, `lines` the rendered examples of one."""

    title: str
    kinds: tuple[str, ...]
    words: Mapping[Any, Any]
    lines: Callable[[Any], list[str]]


def _messages(title: str, kinds: Any) -> Section:
    """Of a `Literal` of message kinds."""
    return Section(title, get_args(kinds), WORDS, _message_lines)


def _message_lines(kind: message_kinds.Kind) -> list[str]:
    return [text_of(Message(kind, dict(message_kinds.EXAMPLES[kind])))]


def sections() -> tuple[Section, ...]:
    """In the order of the file."""
    return (
        _messages("Why a run ended", message_kinds.StopKind),
        _messages("What holds back every start", message_kinds.HoldKind),
        _messages("Notes on an attempt", message_kinds.NoteKind),
        Section(
            "Why an item is rejected, for people",
            tuple(KINDS),
            reason_words.WORDS,
            lambda kind: [reason_words.text_of(KINDS[kind].example)],
        ),
        Section(
            "Why an item is rejected, for the model",
            tuple(KINDS),
            retry_words.WORDS,
            lambda kind: [retry_words.words_of(KINDS[kind].example)],
        ),
        Section(
            "How a session failed, for the model",
            tuple(failure_words.WORDS),
            failure_words.WORDS,
            lambda kind: [filled(failure_words.WORDS, kind, message_kinds.EXAMPLES[kind])],
        ),
        Section(
            "Flaws of a batch plan, for people and the model",
            get_args(FlawKind),
            plan_flaws.WORDS,
            lambda kind: [flaw_text(kind, plan_flaws.EXAMPLES[kind])],
        ),
        Section("How an item failed", get_args(ItemEnd), END_WORDS, lambda kind: [END_WORDS[kind]]),
        Section(
            "Why an item has a new round", get_args(ReopenedKind), REOPENED_WORDS, lambda kind: [REOPENED_WORDS[kind]]
        ),
        Section(
            "What has changed about a job",
            get_args(ChangeKind),
            CHANGE_WORDS,
            lambda kind: list(map(change_line, CHANGES[kind])),
        ),
        Section(
            "Ways on with a changed job",
            get_args(WayKind),
            WAY_WORDS,
            lambda kind: [WAY_WORDS[way.kind](way) for way in WAYS[kind]],
        ),
        Section(
            "Next command",
            ("run", "one of two", "resume", *get_args(Bound), "all"),
            {**STEPS, **BOUND_WORDS},
            lambda kind: [f"Next: {step_line(STEPS[kind], 'west.yaml')}"],
        ),
        _messages("By what a fault of a session was known", message_kinds.SignKind),
        _messages("What was concluded about a fault", message_kinds.FindingKind),
        _messages("What a session took too much of", message_kinds.ExcessKind),
    )


def text() -> str:
    """The file as it should be, with times in UTC."""
    with in_utc():
        return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Messages"
    yield ""
    yield f"Made by `{COMMAND}`; do not edit. Kind, then what people read of an example."
    for section in sections():
        yield from ("", f"## {section.title}", "")
        for kind in section.kinds:
            yield from (f"- `{kind}`: {line}" for line in section.lines(kind))


if __name__ == "__main__":
    PLACE.write_text(text(), encoding="utf-8")
