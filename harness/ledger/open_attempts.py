"""What settle has to know about an attempt that is about to end, and about its surroundings."""

import itertools
import json
import sqlite3
from collections.abc import Sequence

from harness.base.clock import from_text
from harness.base.ids import AttemptId, ItemId
from harness.core.open_attempt import Member, Open
from harness.core.settle import MOST_CHECKS_RAISED, NO_STRIKE_RETRIES
from harness.core.types import BatchRef


def open_attempt(db: sqlite3.Connection, attempt: AttemptId, strikes_allowed: int) -> Open:
    """The attempt as its entries tell it; it must not have ended."""
    group, phase, number, part, items, reserved, tries, no_strike_retries, no_strike, suspected, *others = db.execute(
        """SELECT a.group_id, a.phase, a.number, a.part, a.items, a.reserved_microusd, g.tries, g.no_strike_retries,
                  g.last_no_strike, g.suspected, b.repeated, j.provider_faults_in_a_row, j.next_group,
                  j.hold_until
           FROM attempts a JOIN groups g ON g.id = a.group_id
           JOIN batches b ON b.phase = a.phase AND b.number = a.number AND b.part = a.part JOIN job j
           WHERE a.id = ? AND a.ended_seq IS NULL""",
        (attempt,),
    ).fetchone()
    repeated, faults, next_group, held_until = others
    breakdowns = _breakdowns(db, phase, json.loads(items)[0]) if no_strike_retries >= NO_STRIKE_RETRIES else []
    members = tuple(member_of(db, phase, item) for item in json.loads(items))
    return Open(
        attempt=attempt,
        group=group,
        batch=BatchRef(phase, number, part),
        members=members,
        tries=tries,
        no_strike_retries=no_strike_retries,
        last_no_strike=no_strike,
        suspected=bool(suspected),
        breakdowns=len(breakdowns),
        others_withstood=_others_withstood(db, breakdowns),
        others_ended_well=no_strike is not None and _others_ended_well(db, no_strike),
        batch_repeated=bool(repeated),
        reserved_microusd=reserved,
        provider_faults_in_a_row=faults,
        next_group=next_group,
        strikes_allowed=strikes_allowed,
        held_until=from_text(held_until) if held_until else None,
    )


def checks_raised(db: sqlite3.Connection, phase: int) -> int:
    """Of the attempts of this phase that were judged in this run: how many of the last ones ended because a check
    raised; among the last few hundred attempts."""
    rows = db.execute(
        """SELECT fault = 'check_raised' FROM attempts WHERE id > (SELECT next_attempt FROM job) - 300
           AND run = (SELECT run FROM job) AND phase = ?
           AND (outcome IN ('succeeded', 'partial', 'failed') OR fault = 'check_raised')
           ORDER BY ended_seq DESC LIMIT ?""",
        (phase, MOST_CHECKS_RAISED),
    )
    return sum(1 for _ in itertools.takewhile(lambda row: row[0], rows))


def member_of(db: sqlite3.Connection, phase: int, item: str) -> Member:
    """The item as settle has to know it."""
    strikes, root, place = db.execute(
        "SELECT strikes, root, place FROM items WHERE phase = ? AND item = ?", (phase, item)
    ).fetchone()
    return Member(ItemId(item), strikes, root, place)


def _breakdowns(db: sqlite3.Connection, phase: int, item: str) -> list[tuple[int, int]]:
    """`(id, ended_seq)` of the attempts that this machine has broken since the item last had one that it did not."""
    rows = db.execute(
        """SELECT a.id, a.ended_seq, a.blame = 'host', a.outcome, a.fault FROM attempt_items ai
           JOIN attempts a ON a.id = ai.attempt
           WHERE ai.phase = ? AND ai.item = ? AND a.ended_seq IS NOT NULL ORDER BY a.id DESC""",
        (phase, item),
    )
    found = []
    for attempt, ended, is_of_host, outcome, fault in rows:
        if outcome != "no_strike":
            break
        if is_of_host and fault not in ("supervisor_lost", "suspended", "disk"):
            found.append((attempt, ended))
    return found


def _others_withstood(db: sqlite3.Connection, breakdowns: Sequence[tuple[int, int]]) -> bool:
    """While three or more of this group broke down, others that had started meanwhile ended well."""
    return len(breakdowns) >= NO_STRIKE_RETRIES and _others_ended_well(db, breakdowns[-1][0])


def _others_ended_well(db: sqlite3.Connection, no_strike: int) -> bool:
    query = """SELECT 1 FROM attempts WHERE outcome IN ('succeeded', 'partial')
               AND started_seq > (SELECT ended_seq FROM attempts WHERE id = ?) AND id > ? LIMIT 1"""
    return db.execute(query, (no_strike, no_strike)).fetchone() is not None
