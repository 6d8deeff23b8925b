"""Two live jobs on one credential: a usage limit that one of them meets holds both, and one session asks first."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.files import make_folder
from harness.base.ids import ItemId, Token
from harness.core.fault_kinds import FaultKind
from harness.core.messages import message
from harness.core.run_events import HoldPlaced, RunStarted
from harness.core.types import Artifact, Ending, Fault, Item, SessionEvent, SessionFacts
from harness.core.work import AttemptSpec, Identity, Work
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger, entries
from harness.planning.job_plan import plan_job
from harness.supervisor.beginning import Beginning
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.inbox import Inbox
from harness.supervisor.loop import Loop
from harness.supervisor.merger import Merger
from harness.supervisor.outcome import Finished
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import RunContext
from tests.simulation.building import job_of
from tests.simulation.judging import SimulatedJudge
from tests.simulation.script import Script, Span
from tests.simulation.universe import InPlace
from tests.simulation.virtual import VirtualClock, slowly

ANSWERS_S, WORKS_S = 4.0, 26.0
NOTICED_S = 40.0
"""After the end of a hold: the two seconds that are added, what the clock is looked at, and the answer of the probe."""


@dataclass(slots=True)
class Account:
    """What both jobs' sessions ask; `limits` are when it refuses, `blind` the job whose sessions it never refuses."""

    clock: VirtualClock
    limits: tuple[Span, ...]
    blind: str = ""
    starts: list[tuple[float, str]] = field(default_factory=list)
    answers: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def limit(self, job: str) -> Fault | None:
        now = self.clock.monotonic()
        for begin, end in self.limits:
            if begin <= now < end and job != self.blind:
                self.refused.append(now)
                return Fault(FaultKind.USAGE_LIMIT, "provider", (), self.clock.now() + timedelta(seconds=end - now))
        return None


@dataclass(slots=True)
class Sessions:
    """The executor of one of the jobs."""

    job: str
    account: Account
    store: ArtifactStore

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        account = self.account
        account.starts.append((account.clock.monotonic(), self.job))
        await asyncio.sleep(ANSWERS_S)
        if (fault := account.limit(self.job)) is not None:
            return Ending((), (), fault, SessionFacts(), timedelta(seconds=1))
        account.answers.append(account.clock.monotonic())
        on_event(SessionEvent(spec.id, "responded"))
        await asyncio.sleep(WORKS_S)
        content = json.dumps([{"id": item.id, "ok": True, "makes": []} for item in spec.items]).encode()
        written = (Artifact("output.json", self.store.put(content), len(content)),)
        return Ending(written, (), None, SessionFacts(reached_model=True), timedelta(seconds=1))

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        raise AssertionError("nobody asks for that")

    async def salvage(self, lost: Identity, work: Work) -> Ending:
        raise AssertionError("there is nothing to salvage")

    async def sweep(self) -> int:
        return 0

    def work_path(self, folder: Path) -> str:
        return "/mnt/work"


async def _played_by(name: str, account: Account, home: Path, ledger: Ledger, items: int) -> Finished:
    job = job_of(Script(parallel=3), home / name)
    store = ArtifactStore(job.state / "artifacts", ledger.contents)
    holds = SharedHolds(home, "key", name)
    judge, sessions = SimulatedJudge(lambda _: ()), Sessions(name, account, store)
    run = RunContext(job, ledger, store, account.clock, judge, DuplicateIds(job, ledger), sessions, holds)
    plan_job(job, ledger, [Item(ItemId(f"i{number:03d}"), {}) for number in range(items)], {})
    writer = ProgressWriter(job.state / "progress.json", ledger, account.clock, slowly)
    loop = Loop(run, Inbox(), OutputFiles(Merger(run, slowly), writer), InPlace(), lambda event: None)
    return await loop.run(RunStarted(1, "sim", "0", job.parallel, None, "off", "none"), Beginning())


def _played(home: Path, account: Account) -> dict[str, Ledger]:
    """Both of them to their end; eighteen sessions each."""
    for name in ("one", "two"):
        for needed in ("state", "state/control", "state/artifacts"):
            make_folder(home / name / needed)
    ledgers = {
        name: Ledger.open(home / name / "state/ledger.db", account.clock, durable=False) for name in ("one", "two")
    }

    async def both() -> list[Finished]:
        return await asyncio.gather(*(_played_by(name, account, home, ledger, 18) for name, ledger in ledgers.items()))

    assert [finished.exit_code for finished in account.clock.run(both)] == [0, 0]
    return ledgers


def _holds(ledger: Ledger) -> list[HoldPlaced]:
    return [entry.event for entry in entries(ledger.db) if isinstance(entry.event, HoldPlaced)]


@pytest.mark.parametrize("blind", ["", "two"], ids=["both meet it", "one meets it"])
def test_a_usage_limit_holds_both_jobs_to_its_reset_and_one_probe_goes_first(tmp_path: Path, blind: str) -> None:
    reset = 900.0
    account = Account(VirtualClock(), ((50.0, reset),), blind)
    ledgers = _played(tmp_path, account)
    told, after = account.refused[0], [at for at in account.starts if at[0] >= reset]
    assert not [at for at, _ in account.starts if told < at < reset + 2], "nothing starts before the reset"
    assert {job for at, job in account.starts if at < told} == {job for _, job in after} == {"one", "two"}
    probe, others = after[0][0], [at for at, _ in after[1:]]
    assert probe <= reset + NOTICED_S
    assert min(others) >= probe + ANSWERS_S, "all others wait for the answer of the one"
    first = {job: min(at for at, each in after if each == job) for job in ledgers}
    assert max(first.values()) <= probe + NOTICED_S, "the other job goes on by itself"
    assert bool(_holds(ledgers["two"])) == (not blind), "a job that was not refused has no hold of its own"
    assert not list(tmp_path.glob("holds/*/*.json")), "what was answered is in doubt no more"


def test_a_probe_that_meets_the_limit_again_holds_both_again(tmp_path: Path) -> None:
    account = Account(VirtualClock(), ((50.0, 900.0), (900.0, 2000.0)))
    _played(tmp_path, account)
    between = [at for at, _ in account.starts if 900 <= at < 2000]
    assert len(between) == 1, "one job's probe tells both"
    assert len([at for at in account.refused if at >= 900]) == 1


def test_a_probe_whose_job_dies_is_sent_by_another(tmp_path: Path) -> None:
    clock = VirtualClock()
    one, two = SharedHolds(tmp_path, "key", "one"), SharedHolds(tmp_path, "key", "two")
    one.place(clock.now() + timedelta(seconds=10), message("provider_fault", fault="usage_limit"))
    later = clock.now() + timedelta(seconds=11)
    assert one.is_in_doubt(later) and two.is_in_doubt(later)
    assert one.may_probe(later) and not two.may_probe(later)
    one.end_probe()  # as the kernel does
    assert two.may_probe(later) and not one.may_probe(later)
    two.answered(later)
    assert not one.is_in_doubt(later) and one.may_probe(later)
