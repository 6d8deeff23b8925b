"""What just happened, for people who watch: one line for each started or ended attempt and each turn of the gate."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from harness.base.clock import from_text
from harness.base.commands import command_at
from harness.base.durations import in_words
from harness.base.errors import HarnessError
from harness.core import events as e
from harness.core import run_events as r
from harness.core.messages import Message
from harness.core.money import in_words as money
from harness.job.bounds import Bounds, Deadline
from harness.ledger.attempt_queries import number_of_open
from harness.ledger.entry_queries import entries_of, last_kind_before, last_seq
from harness.ledger.job_queries import head
from harness.ledger.reuse_queries import taken_over
from harness.ledger.store import Entry
from harness.views.attempt_rows import AttemptView, ItemVerdict, attempt, made_by, verdicts
from harness.views.fault_words import fault_text
from harness.views.ledger_reading import is_planned, reading
from harness.views.reason_words import reasons_text
from harness.views.timeline import EventWords, stop_request
from harness.views.wording import at_moment, clean, clock_time, counted, shorten, shorten_id

_KINDS = (
    "AttemptStarted", "AttemptEnded", "HoldPlaced", "HoldLifted", "Paused", "Resumed", "CancelAsked", "ItemReopened",
    "PilotStarted", "PilotJudged", "JobExtended", "RunStarted",
)  # fmt: skip
_MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Tick:
    """One line for the screen; `starts` marks an ordinary start, which a live display shows in another way."""

    text: str
    starts: bool
    grace_ends: datetime | None = None
    """A stop was asked: sessions have until then."""
    hold: tuple[str, Message] | Literal["lifted"] | None = None
    """The end and the reason of the hold that this line is about."""


class Ticker:
    """Reads on from the moment it was made. Who knows the job's bounds is told when a run ends."""

    def __init__(self, state: Path, bounds: Bounds | None = None) -> None:
        self._state = state
        self._bounds = bounds
        self._seq = self._newest()
        self._hold: tuple[str, Message] | Literal["lifted"] = "lifted"
        """The hold that was shown last: each session that meets it places it again."""

    def _newest(self) -> int:
        if not is_planned(self._state):
            return 0
        with reading(self._state) as db:
            return last_seq(db)

    def new(self) -> list[Tick]:
        """What happened since the last call, oldest first. A ledger that cannot be read just now has no news."""
        try:
            with reading(self._state) as db:
                newest = last_seq(db)
                entries = list(entries_of(db, *_KINDS, after=self._seq))
                if not entries:  # records are reused one by one: all are one line, before what follows
                    return []
                ticks = list(_ticks(db, entries, self._seq, self._bounds, self._state))
                self._seq = newest
                return [tick for tick in ticks if not self._is_told(tick)]
        except (HarnessError, sqlite3.Error, OSError):
            return []

    def _is_told(self, tick: Tick) -> bool:
        """Is it the hold that was told last, and not lifted since?"""
        if tick.hold is None:
            return False
        before, self._hold = self._hold, tick.hold
        return before == tick.hold != "lifted"


def _ticks(
    db: sqlite3.Connection, entries: Sequence[Entry], after: int, bounds: Bounds | None, state: Path
) -> Iterator[Tick]:
    words, resumed_by = EventWords(db), ""
    yield from _taken_over(db, after)
    until_resumed = f"no new sessions until `{clean(str(command_at(state, 'resume')))}`"
    for entry in entries:
        if isinstance(entry.event, r.HoldLifted) and entry.event.who == resumed_by:
            continue  # `resume` lifts whatever there is, and has been told already
        resumed_by = entry.event.who if isinstance(entry.event, r.Resumed) else ""
        starts = isinstance(entry.event, e.AttemptStarted) and not entry.event.lead
        at = clock_time(from_text(entry.time))
        if text := _text(db, words, entry, bounds):
            paused = f"; {until_resumed}" if isinstance(entry.event, r.Paused) else ""
            yield Tick(f"{at}  {text}{paused}", starts, _grace_ends(entry), _hold(entry))
        if isinstance(entry.event, r.RunStarted) and _was_paused(db, entry.seq):
            yield Tick(f"{at}  still paused; {until_resumed}", starts)


def _taken_over(db: sqlite3.Connection, after: int) -> Iterator[Tick]:
    """`24 words taken over from job@a`: what `reuse` has brought, a line for each job that it came from."""
    for each in taken_over(db, after):
        number = counted(each.items, clean(each.noun))
        yield Tick(f"{clock_time(each.last_at)}  {number} reused from {clean(each.source)}", starts=False)


