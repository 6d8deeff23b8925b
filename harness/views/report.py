"""The report: Markdown for people, CSV files and a workbook; written into one folder."""

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from harness.base.durations import in_words
from harness.base.files import write_atomic
from harness.base.instances import origin_of
from harness.base.job_home import JobHome
from harness.base.nouns import plural
from harness.core.money import in_words as money
from harness.core.money import to_usd
from harness.ledger import money_queries
from harness.ledger.attempt_queries import fingerprints_of_accepted
from harness.ledger.item_queries import blocked_items, out_of_order
from harness.ledger.lock import is_held
from harness.ledger.phase_queries import phase_names
from harness.ledger.pieces import newest_merges, set_aside
from harness.ledger.reuse_queries import reused
from harness.ledger.selection_queries import counts_of_skipped
from harness.views import facts
from harness.views.ledger_reading import reading
from harness.views.messages import text_of
from harness.views.pilot_text import pilot_lines
from harness.views.reason_words import reasons_text
from harness.views.report_tables import CellValue, as_csv, tables
from harness.views.report_workbook import as_workbook
from harness.views.selection_text import kind_left_out
from harness.views.status import Status, status_of
from harness.views.status_text import counts_line
from harness.views.wording import clean, counted, date_time

_MOST_ROWS = 200
_MOST_DEAR = 5
_MARKS = re.compile(r"([\\`*{}\[\]<>|~&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")
"""All that can mean something within a line; an underscore inside a word cannot."""

_MARKED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class JobToday:
    """What the manifest asks for today: `lines` are name and value; `unchecked` names phases without any check."""

    lines: tuple[tuple[str, str], ...]
    unchecked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """The report as Markdown, and the files that were written."""

    markdown: str
    files: tuple[Path, ...]
    status: Status

    @property
    def text(self) -> str:
        """The same to be read as it stands, on a terminal: without the backslashes of `mark`."""
        return _MARKED.sub(r"\1", self.markdown)


def write_report(state: Path, folder: Path, asked: JobToday, now: datetime) -> Written:
    """Write report.md, items.csv, attempts.csv, failures.csv, costs.csv and report.xlsx into `folder`, which is there.

    One view of the ledger for all of them. UsageError when nothing is planned yet.
    """
    held = is_held(JobHome(state).lock)
    with reading(state) as db:
        status = replace(status_of(db, now, is_held=held), instance=origin_of(state).instance)
        markdown = "\n".join(_markdown(db, status, asked, now)) + "\n"
        contents = {"report.md": markdown.encode()}
        contents |= {f"{t.name}.csv": as_csv(t) for t in tables(db, rehearsal=status.rehearsal)}
        summary = list(_summary(status, asked, now))
        contents["report.xlsx"] = as_workbook(summary, tables(db, rehearsal=status.rehearsal))
    prefix = "rehearsal-" if status.rehearsal else ""
    files = []
    for name, content in contents.items():
        files.append(folder / f"{prefix}{name}")
        write_atomic(files[-1], content, mode=None)
    return Written(markdown, tuple(files), status)


def headline(status: Status) -> str:
    """One honest sentence: what is done, what is not, and whether the job is over."""
    over = {
        "finished": "The job is finished",
        "stopped": "The job is not finished: it was stopped and can continue",
        "new": "The job has not been run yet",
    }.get(status.state, f"The job is not finished: it is {status.state}")
    return f"{over}. {counts_line(status)}."


def _summary(status: Status, asked: JobToday, now: datetime) -> Iterator[tuple[str, CellValue]]:
    if status.rehearsal:
        yield "rehearsal", "everything in this file comes from a rehearsal; no model was called"
    yield "job", clean(status.job)
    yield "report of", date_time(now)
    yield "headline", headline(status)
    for state in ("pending", "running", "done", "failed", "blocked", "skipped"):
        yield state, getattr(status.counts, state)
    if status.head is not None:
        yield "cost in dollars", float(to_usd(status.head.spent_microusd))
        yield "sessions", status.head.sessions
    for name, value in asked.lines:
        yield name, clean(value)
    for phase in asked.unchecked:
        yield "unchecked", clean(phase)


