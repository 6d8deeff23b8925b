"""Events to state tables: the one place that changes them (items in apply_items), in the transaction of the entry."""

import json
import sqlite3

from harness.core import events as e
from harness.core import run_events as r
from harness.core.advance import needs_of
from harness.core.claims import is_claim
from harness.ledger.apply_items import OF_ITEMS, Appliers, changed, to_json
from harness.ledger.inserts import insert, insert_each


def apply(db: sqlite3.Connection, seq: int, time: str, event: e.Event) -> None:
    """Change the state tables as the event says. An event that does not fit the state raises: that is our bug."""
    _APPLY[type(event)](db, seq, time, event)


def _job_planned(db: sqlite3.Connection, seq: int, time: str, event: e.JobPlanned) -> None:
    insert(
        db,
        "INSERT INTO job",
        one=1,
        name=event.job,
        noun=event.noun,
        rehearsal=event.rehearsal,
        version=event.version,
        fingerprint=to_json(event.fingerprint),
        planned_at=time,
        source=event.source,
    )
    insert_each(
        db,
        "INSERT INTO phases",
        (
            {
                **{"phase": p.number, "name": p.name, "noun": p.noun, "from_phase": p.from_phase, "needs": p.needs},
                **{"makes_items": p.makes_items, "batch_size": p.batch_size, "selects": p.selects},
                **{"settled_to": 0, "has_accepted": 0, "fruitless": 0},
            }
            for p in event.phases
        ),
    )


def _job_extended(db: sqlite3.Connection, seq: int, time: str, event: e.JobExtended) -> None:
    db.execute("UPDATE job SET source = ?", (event.source,))


def _batch_planned(db: sqlite3.Connection, seq: int, time: str, event: e.BatchPlanned) -> None:
    ref = {"phase": event.phase, "number": event.number, "part": event.part}
    insert(db, "INSERT INTO batches", **ref, size=len(event.items), late=event.late, repeated=0)
    insert(db, "INSERT OR IGNORE INTO numbers", phase=event.phase, number=event.number, settled=0)
    db.executemany(
        "UPDATE items SET part = ? WHERE phase = ? AND item = ?",
        [(event.part, event.phase, item) for item in event.items],
    )
    state = "waiting" if _insert_needs(db, event) else "ready"
    _insert_group(db, event, tries=0, no_strike_retries=0, late=event.late, why="planned", state=state)


def _insert_needs(db: sqlite3.Connection, event: e.BatchPlanned) -> bool:
    """A row for each need of the batch's first group that is not met yet: was there any?"""
    needs, from_phase = db.execute("SELECT needs, from_phase FROM phases WHERE phase = ?", (event.phase,)).fetchone()
    cursor = db.executemany(
        "INSERT INTO needs SELECT phase, ?, ? FROM phases WHERE phase = ? AND settled_to < ?",
        [(each.number, event.group, each.phase, each.number) for each in needs_of(event, needs, from_phase)],
    )
    return cursor.rowcount > 0


def _insert_group(db: sqlite3.Connection, event: e.BatchPlanned | e.GroupQueued, **standing: object) -> None:
    """`standing`: the other columns of the group."""
    insert(
        db,
        "INSERT INTO groups",
        id=event.group,
        phase=event.phase,
        number=event.number,
        part=event.part,
        items=to_json(list(event.items)),
        parked=0,
        **standing,
    )
    db.execute("UPDATE job SET next_group = max(next_group, ?)", (event.group + 1,))


def _batch_settled(db: sqlite3.Connection, seq: int, time: str, event: e.BatchSettled) -> None:
    insert(db, "INSERT OR REPLACE INTO numbers", phase=event.phase, number=event.number, settled=1)
    (settled_to,) = db.execute("SELECT settled_to FROM phases WHERE phase = ?", (event.phase,)).fetchone()
    while db.execute(
        "SELECT 1 FROM numbers WHERE phase = ? AND number = ? AND settled = 1", (event.phase, settled_to + 1)
    ).fetchone():
        settled_to += 1
    db.execute("UPDATE phases SET settled_to = ? WHERE phase = ?", (settled_to, event.phase))
    _meet_needs(db, event.phase, settled_to)


