"""A run summary in Markdown with front matter, in the form of document 002; every word of it is out of the ledger."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from harness.base.clock import to_text
from harness.base.durations import in_words
from harness.base.job_home import JobHome
from harness.core.money import in_words as money
from harness.core.money import to_usd
from harness.ledger.lock import is_held
from harness.views import facts
from harness.views.change_text import kept_lines
from harness.views.ledger_reading import reading
from harness.views.report import JobToday, headline, mark
from harness.views.results import results
from harness.views.selection_text import selection_line
from harness.views.status import Status, status_of
from harness.views.wording import clean, counted

_MOST_FAILED = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """`front_matter` as YAML has it; `sections`: title -> lines, in order."""

    title: str
    headline: str
    front_matter: Mapping[str, Any]
    sections: Mapping[str, Sequence[str]]


def summary(state: Path, asked: JobToday, now: datetime) -> Summary:
    """Of the job so far. UsageError when nothing is planned yet."""
    held = is_held(JobHome(state).lock)
    with reading(state) as db:
        status = status_of(db, now, is_held=held)
        runs = facts.runs(db)
        sections = {
            "Performance": _performance(status, runs),
            "Accomplishments": list(_accomplishments(db, status)),
            "Files Created": [f"`{each.target}`: {counted(each.records, 'record')}" for each in results(db)],
            "Decisions Made": [f"{name}: {mark(value)}" for name, value in asked.lines],
            "Deviations from Plan": [mark(line) for line in _deviations(db)],
            "Issues Encountered": list(_issues(status)),
            "Next Phase Readiness": [mark(headline(status))],
        }
        return Summary(status.job, headline(status), _front_matter(db, status, runs), sections)


def _front_matter(db: sqlite3.Connection, status: Status, runs: Sequence[facts.Run]) -> dict[str, Any]:
    counts = {name: getattr(status.counts, name) for name in ("done", "failed", "blocked", "skipped", "pending")}
    found: dict[str, Any] = {
        "phase": clean(status.phases[-1].name),
        "plan": clean(status.job),
        "subsystem": "harness",
        "rehearsal": status.rehearsal,
        "provides": [clean(each.target) for each in results(db)],
        "phases": [clean(phase.name) for phase in status.phases],
        "counts": counts,
    }
    if status.head is not None:
        found |= {"cost_usd": float(to_usd(status.head.spent_microusd)), "sessions": status.head.sessions}
    if runs:
        ended = runs[-1].ended_at
        found |= {"started": to_text(runs[0].started_at), "completed": to_text(ended) if ended else None}
        found["duration"] = in_words(sum_of(runs)) if ended else None
    return found


def sum_of(runs: Sequence[facts.Run]) -> Any:
    """How long all runs that have ended took together."""
    spans = [run.ended_at - run.started_at for run in runs if run.ended_at is not None]
    return sum(spans[1:], spans[0]) if spans else None


def _performance(status: Status, runs: Sequence[facts.Run]) -> list[str]:
    lines = [f"Runs: {len(runs)}"]
    if runs:
        lines.append(f"Started: {to_text(runs[0].started_at)}")
        if runs[-1].ended_at is not None:
            lines += [f"Completed: {to_text(runs[-1].ended_at)}", f"Duration: {in_words(sum_of(runs))}"]
    if status.head is not None:
        lines += [f"Sessions: {status.head.sessions:,}", f"Cost: {money(status.head.spent_microusd)}"]
    return lines


def _accomplishments(db: sqlite3.Connection, status: Status) -> Iterator[str]:
    for phase in status.phases:
        if phase.counts.done:
            yield f"{mark(phase.name)}: {counted(phase.counts.done, clean(phase.noun))} done of {phase.counts.total:,}"
    for name, chosen, of, categories in facts.selections(db):
        kinds = f", by category: {mark(categories)}" if categories else ""
        yield f"{mark(name)}: {selection_line(chosen, of, {})}{kinds}"


def _deviations(db: sqlite3.Connection) -> Iterator[str]:
    for event in facts.fingerprints_kept(db):
        yield f"continued with a changed job: {clean('; '.join(kept_lines(event)))}"


def _issues(status: Status) -> Iterator[str]:
    for failed in status.failed[:_MOST_FAILED]:
        yield f"{mark(failed.id)} failed in {mark(failed.phase)}: {mark(failed.reason or 'no reason recorded')}"
    if len(status.failed) > _MOST_FAILED:
        yield f"and {len(status.failed) - _MOST_FAILED:,} more"


def summary_lines(found: Summary) -> Iterator[str]:
    """Markdown: the front matter, YAML whose values are JSON, between two lines of dashes, a heading, and each
    section."""
    yield "---"
    yield from (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in found.front_matter.items())
    yield "---"
    yield ""
    yield f"# {mark(found.title)} Summary"
    yield ""
    yield f"**{mark(found.headline)}**"
    for title, lines in found.sections.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield from (f"- {line}" for line in lines or ("None",))
