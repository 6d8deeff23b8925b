"""Harness as a library: load, check, plan, run, status and review, as coroutines that take and return values.

    job = await load("job.yaml", settings=["budget=$5"])
    problems = await check(job)                         # a list; a user's mistake is no exception here
    outcome = await run(job, on_event=print)            # cancel the task: a clean stop, and the next run goes on
    print((await status(job)).counts, outcome.exit_code)

Nothing here prints, starts an event loop, installs a signal handler or becomes a subreaper, and nothing is kept between
two calls: any number of jobs may run in one event loop. What is in `__all__` is public: it changes only with a line in
the changelog. Everything else of the package may change any day. The command line is the first user of this module.

All errors are `HarnessError`s. `UsageError` carries every problem as data (`problems`), and then nothing was started;
JobHeldError: another run holds the job; BrokenSetupError: this machine or the credential; LedgerDamagedError.
Who calls `run`, `check` or `review` vouches for the job's folder: `harness launch` asks a person before it runs the
checks and programs of a folder for the first time, a library cannot.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import overload

from harness.backends.credentials import RehearsedWeb, Supply, rehearsal_credential
from harness.backends.supply import find_supply
from harness.base.errors import (
    BrokenSetupError,
    HarnessError,
    JobHeldError,
    LedgerDamagedError,
    Problem,
    UsageError,
)
from harness.base.ids import ItemId
from harness.base.instances import state_folder as state_folder_of
from harness.base.reason import Reason
from harness.core.types import Item, SessionEvent
from harness.evaluation.bounded import Bounded
from harness.executors.containment import choose, choose_sandboxes, in_words, scene_sandbox
from harness.job.change import Change
from harness.job.job import Job
from harness.job.key_values import keys_of, refuse_missing_keys
from harness.job.load import load as load_manifest
from harness.job.synthetic import refuse_synthetic
from harness.ledger.lock import refuse_if_held
from harness.ledger.past_attempts import Acceptance
from harness.ledger.shared_holds import state_home
from harness.ledger.spool import who_am_i
from harness.ledger.withdrawal import Word
from harness.planning import dry_run, preconditions, state_folder
from harness.planning.changes import what_is_new
from harness.planning.choice import Choice
from harness.planning.dry_run import Tried
from harness.planning.kept_settings import settings_of_instance
from harness.planning.overview import Plan, plan_of, problems_of_job
from harness.planning.preconditions import EVERYTHING, NOTHING_SAID, Again, problems_of
from harness.planning.renamed import refuse_renamed
from harness.planning.state_folder import StartedOver
from harness.rehearsal.brief import Briefing
from harness.rehearsal.process import RehearsalServer
from harness.review.chosen_items import done_items, refuse_unrejected
from harness.review.rejudge import Rejudged, rejudge_job
from harness.review.selection import matching, parse
from harness.review.withdraw import refuse_other_changes, withdraw_from_job
from harness.supervisor.inbox import Inbox
from harness.supervisor.outcome import Finished
from harness.supervisor.run import run_job
from harness.supervisor.run_options import RunOptions
from harness.views.change_text import worded
from harness.views.ledger_reading import is_planned, reading
from harness.views.status import Status, new, read_status

__all__ = [
    "Again",
    "BrokenSetupError",
    "Choice",
    "Finished",
    "HarnessError",
    "Job",
    "JobHeldError",
    "LedgerDamagedError",
    "Plan",
    "Problem",
    "Redo",
    "Reject",
    "Rejudge",
    "Rejudged",
    "SessionEvent",
    "StartedOver",
    "Status",
    "Tried",
    "UsageError",
    "changes",
    "check",
    "load",
    "mock_api",
    "plan",
    "ready",
    "review",
    "run",
    "start_over",
    "status",
    "try_checks",
]


async def load(
    path: Path | str, *, settings: Sequence[str] = (), instance: str | None = None, rehearsal: bool = False
) -> Job:
    """The job of a manifest, with `settings` such as `vars.seeds=100` laid over those that its instance was planned
    with. Reads no items and writes nothing. UsageError with every problem of the manifest and of its items."""
    return await asyncio.to_thread(_load, Path(path), tuple(settings), instance, rehearsal)


def _load(path: Path, settings: tuple[str, ...], instance: str | None, rehearsal: bool) -> Job:
    kept = settings_of_instance(path, instance, rehearsal=rehearsal).settings
    read = partial(load_manifest, path, settings=(*kept, *settings), rehearsal=rehearsal, instance=instance)
    return preconditions.loaded(read)


async def check(
    job: Job,
    *,
    choice: Choice = EVERYTHING,
    again: Again = NOTHING_SAID,
    credential: Supply | None = None,
    starts_over: bool = False,
) -> list[Problem]:
    """Every problem that would keep `run` from starting, in one order; empty when there is none. Starts nothing.

    `starts_over`: what the job has written is moved away first. LedgerDamagedError for a ledger that was lost.
    """

    def problems() -> list[Problem]:
        found = problems_of_job(job, choice, again, partial(_weaknesses, job), starts_over=starts_over)
        mistakes: list[Callable[[], object]] = [
            partial(refuse_synthetic, job),
            partial(refuse_missing_keys, job),
            partial(_supply, job, credential),
        ]
        found += [problem for each in mistakes for problem in problems_of(each)]
        return list(dict.fromkeys(map(worded, found)))

    return await asyncio.to_thread(problems)


async def plan(job: Job, *, choice: Choice = EVERYTHING, again: Again = NOTHING_SAID, in_full: bool = False) -> Plan:
    """What `run` would do. Writes and starts nothing. `in_full` also tries what takes long, as `check` does.

    UsageError when the items cannot be read or selected: there is nothing to plan then.
    """
    planned = partial(plan_of, job, choice, again, partial(_weaknesses, job), in_full=in_full)
    found = await asyncio.to_thread(planned)
    return replace(found, problems=tuple(map(worded, found.problems)))


def _weaknesses(job: Job) -> list[str]:
    return in_words(choose(job), job)


async def changes(job: Job) -> list[Change]:
    """What has changed about a job since it was planned; empty when `run` goes on with it as it is. UsageError when the
    items cannot be read."""
    return await asyncio.to_thread(what_is_new, job)


async def try_checks(job: Job, items: Sequence[Item]) -> list[Tried]:
    """The checks of each phase on synthetic records of a few items, or on the user's samples; where they would run,
    with the keys of the job. Nothing is written."""

    def tried() -> list[Tried]:
        with closing(Bounded(sandboxes=choose_sandboxes(job), variables=keys_of(job))) as bounded:
            return list(dry_run.try_checks(job, items, bounded))

    return await asyncio.to_thread(tried)


async def start_over(job: Job) -> StartedOver | None:
    """Move the job's ledger, attempts and outputs to a backup folder; None where there is nothing. JobHeldError."""
    return await asyncio.to_thread(state_folder.start_over, job) if state_folder.has_state(job) else None