def _meet_needs(db: sqlite3.Connection, phase: int, settled_to: int) -> None:
    """Batches 1 to `settled_to` of the phase are settled: a group that has no other need left is ready."""
    met = db.execute(
        "DELETE FROM needs WHERE phase = ? AND number <= ? RETURNING group_id", (phase, settled_to)
    ).fetchall()
    db.executemany(
        "UPDATE groups SET state = 'ready' WHERE id = ? AND state = 'waiting'"
        " AND NOT EXISTS (SELECT 1 FROM needs WHERE group_id = groups.id)",
        met,
    )


def _group_queued(db: sqlite3.Connection, seq: int, time: str, event: e.GroupQueued) -> None:
    ref = (event.phase, event.number, event.part)
    late = db.execute("SELECT late FROM batches WHERE phase = ? AND number = ? AND part = ?", ref).fetchone()[0]
    if event.why == "repeated":
        db.execute("UPDATE batches SET repeated = 1 WHERE phase = ? AND number = ? AND part = ?", ref)
    if event.why == "chosen":
        _split_chosen(db, event, ref, bool(late))
        return
    _insert_group(
        db,
        event,
        tries=event.tries,
        no_strike_retries=event.no_strike_retries,
        last_no_strike=event.last_no_strike,
        suspected=event.suspected,
        late=bool(late) or event.why == "reopened",
        why=event.why,
        state="ready",
    )


def _split_chosen(db: sqlite3.Connection, event: e.GroupQueued, ref: tuple[int, int, int], late: bool) -> None:
    """A queued group is cut in two: the chosen items leave it; both halves keep its state and its needs."""
    wanted = set(event.items)
    rows = db.execute(
        "SELECT id, items, state, no_strike_retries, last_no_strike, suspected, why FROM groups"
        " WHERE phase = ? AND number = ? AND part = ? AND state IN ('waiting', 'ready')",
        ref,
    ).fetchall()
    for group, items_text, state, no_strike_retries, no_strike, suspected, why in rows:
        items = json.loads(items_text)
        if wanted <= set(items):
            rest = [item for item in items if item not in wanted]
            db.execute("UPDATE groups SET items = ? WHERE id = ?", (to_json(rest), group))
            _insert_group(
                db,
                event,
                tries=event.tries,
                no_strike_retries=no_strike_retries,
                last_no_strike=no_strike,
                suspected=suspected,
                late=late,
                why=why,
                state=state,
            )
            db.execute("INSERT INTO needs SELECT phase, number, ? FROM needs WHERE group_id = ?", (event.group, group))
            return
    raise AssertionError(f"no queued group holds the chosen items: {event!r}")


def _groups_chosen(db: sqlite3.Connection, seq: int, time: str, event: e.GroupsChosen) -> None:
    if event.groups is None:
        db.execute("UPDATE groups SET parked = 0 WHERE parked = 1")
        return
    db.execute("UPDATE groups SET parked = 1 WHERE state IN ('waiting', 'ready')")
    db.executemany("UPDATE groups SET parked = 0 WHERE id = ?", [(group,) for group in event.groups])


