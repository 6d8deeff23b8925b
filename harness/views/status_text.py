"""The status in words, for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from harness.base.commands import NextCommand
from harness.base.durations import in_words
from harness.core.money import in_words as money
from harness.ledger.counts import Counts
from harness.views.messages import text_of
from harness.views.next_step import Bound, NextStep, about, next_step
from harness.views.status import Status
from harness.views.wording import clean, counted, day_time, shorten, shorten_id

_MOST_FAILED = 20
_MOST_RUNNING = 12


def lines(
    status: Status, now: datetime, manifest: str, *, settings: Sequence[str] = (), advice: str | None = None
) -> Iterator[str]:
    """Line by line, safe to print. For the next command: `manifest` is how the user names it, `settings` are the words
    that another launch needs too, `advice` is told in its place."""
    yield headline(status)
    yield counts_line(status)
    if len(status.phases) > 1:
        yield from _phase_table(status)
    if status.reopened and status.head is not None:
        yield f"Reopened, not retried yet: {counted(status.reopened, 'item')}"
    yield from _running(status, now)
    yield from _gate(status, now, manifest)
    yield from _usage(status, now)
    noun = clean(status.phases[0].noun) if len(status.phases) == 1 else "item"
    for name, number in status.taken_over:
        yield f"{counted(number, noun)} reused from {clean(name)}, at no cost"
    yield from _failed(status)
    yield from _results(status, manifest)
    yield from _last_run(status, now)
    yield f"Next: {advice or step_line(next_step(status, manifest, settings), manifest)}"


def headline(status: Status) -> str:
    """`West Region 2026: running, rehearsal`; `unfinished` where nothing stopped the last run and more is to do."""
    return f"{clean(status.job)}: {state_word(status)}{', rehearsal' if status.rehearsal else ''}"


def state_word(status: Status) -> str:
    """The state as people read it; JSON has `Status.state` as it is."""
    return "unfinished" if _has_more_to_do(status) else status.state


def _has_more_to_do(status: Status) -> bool:
    """The last run did all that it was asked for; others were left out, or have come back since."""
    head = status.head
    return status.state == "stopped" and head is not None and not head.run_is_open and head.run_exit_code in (0, 1)


def counts_line(status: Status) -> str:
    """`12 of 24 schools done, 1 failed, 3 running, 8 pending`."""
    if status.head is None:
        return "nothing is planned yet"
    done = f"{status.counts.done:,} of {counted(status.counts.total, clean(status.head.noun))} done"
    return ", ".join([done, *_others(status.counts)])


def _others(counts: Counts) -> list[str]:
    states = ("failed", "blocked", "skipped", "running", "pending")
    return [f"{getattr(counts, state):,} {state}" for state in states if getattr(counts, state)]


def _phase_table(status: Status) -> Iterator[str]:
    yield ""
    width = max(len(clean(phase.name)) for phase in status.phases)
    for phase in status.phases:
        known = counted(phase.counts.total, clean(phase.noun)) if phase.counts.total else "nothing yet"
        parts = [f"{phase.counts.done:,} done", *_others(phase.counts)] if phase.counts.total else []
        yield f"  {clean(phase.name):<{width}}  {known}{': ' if parts else ''}{', '.join(parts)}"


def _running(status: Status, now: datetime) -> Iterator[str]:
    if status.current:
        yield ""
        yield "Running:"
    elif status.state == "running" and status.counts.pending and not _is_stopping(status):
        yield ""
        yield "No session is running; one is about to start"
    for current in status.current[:_MOST_RUNNING]:
        yield f"  {current.batch}  {in_words(now - current.started_at)}, attempt {current.attempt}"
    if len(status.current) > _MOST_RUNNING:
        yield f"  and {len(status.current) - _MOST_RUNNING} more"


def _gate(status: Status, now: datetime, manifest: str) -> Iterator[str]:
    is_alive = status.state in ("running", "paused", "holding")
    again = about(status, manifest, "resume")
    if is_alive and status.head is not None and status.head.stopping_until is not None:
        at_once = about(status, manifest, "cancel", "--now")
        yield _stopping(status.head.stopping_until, now, at_once)
    if status.head is not None and status.head.paused and status.state != "finished":
        yield f"Paused: no new sessions until `{again}`"
    if status.hold is not None:
        until, why = status.hold
        then = "then it continues automatically" if is_alive else "no session starts before then"
        yield f"Hold ({clean(text_of(why))}): until {day_time(until, now)}, in {in_words(until - now)}; {then}"
    if status.waiting_requests and not is_alive:
        waits = "waits" if status.waiting_requests == 1 else "wait"
        next_one = "rehearsal" if status.rehearsal else "launch"
        yield f"{counted(status.waiting_requests, 'request')} {waits} for the next {next_one}"


def _is_stopping(status: Status) -> bool:
    is_alive = status.state in ("running", "paused", "holding")
    return is_alive and status.head is not None and status.head.stopping_until is not None


def _stopping(until: datetime, now: datetime, at_once: NextCommand) -> str:
    if until <= now:
        return "Stopping: no new sessions; running sessions are being terminated"
    left = in_words(until - now)
    return f"Stopping: no new sessions; running sessions are terminated in {left} at the latest (`{at_once}`: now)"


def _usage(status: Status, now: datetime) -> Iterator[str]:
    if status.head is None:
        return
    yield ""
    yield usage_line(status)
    if status.estimated_completion is not None:
        left = in_words(status.estimated_completion - now)
        yield f"Estimated completion: {day_time(status.estimated_completion, now)}, in {left}"


def usage_line(status: Status) -> str:
    """`Usage: $1.20 and $0.90 reserved, 14 sessions`; a rehearsal's dollars are none."""
    if status.head is None:
        return "Usage: none"
    spent, reserved = money(status.head.spent_microusd), status.reserved_microusd
    note = " (rehearsal: not real money)" if status.rehearsal else ""
    sums = f"{spent} and {money(reserved)} reserved" if reserved else spent
    return f"Usage: {sums}{note}, {counted(status.head.sessions, 'session')}"