async def ready(job: Job, *, credential: Supply | None = None, starts_over: bool = False) -> Supply | None:
    """What sessions authenticate with; None when no phase needs it. Reads no items.

    UsageError for a name, keys or a credential that keep `run` from starting; JobHeldError.
    """
    return await asyncio.to_thread(_ready, job, credential, starts_over)


def _ignore(event: SessionEvent) -> None:
    """Nobody looks on."""


async def run(
    job: Job,
    *,
    choice: Choice = EVERYTHING,
    again: Again = NOTHING_SAID,
    credential: Supply | None = None,
    on_event: Callable[[SessionEvent], None] = _ignore,
    on_commit: Callable[[int], None] | None = None,
    inbox: Inbox | None = None,
) -> Finished:
    """Run the job until it is finished or stopped; the same call goes on with it later. Its exit code is a command's.

    Cancelled, it stops cleanly: nothing more starts, running sessions have the job's `grace` to end and are ended
    then; CancelledError comes when all of that is recorded. Cancelled again, they are ended at once.

    `credential`: by default what `harness launch` would use; for a rehearsal that of `mock_api`. `on_event` hears signs
    of life of the sessions and must not raise; the ledger is what counts. `on_commit` is called with the number of the
    newest ledger entry after each commit, and only wakes a reader that works elsewhere: the run waits for it. `inbox`:
    for other requests to stop.
    """
    supply = await ready(job, credential=credential)
    shared = None if job.rehearsal else state_home(os.environ, Path.home())
    with _in_words():
        return await run_job(job, RunOptions(supply, choice, again, shared), on_event, inbox, on_commit)


@contextmanager
def _in_words() -> Iterator[None]:
    """A refusal says what has changed about a job, also for people."""
    try:
        yield
    except UsageError as error:
        raise UsageError([worded(problem) for problem in error.problems]) from None


