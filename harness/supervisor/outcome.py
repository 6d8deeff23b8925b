"""How a run ended: its exit code, and why."""

import sqlite3
from collections.abc import Container
from dataclasses import dataclass

from harness.core.decide import Stop
from harness.core.message_kinds import Kind
from harness.core.messages import Message, message
from harness.job.job import PhaseSpec
from harness.ledger import group_queries, item_queries
from harness.ledger.batch_queries import is_open


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended."""

    exit_code: int
    message: Message


def how_it_ended(
    db: sqlite3.Connection,
    stop: Stop,
    exit_code_of_stop: int,
    roots: Container[str] | None = None,
    until: PhaseSpec | None = None,
) -> Finished:
    """What is left decides: a stop that came too late stops nothing. `exit_code_of_stop`: of one that a person asked
    for; `roots`: the first-phase items that the run was about, None = all; `until`: its last phase."""
    is_settled, is_parked = not item_queries.has_open_items(db), group_queries.has_parked_groups(db)
    if stop.why == "finished" and until is not None and not is_settled:
        return Finished(3, _up_to(db, until))
    if stop.why == "finished" and not is_settled and not is_parked:
        raise AssertionError("items are open, but no group waits for them")
    if stop.why == "finished" or (is_settled and stop.why != "broken"):
        waiting = (
            sum(root in roots for root in item_queries.roots_on_the_way(db)) if is_parked and roots is not None else 0
        )
        if waiting:
            return Finished(3, message("chosen_wait", waiting=waiting, left=item_queries.open_roots(db)))
        failed = item_queries.failed_roots(db, roots)
        left = message("rest_not_chosen", left=item_queries.open_roots(db)) if is_parked else None
        return Finished(1 if failed else 0, left or message("finished", failed=failed))
    match stop.why:
        case "budget" | "late":
            return Finished(3, stop.message)
        case "operator":
            return Finished(exit_code_of_stop, stop.message)
        case "broken":
            return Finished(4, stop.message)


def _up_to(db: sqlite3.Connection, until: PhaseSpec) -> Message:
    kind: Kind = "until_waits" if is_open(db, until=until.number) else "until_settled"
    return message(kind, phase=until.name, left=item_queries.open_roots(db))