def _failed(status: Status) -> Iterator[str]:
    if status.failed:
        yield ""
        yield "Failed:"
    several = len(status.phases) > 1
    for failed in status.failed[:_MOST_FAILED]:
        where = f" in {clean(failed.phase)}" if several else ""
        tries = counted(failed.attempts, "attempt")
        yield f"  {shorten_id(failed.id, 60)}{where}, {tries}: {shorten(failed.reason, 200) or 'no reason recorded'}"
    if len(status.failed) > _MOST_FAILED:
        yield f"  and {len(status.failed) - _MOST_FAILED:,} more; `--json` lists all"


def _results(status: Status, manifest: str) -> Iterator[str]:
    if status.results or status.workbooks or status.edited:
        yield ""
    is_alive = status.state in ("running", "paused", "holding")
    report = about(status, manifest, "report")
    for result in status.results:
        of = f" of {clean(result.phase)}" if len(status.results) > 1 else ""
        yield f"Results{of}: {clean(result.target)}, {counted(result.records, 'record')}"
        if not result.is_current and not is_alive:
            count = f"{result.behind:,} accepted" if result.behind else f"{result.ahead:,} withdrawn"
            yield f"  out of date: {count} since it was written; `{report}` updates it"
    for book in status.workbooks:
        yield f"Workbook: {clean(book.target)}, {counted(book.rows, 'row')}"
        if book.problem is not None:
            hint = f"{book.problem.hint}, then " if book.problem.hint else ""
            yield clean(f"  not written: {book.problem.where}: {book.problem.message}; {hint}`{report}` writes it")
        elif book.behind and not is_alive:
            yield f"  out of date: {counted(book.behind, 'change')} since it was written; `{report}` updates it"
    if status.edited:
        yield f"batch_progress.json was edited; edits have no effect; the edited copy is {status.edited[-1]}"


def _last_run(status: Status, now: datetime) -> Iterator[str]:
    head = status.head
    if head is None or status.state not in ("stopped", "finished") or head.run == 0:
        return
    yield ""
    if head.run_is_open:
        yield f"Run {head.run} did not shut down cleanly (killed, or the host went down)"
    elif head.run_ended_at is not None:
        when = day_time(head.run_ended_at, now)
        ended = head.run_message
        why = clean(text_of(ended)) if ended is not None else ""
        if ended is not None and ended.kind in ("finished", "nothing_left") and _has_more_to_do(status):
            why += f"; {counted(status.counts.pending, clean(head.noun))} reopened since"
        yield f"Run {head.run} ended {when} with exit code {head.run_exit_code}: {why}"


BOUND_WORDS: Final[Mapping[Bound, str]] = {
    "budget": "raise `budget`",
    "caps": "raise `caps`",
    "deadline": "set a later `deadline`",
}


def step_line(step: NextStep, manifest: str) -> str:
    """``raise `budget` in job.yaml, then `harness launch` ``."""
    first = f"`{step.resume}`, then " if step.resume else ""
    if step.reached is not None:
        first += f"{BOUND_WORDS[step.reached]} in {manifest}, then "
    return first + " or ".join(f"`{command}`" for command in step.commands)
