"""One attempt: its spec out of the ledger, its start, and its settling; each of the last two is one transaction."""

import json
import secrets
import uuid
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from harness.base.errors import LedgerDamagedError
from harness.base.ids import AttemptId, ItemId, Sha, Token
from harness.core.claims import of_asked_models
from harness.core.events import AttemptEnded, AttemptStarted
from harness.core.faults import UNKNOWN, classify
from harness.core.open_attempt import Span
from harness.core.reserve import cost_cap, most_cost, reservation, turns_cap
from harness.core.settle import settle
from harness.core.symptoms import Symptoms
from harness.core.types import AttemptSpec, BatchView, Ending, Fault, Json, Judgement, Rejected, SessionFacts
from harness.executors.attempt_folder import AttemptFolder
from harness.executors.local import facts_left
from harness.job.job import Job, PhaseSpec
from harness.ledger import attempt_queries, batch_queries, entry_queries, item_queries, run_queries
from harness.ledger.attempt_queries import Unsettled
from harness.ledger.flow import follow
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.open_attempts import checks_raised, open_attempt
from harness.ledger.pieces import Piece, context_pieces
from harness.ledger.run_queries import Used
from harness.prompts.render import render, uses_context
from harness.supervisor.judgement import store_accepted, verdicts_on
from harness.supervisor.run_context import RunContext


@dataclass(frozen=True, slots=True)
class Identity:
    """What distinguishes one attempt from all others. `before_seq`: its context is what was accepted before."""

    attempt: AttemptId
    token: Token
    session_id: str
    folder: str
    before_seq: int


def cap_reached(job: Job, used: Used, running: int, phase: int) -> str | None:
    """The cap that one more session of this phase would go beyond, in words; None when there is room."""
    caps = job.bounds.caps
    if caps.sessions is not None and used.sessions >= caps.sessions:
        return f"the cap of {caps.sessions} sessions is reached"
    per_session = turns_cap(job, job.phase(phase)) or 0
    if caps.turns is not None and used.turns + (running + 1) * per_session > caps.turns:
        return f"the cap of {caps.turns} turns cannot hold another session of {per_session}"
    if caps.tokens is not None and used.tokens >= caps.tokens:
        return f"the cap of {caps.tokens} tokens is reached"
    return None


def new_identity(run: RunContext, group: ReadyGroup) -> Identity:
    """A fresh identity for the next attempt of a group."""
    db = run.ledger.db
    attempt = run_queries.run_state(db).next_attempt
    label = f"b{group.batch.number:03d}" + (f".{group.batch.part}" if group.batch.part else "")
    folder = f"attempts/{attempt:06d}-p{group.batch.phase}-{label}"
    return Identity(attempt, Token(secrets.token_hex(16)), str(uuid.uuid4()), folder, entry_queries.last_seq(db) + 1)


def make_spec(run: RunContext, group: ReadyGroup, identity: Identity) -> AttemptSpec:
    """Everything that the executor needs: a function of the ledger, the store and the manifest.

    UsageError when the prompt cannot be rendered for these items.
    """
    job, db = run.job, run.ledger.db
    phase = job.phase(group.batch.phase)
    items = item_queries.items_of(db, group, run.store, job.folder)
    reasons = item_queries.reasons_of(db, group)
    context = context_of(run, group, phase, identity.before_seq)
    folder = job.state / identity.folder
    rendered = render(
        phase,
        job.vars,
        items,
        BatchView.of(group.batch, items, batch_queries.positions(db, group.batch)),
        reasons,
        context,
        f"{run.executor.work_path(folder)}/{phase.output.file}",
    )
    return AttemptSpec(
        id=identity.attempt,
        token=identity.token,
        group=group.id,
        batch=group.batch,
        phase_name=phase.name,
        items=items,
        tries=group.tries,
        reasons=reasons,
        prompt=rendered.prompt,
        instructions=rendered.instructions,
        session_id=identity.session_id,
        session=replace(phase.session, max_turns=turns_cap(job, phase)),
        output=phase.output,
        context=context,
        cost_cap_usd=cost_cap(job),
        max_output_tokens=job.max_output,
        folder=folder,
        readable=job.readable,
        rehearsal=job.rehearsal,
        prompt_sha=rendered.sha,
    )


def context_of(run: RunContext, group: ReadyGroup, phase: PhaseSpec, before_seq: int) -> dict[str, list[Json]]:
    """What the checks and the prompt of a group see of what was accepted before that entry; empty when unused."""
    needs_it = uses_context(phase) or any(check.kind in ("python", "command") for check in phase.output.checks)
    if not needs_it and phase.session.backend != "command":
        return {}
    by_phase = context_pieces(run.ledger.db, group, before_seq)
    return {name: _records(run, pieces) for name, pieces in by_phase.items()}


