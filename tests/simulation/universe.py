"""Plays one seed: production core, supervisor and ledger in a scripted world, killed at commits, resumed, checked."""

import contextlib
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from harness.base.artifacts import ArtifactStore
from harness.base.files import make_folder
from harness.base.ids import ItemId
from harness.core.events import AttemptStarted, ItemFailed, ItemStruck, RunStarted
from harness.core.money import to_micro
from harness.core.types import Item
from harness.job.job import ItemsSpec, Job, OutputSpec, PhaseSpec, SessionSpec
from harness.ledger.store import Ledger, entries, rebuild, state_of
from harness.supervisor.merging import Merger
from harness.supervisor.opening import plan_job
from harness.supervisor.progress import ProgressWriter
from harness.supervisor.requests import RequestDesk
from harness.supervisor.setting import Setting
from harness.supervisor.supervisor import Finished, Supervisor
from tests.simulation.virtual import VirtualClock
from tests.simulation.world import Script, SimulatedJudge, World, draw

MOST_LIVES = 400
T = TypeVar("T")


class SimulatedKill(BaseException):
    """SIGKILL: not an Exception, so nothing in production code may catch it."""


def job_of(script: Script, folder: Path) -> Job:
    """The job that a script describes, without a manifest."""
    session = SessionSpec(
        backend="claude",
        model="sonnet",
        prompt="Write the records of {{ items | length }} items.",
        prompt_name="<prompt>",
        instructions="",
        tools=("Write",),
        command=(),
        timeout=timedelta(minutes=20),
        first_event=None,
        silence=None,
        linger=timedelta(seconds=30),
        max_turns=None,
    )
    phases = []
    for number in range(1, script.phases + 1):
        output = OutputSpec("output.json", "array", ".id", ".id", (), None, folder / f"merged-{number}.json")
        makes = script.makes_items and number > 1
        phases.append(
            PhaseSpec(
                number=number,
                name=f"phase{number}",
                noun="item",
                from_=number - 1 or None,
                needs=script.needs if number > 1 else "own",
                rows=".makes[]" if makes else None,
                id=".id" if makes else None,
                batch_size=script.batch_size,
                session=session,
                output=output,
            )
        )
    return Job(
        name="simulated",
        noun="item",
        manifest=folder / "job.yaml",
        folder=folder,
        state=folder / "state",
        rehearsal=True,
        scene=None,
        vars={},
        items=ItemsSpec(None, None, "", "", None, ()),
        phases=tuple(phases),
        strikes=3,
        parallel=script.parallel,
        budget=script.budget,
        budget_per_session=Decimal("0.40") if script.budget is not None else None,
        max_output=4_000,
        grace=timedelta(seconds=30),
        sandbox="off",
        auth=None,
        readable=(),
    )


@dataclass(slots=True)
class Played:
    """What came of a seed."""

    finished: Finished
    lives: int
    sessions: int
    merges: dict[str, bytes] = field(default_factory=dict)


