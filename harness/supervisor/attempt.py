"""One attempt: its spec out of the ledger, its start, and its settling; each of the last two is one transaction."""

import secrets
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from harness.base.ids import AttemptId, ItemId, Token
from harness.base.slices import Slice
from harness.core.claims import of_asked_models
from harness.core.events import AttemptEnded, AttemptStarted
from harness.core.fault_kinds import FaultKind
from harness.core.messages import Message, message
from harness.core.reserve import cost_cap, most_cost, reservation, turns_cap
from harness.core.settle import settle
from harness.core.types import BatchRef, Ending, Fault, Judgement, SessionFacts
from harness.core.work import AttemptSpec, Identity, SessionCaps, Work
from harness.job.job import Job
from harness.ledger import entry_queries
from harness.ledger.flow import follow
from harness.ledger.group_queries import ReadyGroup
from harness.ledger.open_attempts import checks_raised, open_attempt
from harness.ledger.run_queries import Used
from harness.planning.work import work_of
from harness.prompts.render import render
from harness.supervisor.judgement import store_accepted
from harness.supervisor.run_context import JobContext, RunContext


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


def new_identity(job: Job, attempt: AttemptId, batch: BatchRef) -> Identity:
    """A fresh identity for an attempt at a group of this batch."""
    folder = job.home.attempt(attempt, batch.phase, batch.number, batch.part)
    return Identity(attempt, Token(secrets.token_hex(16)), str(uuid.uuid4()), folder)


def spec_of(run: RunContext, work: Work, identity: Identity) -> AttemptSpec:
    """Everything that the executor needs. UsageError when the prompt cannot be rendered for these items."""
    job = run.job
    path = f"{run.executor.work_path(identity.folder)}/{work.output.file}"
    return AttemptSpec(
        identity=identity,
        work=work,
        rendered=render(work, job.vars, path, job.derived_from(work.phase.number)),
        caps=SessionCaps(cost_cap(job), turns_cap(job, work.phase), job.max_output),
        readable=job.readable,
        rehearsal=job.rehearsal,
    )


def start(run: RunContext, attempt: AttemptId, group: ReadyGroup, *, lead: bool = False) -> AttemptSpec:
    """Render, reserve, and commit the start; nothing has been spent when this returns, but everything is written."""
    work = work_of(run.job, run.ledger.db, run.store, group, entry_queries.last_seq(run.ledger.db) + 1)
    spec = spec_of(run, work, new_identity(run.job, attempt, group.batch))
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


def settle_as_judged(
    run: JobContext, attempt: AttemptId, work: Work, ending: Ending, judgement: Judgement
) -> AttemptEnded:
    """Store the accepted records, and commit the end of the attempt with all that follows; returns what was recorded
    of the end."""
    ending, judgement = of_asked_models(ending, judgement)
    return settle_end(run, attempt, ending, judgement, store_accepted(run.store, work, judgement))


def settle_end(
    run: JobContext, attempt: AttemptId, ending: Ending, judgement: Judgement, spans: Mapping[ItemId, Slice]
) -> AttemptEnded:
    """Commit the end of an attempt whose accepted records are stored."""
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


def ending_of_a_broken_executor(error: Exception) -> Ending:
    """An error of ours where none is allowed: it costs no item anything."""
    why = message("executor_failed", error=f"{type(error).__name__}: {error}")
    fault = Fault(FaultKind.UNKNOWN, "host", (why,))
    return Ending((), (), fault, SessionFacts(), timedelta(0))