def _records(run: RunContext, pieces: list[Piece]) -> list[Json]:
    """The records of pieces in order; each fragment is read once."""
    fragments: dict[Sha, bytes] = {}
    records: list[Json] = []
    for piece in pieces:
        if piece.sha not in fragments:
            fragments[piece.sha] = run.store.get(piece.sha)
        lines = fragments[piece.sha][piece.offset : piece.offset + piece.length_bytes].splitlines()
        records.extend(json.loads(line) for line in lines)
    return records


def start(run: RunContext, group: ReadyGroup, *, lead: bool = False) -> AttemptSpec:
    """Render, reserve, and commit the start; nothing has been spent when this returns, but everything is written."""
    spec = make_spec(run, group, new_identity(run, group))
    run.ledger.record(
        AttemptStarted(
            attempt=spec.id,
            token=spec.token,
            group=group.id,
            phase=group.batch.phase,
            number=group.batch.number,
            part=group.batch.part,
            items=tuple(group.items),
            session_id=spec.session_id,
            backend=spec.session.backend,
            model=spec.session.model,
            prompt_sha=spec.prompt_sha,
            reserved_microusd=reservation(run.job, run.job.phase(group.batch.phase)),
            folder=spec.folder.relative_to(run.job.state).as_posix(),
            lead=lead,
        )
    )
    return spec


async def judge_and_settle(run: RunContext, spec: AttemptSpec, ending: Ending) -> None:
    """Judge what was frozen, and settle the attempt."""
    settle_as_judged(run, spec, ending, await verdicts_on(run, spec, ending.artifacts, ending.output_faults))


def settle_as_judged(run: RunContext, spec: AttemptSpec, ending: Ending, judgement: Judgement) -> AttemptEnded:
    """Store the accepted records, and commit the end of the attempt with all that follows; returns what was recorded
    of the end."""
    ending, judgement = of_asked_models(ending, judgement)
    return _settle(run, spec.id, ending, judgement, store_accepted(run.store, spec, judgement))


def _settle(
    run: RunContext, attempt: AttemptId, ending: Ending, judgement: Judgement, spans: Mapping[ItemId, Span]
) -> AttemptEnded:
    open_ = open_attempt(run.ledger.db, attempt, run.job.strikes)
    open_ = replace(open_, most_microusd=most_cost(run.job, run.job.phase(open_.batch.phase)))
    if judgement.doubted_check is not None:
        open_ = replace(open_, checks_raised=checks_raised(run.ledger.db, open_.batch.phase))
    events = settle(open_, ending, judgement, spans, run.clock.now())
    with run.ledger.transaction() as transaction:
        transaction.record(events)
        follow(transaction, open_.batch.phase, open_.batch.number)
    ended = events[-1]
    assert isinstance(ended, AttemptEnded), "settle says last how the attempt ended"
    return ended


async def salvage(run: RunContext, lost: Unsettled) -> tuple[AttemptSpec, Ending]:
    """What an attempt that a lost supervisor left open had been given, and what it has left."""
    spec = _spec_again(run, lost)
    return spec, await run.executor.salvage(spec)


def settle_unjudgeable(run: RunContext, taken_back: Container[tuple[int, ItemId]]) -> None:
    """Settle as ones that left nothing those open attempts on these items of which it is lost what they had been given.

    What they left could be judged if a backup were restored: only for items (phase, id) that a person takes back.
    """
    for lost in attempt_queries.unsettled(run.ledger.db):
        if not any((lost.group.batch.phase, item) in taken_back for item in lost.group.items):
            continue
        try:
            _spec_again(run, lost)
        except LedgerDamagedError as error:
            session = run.job.phase(lost.group.batch.phase).session
            facts = facts_left(session, lost.session_id, AttemptFolder(run.job.state / lost.folder))
            unseen = Ending((), (), classify(Symptoms(lost=True)), facts, timedelta(0), (error.message,))
            nothing = {item: Rejected((), missing=True) for item in lost.group.items}
            _settle(run, lost.attempt, unseen, Judgement(nothing, usable=False), {})


def _spec_again(run: RunContext, lost: Unsettled) -> AttemptSpec:
    identity = Identity(lost.attempt, lost.token, lost.session_id, lost.folder, lost.started_seq)
    if (run.job.state / lost.folder).is_symlink():  # what is tidied away must be its own
        raise LedgerDamagedError(f"{run.job.state / lost.folder} is a link; no version of harness has made that")
    return make_spec(run, lost.group, identity)


def ending_of_a_broken_executor(error: Exception) -> Ending:
    """An error of ours where none is allowed: it costs no item anything."""
    fault = Fault(UNKNOWN, "host", f"the executor failed: {type(error).__name__}: {error}")
    return Ending((), (), fault, SessionFacts(), timedelta(0))
