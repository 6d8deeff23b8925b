"""What a manifest asks for, in a few lines: the outline that `check` prints."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from harness.base.durations import in_words
from harness.base.spelling import nearest_of
from harness.base.texts import shown
from harness.base.workbook import WorkbookError
from harness.core.money import in_words as money
from harness.core.money import to_micro
from harness.core.reserve import reservation
from harness.job.bounds import Bounds, Deadline
from harness.job.job import Job, PhaseSpec, WriteBackSpec
from harness.planning.batches import batches_of
from harness.planning.earlier_outputs import not_in, not_in_as_json
from harness.planning.pilot_batches import spread
from harness.planning.select import Selection
from harness.planning.workbook_layout import added_columns
from harness.sources.rows import SourceError
from harness.views.selection_text import kind_left_out, selection_line
from harness.views.wording import at_moment, clean, counted, listed

_LONGEST = 60
"""Characters of a value in a line."""


def outline(job: Job, selection: Selection, now: datetime) -> Iterator[str]:
    """One line per part of the job: items, batches, each phase, money; a deadline for a run that begins now."""
    first, items = job.phases[0], selection.chosen
    batches = len(batches_of(job, items))
    by = f" as in {clean(shown(job.plan_file))}" if job.plan_file is not None else ""
    source = shown(job.items.file) if job.items.file is not None else job.items.files or ""
    yield f"job       {clean(job.name)}{' (rehearsal)' if job.rehearsal else ''}"
    yield f"items     {counted(len(items), clean(job.noun))} from {clean(source)}: {listed([i.id for i in items])}"
    yield f"fields    {listed(list(items[0].data), 12)}" if items else "fields    none"
    if job.items.select is not None and selection.left_out:
        yield f"select    {_selected(selection)}"
    for line in not_in_lines(job):
        yield f"select    {line}"
    yield f"batches   {batches:,} of at most {first.batch_size}{by}, {job.parallel} at once, {job.strikes} strikes"
    for phase in job.phases:
        yield from _phase(job, phase)
    if job.reuse is not None and (names := [each.name for each in job.reuse.states if each != job.state]):
        yield f"reuse     of {listed(names)}, what is not older than {in_words(job.reuse.within)}"
    yield f"money     {money_line(job)}"
    for line in cell_lines(job):
        yield f"cell      {line}"
    if job.pilot is not None:
        yield f"pilot     {pilot_line(spread(batches, job.pilot))}"
    if bounds := gate_line(job.gate, now):
        yield f"gate      {bounds}"


def _selected(selection: Selection) -> str:
    """What was chosen, and how many were left out for what."""
    chosen, kinds = len(selection.chosen), Counter(each.why for each in selection.left_out)
    counts = {name or "": number for name, number in selection.counts().items()}
    skipped = ", ".join(f"{number:,} {kind_left_out(why)}" for why, number in kinds.items())
    return f"{selection_line(chosen, chosen + len(selection.left_out), counts)}; skipped: {skipped}"


def outline_as_json(job: Job, selection: Selection, warnings: Sequence[str]) -> dict[str, Any]:
    """The same for programs; `items` are the ids in their final order."""
    return {
        "schema_version": 1,
        "job": job.name,
        "rehearsal": job.rehearsal,
        "noun": job.noun,
        "items": selection.ids(),
        "categories": dict(selection.categories),
        "skipped": [{"item": each.item.id, "why": each.why, **each.facts} for each in selection.left_out],
        "not_in": not_in_as_json(job),
        "warnings": list(warnings),
        "batch_size": job.phases[0].batch_size,
        "phases": [_phase_as_json(phase) for phase in job.phases],
        "cells": cells_as_json(job),
    }


def cell_lines(job: Job) -> Iterator[str]:
    """`vars.strategy = "10 a batch", inputs.xlsx:Inputs!B2`, a line for each value that comes out of a workbook."""
    for cell in job.cells:
        value = json.dumps(cell.value, ensure_ascii=False)
        yield clean(f"{cell.field} = {value if len(value) <= _LONGEST else value[:_LONGEST] + '...'}, {cell.place}")


def cells_as_json(job: Job) -> list[dict[str, Any]]:
    """The same for programs, with the whole values."""
    return [{"field": cell.field, "place": cell.place, "value": cell.value} for cell in job.cells]


def _phase_as_json(phase: PhaseSpec) -> dict[str, Any]:
    return {
        "name": phase.name,
        "backend": phase.session.backend,
        "model": phase.session.model,
        "checks": check_names(phase),
        "merge": str(phase.output.merge) if phase.output.merge else None,
        "write_back": str(phase.output.write_back.to) if phase.output.write_back else None,
    }


def _phase(job: Job, phase: PhaseSpec) -> Iterator[str]:
    if len(job.phases) > 1:
        yield f"phase     {phase.name}{_follows(job, phase)}"
    session, output = phase.session, phase.output
    if not session.asks_model:
        yield f"session   command: {clean(' '.join(session.command))}"
    else:
        where = ", at a terminal" if session.is_interactive else ""
        yield f"session   {clean(session.model or 'no model')}{where}, tools {', '.join(session.tools) or 'none'}"
    merge = f", merged into {clean(shown(output.merge))}" if output.merge else ", not merged"
    yield f"output    {clean(output.file)} ({output.shape}), {checks_line(phase)}{merge}"
    if (back := output.write_back) is not None:
        where = "the workbook itself, " if back.in_place else ""
        new = new_columns(back)
        columns = ", ".join(f"{name} = {path}{new.get(name, '')}" for name, path in back.columns.items())
        yield clean(f"workbook  {columns}, written into {where}{shown(back.to)}")


def _follows(job: Job, phase: PhaseSpec) -> str:
    if phase.from_ is None:
        return ""
    before = job.phase(phase.from_).name
    what = "items" if phase.noun == "item" else f"items, each a {clean(phase.noun)}"
    made = f", derives its own {what}" if phase.rows is not None else ""
    waits = {
        "own": f"batch N waits for batch N of {before}",
        "earlier": f"batch N waits for batches 1 to N of {before}",
        "previous": f"batch N waits for batches 1 to N of {before} and for batch N-1",
    }
    if phase.select is not None:
        top = f"the top {phase.select.top:,} of them" if phase.select.top else "the selected ones"
        return f" from {before}{made}; when all of {before} is settled, {top} are processed"
    return f" from {before}{made}; {waits[phase.needs]}"


def checks_line(phase: PhaseSpec) -> str:
    """`checks: schema, jq, python overlaps`, or the word unchecked."""
    names = check_names(phase)
    return f"checks: {', '.join(names)}" if names else "unchecked"


def pilot_line(ahead: Sequence[int]) -> str:
    """`batches 1, 17, 34 run first, then the cost and time of the rest are estimated`."""
    which = "batch 1 runs" if ahead == (1,) else f"batches {listed([str(number) for number in ahead])} run"
    return f"{which} first, then the cost and time of the rest are estimated"


def gate_line(bounds: Bounds, now: datetime) -> str:
    """What else keeps sessions from starting; "" when nothing does."""
    return ", ".join(_bounds(bounds, now))


def _bounds(bounds: Bounds, now: datetime) -> Iterator[str]:
    """What else keeps sessions from starting, as the manifest names it."""
    if bounds.rate is not None:
        yield f"at most {bounds.rate.starts} starts in {in_words(bounds.rate.per)}"
    if bounds.window is not None:
        yield f"starts from {bounds.window.opens_at:%H:%M} to {bounds.window.closes_at:%H:%M} only"
    if bounds.deadline is not None:
        yield f"ends {_at(bounds.deadline, now)}"
    if bounds.stop_at is not None:
        yield f"holds at {bounds.stop_at:.0%} of a plan"
    for name in ("sessions", "turns", "tokens"):
        if (most := getattr(bounds.caps, name)) is not None:
            yield f"at most {most:,} {name}"


def _at(deadline: Deadline, now: datetime) -> str:
    match deadline.at:
        case timedelta():
            return f"{in_words(deadline.at)} after its start"
        case datetime():
            return f"on {deadline.at:%Y-%m-%d at %H:%M}"
        case time():
            return at_moment(deadline.moment(now), now)


def check_names(phase: PhaseSpec) -> list[str]:
    """In the order in which they are applied."""
    schema = ["schema"] if phase.output.schema is not None else []
    evidence = ["evidence"] if phase.output.evidence else []
    return [*schema, *(f"python {c.python[1]}" if c.python else c.kind for c in phase.output.checks), *evidence]


def money_line(job: Job) -> str:
    """What one session reserves, and the most that can be spent."""
    if job.rehearsal:
        return "a rehearsal costs nothing"
    if job.is_free():
        return _own_programs_line(job)
    reserved = max(reservation(job, phase) for phase in job.phases)
    most = f"at most {money(to_micro(job.budget))} in all, the budget" if job.budget is not None else "no budget is set"
    return f"one session reserves at most {money(reserved)} (its cap and one worst response); {most}"


def _own_programs_line(job: Job) -> str:
    charged = "only `command` sessions: their usage.json is charged"
    if job.budget is None:
        return f"{charged}; no budget is set"
    reserved = max(reservation(job, phase) for phase in job.phases)
    each = f", each reserves {money(reserved)}" if reserved else ""
    return f"{charged}; nothing starts beyond {money(to_micro(job.budget))}, the budget{each}"


def not_in_lines(job: Job) -> Iterator[str]:
    """One for each phase that selects."""
    for each in not_in(job):
        read = f"not_in: {counted(each.files, 'file')}, {counted(each.records, 'record')}"
        yield read if each.phase is None else f"{clean(each.phase)}: {read}"


def new_columns(back: WriteBackSpec) -> dict[str, str]:
    """Columns that the workbook has not got -> ` (new column)`, with the one that may be meant."""
    try:
        added, there = added_columns(back)
    except (SourceError, WorkbookError):
        return {}
    free = [name for name in there if name not in back.columns]
    near = {name: nearest_of(name, free) for name in added}
    return {name: f" (new column; did you mean {near[name]}?)" if near[name] else " (new column)" for name in added}
