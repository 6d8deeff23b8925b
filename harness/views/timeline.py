"""The ledger as lines: one event a line, in words a person reads, or as JSON."""

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from harness.base.clock import from_text
from harness.base.durations import in_words
from harness.core import events as e
from harness.core import run_events as r
from harness.core.money import in_words as money
from harness.ledger.item_reasons import RejectionEvent, reasons_of_event
from harness.ledger.phase_queries import phase_names
from harness.ledger.store import Entry, entries
from harness.views.attempt_rows import BatchName, BatchNames, known_duration
from harness.views.change_text import kept_lines
from harness.views.fault_words import fault_text
from harness.views.item_words import end_words, reopened_words
from harness.views.ledger_reading import reading
from harness.views.messages import text_of
from harness.views.pilot_text import pilot_lines
from harness.views.reason_words import reasons_text
from harness.views.selection_text import selection_line, why_left_out
from harness.views.wording import as_json, clean, counted, date_time, listed, shorten

_OF_PLANNING = (e.ItemAdded, e.ItemSkipped, e.BatchPlanned, e.BatchSettled, e.GroupQueued, e.GroupsChosen)
_MOST_ENTRIES = 5_000
"""Entries read in one go: a reading stays short however long the ledger is."""


class Timeline:
    """Reads on from where it stopped. Lines are safe to print; those as JSON have every entry."""

    def __init__(self, state: Path, *, everything: bool, as_json: bool) -> None:
        self._state = state
        self._everything = everything
        self._as_json = as_json
        self._seq = 0

    def new_lines(self) -> Iterator[str]:
        """A line for each entry since the last call, oldest first. UsageError when nothing is planned yet."""
        while found := self._read():
            self._seq = found[-1][0].seq
            for entry, line in found:
                if self._as_json:
                    yield line_as_json(entry)
                elif self._everything or not isinstance(entry.event, _OF_PLANNING):
                    yield line

    def _read(self) -> list[tuple[Entry, str]]:
        with reading(self._state) as db:
            words = EventWords(db)
            found: list[tuple[Entry, str]] = []
            for entry in entries(db, self._seq):
                found.append((entry, "" if self._as_json else words.line(entry)))
                if len(found) == _MOST_ENTRIES:
                    break
            return found


def line_as_json(entry: Entry) -> str:
    """`{"seq": 7, "time": "...", "event": "ItemAccepted", ...its fields}` on one line. A `reason` that is recorded as a
    message, in `why`, is worded."""
    fields = asdict(entry.event)
    if isinstance(entry.event, r.RunEnded | r.HoldPlaced):
        fields["reason"] = text_of(entry.event.message)
    return as_json({"seq": entry.seq, "time": entry.time, "event": type(entry.event).__name__, **fields})


