"""Takes records of other jobs of the manifest over, before anything is started: judged by the checks of today, free.

An item takes what another job has made of the same id, row and input records when it was asked the same (prompt,
instructions, vars), if that is not too old and every check accepts it now. It is made as ever when there is nothing, or
nothing that is accepted. What was taken over in its turn is not passed on, so that no record looks younger than it is.
"""

import re
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.base.clock import to_text
from harness.base.errors import HarnessError
from harness.base.ids import AttemptId, ItemId
from harness.base.instances import VAR
from harness.base.job_home import JobHome
from harness.base.state import refuse_linked
from harness.core.events import Event, ItemAccepted
from harness.core.settle import recover
from harness.core.types import Accepted, Artifact, BatchRef
from harness.core.work import Produced
from harness.job.fingerprint import fingerprint_like
from harness.job.job import Job
from harness.job.prompt_names import named_in
from harness.ledger import entry_queries
from harness.ledger.contents import contents_of
from harness.ledger.flow import follow
from harness.ledger.job_queries import recorded_fingerprint
from harness.ledger.open_attempts import member_of
from harness.ledger.reuse_queries import Offer, Wanted, fresh_items, input_of, offer_for, phase_called
from harness.ledger.store import opened_for_reading
from harness.planning.work import work_to_judge
from harness.supervisor.judgement import store_accepted, verdicts_on
from harness.supervisor.run_context import JobContext


@dataclass(frozen=True, slots=True)
class _Taken:
    """Offers of one attempt for items of one batch of ours."""

    state: Path
    batch: BatchRef
    offers: tuple[Offer, ...]


async def reuse(run: JobContext, roots: set[str] | None, edited: Collection[str] = ()) -> list[int]:
    """Take over what there is for the items that come from `roots` (None = all) and not from `edited`; returns the
    phases that have got records.

    One transaction for each attempt whose records are taken. A ledger that cannot be read offers nothing.
    """
    if run.job.reuse is None:
        return []
    given: list[int] = []
    for phase in run.job.phases[: run.until]:  # what is taken over in one makes the items of the next
        waiting = [each for each in fresh_items(run.ledger.db, phase.number) if each.root not in edited]
        fresh = [each for each in waiting if roots is None or each.root in roots]
        for taken in _grouped(_newest(run, phase.name, fresh), fresh):
            if await _take(run, taken):
                given.append(phase.number)
    return sorted(set(given))


def _newest(run: JobContext, name: str, fresh: Sequence[Wanted]) -> dict[ItemId, tuple[Path, Offer]]:
    """For each item the newest offer that is young enough."""
    spec, now = run.job.reuse, run.clock.now()
    best: dict[ItemId, tuple[Path, Offer]] = {}
    if spec is None or not fresh:
        return best
    for state in spec.states:
        if state == run.job.state:
            continue
        for offer in _offers(run, state, name, fresh):
            is_young = now - offer.made_at <= spec.within
            if is_young and (offer.item not in best or best[offer.item][1].made_at < offer.made_at):
                best[offer.item] = (state, offer)
    return best


def _offers(run: JobContext, state: Path, name: str, fresh: Sequence[Wanted]) -> list[Offer]:
    try:
        with ExitStack() as stack:
            ledger = JobHome(refuse_linked(state)).ledger
            db = stack.enter_context(opened_for_reading(ledger))
            theirs = ArtifactStore(JobHome(state).artifacts, stack.enter_context(closing(contents_of(ledger))))
            phase = phase_called(db, name)
            if phase is None or not _asks_the_same(run.job, db, name):
                return []
            found = [(wanted, offer) for wanted in fresh if (offer := offer_for(db, phase, wanted)) is not None]
            return [
                offer
                for wanted, offer in found
                if input_of(db, theirs, phase, wanted) == input_of(run.ledger.db, run.store, wanted.batch.phase, wanted)
            ]
    except (OSError, ValueError, TypeError, HarnessError):
        return []


def _asks_the_same(job: Job, db: sqlite3.Connection, name: str) -> bool:
    """Prompt, instructions and vars: what one client was told is nothing for another. Outputs are judged anyway.

    The name of the instance counts where the prompt names it.
    """
    recorded = recorded_fingerprint(db)
    now = fingerprint_like(recorded, job)
    phase = next(phase for phase in job.phases if phase.name == name)
    told = re.compile(rf"(phases\.{re.escape(name)}\.)?session\.(prompt|instructions)|vars\..*")
    is_named = phase.session.asks_model and named_in(phase.session.prompt).has_var(VAR)
    fields = {field for field in (*recorded, *now) if told.fullmatch(field)} - (set() if is_named else {f"vars.{VAR}"})
    return all(recorded.get(field) == now.get(field) for field in fields)


def _grouped(best: dict[ItemId, tuple[Path, Offer]], fresh: Sequence[Wanted]) -> Iterator[_Taken]:
    """What one attempt offers for one batch is judged together."""
    groups: dict[tuple[Path, AttemptId, BatchRef], list[Offer]] = {}
    for wanted in fresh:
        if wanted.item in best:
            state, offer = best[wanted.item]
            groups.setdefault((state, offer.attempt, wanted.batch), []).append(offer)
    for (state, _, batch), offers in groups.items():
        yield _Taken(state, batch, tuple(offers))


async def _take(run: JobContext, taken: _Taken) -> bool:
    """Judge what the attempt left by the checks of today, and record what they accept; False when it is nothing."""
    items = tuple(offer.item for offer in taken.offers)
    first = taken.offers[0]
    try:
        if not _copied(run.store, taken.state, first.artifacts):
            return False
    except (OSError, HarnessError):
        return False
    db = run.ledger.db
    work = work_to_judge(run.job, db, run.store, taken.batch, items, entry_queries.last_seq(db) + 1)
    judgement = await verdicts_on(run, work, Produced(first.artifacts, (), taken.state / first.folder))
    if not any(isinstance(verdict, Accepted) for verdict in judgement.verdicts.values()):
        return False
    spans = store_accepted(run.store, work, judgement)
    members = [member_of(db, taken.batch.phase, item) for item in items]
    events = [_with_source(event, taken) for event in recover(0, taken.batch, members, judgement, spans)]
    with run.ledger.transaction() as transaction:
        transaction.record(events)
        follow(transaction, taken.batch.phase, taken.batch.number)
    return bool(events)


def _with_source(event: Event, taken: _Taken) -> Event:
    if not isinstance(event, ItemAccepted):
        return event
    offer = next(offer for offer in taken.offers if offer.item == event.item)
    made = {"source_attempt": int(offer.attempt), "made_at": to_text(offer.made_at), "model": offer.model}
    return replace(event, source=taken.state.name, **made)  # type: ignore[arg-type]  # names of its own fields


def _copied(store: ArtifactStore, state: Path, artifacts: Sequence[Artifact]) -> bool:
    """Put the frozen outputs into our own store; False when one of them is not what its name says."""
    with closing(contents_of(JobHome(state).ledger)) as contents:
        theirs = ArtifactStore(JobHome(state).artifacts, contents)
        for artifact in artifacts:
            with theirs.open(artifact.sha) as source:
                if store.put_pieces(iter(partial(source.read, 1 << 20), b"")).sha != artifact.sha:
                    return False
    return True