def _attempt_started(db: sqlite3.Connection, seq: int, time: str, event: e.AttemptStarted) -> None:
    changed(
        db.execute("UPDATE groups SET state = 'running' WHERE id = ? AND state = 'ready'", (event.group,)), 1, event
    )
    db.execute(
        """INSERT INTO attempts(id, token, group_id, phase, number, part, items, session_id, backend, model, prompt_sha,
           folder, run, fingerprint, started_seq, started_at, reserved_microusd)
           SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, run, fingerprint, ?, ?, ? FROM job""",
        (
            event.attempt,
            event.token,
            event.group,
            event.phase,
            event.number,
            event.part,
            to_json(list(event.items)),
            event.session_id,
            event.backend,
            event.model,
            event.prompt_sha,
            event.folder,
            seq,
            time,
            event.reserved_microusd,
        ),
    )
    begun = db.executemany(
        "UPDATE items SET state = 'running', attempts = attempts + 1 WHERE phase = ? AND item = ?"
        " AND state = 'pending'",
        [(event.phase, item) for item in event.items],
    )
    changed(begun, len(event.items), event)
    taken = ({"phase": event.phase, "item": item, "attempt": event.attempt} for item in event.items)
    insert_each(db, "INSERT INTO attempt_items", taken)
    db.execute("UPDATE job SET next_attempt = ?, sessions = sessions + 1", (event.attempt + 1,))


def _usage_settled(db: sqlite3.Connection, seq: int, time: str, event: e.UsageSettled) -> None:
    db.execute(
        """UPDATE attempts SET charged_microusd = ?, cost_known = ?, input_tokens = ?, output_tokens = ?,
           cache_read_tokens = ?, cache_write_tokens = ?, turns = ? WHERE id = ?""",
        (
            event.charged_microusd,
            event.known,
            event.input_tokens,
            event.output_tokens,
            event.cache_read_tokens,
            event.cache_write_tokens,
            event.turns,
            event.attempt,
        ),
    )
    tokens = event.input_tokens + event.output_tokens + event.cache_write_tokens
    db.execute(
        "UPDATE job SET spent_microusd = spent_microusd + ?, turns = turns + ?, tokens = tokens + ?",
        (event.charged_microusd, event.turns, tokens),
    )


def _hold_placed(db: sqlite3.Connection, seq: int, time: str, event: r.HoldPlaced) -> None:
    """The longer of two holds counts."""
    db.execute(
        "UPDATE job SET hold_until = ?, hold_why = ? WHERE hold_until IS NULL OR hold_until < ?",
        (event.until, to_json(event.message.as_json()), event.until),
    )


def _hold_lifted(db: sqlite3.Connection, seq: int, time: str, event: r.HoldLifted) -> None:
    db.execute("UPDATE job SET hold_until = NULL, hold_why = NULL, provider_faults_in_a_row = 0")


def _attempt_ended(db: sqlite3.Connection, seq: int, time: str, event: e.AttemptEnded) -> None:
    outputs = to_json([[each.name, each.sha, each.size_bytes] for each in event.outputs])
    ended = db.execute(
        """UPDATE attempts SET ended_seq = ?, ended_at = ?, outcome = ?, fault = ?, blame = ?, why = ?,
           duration_s = ?, session_id = coalesce(?, session_id), model = coalesce(?, model), cli_version = ?,
           outputs = ?, invented = ?, notes = ?, evidence = ? WHERE id = ? AND ended_seq IS NULL""",
        (
            seq,
            time,
            event.outcome,
            event.fault,
            event.blame,
            to_json([each.as_json() for each in event.messages]),
            event.duration_s,
            event.session_id,
            event.model,
            event.cli_version,
            outputs,
            to_json(list(event.invented)),
            to_json([*event.notes, *(each.as_json() for each in event.noted)]),
            to_json(event.evidence),
            event.attempt,
        ),
    )
    changed(ended, 1, event)
    db.execute(
        "UPDATE groups SET state = 'closed' WHERE id = (SELECT group_id FROM attempts WHERE id = ?)", (event.attempt,)
    )
    db.execute(
        "UPDATE items SET state = 'pending' WHERE state = 'running' AND (phase, item) IN"
        " (SELECT a.phase, value FROM attempts a, json_each(a.items) WHERE a.id = ?)",
        (event.attempt,),
    )
    if event.blame == "provider" and not is_claim(event.fault, event.blame, event.evidence):
        db.execute("UPDATE job SET provider_faults_in_a_row = provider_faults_in_a_row + 1")
    elif event.outcome in ("succeeded", "partial", "failed"):
        db.execute("UPDATE job SET provider_faults_in_a_row = 0")
        db.execute(
            "UPDATE phases SET fruitless = CASE WHEN has_accepted THEN 0 ELSE fruitless + 1 END"
            " WHERE phase = (SELECT phase FROM attempts WHERE id = ?)",
            (event.attempt,),
        )


