"""Which items a review is about, by the ids that a person named; everything that is wrong with them at once."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from harness.base.commands import command_at
from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId
from harness.ledger.item_queries import states_of
from harness.ledger.past_attempts import Acceptance, acceptances, rejected_items
from harness.ledger.phase_queries import phase_names
from harness.views.why import state_in_words, unknown_in_words


def refuse_unrejected(db: sqlite3.Connection, items: Iterable[str], *, done_too: bool) -> None:
    """UsageError for an id that nobody knows, or that has nothing to be judged again."""
    problems = [
        Problem(repr(item), *state_in_words(db, item))
        for item in items
        if not rejected_items(db, [ItemId(item)]) and not (done_too and acceptances(db, item))
    ]
    if problems:
        raise UsageError(problems)


def done_items(db: sqlite3.Connection, state: Path, items: Iterable[str], phase: str = "") -> list[Acceptance]:
    """The acceptances to be taken back, all of one phase. UsageError when it is unclear which."""
    problems, taken = [], []
    names = phase_names(db)
    if phase and phase not in names.values():
        raise UsageError([Problem("--phase", f"unknown phase {phase!r}", f"expected {_or(names.values())}")])
    for item in dict.fromkeys(items):
        found = [each for each in acceptances(db, item) if phase in ("", names[each.batch.phase])]
        if len(found) == 1:
            taken += found
        elif found:
            where = _or([names[each.batch.phase] for each in found])
            problems.append(Problem(repr(item), "is done in several phases", f"add --phase {where}"))
        else:
            problems.append(Problem(repr(item), *_not_done(db, state, item, phase)))
    if not problems and len({each.batch.phase for each in taken}) > 1:
        problems = [
            Problem("reject", "these items belong to several phases", "reject the items of one phase at a time")
        ]
    if problems:
        raise UsageError(problems)
    return taken


def _or(names: Iterable[str]) -> str:
    return " or ".join(names)


def _not_done(db: sqlite3.Connection, state: Path, item: str, phase: str) -> tuple[str, str | None]:
    """Message and hint about an id that was expected to be done; in that phase, if one was named."""
    found = states_of(db, item)
    if not found:
        return unknown_in_words(db, item)
    states = list(dict.fromkeys(each.state for each in found if phase in ("", each.phase)))
    if phase:
        return f"is not done, it is {states[0]} in {phase}" if states else f"is not in {phase}", None
    again = f"`{command_at(state, 'retry', item)}` retries it" if "failed" in states else None
    return f"is not done, it is {' and '.join(states)}", again
