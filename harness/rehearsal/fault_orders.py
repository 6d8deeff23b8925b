"""`--faults`: faults ordered on the command line, on top of the scene.

    529:2                 the first two requests of the rehearsal get a 529, then all is well
    limit@3               the third session meets a usage limit (reset in 60 s)
    limit=20@3            the same with the reset in 20 s; throttle=5, slow=2.5 and late=1 take seconds too
    529=60                an outage: every request gets a 529 for 60 s from the first on
    refusal/S0007         one session that has item S0007 is refused
    refusal:*/S0007       every one
    stall, no_file@2:2    several, separated by commas

    part       meaning                                             default
    name       one of harness.rehearsal.injected_faults.INJECTED_FAULTS          -
    =seconds   for limit, throttle, slow, late; 529 and 500        60, 1, 5, 2; 0
    :times     how often; * = never heals                          1
    @nth       not before the nth session of the rehearsal         1
    /item      only sessions that have this item; the rest of      every session
               the word is the id (write `\\,` for a comma)

What `times` counts, requests or sessions, is in the table of faults.
"""

import re
from dataclasses import dataclass
from typing import Final

from harness.base.errors import Problem, UsageError
from harness.rehearsal.injected_faults import INJECTED_FAULTS, closest
from harness.rehearsal.scene import Ask, InjectedFault, Reply

_WHERE: Final = "--faults"
_PART = re.compile(r"(?P<sign>[=:@])(?P<value>[^=:@]*)")


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """One ordered fault. `nth` counts sessions from 1; `times` None = never heals; `text` is what was written."""

    name: str
    times: int | None = 1
    nth: int = 1
    item: str | None = None
    seconds: float | None = None
    text: str = ""

    def is_for(self, ask: Ask, ordinal: int) -> bool:
        """Whether it may strike this request of the `ordinal`th session."""
        return ordinal >= self.nth and (self.item is None or self.item in ask.ids)

    def over(self, reply: Reply) -> InjectedFault:
        """The reply with this fault on top."""
        params = {} if self.seconds is None else {"seconds": self.seconds}
        return InjectedFault(self.name, times=self.times, tag=f"--faults {self.text}", then=reply, **params)


def parse_faults(text: str) -> tuple[FaultOrder, ...]:
    """The orders in `text`, in its order; none for an empty text. UsageError with every problem found."""
    problems: list[Problem] = []
    orders = [_parse(word.replace("\\,", ","), problems) for word in re.split(r"(?<!\\),", text) if word.strip()]
    texts = [order.text for order in orders if order is not None]
    problems += [
        Problem(_WHERE, f"{text!r} is given twice", "write the times into one: 529:2")
        for text in dict.fromkeys(texts)
        if texts.count(text) > 1
    ]
    if problems:
        raise UsageError(problems)
    return tuple(order for order in orders if order is not None)


def _parse(word: str, problems: list[Problem]) -> FaultOrder | None:
    word = word.strip()
    before, slash, item = word.partition("/")
    match = re.match(r"[^=:@]*", before)
    name = match[0].strip() if match else ""
    known = _check_name(name, word, problems)
    parts: dict[str, str] = {}
    for part in _PART.finditer(before):
        if part["sign"] in parts:
            problems.append(Problem(_WHERE, f"{word!r}: {part['sign']} is given twice"))
        parts[part["sign"]] = part["value"].strip()
    if slash and not item:
        problems.append(Problem(_WHERE, f"{word!r}: expected an item id after /"))
    if "=" in parts and known and "seconds" not in INJECTED_FAULTS[name].params:
        problems.append(Problem(_WHERE, f"{word!r}: {name} takes no seconds"))
    times = None if parts.get(":") == "*" else _count(parts.get(":"), "a number of times, or *,", word, problems)
    nth = _count(parts.get("@"), "the number of a session", word, problems)
    seconds = _number(parts["="], word, problems) if "=" in parts else None
    return FaultOrder(name, times, nth, item or None, seconds, word) if known else None


def _check_name(name: str, word: str, problems: list[Problem]) -> bool:
    if name in INJECTED_FAULTS:
        return True
    meant = closest(name, INJECTED_FAULTS)
    hint = f"did you mean {meant!r}?" if meant else "known faults: " + ", ".join(INJECTED_FAULTS)
    problems.append(Problem(_WHERE, f"{word!r}: unknown fault {name!r}", hint))
    return False


def _count(value: str | None, expected: str, word: str, problems: list[Problem]) -> int:
    if value is None:
        return 1
    if value.isascii() and value.isdigit() and int(value) > 0:
        return int(value)
    problems.append(Problem(_WHERE, f"{word!r}: expected {expected} from 1, got {value!r}"))
    return 1


def _number(value: str, word: str, problems: list[Problem]) -> float:
    if re.fullmatch(r"\d+(\.\d+)?", value):
        return float(value)
    problems.append(Problem(_WHERE, f"{word!r}: expected seconds such as 20 or 2.5, got {value!r}"))
    return 0.0
