"""The rehearsal server beside a run, and what it has to say afterwards."""

import asyncio
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.backends.credentials import Credential, RehearsedWeb, rehearsal_credential
from harness.base.commands import NextCommand
from harness.base.reason import Reason
from harness.cli.options import Place
from harness.core.money import in_words as money
from harness.core.money import to_micro
from harness.core.rejections import type_of
from harness.executors.containment import scene_sandbox
from harness.job.job import Job, PhaseSpec
from harness.ledger import money_queries
from harness.ledger.item_queries import has_open_items, reasons_of_struck
from harness.ledger.job_queries import head
from harness.rehearsal.brief import Briefing
from harness.rehearsal.process import RehearsalServer
from harness.rehearsal.request_log import Account, account
from harness.views.ledger_reading import is_planned, reading
from harness.views.wording import clean, counted


@dataclass(frozen=True, slots=True)
class Serving:
    """A rehearsal server that runs, as a run needs it."""

    credential: Credential
    log: Path


@contextmanager
def serving(job: Job, faults: str, seed: int) -> Iterator[Serving | None]:
    """A server for the length of the block; none when every phase is a program of the user's.

    It is tended on a loop and thread of its own, because the run has the main ones.
    """
    if job.is_free():
        yield None
        return
    loop = asyncio.new_event_loop()
    tending = threading.Thread(target=loop.run_forever, name="rehearsal server", daemon=True)
    tending.start()
    try:
        starting = asyncio.run_coroutine_threadsafe(
            RehearsalServer.start(job.state, job.scene, faults, seed, Briefing.of(job), scene_sandbox(job)), loop
        )
        server = starting.result()
        try:
            yield Serving(rehearsal_credential(server.url, web=RehearsedWeb(*server.web)), server.log)
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        tending.join()
        loop.close()


@contextmanager
def mock_api(job: Job) -> Iterator[Credential | None]:
    """The same without faults, for who needs its credential alone."""
    with serving(job, "", 0) as server:
        yield server.credential if server else None


def must_be_playable(job: Job, faults: str) -> None:
    """Before a rehearsal is moved away: UsageError for a scene that cannot be loaded."""

    async def try_it(state: Path) -> None:
        async with await RehearsalServer.start(state, job.scene, faults, sandbox=scene_sandbox(job)):
            """It listens."""

    if job.scene is not None and not job.is_free():
        with tempfile.TemporaryDirectory(prefix="harness-rehearsal-") as state:
            asyncio.run(try_it(Path(state)))


def aftermath(job: Job) -> Iterator[str]:
    """Requests to the mock API, injected faults, the cost at list prices; over all rehearsals since the last reset."""
    log = job.home.rehearsal / "requests.jsonl"
    if job.is_free() or not log.exists():
        return
    sums = account(log)
    yield ""
    yield f"The mock API served {counted(sums.requests, 'request')} from {counted(sums.sessions, 'session')}."
    if sums.searches or sums.pages:
        yield f"Web: {counted(sums.searches, 'search')}, {counted(sums.pages, 'page')} fetched."
    yield from _costs(sums)
    yield from _disagreement(job, sums)
    if sums.faults:
        met = ", ".join(f"{clean(name)} x{number}" for name, number in sorted(sums.faults.items()))
        yield f"Injected faults: {met}"
    for error in sums.errors:
        yield f"Error in the scene: {clean(error)}"
    for untold in sums.untold:
        yield f"Not in the prompt: {clean(untold)}"
    yield from _synthetic_in_vain(job)


def _disagreement(job: Job, sums: Account) -> Iterator[str]:
    """The mock API bills every response, interrupted ones too: the ledger must never record less."""
    if not is_planned(job.state):
        return
    with reading(job.state) as db:
        held = money_queries.money(db)
    billed, known = to_micro(sums.cost_usd), held.spent + held.reserved
    if billed > known:
        yield f"The accounts disagree: the mock API billed {money(billed)}, the ledger records {money(known)}."
        yield "This is a bug in Harness; please report it and attach the ledger."


def sessions_so_far(job: Job) -> int:
    """Started ones, over all rehearsals since the last that began anew."""
    if not is_planned(job.state):
        return 0
    with reading(job.state) as db:
        return head(db).sessions


def nothing_played(job: Job, again: NextCommand) -> str:
    """What is said of faults that were ordered and that no session was there to meet."""
    with reading(job.state) as db:
        which = "every chosen item" if has_open_items(db) else "every item"
    return f"no session was started, because {which} is settled; `{again}` starts over"


def advice(job: Job, place: Place) -> str | None:
    """What is next when synthetic answers were refused: to rehearse the same again would end the same."""
    refused = _refused_synthetic(job)
    if not refused:
        return None
    what = "express what the checks require in `fields` or a `schema:`, or provide samples or a scene"
    if _are_texts(refused):
        what = "put texts that your checks accept into samples.json and set `rehearsal: {records: samples.json}`"
    return f"{what}; then `{place.command('launch')}`"


def _synthetic_in_vain(job: Job) -> Iterator[str]:
    """Without a scene: synthetic records fit a schema, but other checks may refuse them for ever."""
    refused = _refused_synthetic(job)
    for phase, count in refused:
        who = counted(count, clean(phase.noun)) + (f" in phase {clean(phase.name)}" if len(job.phases) > 1 else "")
        yield f"Your checks rejected synthetic records for {who}; that says nothing about your prompt."
    if refused and _are_texts(refused):
        yield "Provide realistic files with `rehearsal: {records: samples.json}` or a scene: see docs/outputs.md"
    elif refused:
        yield "Synthetic records follow `fields` (score: integer 1..5, mood: good | bad) or a JSON Schema (`schema:`)."
        yield "For anything else, provide `rehearsal: {records: samples.json}` or a scene: see docs/rehearsal.md"


def _are_texts(refused: Sequence[tuple[PhaseSpec, int]]) -> bool:
    """Files, of which `fields` can say nothing."""
    return all(phase.output.shape == "files" for phase, _ in refused)


def _refused_synthetic(job: Job) -> list[tuple[PhaseSpec, int]]:
    """Without a scene: the phases whose checks refuse what is synthetic, and of how many items."""
    judged = [phase for phase in job.phases if any(check.kind != "schema" for check in phase.output.checks)]
    if not job.answers_are_synthetic or not judged:
        return []
    with reading(job.state) as db:
        reasons = [reasons_of_struck(db, phase.number) for phase in judged]
    counts = [(phase, sum(map(_is_refused, of_items))) for phase, of_items in zip(judged, reasons, strict=True)]
    return [(phase, count) for phase, count in counts if count]


def _is_refused(reasons: Sequence[Reason]) -> bool:
    """By a check: a record that never came, as of an injected fault, says nothing about checks."""
    return any(type_of(reason) != "missing_output" for reason in reasons)


def _costs(sums: Account) -> Iterator[str]:
    spent = money(to_micro(sums.cost_usd))
    yield f"At list prices these scripted responses would cost {spent}; `pilot: 3` estimates a real run:"
    for name, model in sorted(sums.by_model.items()):
        tokens = (
            f"{model.input_tokens:,} input, {model.cache_read_input_tokens:,} cache read, "
            f"{model.cache_creation_input_tokens:,} cache write, {model.output_tokens:,} output tokens"
        )
        unpriced = f"; {counted(model.unpriced, 'request')} without a known price" if model.unpriced else ""
        yield f"  {clean(name)}: {money(to_micro(model.cost_usd))} ({tokens}){unpriced}"
