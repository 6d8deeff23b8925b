"""One attempt: its spec out of the ledger, its start, and its settling; each of the last two is one transaction."""

import secrets
import uuid
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from harness.backends.registry import facts_left
from harness.backends.session import Paths
from harness.base.errors import LedgerDamagedError
from harness.base.ids import AttemptId, ItemId, Token
from harness.base.job_home import attempt_folder
from harness.base.slices import Slice
from harness.core.claims import of_asked_models
from harness.core.events import AttemptEnded, AttemptStarted
from harness.core.fault_kinds import FaultKind
from harness.core.faults import classify
from harness.core.messages import Message, message
from harness.core.reserve import cost_cap, most_cost, reservation, turns_cap
from harness.core.settle import settle
from harness.core.symptoms import Symptoms
from harness.core.types import Ending, Fault, Judgement, Rejected, SessionFacts
from harness.core.work import AttemptSpec, Caps, Produced, Work
from harness.job.job import Job
from harness.ledger import attempt_queries, entry_queries, run_queries
from harness.ledger.attempt_queries import Unsettled
from harness.ledger.flow import follow
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.open_attempts import checks_raised, open_attempt
from harness.ledger.run_queries import Used
from harness.planning.work import work_of
from harness.prompts.render import render
from harness.supervisor.judgement import store_accepted, verdicts_on
from harness.supervisor.run_context import JobContext, RunContext


@dataclass(frozen=True, slots=True)
class Identity:
    """What distinguishes one attempt from all others. `before_seq`: its context is what was accepted before."""

    attempt: AttemptId
    token: Token
    session_id: str
    folder: str
    before_seq: int


def cap_reached(job: Job, used: Used, running: int, phase: int) -> Message | None:
    """The cap that one more session of this phase would go beyond; None when there is room."""
    caps = job.bounds.caps
    if caps.sessions is not None and used.sessions >= caps.sessions:
        return message("cap_sessions", cap=caps.sessions)
    per_session = turns_cap(job, job.phase(phase)) or 0
    if caps.turns is not None and used.turns + (running + 1) * per_session > caps.turns:
        return message("cap_turns", cap=caps.turns, used=used.turns, needed=per_session)
    if caps.tokens is not None and used.tokens >= caps.tokens:
        return message("cap_tokens", cap=caps.tokens, used=used.tokens)
    return None


def new_identity(run: RunContext, group: ReadyGroup) -> Identity:
    """A fresh identity for the next attempt of a group."""
    db = run.ledger.db
    attempt = run_queries.run_state(db).next_attempt
    folder = attempt_folder(attempt, group.batch.phase, group.batch.number, group.batch.part)
    return Identity(attempt, Token(secrets.token_hex(16)), str(uuid.uuid4()), folder, entry_queries.last_seq(db) + 1)


def spec_of(run: RunContext, work: Work, identity: Identity) -> AttemptSpec:
    """Everything that the executor needs. UsageError when the prompt cannot be rendered for these items."""
    job = run.job
    folder = job.state / identity.folder
    return AttemptSpec(
        id=identity.attempt,
        token=identity.token,
        session_id=identity.session_id,
        folder=folder,
        work=work,
        rendered=render(
            work, job.vars, f"{run.executor.work_path(folder)}/{work.output.file}", job.derived_from(work.phase.number)
        ),
        caps=Caps(cost_cap(job), turns_cap(job, work.phase), job.max_output),
        readable=job.readable,
        rehearsal=job.rehearsal,
    )


def start(run: RunContext, group: ReadyGroup, *, lead: bool = False) -> AttemptSpec:
    """Render, reserve, and commit the start; nothing has been spent when this returns, but everything is written."""
    identity = new_identity(run, group)
    work = work_of(run.job, run.ledger.db, run.store, group, identity.before_seq)
    spec = spec_of(run, work, identity)
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
            prompt_sha=spec.rendered.sha,
            reserved_microusd=reservation(run.job, run.job.phase(group.batch.phase)),
            folder=spec.folder.relative_to(run.job.state).as_posix(),
            lead=lead,
        )
    )
    return spec


async def judge_and_settle(run: RunContext, spec: AttemptSpec, ending: Ending) -> None:
    """Judge what was frozen, and settle the attempt."""
    produced = Produced(ending.artifacts, ending.output_faults, spec.folder)
    settle_as_judged(run, spec, ending, await verdicts_on(run, spec.work, produced))


def settle_as_judged(run: RunContext, spec: AttemptSpec, ending: Ending, judgement: Judgement) -> AttemptEnded:
    """Store the accepted records, and commit the end of the attempt with all that follows; returns what was recorded
    of the end."""
    ending, judgement = of_asked_models(ending, judgement)
    return _settle(run, spec.id, ending, judgement, store_accepted(run.store, spec.work, judgement))


def _settle(
    run: JobContext, attempt: AttemptId, ending: Ending, judgement: Judgement, spans: Mapping[ItemId, Slice]
) -> AttemptEnded:
    open_ = open_attempt(run.ledger.db, attempt, run.job.strikes)
    open_ = replace(open_, most_microusd=most_cost(run.job, run.job.phase(open_.batch.phase)))
    if judgement.raised_check is not None:
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
    spec = spec_of_lost(run, lost)
    return spec, await run.executor.salvage(spec)


def spec_of_lost(run: RunContext, lost: Unsettled) -> AttemptSpec:
    identity = Identity(lost.attempt, lost.token, lost.session_id, lost.folder, lost.started_seq)
    return spec_of(run, _work_again(run, lost), identity)


def settle_unjudgeable(run: JobContext, taken_back: Container[tuple[int, ItemId]]) -> None:
    """Settle as ones that left nothing those open attempts on these items of which it is lost what they had been given.

    What they left could be judged if a backup were restored: only for items (phase, id) that a person takes back.
    """
    for lost in attempt_queries.unsettled(run.ledger.db):
        if not any((lost.group.batch.phase, item) in taken_back for item in lost.group.items):
            continue
        try:
            _work_again(run, lost)
        except LedgerDamagedError as error:
            session = run.job.phase(lost.group.batch.phase).session
            facts = facts_left(session, lost.session_id, Paths.of(run.job.state / lost.folder))
            unseen = Ending((), (), classify(Symptoms(lost=True)), facts, timedelta(0), (_damaged(error),))
            nothing = {item: Rejected((), missing=True) for item in lost.group.items}
            _settle(run, lost.attempt, unseen, Judgement(nothing, usable=False), {})


def _damaged(error: LedgerDamagedError) -> Message:
    return message("ledger_damaged", detail=error.message)


def _work_again(run: JobContext, lost: Unsettled) -> Work:
    if (run.job.state / lost.folder).is_symlink():  # what is tidied away must be its own
        raise LedgerDamagedError(f"{run.job.state / lost.folder} is a link; no version of harness has made that")
    return work_of(run.job, run.ledger.db, run.store, lost.group, lost.started_seq)


def ending_of_a_broken_executor(error: Exception) -> Ending:
    """An error of ours where none is allowed: it costs no item anything."""
    why = message("executor_failed", error=f"{type(error).__name__}: {error}")
    fault = Fault(FaultKind.UNKNOWN, "host", (why,))
    return Ending((), (), fault, SessionFacts(), timedelta(0))