def _run_started(db: sqlite3.Connection, seq: int, time: str, event: r.RunStarted) -> None:
    db.execute(
        "UPDATE job SET run = run + 1, run_started_at = ?, run_is_open = 1, run_exit_code = NULL, run_why = NULL,"
        " run_ended_at = NULL, stop_asked_at = NULL, stop_grace_s = NULL",
        (time,),
    )
    db.execute("UPDATE phases SET fruitless = 0")


def _run_ended(db: sqlite3.Connection, seq: int, time: str, event: r.RunEnded) -> None:
    db.execute(
        "UPDATE job SET run_is_open = 0, run_exit_code = ?, run_why = ?, run_ended_at = ?",
        (event.exit_code, to_json(event.message.as_json()), time),
    )


def _paused(db: sqlite3.Connection, seq: int, time: str, event: r.Paused) -> None:
    db.execute("UPDATE job SET paused = 1")


def _resumed(db: sqlite3.Connection, seq: int, time: str, event: r.Resumed) -> None:
    db.execute("UPDATE job SET paused = 0")


def _cancel_asked(db: sqlite3.Connection, seq: int, time: str, event: r.CancelAsked) -> None:
    db.execute("UPDATE job SET stop_asked_at = ?, stop_grace_s = ?", (time, event.grace_s))


def _nothing(db: sqlite3.Connection, seq: int, time: str, event: e.Event) -> None:
    """The entry itself is the record."""


def _merged(db: sqlite3.Connection, seq: int, time: str, event: e.Merged) -> None:
    insert(
        db,
        "INSERT INTO merges",
        phase=event.phase,
        seq=seq,
        target=event.target,
        sha=event.sha,
        records=event.records,
        reflects=event.reflects,
    )


def _pilot_started(db: sqlite3.Connection, seq: int, time: str, event: r.PilotStarted) -> None:
    db.execute("UPDATE job SET pilot = 'started'")


def _pilot_judged(db: sqlite3.Connection, seq: int, time: str, event: r.PilotJudged) -> None:
    db.execute("UPDATE job SET pilot = 'judged'")


def _fingerprint_kept(db: sqlite3.Connection, seq: int, time: str, event: r.FingerprintKept) -> None:
    db.execute("UPDATE job SET fingerprint = ?", (to_json(event.fingerprint),))


_APPLY: Appliers = {
    **OF_ITEMS,
    e.JobPlanned: _job_planned,
    e.JobExtended: _job_extended,
    e.SelectionMade: _nothing,
    e.BatchPlanned: _batch_planned,
    e.BatchSettled: _batch_settled,
    e.GroupQueued: _group_queued,
    e.GroupsChosen: _groups_chosen,
    e.AttemptStarted: _attempt_started,
    e.UsageSettled: _usage_settled,
    r.HoldPlaced: _hold_placed,
    r.HoldLifted: _hold_lifted,
    e.AttemptEnded: _attempt_ended,
    r.RunStarted: _run_started,
    r.RunEnded: _run_ended,
    r.Paused: _paused,
    r.Resumed: _resumed,
    r.CancelAsked: _cancel_asked,
    e.Merged: _merged,
    r.PilotStarted: _pilot_started,
    r.PilotJudged: _pilot_judged,
    r.FingerprintKept: _fingerprint_kept,
}