def _ready(job: Job, credential: Supply | None, starts_over: bool) -> Supply | None:
    refuse_if_held(job.state)
    looks = [partial(refuse_synthetic, job), partial(refuse_missing_keys, job)]
    looks += [] if starts_over else [partial(refuse_renamed, job)]
    preconditions.refuse([problem for look in looks for problem in problems_of(look)])
    return _supply(job, credential)


def _supply(job: Job, credential: Supply | None) -> Supply | None:
    """What sessions authenticate with. UsageError when there is none, and one is needed."""
    if credential is not None or job.is_free():
        return credential
    if job.rehearsal:
        hint = "`async with mock_api(job) as credential:` starts one"
        raise UsageError([Problem("credential", "a rehearsal needs the credential of a mock API", hint)])
    return find_supply(job, os.environ, Path.home(), state_home(os.environ, Path.home()))


@asynccontextmanager
async def mock_api(job: Job, *, faults: str = "", seed: int = 0) -> AsyncIterator[Supply | None]:
    """A mock Messages API for a rehearsal, a process of its own for the length of the block; the credential for it.

    None when every phase is a program of the user's. UsageError when the scene or `faults` are wrong.
    """
    if job.is_free():
        yield None
        return
    server = await RehearsalServer.start(job.state, job.scene, faults, seed, Briefing.of(job), scene_sandbox(job))
    async with server:
        yield rehearsal_credential(server.url, web=RehearsedWeb(*server.web))


async def status(job: Job | Path | str, *, instance: str | None = None, rehearsal: bool = False) -> Status:
    """Where a job stands: what is behind `harness status --json`; `as_json()` is that.

    With a path, the manifest itself is read only when the job was never launched.
    """
    return await asyncio.to_thread(_status, job, instance, rehearsal)


def _status(job: Job | Path | str, instance: str | None, rehearsal: bool) -> Status:
    if not isinstance(job, Job):
        state = state_folder_of(Path(job), instance, rehearsal=rehearsal)
        if is_planned(state):
            return read_status(state, datetime.now(UTC))
        job = _load(Path(job), (), instance, rehearsal)
    if is_planned(job.state):
        return read_status(job.state, datetime.now(UTC))
    return new(job.name, rehearsal=job.rehearsal, instance=job.instance)


@dataclass(frozen=True, slots=True)
class Rejudge:
    """Run the checks of today on what earlier attempts left of rejected items, and accept what passes now."""

    items: tuple[str, ...] = ()
    """None = all that were rejected."""
    only_look: bool = False
    """Change nothing, and judge the done items too."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Take accepted records out of the merge, and retry their items with `why` in the prompt."""

    items: tuple[str, ...]
    why: str
    phase: str = ""
    """Needed for an item that is done in several."""


@dataclass(frozen=True, slots=True)
class Redo:
    """Redo items whose records were produced by an older prompt, model or manifest."""

    where: tuple[str, ...]
    """As `harness redo --where`; all must hold."""


@overload
async def review(job: Job, asked: Rejudge) -> Rejudged: ...
@overload
async def review(job: Job, asked: Reject | Redo) -> tuple[Acceptance, ...]: ...
async def review(job: Job, asked: Rejudge | Reject | Redo) -> Rejudged | tuple[Acceptance, ...]:
    """Judge again or take back what earlier runs did; starts no session. Of Reject and Redo, what was taken back.

    The next `run` makes those again. JobHeldError while the job runs, UsageError for what cannot be done. Not to be
    cancelled half-way: all is one transaction, which is recorded or is not.
    """
    refuse_if_held(job.state)
    with _in_words():
        match asked:
            case Rejudge(items, only_look):
                with reading(job.state) as db:
                    refuse_unrejected(db, items, done_too=only_look)
                return await rejudge_job(job, [ItemId(item) for item in items] or None, only_look=only_look)
            case Reject(items, why, phase):
                with reading(job.state) as db:
                    taken = done_items(db, job.state, items, phase)
                word = Word(who_am_i(), why, (Reason.said(why),))
                return tuple(await withdraw_from_job(job, taken, word, keep=False))
            case Redo(where):
                conditions = parse(where, job)
                with reading(job.state) as db:
                    taken = matching(db, job, conditions)
                if not taken:
                    return ()
                await refuse_other_changes(job)
                word = Word(who_am_i(), f"redo where {' and '.join(where)}", kind="redo")
                return tuple(await withdraw_from_job(job, taken, word, keep=True))
