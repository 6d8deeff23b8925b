"""Plan a new job, or compare a known one with what the manifest says today; before the first start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from harness import __version__
from harness.base.commands import LAUNCH, NextCommand
from harness.base.errors import Problem, UsageError
from harness.base.ids import ItemId
from harness.base.texts import shown
from harness.core.events import (
    BatchPlanned,
    Event,
    ItemAdded,
    JobExtended,
    JobPlanned,
    PlannedPhase,
)
from harness.core.item_ids import folded
from harness.core.money import in_words, to_micro
from harness.core.names import same_file
from harness.core.prices import known_names, price_of
from harness.core.reserve import reservation
from harness.core.run_events import FingerprintKept
from harness.core.types import Item
from harness.core.work import Work
from harness.evaluation.bounded import Bounded
from harness.job.fingerprint import Fingerprint, fingerprint
from harness.job.job import Job
from harness.job.pydantic_errors import nearest
from harness.ledger import batch_queries, item_queries, run_queries
from harness.ledger.edits import Row, edit_rows
from harness.ledger.selection_queries import candidates
from harness.ledger.store import Ledger, Transaction
from harness.outputs.possible import impossible
from harness.planning.batches import batches_of
from harness.planning.changes import changes_since, is_the_same, refusal, row_of
from harness.planning.choice import Choice, batches_known, refuse_unknown
from harness.planning.output_targets import refuse_foreign_targets
from harness.planning.select import Selection
from harness.planning.selections import made, selected, skipped
from harness.planning.workbook_layout import refuse_foreign_copies
from harness.prompts import render
from harness.sources.read import digest_of_source, read

_EVERYTHING = Choice()


@dataclass(frozen=True, slots=True)
class Again:
    """What a person said about a job that was planned before. `changed`: edited items are made again with their rows of
    today. `launch` is the command that was given, without these switches."""

    keep: bool = False
    add: bool = False
    changed: bool = False
    launch: NextCommand = LAUNCH


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a person agreed to when a changed job goes on; recorded when what a lost run left open is settled."""

    kept: FingerprintKept | None = None
    rows: tuple[Row, ...] = ()
    again: bool = False
    """Failed and done items are made again with these rows, too."""

    def record(self, ledger: Ledger, who: str) -> set[int]:
        """One transaction; returns the phases that have lost accepted records."""
        with ledger.transaction() as transaction:
            if self.kept is not None:
                transaction.record([self.kept])
            return edit_rows(transaction, self.rows, who, again=self.again)


def plan_or_check(
    job: Job, ledger: Ledger, bounded: Bounded, again: Again = Again(), choice: Choice = _EVERYTHING
) -> Agreed:
    """Plan the job if it is new; else refuse changed items and changed shaping fields, unless told otherwise.

    UsageError with every difference, or for a choice that names nothing; nothing is written then. What was agreed to
    is not recorded yet.
    """
    refuse_unpriced_fallbacks(job)
    refuse_small_budget(job)
    source = digest_of_source(job)  # before the items are read: a file that changes meanwhile is read again next time
    if ledger.is_planned() and is_the_same(job, ledger.db, source):
        known = item_queries.selected_items(ledger.db)
        source_ids = item_queries.first_phase_items(ledger.db)
        refuse_unknown(job, known, choice, batches_known(job, (), ledger.db), source_ids)
        return Agreed()
    items = read(job, bounded).items
    if not ledger.is_planned():
        selection = selected(job, items)
        batches = batches_known(job, selection.chosen)
        refuse_unknown(job, selection.ids(), choice, batches, [str(item.id) for item in items])
        refuse_foreign_targets(job, ledger)
        refuse_foreign_copies(job)
        refuse_bad_prompts(job, selection.chosen)
        refuse_impossible(job, selection.chosen, bounded)
        plan_job(job, ledger, selection.chosen, fingerprint(job), source, selection)
        return Agreed()
    changes = changes_since(job, ledger.db, items)
    is_refused = (
        (changes.others and not again.keep)
        or (changes.edited and not (again.changed or again.keep))
        or (changes.added and not (again.add or again.keep))
    )
    if is_refused:
        raise UsageError([refusal(job, changes, again.launch)])
    not_planned = {item.id for item in (*changes.added, *changes.left_out)}
    unplanned = tuple(item for item in items if item.id in not_planned)
    new = unplanned if again.add else ()
    extension = selected(job, new, candidates(ledger.db, 1)[1]) if new else Selection(())
    planned = item_queries.selected_items(ledger.db)
    batches = batches_known(job, extension.chosen, ledger.db)
    refuse_unknown(job, [*planned, *extension.ids()], choice, batches, [str(item.id) for item in items])
    if new or changes.others:
        refuse_same_files(job, planned, extension.chosen)
    if new:
        add_items(job, ledger, extension.chosen, source, extension)
    left_out = () if again.add else unplanned
    edited = (*changes.edited, *(changes.as_planned if again.changed else ()))
    rows = tuple(each.row for each in edited)
    refuse_bad_prompts(job, [item for item in items if str(item.id) in {row.item for row in rows}])
    told = replace(changes, edited=() if again.changed else changes.edited, added=() if again.add else changes.added)
    kept = FingerprintKept(
        dict(fingerprint(job)),
        source=changes.source,
        left_out=len(left_out),
        settings=job.settings,
        rows=told.rows(),
        changes=told.listed(),
    )
    return Agreed(kept if kept.changes else None, rows, again.changed)