class EventWords:
    """Puts events into words."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._batches = BatchNames(db)
        self._phases = phase_names(db)

    def line(self, entry: Entry) -> str:
        """`2026-11-20 22:15:03      7  attempt 3 started: Batch 7/34 (20 seeds), sonnet`."""
        return f"{date_time(from_text(entry.time))} {entry.seq:>6}  {self.of_event(entry.event)}"

    def of_event(self, event: e.Event) -> str:
        """What happened, without its time."""
        return clean(
            self._of_attempts(event) or self._of_items(event) or self._of_runs(event) or self._of_planning(event)
        )

    def _of_attempts(self, event: e.Event) -> str | None:
        match event:
            case e.AttemptStarted():
                batch = self._name(event.phase, event.number, event.part, event.items)
                reserved = f", {money(event.reserved_microusd)} reserved" if event.reserved_microusd else ""
                return f"attempt {event.attempt} started: {batch}, {event.model or event.backend}{reserved}"
            case e.AttemptEnded():
                why = shorten(fault_text(event.messages), 240)
                fault = f": {event.fault} ({event.blame}): {why}" if event.fault else ""
                duration_s = known_duration(event.fault, event.duration_s)
                took = "" if duration_s is None else f" after {in_words(timedelta(seconds=duration_s))}"
                return f"attempt {event.attempt} ended {_ENDED[event.outcome]}{took}{fault}"
            case e.UsageSettled() if not event.known and not event.charged_microusd:  # nothing was reserved
                return f"attempt {event.attempt} reported no cost"
            case e.UsageSettled():
                known = "" if event.known else " (not reported: charged at its reservation)"
                if event.told_microusd is not None and event.charged_microusd > event.told_microusd:
                    known = f" ({money(event.told_microusd)} reported; interrupted responses are billed too)"
                return f"attempt {event.attempt} cost {money(event.charged_microusd)}{known}"
        return None

    def _of_items(self, event: e.Event) -> str | None:
        match event:
            case e.ItemAccepted():
                again = f" of attempt {event.attempt}, by rejudge" if event.rejudged else ""
                if event.source:
                    again = f" reused from {event.source}, produced {date_time(from_text(event.made_at))}"
                return f"{self._item(event.phase, event.item)} accepted: {counted(event.records, 'record')}{again}"
            case e.ItemStruck():
                return f"{self._item(event.phase, event.item)} struck: {_reasons(event)}"
            case e.ItemReturned():
                return f"{self._item(event.phase, event.item)} queued again without a strike: {_reasons(event)}"
            case e.ItemFailed():
                return f"{self._item(event.phase, event.item)} {end_words(event.kind)}: {_reasons(event)}"
            case e.ItemEdited():
                return f"{self._item(event.phase, event.item)} now uses its current row, by {event.who}"
            case e.ItemReopened():
                return f"{self._item(event.phase, event.item)} {reopened_words(event.kind)}, by {event.who}"
            case e.ItemWithdrawn():
                what = f"{counted(event.records, 'record')} of attempt {event.attempt}"
                item = self._item(event.phase, event.item)
                return f"{item} withdrawn by {event.who}, {what}: {shorten(event.why, 200)}"
            case e.ItemRemoved():
                return f"{self._item(event.phase, event.item)} removed until {event.parent!r} is done again"
            case e.PaceGiven():
                bounds = [f"at most {event.at_once} at once"] if event.at_once else []
                bounds += [f"{event.starts_per_minute} starts a minute"] if event.starts_per_minute else []
                return f"the plan of {event.item!r} sets the pace of {self._phases[event.phase]}: {', '.join(bounds)}"
            case e.ItemSkipped():
                why = why_left_out({"why": event.why, **event.facts})
                return f"{self._item(event.phase, event.item)} skipped: {why}"
            case e.ItemBlocked():
                return f"{self._item(event.phase, event.item)} blocked: {event.parent!r} {_reasons(event)}"
        return None

    def _of_runs(self, event: e.Event) -> str | None:
        match event:
            case r.RunStarted():
                awake = f"; this host {event.awake}" if event.awake else ""
                until = f", up to phase {event.until}" if event.until else ""
                where = f"pid {event.pid} on {event.host}, {event.parallel} at once{until}, {event.sandbox}"
                return f"run started: {where}{awake}"
            case r.RunEnded():
                return f"run ended with exit code {event.exit_code}: {text_of(event.message)}"
            case r.HoldPlaced():
                hold_ends = date_time(from_text(event.until))
                return f"hold ({text_of(event.message)}) until {hold_ends}: no session starts before then"
            case r.HoldLifted():
                return f"hold lifted by {event.who}"
            case r.Paused():
                return f"paused by {event.who}"
            case r.Resumed():
                return f"resumed by {event.who}"
            case r.CancelAsked():
                grace = f", with {event.grace_s:g} s of grace" if event.grace_s is not None else ""
                return f"{stop_request(event)}{', at once' if event.now else grace}"
            case e.Merged():
                aside = f"; the changed version is kept as {event.set_aside}" if event.set_aside else ""
                return f"merged {counted(event.records, 'record')} into {event.target}{aside}"
            case r.PilotStarted():
                return f"pilot: batches {listed([str(number) for number in event.batches])} run first"
            case r.PilotJudged():
                return "pilot: " + " ".join(pilot_lines(event))
            case e.JobExtended():
                return f"{counted(event.items, 'new item')} appended after the {event.behind:,} existing ones"
            case e.SelectionMade():
                said = selection_line(event.chosen, event.of, event.categories)
                return f"{self._phases[event.phase]}: {said}" if len(self._phases) > 1 else said
            case r.FingerprintKept():
                return f"continued with a changed job: {listed(list(kept_lines(event)))}"
        return None

    def _of_planning(self, event: e.Event) -> str:
        match event:
            case e.JobPlanned():
                return f"job {event.job!r} planned: {counted(event.items, event.noun)}"
            case e.ItemAdded():
                return f"{self._item(event.phase, event.item)} added"
            case e.BatchPlanned():
                return f"{self._name(event.phase, event.number, event.part, event.items)} planned"
            case e.BatchSettled():
                return f"{self._phases[event.phase]} batch {event.number} is settled"
            case e.GroupQueued():
                batch = self._name(event.phase, event.number, event.part, event.items)
                return f"{batch} queued again: {event.why}, {counted(event.tries, 'earlier try')}"
            case e.GroupsChosen():
                chosen = "all groups" if event.groups is None else counted(len(event.groups), "group")
                return f"this run processes {chosen}"
            case _:
                return of_another_kind(event)

    def _item(self, phase: int, item: str) -> str:
        return f"{self._phases[phase]}: {item}" if len(self._phases) > 1 else item

    def _name(self, phase: int, number: int, part: int, items: tuple[str, ...]) -> BatchName:
        return self._batches.name(phase, number, part, items)


_ENDED = {
    "succeeded": "with every item accepted",
    "partial": "with some items not accepted",
    "failed": "with no usable output",
    "no_strike": "without a strike",
    "stopped": "and stopped the run",
}


def stop_request(asked: r.CancelAsked) -> str:
    """`stop requested by anna (pid 4711)`."""
    return "the deadline has passed" if asked.message.kind == "deadline" else f"stop requested by {clean(asked.who)}"


def of_another_kind(event: object) -> str:
    """`item withdrawn: S0001`: words for an event that has none of its own here."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(event).__name__).lower()
    item = getattr(event, "item", "")
    return f"{words}: {item}" if item else words


def _reasons(event: RejectionEvent) -> str:
    return shorten(reasons_text(reasons_of_event(event)), 200) or "no reason recorded"