def _markdown(db: sqlite3.Connection, status: Status, asked: JobToday, now: datetime) -> Iterator[str]:
    yield f"# {mark(status.job)}{': rehearsal' if status.rehearsal else ''}"
    yield ""
    if status.rehearsal:
        yield "**Rehearsal.** No model was called; every record, cost and figure below is simulated."
        yield ""
    yield f"**{mark(headline(status))}** Report of {date_time(now)}."
    yield ""
    if (said := facts.pilot(db)) is not None and status.head is not None:
        yield f"Pilot: {mark(' '.join(pilot_lines(said)))}"
        yield f"So far: {money(status.head.spent_microusd)}, {mark(counts_line(status))}."
        yield ""
    if asked.unchecked:
        names = ", ".join(map(mark, asked.unchecked))
        yield f"**unchecked**: {names} has no check; there, done means only that a well-formed record came back."
        yield ""
    changes = facts.unauthorized_changes(db)
    yield from _section("Unauthorized changes", _table(("attempt", "what changed"), changes))
    yield from _section("Configuration", _table(("", ""), asked.lines))
    yield from _section("Counts", _counts(status))
    yield from _section("Failed", _failed(status))
    yield from _section("Blocked", _table(("phase", "item", "reason"), _blocked(db)))
    yield from _section("Selected", _table(("phase", "selected", "of", "categories"), facts.selections(db)))
    yield from _section("Skipped", _table(("phase", "items", "reason"), _skipped(db)))
    yield from _section("Merged", _merged(db))
    yield from _section("Reused", _taken_over(db, status, now))
    yield from _section("Usage", _usage(db, status))
    yield from _section("Runs", _runs(db, status))
    yield from _section("Holds", _holds(db))
    yield from _section("Review", _reviews(db))
    yield from _section("Out of order", _joined_late(db))
    yield from _section("Changes to the job", _changed(db))
    yield from _section("Upgrades", _upgrades(db))
    yield from _section("Notes", _table(("attempt", "note"), facts.noted(db)))


def mark(text: str) -> str:
    """Text as Markdown that means nothing but itself; one line."""
    return _MARKS.sub(r"\\\1", clean(text))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Nothing at all when there is nothing to say."""
    body = list(lines)
    if body:
        yield from (f"## {title}", "", *body, "")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A Markdown table; empty without rows, cut above 200 with the number that is missing."""
    rows = list(rows)
    if not rows:
        return
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows[:_MOST_ROWS]:
        yield f"| {' | '.join(mark('' if cell is None else str(cell)) for cell in row)} |"
    if len(rows) > _MOST_ROWS:
        yield ""
        yield f"and {len(rows) - _MOST_ROWS:,} more: the CSV files list all"


def _taken_over(db: sqlite3.Connection, status: Status, now: datetime) -> Iterator[str]:
    """What other jobs of the manifest have made, and how old the oldest of it is."""
    if (found := reused(db)) is not None:
        days = max(0, (now - found.oldest).days)
        noun = status.phases[0].noun if status.phases else "item"
        yield f"{counted(found.items, mark(noun))} reused, the oldest {counted(days, 'day')} old."
        yield ""
        yield from _table(("from", "items"), found.sources)


def _counts(status: Status) -> Iterator[str]:
    states = ("done", "failed", "blocked", "skipped", "running", "pending")
    rows = [
        (phase.name, f"{phase.counts.total:,} {plural(phase.noun)}", *(getattr(phase.counts, s) for s in states))
        for phase in status.phases
    ]
    return _table(("phase", "items", *states), rows)


def _failed(status: Status) -> Iterator[str]:
    rows = [(f.id, f.phase, f.attempts, f.reason or "no reason recorded") for f in status.failed]
    return _table(("item", "phase", "attempts", "reason"), rows)