def _text(db: sqlite3.Connection, words: EventWords, entry: Entry, bounds: Bounds | None) -> str:
    """What is said of an entry, without its time; "" for nothing."""
    match entry.event:
        case e.AttemptStarted() as started:
            return _start_line(attempt(db, started.attempt), leads=started.lead)
        case e.AttemptEnded():
            ended = attempt(db, entry.event.attempt)
            return outcome_line(ended, verdicts(db, ended), made_by(db, ended))
        case r.CancelAsked() as asked:
            return _stopping(asked, number_of_open(db))
        case r.RunStarted():
            return _end_line(bounds.deadline, from_text(entry.time)) if bounds and bounds.deadline else ""
    return words.of_event(entry.event)


def _hold(entry: Entry) -> tuple[str, Message] | Literal["lifted"] | None:
    match entry.event:
        case r.HoldPlaced() as placed:
            return placed.until, placed.message
        case r.HoldLifted() | r.Resumed():
            return "lifted"
    return None


def _was_paused(db: sqlite3.Connection, seq: int) -> bool:
    """Before this entry; looks through the entries only of a job that is paused now."""
    if not head(db).paused:
        return False
    return last_kind_before(db, seq, "Paused", "Resumed") == "Paused"


def _end_line(deadline: Deadline, began: datetime) -> str:
    """`deadline: this run ends tomorrow at 04:28`."""
    return f"deadline: this run ends {at_moment(deadline.moment(began), began)}"


def _start_line(started: AttemptView, *, leads: bool) -> str:
    again = f", try {started.tries + 1}" if started.tries else ""
    lead = "; others start after its first response" if leads else ""
    return f"{started.batch}  started, attempt {started.id}{again}{lead}"


def outcome_line(ended: AttemptView, said: dict[str, ItemVerdict], made: Sequence[str] = ()) -> str:
    """`Batch 7/34 (20 seeds)  accepted 19 (19 seeds, 58 LEGOs), 1 to retry: S0121 tiling: ...  34s $0.07`."""
    parts = []
    if accepted := sum(verdict.said == "accepted" for verdict in said.values()):
        counts = f" ({', '.join(made)})" if made else ""
        parts.append(f"accepted{counts}" if len(said) == 1 else f"accepted {accepted}{counts}")
    failed = {item: verdict for item, verdict in said.items() if verdict.said == "failed"}
    again = {item: verdict for item, verdict in said.items() if verdict.said in ("struck", "returned", "again")}
    parts += [_named("failed", failed, is_alone=len(said) == 1)] if failed else []
    parts += [_named("to retry", again, is_alone=len(said) == 1)] if again else []
    if ended.fault is not None and not _is_told(ended.fault, said):
        parts.append(f"{clean(ended.fault)}: {shorten(fault_text(ended.why), 240)}")
    took = [] if ended.duration_s is None else [in_words(timedelta(seconds=ended.duration_s))]
    cost = [money(ended.charged_microusd)] if ended.charged_microusd else []
    return f"{ended.batch}  {', '.join(parts)}  {' '.join([*took, *cost])}".rstrip()


def _stopping(asked: r.CancelAsked, sessions: int) -> str:
    if asked.now:
        return f"{stop_request(asked)}: running sessions are terminated now"
    return f"{stop_request(asked)}; {stopping_line(sessions, asked.grace_s or 0)}"


def stopping_line(sessions: int, grace_s: float) -> str:
    """`stopping: 2 sessions have 30s of grace left; Ctrl-C again ends them now`."""
    if not sessions:
        return "stopping: no new sessions"
    left, who = in_words(timedelta(seconds=max(0.0, grace_s))), counted(sessions, "session")
    has, them = ("has", "it") if sessions == 1 else ("have", "them")
    return f"stopping: {who} {has} {left} of grace left; Ctrl-C again ends {them} now"


def _grace_ends(entry: Entry) -> datetime | None:
    asked = entry.event
    if not isinstance(asked, r.CancelAsked) or asked.grace_s is None:
        return None
    return from_text(entry.time) + timedelta(seconds=asked.grace_s)


def _is_told(fault: str, said: dict[str, ItemVerdict]) -> bool:
    """An item that was alone carries the fault in its reasons."""
    return any(reason.facts.get("fault") == fault for verdict in said.values() for reason in verdict.reasons)


def _named(word: str, which: dict[str, ItemVerdict], *, is_alone: bool) -> str:
    """`2 to retry: S0121 tiling failure; ...`; `to retry: tiling failure` where the batch has the name already.

    Without reasons, which the fault tells then, only how many.
    """
    with_reasons = {item: verdict for item, verdict in which.items() if verdict.reasons}
    number = len(which)
    if is_alone:
        (verdict,) = which.values()
        return f"{word}: {shorten(reasons_text(verdict.reasons), 140)}" if verdict.reasons else word
    if not with_reasons:
        return f"{number} {word}"
    named = "; ".join(
        f"{shorten_id(item, 40)} {shorten(reasons_text(verdict.reasons), 100)}"
        for item, verdict in list(with_reasons.items())[:_MOST_NAMED]
    )
    return f"{number} {word}: {named}{'; ...' if len(with_reasons) > _MOST_NAMED else ''}"
