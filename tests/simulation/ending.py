"""The invariants of a whole night, checked at its end, and the one that is checked whenever time passes."""

import contextlib
import json
import sqlite3

from harness.core.decide import Start, decide
from harness.core.money import to_micro
from harness.core.reserve import reservation
from harness.job.job import Job
from harness.ledger import progress_file
from harness.ledger.counts import job_counts, phase_counts
from harness.ledger.store import rebuild, state_of
from harness.supervisor.loop import Loop
from harness.supervisor.outcome import Finished
from tests.simulation.script import Script
from tests.simulation.virtual import VirtualClock
from tests.simulation.watcher import Watcher
from tests.simulation.world import World

_LIVELY_S = 4 * 3600.0
_DAY_S = 86_400.0


def check_end(
    db: sqlite3.Connection, job: Job, script: Script, world: World, watcher: Watcher, finished: Finished
) -> None:
    """Everything that must hold when nobody starts the job again."""
    if world.seed % 5 == 0:
        assert state_of(db) == state_of(rebuild(db)), "V13: the rebuild differs from the state"
    assert not world.live(), "V12: a session is alive after the end"
    _check_money(db, job, world, watcher)
    _check_reason(script, world, watcher, finished)
    _check_merges(db, job, watcher)
    _check_files(job)
    _check_errors(job, watcher)
    _check_counts(db, watcher)
    elapsed_s = world.clock.monotonic()
    is_bounded = script.window or script.jumps or script.rate or script.deadline_s or script.plan
    allowed_s = script.calm_s + _LIVELY_S + (60 * _DAY_S if is_bounded else 0)
    assert elapsed_s < allowed_s, f"V7: it took until {elapsed_s:.0f}, the world was calm at {script.calm_s:.0f}"


def _check_money(db: sqlite3.Connection, job: Job, world: World, watcher: Watcher) -> None:
    (spent,) = db.execute("SELECT spent_microusd FROM job").fetchone()
    billed = to_micro(world.billed())
    assert spent == watcher.spent, "V4b: the sum is not that of the entries"
    assert spent >= billed, f"V4b: the ledger knows {spent} of {billed}"
    assert job.budget is None or billed <= to_micro(job.budget), f"V4: {billed} was billed"


def _check_reason(script: Script, world: World, watcher: Watcher, finished: Finished) -> None:
    """V7, V9, V3b."""
    states = set(watcher.states.values())
    if finished.exit_code in (0, 1):
        assert not states & {"pending", "running"}, "V7: finished with open items"
        expected = 1 if states & {"failed", "blocked"} else 0
        assert finished.exit_code == expected, "V9: the exit code is not what the items say"
        for (phase, item), state in watcher.states.items():
            is_innocent = not any(item in each.plan.blamed for each in world.sessions.values() if each.phase == phase)
            assert state != "failed" or not is_innocent or (phase, item) in watcher.suspected_items, (
                f"V3b: innocent {item} of phase {phase} failed"
            )
    elif finished.exit_code == 3:
        assert script.budget is not None or script.most_sessions, f"V7: stopped without a bound: {finished.message}"
    else:
        assert finished.exit_code == 4, f"unexpected exit code {finished.exit_code}"
        bad = sum(bool(session.plan.blamed) for session in world.sessions.values())
        broken_here = sum(
            session.fault is not None and session.fault.blame == "host" for session in world.sessions.values()
        )
        assert bad >= 3 or broken_here >= 10, f"V7: gave up without a reason: {finished.message}"


def _check_merges(db: sqlite3.Connection, job: Job, watcher: Watcher) -> None:
    """V2: each merge holds exactly the accepted items, once, in item order."""
    for phase in job.phases:
        accepted = {item for number, item in watcher.accepted if number == phase.number}
        rows = db.execute("SELECT item FROM items WHERE phase = ? ORDER BY place", (phase.number,))
        done = [row[0] for row in rows if row[0] in accepted]
        target = phase.output.merge
        assert target is not None
        found = [record["id"] for record in json.loads(target.read_bytes())] if target.exists() else []
        assert found == done, f"V2: phase {phase.number} merged {found}, accepted {done}"
        assert len(found) == len(accepted), "V0: an acknowledged record is not in the merge"


def _check_files(job: Job) -> None:
    """V18: nothing lies where nothing should, and nothing was taken for the work of a person."""
    known = {"state", *(phase.output.merge.name for phase in job.phases if phase.output.merge)}
    found = {path.name for path in job.folder.iterdir() if not path.name.endswith(".tmp")}
    assert found <= known, f"V18: files that nobody should have made: {sorted(found - known)}"
    inside = {path.name for path in job.state.iterdir() if not path.name.endswith(".tmp")}
    assert inside <= {"artifacts", "control", "errors.jsonl", "holds", "progress.json"}, f"V18: {sorted(inside)}"
    assert not progress_file.was_edited(job.state / "progress.json"), "V18: the progress file is torn"


