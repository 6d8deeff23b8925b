"""The screen of a terminal as Claude Code paints it: what it shows, what lies in its input box, what it asks.

Nothing is decided by what a screen says but how to answer a question of a first start, from a closed list, and when
the prompt lies in the box. What became of a session is read in its transcript.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ROWS: Final = 50
COLUMNS: Final = 160

_RULE = re.compile(r"^─{3}")
_MARKED = re.compile(r"^\s*❯ ?(.*)$")
_TOKENS = re.compile(r"[↑↓] ?[\d.,]+k? tokens")
_COMPARED = 24
"""Letters and digits of the prompt's end that are looked for in the box."""

_UNREADABLE = (TypeError, ValueError, IndexError, KeyError, AttributeError)
"""What pyte raises for control sequences that it does not know; it is usable afterwards."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A question that may come before the first prompt, and its answer: the option to be marked when Enter is hit."""

    name: str
    sign: str
    answers: tuple[str, ...]
    """Beginnings of the option's text, in the words of several versions."""


DIALOGS: Final[tuple[Dialog, ...]] = (
    Dialog("trust", r"Do you trust the files in this folder|Quick safety check|Accessing workspace", ("Yes, ",)),
    Dialog("key", r"Detected a custom API key in your environment", ("Yes",)),
    Dialog("bypass", r"Claude Code running in Bypass Permissions mode", ("Yes, I accept",)),
    Dialog("theme", r"Choose the text style that looks best", ("Dark mode", "1. Dark mode", "Auto", "1. Auto")),
)
"""Measured with 2.1.332: the first three stand on "No" at first. `Dark mode` is what a person gets who hits Enter."""


class Screen:
    """Fed with what a terminal gets; keeps what is seen on it now."""

    def __init__(self) -> None:
        import pyte

        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, chunk: bytes) -> None:
        try:
            self._stream.feed(chunk)
        except _UNREADABLE:  # the rest of the chunk is lost, and painted again with the next frame
            return

    @property
    def rows(self) -> list[str]:
        """What is on it, from the top, without empty rows and the blanks at their ends."""
        return [row.rstrip() for row in self._screen.display if row.strip()]

    @property
    def text(self) -> str:
        return "\n".join(self.rows)

    @property
    def box(self) -> str | None:
        """What lies in the input box; None when there is none."""
        rows = self.rows
        rules = [at for at, row in enumerate(rows) if _RULE.match(row)]
        if len(rules) < 2:
            return None
        first, *rest = rows[rules[-2] + 1 : rules[-1]] or [""]
        marked = _MARKED.match(first)
        typed = marked[1] if marked else first
        return "\n".join((typed, *rest)) if marked or "more" in rows[rules[-2]] else None

    def holds(self, prompt: str) -> bool:
        """Whether the end of `prompt` stands at the end of the box: letters and digits alone are compared."""
        typed, wanted = _letters(self.box or ""), _letters(prompt)[-_COMPARED:]
        return bool(typed) and typed.endswith(wanted)

    def told(self) -> tuple[str, str]:
        """What changes only when something comes from the model or a tool: letters above the box, without the row that
        counts seconds, and the count of tokens in that row."""
        rows = self.rows
        rules = [at for at, row in enumerate(rows) if _RULE.match(row)]
        above = rows[: rules[-2]] if len(rules) > 1 else rows
        counted = "".join(found[0] for row in above if (found := _TOKENS.search(row)))
        return _letters("".join(row for row in above if "…" not in row), digits=False), counted

    def dialog(self) -> Dialog | None:
        """The known question that is asked now."""
        text = self.text
        return next((each for each in DIALOGS if re.search(each.sign, text)), None)

    def keys_for(self, dialog: Dialog) -> bytes | None:
        """The next key for the answer of `dialog`: an arrow towards its option, Enter once that is marked. None when
        its options are not (yet) to be seen."""
        options = _options(self.rows)
        marked = next((at for at, option in enumerate(options) if option.is_marked), None)
        wanted = next((at for at, option in enumerate(options) if option.text.startswith(dialog.answers)), None)
        if marked is None or wanted is None:
            return None
        if marked == wanted:
            return b"\r"
        return b"\x1b[B" if wanted > marked else b"\x1b[A"


@dataclass(frozen=True, slots=True)
class _Option:
    text: str
    is_marked: bool


def _options(rows: Sequence[str]) -> list[_Option]:
    """The options around the marked row: rows whose text begins in the same column."""
    at = next((number for number, row in enumerate(rows) if _MARKED.match(row)), None)
    if at is None:
        return []
    column = len(rows[at]) - len(_MARKED.sub(r"\1", rows[at]))
    first, last = at, at
    while first > 0 and _indent(rows[first - 1]) == column:
        first -= 1
    while last + 1 < len(rows) and _indent(rows[last + 1]) == column:
        last += 1
    return [_Option(row[column:], number == at) for number, row in enumerate(rows[first : last + 1], first)]


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip())


def _letters(text: str, *, digits: bool = True) -> str:
    return "".join(filter(str.isalnum if digits else str.isalpha, text))
