"""Watches what waits, by a reading of its own: nothing starts before what it needs, and nothing waits for nothing."""

import json
import sqlite3
from collections.abc import Iterator, Mapping

from harness.core import events as e
from harness.job.job import Job

Key = tuple[int, str]
Batch = tuple[int, int]
"""Phase and number."""

_OPEN = ("pending", "running")


class WaitingWatch:
    """V23: no group starts before what it needs is settled. V24: whatever is open can go on, or waits for what is open.

    "Settled" is sticky: a retry by hand opens a batch again, and holds up nobody.
    """

    def __init__(self, job: Job, states: Mapping[Key, str]) -> None:
        self._phases = {phase.number: phase for phase in job.phases}
        self._states = states
        self._numbers: dict[Key, int] = {}
        """Item -> the number of its batch."""
        self._last = 0
        """The greatest number of the first phase."""
        self._beside: set[int] = set()
        """Groups that wait for nobody: late ones, and those of a later try."""
        self._open: set[Batch] = set()
        self._settled: set[Batch] = set()

    def look(self, event: object) -> None:
        """Before the watcher itself does."""
        match event:
            case e.ItemAdded() | e.ItemBlocked():
                self._numbers[event.phase, event.item] = event.number
                self._last = max(self._last, event.number)
            case e.GroupQueued() if event.why != "chosen":
                self._beside.add(event.group)
            case e.BatchPlanned() if event.late:
                self._beside.add(event.group)
            case e.AttemptStarted() if event.group not in self._beside:
                self._refresh()
                early = [need for need in self._needs(event.phase, event.number) if need not in self._settled]
                assert not early, f"V23: {event.phase}-{event.number} started, and {early[0]} was not settled"

    def check(self, db: sqlite3.Connection) -> None:
        """After a commit, against the tables that decide what happens next."""
        self._refresh()
        needs: dict[int, list[Batch]] = {}
        for group, phase, number in db.execute("SELECT group_id, phase, number FROM needs"):
            needs.setdefault(group, []).append((phase, number))
        queued: dict[Key, tuple[int, str]] = {}
        for group, phase, items, state in db.execute("SELECT id, phase, items, state FROM groups"):
            assert state == "waiting" or group not in needs, f"V24: group {group} is {state}, and has needs"
            if state != "closed":
                queued |= {(phase, item): (group, state) for item in json.loads(items)}
        for key, state in self._states.items():
            if state in _OPEN:
                self._check_open(key, *queued.get(key, (0, "")), needs)

    def _check_open(self, key: Key, group: int, state: str, needs: Mapping[int, list[Batch]]) -> None:
        if group == 0:
            phase = self._phases[key[0]]
            is_to_come = phase.select is not None or self._is_open(phase.from_, self._numbers[key])
            assert is_to_come, f"V24: {key} is in no group, and nothing is open that it comes from"
        elif state == "waiting":
            unmet = [need for need in needs.get(group, ()) if self._is_to_come(*need)]
            assert unmet, f"V24: {key} waits in group {group} for what is settled, {needs.get(group)}"

    def _needs(self, phase: int, number: int) -> Iterator[Batch]:
        """Every batch that batch `number` of the phase waits for."""
        spec = self._phases[phase]
        before = spec.from_ or 0
        if before:
            yield before, number
        if before and spec.needs != "own":
            yield from ((before, each) for each in range(1, number))
        if spec.needs == "previous":
            yield from ((phase, each) for each in range(1, number))

    def _is_open(self, phase: int | None, number: int) -> bool:
        """Is something of this batch open now, or of one that it comes from?"""
        if phase is None:
            return False
        return (phase, number) in self._open or self._is_open(self._phases[phase].from_, number)

    def _is_to_come(self, phase: int, number: int) -> bool:
        """Is a batch of the phase up to this number open, or has it not been settled yet?"""
        batches = [(phase, each) for each in range(1, number + 1)]
        return any(batch not in self._settled or self._is_open(*batch) for batch in batches)

    def _refresh(self) -> None:
        """Batches that have settled since, those of earlier phases first."""
        self._open = {(key[0], self._numbers[key]) for key, state in self._states.items() if state in _OPEN}
        for phase in self._phases:
            for number in range(1, self._last + 1):
                before = (self._phases[phase].from_ or 0, number)
                if (phase, number) not in self._open and (before[0] == 0 or before in self._settled):
                    self._settled.add((phase, number))