def must_be_able_to_start(job: Job, items: Sequence[Item], choice: Choice) -> None:
    """For a job that is about to start anew: UsageError for what would be refused when nothing is there any more."""
    refuse_unpriced_fallbacks(job)
    refuse_small_budget(job)
    selection = selected(job, items)
    batches = batches_known(job, selection.chosen)
    refuse_unknown(job, selection.ids(), choice, batches, [str(item.id) for item in items])
    refuse_bad_prompts(job, selection.chosen)


def refuse_bad_prompts(job: Job, items: Sequence[Item]) -> None:
    """Render the prompt of every first-phase batch (0.15 ms each). UsageError with the first few problems."""
    first = job.phases[0]
    batches = batches_of(job, items)
    groups = (Work(first, batch.ref, batch.items, (batch.first, batch.last)) for batch in batches)
    if problems := render.check(job.vars, groups):
        raise UsageError(problems)


def refuse_impossible(job: Job, items: Sequence[Item], bounded: Bounded) -> None:
    """UsageError where a check refuses the ids of items, which every record of theirs has to carry."""
    problems: list[Problem] = []
    of_source: set[int] = set()
    for phase in job.phases:
        if phase.rows is not None or (phase.from_ is not None and phase.from_ not in of_source):
            continue  # its ids are made on the way
        of_source.add(phase.number)
        found: dict[str, list[tuple[ItemId, str]]] = {}
        for where, id_, why in impossible(phase.output, [item.id for item in items], dict(job.vars), bounded):
            found.setdefault(where, []).append((id_, why))
        prefix = f"phases.{phase.name}." if len(job.phases) > 1 else ""
        for where, refused in found.items():
            id_, why = refused[0]
            more = f" (and so for {len(refused) - 1:,} more)" if len(refused) > 1 else ""
            message = f"{prefix}{where}: no record of the item {id_!r:.80} could ever pass{more}: {why}"
            problems.append(Problem(shown(job.manifest), message, "every record carries the id of its item, as a text"))
    if problems:
        raise UsageError(problems)


def refuse_small_budget(job: Job) -> None:
    """One reservation above the budget could never start."""
    if job.budget is None:
        return
    for phase in job.phases:
        needed = reservation(job, phase)
        if needed > to_micro(job.budget):
            message = (
                f"budget {in_words(to_micro(job.budget))} cannot pay for one session: a session of phase "
                f"{phase.name} reserves {in_words(needed)} (its cap and one worst response)"
            )
            raise UsageError(
                [Problem(shown(job.manifest), message, "raise budget, or lower budget_per_session or max_output")]
            )


def refuse_unpriced_fallbacks(job: Job) -> None:
    """A model that may answer must have a price, or nothing could be reserved for it."""
    problems = [
        Problem(
            shown(job.manifest),
            f"fallback {name!r} of phase {phase.name} has no price here{nearest(name, known_names())}",
            "name a model that has one, or leave fallback out: then no other model answers",
        )
        for phase in job.phases
        for name in phase.session.fallback
        if price_of(name) is None
    ]
    if problems:
        raise UsageError(problems)


