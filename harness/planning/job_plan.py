"""Plan a new job, or compare a known one with what the manifest says today; before the first start."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness import __version__
from harness.core.events import (
    BatchPlanned,
    Event,
    ItemAdded,
    JobExtended,
    JobPlanned,
    PlannedPhase,
)
from harness.core.run_events import FingerprintKept
from harness.core.types import Item
from harness.job.fingerprint import Fingerprint, fingerprint
from harness.job.job import Job
from harness.ledger import batch_queries, item_queries, run_queries
from harness.ledger.edits import EditedRow, edit_rows
from harness.ledger.store import Ledger, Transaction
from harness.planning.batches import batches_of
from harness.planning.changes import changes_since, is_the_same, row_of
from harness.planning.choice import Choice
from harness.planning.preconditions import (
    EVERYTHING,
    NOTHING_SAID,
    Again,
    KnownJob,
    Look,
    check,
    refuse,
    refuse_bad_prompts,
    refuse_like_ids,
)
from harness.planning.select import Selection
from harness.planning.selections import made, selected, skipped
from harness.sources.read import digest_of_source, read


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a person agreed to when a changed job goes on; recorded when what a lost run left open is settled."""

    kept: FingerprintKept | None = None
    rows: tuple[EditedRow, ...] = ()
    again: bool = False
    """Failed and done items are made again with these rows, too."""

    def record(self, ledger: Ledger, who: str) -> set[int]:
        """One transaction; returns the phases that have lost accepted records."""
        with ledger.transaction() as transaction:
            if self.kept is not None:
                transaction.record([self.kept])
            return edit_rows(transaction, self.rows, who, again=self.again)


def plan_or_check(
    job: Job, ledger: Ledger, look: Look, again: Again = NOTHING_SAID, choice: Choice = EVERYTHING
) -> Agreed:
    """Plan the job if it is new; else compare it with its plan.

    UsageError with every problem that `preconditions.check` finds, and nothing is written then. What was agreed to is
    not recorded yet.
    """
    source = digest_of_source(job)  # before the items are read: a file that changes meanwhile is read again next time
    if ledger.is_planned() and is_the_same(job, ledger.db, source):
        refuse(check(job, None, choice, replace(look, known=KnownJob(ledger.db))))
        return Agreed()
    items = read(job, look.bounded).items
    if not ledger.is_planned():
        refuse(check(job, items, choice, look))
        selection = selected(job, items)
        plan_job(job, ledger, selection.chosen, fingerprint(job), source, selection)
        return Agreed()
    known = KnownJob(ledger.db, changes_since(job, ledger.db, items), again)
    refuse(check(job, items, choice, replace(look, known=known)))
    if again.add and known.unplanned(items):
        extension = known.extension(job, items)
        _add(job, ledger, extension.chosen, source, extension)
    return _agreed(job, items, known)


def _agreed(job: Job, items: Sequence[Item], known: KnownJob) -> Agreed:
    """What was said to the changes; none is left out, and the edited rows are those of today."""
    changes, again = known.changes, known.again
    left_out = () if again.add else known.unplanned(items)
    kept = replace(changes, edited=() if again.changed else changes.edited, added=() if again.add else changes.added)
    event = FingerprintKept(
        dict(fingerprint(job)),
        source=changes.source,
        left_out=len(left_out),
        settings=job.settings,
        rows=kept.rows(),
        changes=kept.listed(),
    )
    return Agreed(event if event.changes else None, tuple(each.row for each in known.edited()), again.changed)


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
    refuse_like_ids(job, item_queries.first_phase_items(ledger.db), items)
    refuse_bad_prompts(job, items)
    _add(job, ledger, items, source, selection)


def _add(job: Job, ledger: Ledger, items: Sequence[Item], source: str, selection: Selection | None) -> None:
    planned = item_queries.first_phase_items(ledger.db)
    with ledger.transaction() as transaction:
        transaction.record([JobExtended(len(items), len(planned), source)])
        _plan_behind(transaction, job, items)
        _leave_out(transaction, job, selection)


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