def _check_errors(job: Job, watcher: Watcher) -> None:
    """V9: errors.jsonl names each item that failed, of a batch that is not tried again only these, and none that is
    done."""
    path = job.state / "errors.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    numbers = {phase.name: phase.number for phase in job.phases}
    named = {
        (numbers[line["phase"]], error[key]): line["retryScheduled"]
        for line in lines
        for error in line["errors"]
        for key in error
        if key.endswith("Id")
    }
    failed = {key for key, state in watcher.states.items() if state == "failed"}
    assert failed <= named.keys(), f"V9: errors.jsonl does not name {sorted(failed - named.keys())}"
    for key, goes_again in named.items():
        allowed = ("failed", "pending", "running") if goes_again else ("failed",)
        assert watcher.states[key] in allowed, f"V9: errors.jsonl names {key}, which is {watcher.states[key]}"


def _check_counts(db: sqlite3.Connection, watcher: Watcher) -> None:
    """V9: what is shown is a function of the entries."""
    for each in phase_counts(db):
        states = [state for (phase, _), state in watcher.states.items() if phase == each.phase]
        shown = {name: getattr(each.counts, name) for name in ("pending", "done", "failed", "blocked", "skipped")}
        assert shown == {name: states.count(name) for name in shown}, f"V9: phase {each.phase} shows {shown}"
    total = sum(phase == 1 for phase, _ in watcher.states)
    assert job_counts(db).total == total, "V9: the counts of the job do not sum up"


def merged(job: Job) -> dict[str, bytes]:
    """What lies at each phase's target."""
    found = {}
    for phase in job.phases:
        assert phase.output.merge is not None
        with contextlib.suppress(FileNotFoundError):
            found[phase.name] = phase.output.merge.read_bytes()
    return found


def check_idleness(
    db: sqlite3.Connection, job: Job, world: World, watcher: Watcher, clock: VirtualClock, loop: Loop
) -> None:
    """V7b: time passes only while no start is due. V12: whatever is alive is in the ledger."""
    if not watcher.is_running:
        return
    live = {session.attempt for session in world.live()}
    assert live <= watcher.open, f"V12: {sorted(live - watcher.open)} are alive, and have ended in the ledger"
    if watcher.paused or watcher.stop_asked or any(not world.sessions[each].has_answered for each in live):
        return
    if len(live) < len(watcher.open) or not watcher.door.is_open(len(watcher.open), job.bounds, clock):
        return
    ready = (group for group in db.execute(_READY) if watcher.until is None or group[0] <= watcher.until)
    group = next(ready, None)
    if group is None or not watcher.pacemaker.lets(group[0], watcher.open_in(group[0])):
        return
    if job.budget is not None:
        needed = watcher.spent + watcher.reserved() + reservation(job, job.phase(group[0]))
        if needed > to_micro(job.budget):
            return
    cap = job.bounds.caps.sessions
    if cap is not None and len(watcher.attempts) >= cap:
        return
    snapshot = loop._steps.snapshot()
    assert snapshot.stop is not None, f"V7b: a start is due, and time passes ({decide(snapshot)})"
    assert not isinstance(decide(snapshot), Start)


def check_gate(loop: Loop, watcher: Watcher) -> None:
    """V27: the gate stands where the recorded ends and the answers of sessions have moved it, and nothing else."""
    if watcher.is_running:
        gate, door = loop._gatekeeper.gate, watcher.door
        stands = (gate.allowed, gate.probing)
        if door.is_unsure:
            (door.allowed, door.is_probing), door.is_unsure = stands, False
        told = (door.allowed, door.is_probing)
        assert stands == told, f"V27: the gate is at {stands}, what was recorded says {told} (allowed, probing)"


def check_files_are_not_late(loop: Loop, watcher: Watcher, seconds: float) -> None:
    """V7b, of what people look at: merge and progress file are made when they are due, not at the next event."""
    if not watcher.is_running:
        return
    for part in (loop._files.merger, loop._files.progress):
        due_s = part.throttled.due_in_s()
        is_late = due_s is not None and due_s + _LAST_MERGES_S < seconds
        assert not is_late, f"V7b: {type(part).__name__} is due in {due_s} s, and {seconds:.1f} s pass"


_LAST_MERGES_S = 5.0
"""At the end of a run the merges of all phases are made one after the other, after the last progress file."""
_READY = """SELECT phase FROM groups g WHERE state = 'ready' AND parked = 0 AND NOT EXISTS (
    SELECT 1 FROM attempts a JOIN phases p ON p.phase = a.phase
    WHERE a.ended_seq IS NULL AND a.phase = g.phase AND p.needs = 'previous') ORDER BY tries, number, phase, part, id"""