def refuse_past_deadline(job: Job, now: datetime) -> None:
    """For a job that is about to be planned: a deadline that is a moment of the past lets nothing start."""
    deadline = job.gate.deadline
    if deadline is not None and deadline.moment(now) <= now:
        message = f"{deadline.in_words()} has passed, so nothing could start"
        raise UsageError([Problem(shown(job.manifest), message, "name a later one, or take it out")])


def plan_job(
    job: Job,
    ledger: Ledger,
    items: Sequence[Item],
    now: Fingerprint,
    source: str = "",
    selection: Selection | None = None,
) -> None:
    """One transaction: the job, every item, every batch of the first phase, and what the selection left out."""
    with ledger.transaction() as transaction:
        transaction.record([_job_planned(job, len(items), now, source)])
        _plan_behind(transaction, job, items)
        _leave_out(transaction, job, selection)


def add_items(
    job: Job, ledger: Ledger, items: Sequence[Item], source: str = "", selection: Selection | None = None
) -> None:
    """One transaction: new items of the source and their batches, behind all that were planned before.

    UsageError, and nothing is written, for ids that are too like old ones, and for prompts that cannot be rendered.
    """
    planned = item_queries.first_phase_items(ledger.db)
    known = {folded(item, exact=job.items.exact): item for item in planned}
    alike = [(item.id, known.get(folded(item.id, exact=job.items.exact))) for item in items]
    problems = [
        Problem(
            shown(job.manifest),
            f"the new item {str(new)!r} is called like {old!r}, which was planned before",
            "give it another id",
        )
        for new, old in alike
        if old is not None
    ]
    if problems:
        raise UsageError(problems)
    refuse_bad_prompts(job, items)
    with ledger.transaction() as transaction:
        transaction.record([JobExtended(len(items), len(planned), source)])
        _plan_behind(transaction, job, items)
        _leave_out(transaction, job, selection)


def refuse_same_files(job: Job, planned: Sequence[str], new: Sequence[Item]) -> None:
    """UsageError where parts of paths give two items one file, and one may have left the source since it was planned.

    Those that are in the source together were told apart when it was read.
    """
    for phase in job.phases:
        if found := same_file(phase.output.file, [*planned, *(item.id for item in new)]):
            old, other, name = found
            message = f"{old!r}, which was planned before, and {other!r} would both be written as {name!r}"
            raise UsageError([Problem(shown(job.manifest), message, "give the file of the new one another name")])


def _plan_behind(transaction: Transaction, job: Job, items: Sequence[Item]) -> None:
    """Places, batch numbers and groups go on where the last ones end."""
    db = transaction.db
    place, last = len(item_queries.first_phase_items(db)), batch_queries.batches_of_first_phase(db)
    group = run_queries.run_state(db).next_group
    for batch in batches_of(job, items):
        number = last + batch.number
        events: list[Event] = [
            _added(job, item, place + at, number) for at, item in enumerate(batch.items, batch.first)
        ]
        ids = tuple(str(item.id) for item in batch.items)
        transaction.record([*events, BatchPlanned(1, number, 0, ids, group + batch.number - 1)])


def _leave_out(transaction: Transaction, job: Job, selection: Selection | None) -> None:
    """What was left out is there, behind the others and in no batch."""
    if selection is None or job.items.select is None:
        return
    place = len(item_queries.first_phase_items(transaction.db))
    transaction.record([_added(job, each.item, place + at, 0) for at, each in enumerate(selection.left_out, 1)])
    transaction.record([*skipped(1, selection.left_out), made(1, selection)])


def _job_planned(job: Job, items: int, now: Fingerprint, source: str) -> JobPlanned:
    phases = tuple(
        PlannedPhase(
            p.number, p.name, p.noun, p.from_ or 0, p.needs, p.rows is not None, p.batch_size, p.select is not None
        )
        for p in job.phases
    )
    return JobPlanned(job.name, job.noun, job.rehearsal, __version__, dict(now), phases, items, source, job.settings)


def _added(job: Job, item: Item, place: int, number: int) -> ItemAdded:
    row = row_of(job, item)
    return ItemAdded(1, item.id, None, item.id, f"{place:08d}", number, row.data, row.sha, row.file)