def _blocked(db: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    return ((each.phase, each.item, reasons_text(each.reasons)) for each in blocked_items(db))


def _skipped(db: sqlite3.Connection) -> Iterator[tuple[str, int, str]]:
    names = phase_names(db)
    yield from ((names[phase], number, kind_left_out(why)) for phase, why, number in counts_of_skipped(db))


def _merged(db: sqlite3.Connection) -> Iterator[str]:
    rows = [(each.phase, each.target, each.records, each.sha[:16]) for each in newest_merges(db)]
    yield from _table(("phase", "file", "records", "SHA-256"), rows)
    if found := set_aside(db):
        yield ""
    for each in found:
        yield f"- {mark(each.target)} was modified outside Harness; the previous content is kept as {mark(each.name)}"


def _usage(db: sqlite3.Connection, status: Status) -> Iterator[str]:
    if status.head is None:
        return
    sums, spent = money_queries.spending(db), status.head.spent_microusd
    played = " (rehearsal: not real money)" if status.rehearsal else ""
    yield f"- {counted(status.head.sessions, 'session')}, {money(spent)} charged{played}"
    yield from _told_and_counted(db)
    yield from _overspent(db, spent)
    if status.reserved_microusd:
        whose = "run now" if status.current else "were killed with their run; the next launch settles them"
        yield f"- {money(status.reserved_microusd)} reserved for sessions that {whose}"
    if sums.not_told:
        of_the_sum = f"{money(sums.not_told_microusd)} of the total is their reservations"
        charged = f"{of_the_sum}, an upper bound" if sums.not_told_microusd else "nothing was reserved"
        yield f"- **{counted(sums.not_told, 'session')} reported no cost**: {charged}"
    yield (
        f"- tokens: {sums.input_tokens:,} input, {sums.cache_read_tokens:,} cache read, "
        f"{sums.cache_write_tokens:,} cache write, {sums.output_tokens:,} output"
    )


def _told_and_counted(db: sqlite3.Connection) -> Iterator[str]:
    """Of the sessions of which both are known: only these can be compared."""
    both = [
        (each.told, each.counted)
        for each in money_queries.cost_sources(db).values()
        if each.told is not None and each.counted is not None
    ]
    if both:
        told, own = (money(sum(amounts)) for amounts in zip(*both, strict=True))
        yield f"- reported by {counted(len(both), 'session')}: {told}; counted from their requests: {own}"
        more = sum(max(0, own - told) for told, own in both)
        if more:
            yield f"- {money(more)} of the total was counted but not reported: interrupted responses are billed too"


def _overspent(db: sqlite3.Connection, spent: int) -> Iterator[str]:
    """Only what a session tells after its end can go beyond the budget: what it was allowed was reserved before."""
    began = facts.runs(db)
    budget = began[-1].began.budget_microusd if began else None
    if budget is not None and spent > budget:
        dear = [
            f"session {each.attempt} cost {money(each.charged)}, more than its reservation of {money(each.reserved)}"
            for each in money_queries.beyond_reservation(db, _MOST_DEAR)
        ]
        yield f"- **spent {money(spent)} of {money(budget)}**: {'; '.join(dear) or 'the budget was lowered later'}"


def _runs(db: sqlite3.Connection, status: Status) -> Iterator[str]:
    rows = []
    found = facts.runs(db)
    for run in found:
        ended = "running" if run.number == len(found) and status.current else "killed, or the host went down"
        if run.ended is not None and run.ended_at is not None:
            took = in_words(run.ended_at - run.started_at)
            ended = f"after {took}, exit code {run.ended.exit_code}: {text_of(run.ended.message)}"
        began = run.began
        budget = money(began.budget_microusd) if began.budget_microusd is not None else "none"
        started = f"{date_time(run.started_at)} on {began.host}"
        rows.append((run.number, started, ended, began.parallel, budget, began.sandbox, began.credential))
    return _table(("run", "started", "ended", "parallel", "budget", "sandbox", "credential"), rows)


def _holds(db: sqlite3.Connection) -> Iterator[str]:
    rows = [(date_time(hold.placed_at), date_time(hold.until), text_of(hold.message)) for hold in facts.holds(db)]
    return _table(("placed", "until", "reason"), rows)


def _reviews(db: sqlite3.Connection) -> Iterator[str]:
    rows = [(date_time(at), phase, item, what) for at, phase, item, what in facts.review_entries(db)]
    return _table(("when", "phase", "item", "what"), rows)


def _joined_late(db: sqlite3.Connection) -> Iterator[str]:
    late = [(each.phase, each.item) for each in out_of_order(db)]
    if late:
        yield "Reopened or recovered, so processed out of order; no other record used them as context."
        yield ""
    yield from _table(("phase", "item"), late)


def _upgrades(db: sqlite3.Connection) -> Iterator[str]:
    if found := facts.upgrades(db):
        yield "Records accepted earlier are unchanged."
        yield ""
        yield from _table(("run", "version", "previous version", "derived differently from the manifest"), found)


def _changed(db: sqlite3.Connection) -> Iterator[str]:
    rows = [(date_time(each.at), "; ".join(each.differences)) for each in facts.kept(db)]
    if not rows:
        return
    yield from _table(("when", "change"), rows)
    yield ""
    sources = fingerprints_of_accepted(db)
    yield from _table(
        ("from attempt", "items accepted under that version of the job"), [(s.first, s.items) for s in sources]
    )