class Universe:
    """One seed."""

    def __init__(self, seed: int, folder: Path, script: Script | None = None) -> None:
        self.seed = seed
        self.script = script or draw(seed)
        self.clock = VirtualClock()
        self.job = job_of(self.script, folder)
        for needed in (self.job.state, self.job.state / "control", self.job.state / "artifacts"):
            make_folder(needed)
        self.store = ArtifactStore(self.job.state / "artifacts")
        self.world = World(seed, self.script, self.store, self.clock)
        self.kills = random.Random(f"kill {seed}")
        self.acknowledged: dict[tuple[int, str], tuple[str, int]] = {}
        self.states: dict[tuple[int, str], str] = {}

    # lives ----------------------------------------------------------------------------------------------------------

    def play(self) -> Played:
        """Run to the end, through every kill; then once more, which must do nothing."""
        lives = 0
        finished: Finished | None = None
        while finished is None:
            lives += 1
            assert lives < MOST_LIVES, "V7: the job does not come to an end"
            finished = self._life()
        self._check_end(finished)
        merges = self._merged()
        sessions = len(self.world.sessions)
        again = self._life(may_be_killed=False)
        if finished.exit_code in (0, 1):
            assert len(self.world.sessions) == sessions, "V8: a finished job opened a session"
            assert again is not None and again.exit_code == finished.exit_code, "V8: another exit code"
            assert self._merged() == merges, "V8: other bytes"
        return Played(finished, lives, sessions, merges)

    def _life(self, *, may_be_killed: bool = True) -> Finished | None:
        """One process: None when it was killed."""
        ledger = Ledger.open(self.job.state / "ledger.db", self.clock, durable=False)
        try:
            if not ledger.is_planned():
                items = [Item(ItemId(f"i{number:03d}"), {}) for number in range(self.script.items)]
                plan_job(self.job, ledger, items, {})
            ledger.around_commit = lambda moment: self._around_commit(ledger, moment, may_be_killed)
            return self.clock.run(lambda: self._supervise(ledger))
        except BaseException as error:
            if not _is_kill(error):
                raise
            self.world.crash()
            return None
        finally:
            ledger.close()

    async def _supervise(self, ledger: Ledger) -> Finished:
        judge = SimulatedJudge(self.store, self._making)
        setting = Setting(self.job, ledger, self.store, self.clock, self.world, judge)
        progress = ProgressWriter(self.job.state / "progress.json", ledger, self.clock, _in_place)
        requests = RequestDesk(self.job.state / "control", ledger)
        supervisor = Supervisor(
            setting, Merger(setting, _in_place), progress, requests, lambda event: None, lambda: True
        )
        return await supervisor.run(RunStarted(1, "sim", "0", self.job.parallel, None, "off", "none"))

    def _making(self, phase: int) -> Sequence[PhaseSpec]:
        return [later for later in self.job.phases if later.from_ == phase and later.rows is not None]

    def _around_commit(self, ledger: Ledger, moment: str, may_be_killed: bool) -> None:
        if moment == "after":
            self._check_now(ledger)
        if may_be_killed and self.kills.random() < self.script.crash_rate:
            raise SimulatedKill

    # invariants -----------------------------------------------------------------------------------------------------

    def _check_now(self, ledger: Ledger) -> None:
        db = ledger.db
        for phase, item, attempt, sha, offset in db.execute("SELECT phase, item, attempt, sha, offset FROM accepted"):
            before = self.acknowledged.setdefault((phase, item), (sha, offset))
            assert before == (sha, offset), f"V0/V6: the accepted records of {item} changed (attempt {attempt})"
        accepted = {(phase, item) for phase, item in db.execute("SELECT phase, item FROM accepted")}
        assert accepted >= set(self.acknowledged), "V0: an acknowledged acceptance is gone"
        for phase, item, state in db.execute("SELECT phase, item, state FROM items"):
            was = self.states.get((phase, item), "pending")
            assert (was, state) in _LEGAL or was == state, f"V1: {item} went from {was} to {state}"
            self.states[phase, item] = state
        if self.job.budget is not None:
            (spent,) = db.execute("SELECT spent_microusd FROM job").fetchone()
            (reserved,) = db.execute(
                "SELECT coalesce(sum(reserved_microusd), 0) FROM attempts WHERE ended_seq IS NULL"
            ).fetchone()
            assert spent + reserved <= to_micro(self.job.budget), "V4: more is spent and reserved than the budget has"

    def _check_end(self, finished: Finished) -> None:
        ledger = Ledger.open(self.job.state / "ledger.db", self.clock, durable=False)
        try:
            assert state_of(ledger.db) == state_of(rebuild(ledger.db)), "V13: the rebuild differs from the state"
            self._check_strikes(ledger)
            self._check_money(ledger)
            self._check_ends(ledger, finished)
            self._check_merge(ledger)
        finally:
            ledger.close()

    def _check_strikes(self, ledger: Ledger) -> None:
        """V3: an item is struck only for what it or its session did, at most three times, the last one alone."""
        strikes: dict[tuple[int, str], int] = {}
        doubted = {
            row[0] for row in ledger.db.execute("SELECT id FROM attempts WHERE detail LIKE '%(believed % times;%'")
        }
        members: dict[int, int] = {}
        for entry in entries(ledger.db):
            event = entry.event
            if isinstance(event, AttemptStarted):
                members[event.attempt] = len(event.items)
            if isinstance(event, ItemStruck):
                session = self.world.sessions[event.attempt]
                fair = event.item in session.blamed or event.attempt in doubted
                assert fair, f"V3: {event.item} was struck for what it did not do (attempt {event.attempt})"
                strikes[event.phase, event.item] = strikes.get((event.phase, event.item), 0) + 1
                assert strikes[event.phase, event.item] <= 3, f"V3: a fourth strike for {event.item}"
            if isinstance(event, ItemFailed):
                assert members[event.attempt] == 1, f"V3: {event.item} failed in company"
                is_hopeless = event.reason.startswith("refused")
                assert is_hopeless or strikes[event.phase, event.item] == 3, f"V3: {event.item} failed too early"

    def _check_money(self, ledger: Ledger) -> None:
        billed = sum((session.cost for session in self.world.sessions.values()), Decimal(0))
        (spent,) = ledger.db.execute("SELECT spent_microusd FROM job").fetchone()
        assert spent >= to_micro(billed), f"V4b: the ledger knows {spent} of {billed}"
        if self.job.budget is not None:
            assert billed <= self.job.budget, f"V4: {billed} was billed"

    def _check_ends(self, ledger: Ledger, finished: Finished) -> None:
        """V7, V9, V3b."""
        rows = ledger.db.execute("SELECT phase, item, state FROM items").fetchall()
        blamed = {item for session in self.world.sessions.values() for item in session.blamed}
        times_blamed = sum(bool(session.blamed) for session in self.world.sessions.values())
        states = {state for *_, state in rows}
        if finished.exit_code in (0, 1):
            assert not states & {"pending", "running"}, "V7: finished with open items"
            expected = 1 if states & {"failed", "blocked"} else 0
            assert finished.exit_code == expected, "V9: the exit code is not what the items say"
            for phase, item, state in rows:
                assert state != "failed" or item in blamed, f"V3b: innocent {item} of phase {phase} failed"
        else:
            assert finished.exit_code in (3, 4), f"unexpected exit code {finished.exit_code}"
            assert finished.exit_code != 3 or self.script.budget is not None, "V7: stopped without a budget"
            assert finished.exit_code != 4 or times_blamed >= 3, "V7: gave up without a reason"

    def _check_merge(self, ledger: Ledger) -> None:
        """V2: each merge holds exactly the accepted items, once, in item order."""
        for phase in self.job.phases:
            done = [
                row[0]
                for row in ledger.db.execute(
                    "SELECT item FROM items WHERE phase = ? AND state = 'done' ORDER BY place", (phase.number,)
                )
            ]
            target = phase.output.merge
            assert target is not None
            merged = [record["id"] for record in json.loads(target.read_bytes())] if target.exists() else []
            assert merged == done, f"V2: phase {phase.number} merged {merged}, accepted {done}"
            acknowledged = {item for number, item in self.acknowledged if number == phase.number}
            assert acknowledged <= set(merged), "V0: an acknowledged record is not in the merge"

    def _merged(self) -> dict[str, bytes]:
        found = {}
        for phase in self.job.phases:
            assert phase.output.merge is not None
            with contextlib.suppress(FileNotFoundError):
                found[phase.name] = phase.output.merge.read_bytes()
        return found


_LEGAL = {
    ("pending", "running"),
    ("running", "pending"),
    ("running", "done"),
    ("running", "failed"),
    ("pending", "blocked"),
}


def _is_kill(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_kill(each) for each in error.exceptions)
    return isinstance(error, SimulatedKill)


async def _in_place(work: Callable[[], T]) -> T:
    return work()


def calmer(script: Script, **changes: object) -> Script:
    """The same script with some things changed."""
    return replace(script, **changes)  # type: ignore[arg-type]
