"""The work of a group, out of the manifest, the ledger and the store: what prompts and judges are asked with."""

import sqlite3

from harness.base.artifacts import ArtifactStore
from harness.base.ids import GroupId, ItemId
from harness.base.slices import Fragments
from harness.core.types import BatchRef, Json
from harness.core.work import Work
from harness.job.job import Job, PhaseSpec
from harness.ledger import batch_queries, item_queries
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.pieces import context_pieces
from harness.prompts.render import uses_context
from harness.prompts.retry_words import words_of


def work_of(job: Job, db: sqlite3.Connection, store: ArtifactStore, group: ReadyGroup, before_seq: int) -> Work:
    """What a group is asked for, with what was accepted before that entry as its context.

    LedgerDamagedError when the records that it builds on are gone.
    """
    phase = job.phase(group.batch.phase)
    return Work(
        phase=phase,
        batch=group.batch,
        items=item_queries.items_of(db, group, store, job.folder),
        positions=batch_queries.positions(db, group.batch),
        tries=group.tries,
        reasons={id_: tuple(map(words_of, why)) for id_, why in item_queries.reasons_of(db, group).items()},
        context=_context(phase, db, store, group, before_seq),
    )


def work_to_judge(
    job: Job, db: sqlite3.Connection, store: ArtifactStore, batch: BatchRef, items: tuple[ItemId, ...], before_seq: int
) -> Work:
    """The work of some items of a batch, for a judge of what is there already; places and reasons are left out."""
    phase = job.phase(batch.phase)
    group = ReadyGroup(GroupId(0), batch, items, 0, late=True)
    known = item_queries.items_of(db, group, store, job.folder)
    return Work(phase, batch, known, context=_context(phase, db, store, group, before_seq))


def _context(
    phase: PhaseSpec, db: sqlite3.Connection, store: ArtifactStore, group: ReadyGroup, before_seq: int
) -> dict[str, list[Json]]:
    """What the checks and the prompt of a group see of what was accepted before that entry; empty when unused."""
    needs_it = uses_context(phase) or any(check.kind in ("python", "command") for check in phase.output.checks)
    if not needs_it and not phase.session.kind.gets_items_file:
        return {}
    with Fragments(store) as fragments:
        return {
            name: [record for piece in pieces for record in fragments.records(piece.slice)]
            for name, pieces in context_pieces(db, group, before_seq).items()
        }
