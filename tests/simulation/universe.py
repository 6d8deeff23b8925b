"""Plays one seed: production core, supervisor and ledger in a scripted world, killed, resumed, watched, checked."""

import asyncio
import contextlib
import random
import secrets
import sqlite3
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.errors import BrokenSetupError
from harness.base.files import make_folder
from harness.base.ids import ItemId
from harness.core.events import Event
from harness.core.fault_kinds import FaultKind
from harness.core.messages import Message, message
from harness.core.run_events import RunEnded, RunStarted
from harness.core.types import Item, SessionEvent
from harness.job.job import PhaseSpec
from harness.ledger import item_queries, spool
from harness.ledger.edits import EditedRow
from harness.ledger.shared_holds import SharedHolds
from harness.ledger.store import Ledger, entries
from harness.planning.job_plan import add_items, plan_job
from harness.supervisor import merger, progress_writer
from harness.supervisor.beginning import Beginning
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.inbox import Due, Inbox
from harness.supervisor.loop import Loop
from harness.supervisor.lost_attempts import give_up
from harness.supervisor.merger import Merger
from harness.supervisor.outcome import Finished
from harness.supervisor.output_files import OutputFiles
from harness.supervisor.progress_writer import ProgressWriter
from harness.supervisor.run_context import RunContext
from tests.commits import around_commits
from tests.simulation.building import job_of
from tests.simulation.disk import SimulatedDisk
from tests.simulation.ending import check_end, check_files_are_not_late, check_gate, check_idleness, merged
from tests.simulation.judging import SimulatedJudge
from tests.simulation.memory import View, new_database
from tests.simulation.script import Ask, Script, draw
from tests.simulation.situations import state_of
from tests.simulation.stops import AT_A_PHASE, LATE, OUT_OF_MONEY, check_stop
from tests.simulation.virtual import VirtualClock, slowly, very_slowly
from tests.simulation.watcher import Watcher
from tests.simulation.world import World
from tests.zone import in_utc

MOST_LIVES = 400


class SimulatedKill(BaseException):
    """SIGKILL: not an Exception, so nothing in production code may catch it."""


@dataclass(slots=True)
class Played:
    """What came of a seed."""

    finished: Finished
    lives: int
    kills: int
    sessions: int
    digest: str
    merges: dict[str, bytes]
    situations: Counter[str] = field(default_factory=Counter)


class _HeardHolds(SharedHolds):
    """As other jobs see them."""

    tells: Callable[[datetime], None]

    def place(self, until: datetime, why: Message) -> bool:
        self.tells(until)
        return super().place(until, why)


class InPlace:
    """A lock that nobody takes away."""

    def is_in_place(self) -> bool:
        return True


class Universe:
    """One seed."""

    def __init__(self, seed: int, folder: Path, script: Script | None = None) -> None:
        self.seed = seed
        self.script = script or draw(seed)
        self.clock = VirtualClock(self.script.jumps)
        self.clock.before_time_passes = self._before_time_passes
        self.job = job_of(self.script, folder)
        self.situations: Counter[str] = Counter()
        self.store = ArtifactStore(self.job.state / "artifacts")
        self.world = World(seed, self.script, self.store, self.clock, self.job.max_output)
        self.world.met = self.met
        self.watcher = Watcher(self.job, self.world, self.clock)
        self.world.begins = self.watcher.begins
        self.disk = SimulatedDisk(folder, random.Random(f"disk {seed}"), remembers=self.script.power_rate > 0)
        self.disk.is_full = self._is_disk_full
        self.disk.around_fsync = lambda: self._maybe_kill("at an fsync")
        self.rng = random.Random(f"lives {seed}")
        self.kills = 0
        self._db = new_database()
        self._asks = list(self.script.asks)
        self._raises = self.script.raises
        self._source = self.script.items
        """How many items the source has by now."""
        self._to_add = list(self.script.added)
        self._until = list(self.script.until)
        self._launches_left = 6  # although the machine seems to be broken
        self._may_be_killed = True
        self._loop: Loop | None = None
        for needed in (self.job.state, self.job.state / "control", self.job.state / "artifacts"):
            make_folder(needed)

    # lives ----------------------------------------------------------------------------------------------------------

    def play(self) -> Played:
        """Run to the end, through every kill; then once more, which must do nothing."""
        with self._sandboxed():
            lives = 1
            while (finished := self._life()) is None or not self._is_the_end(finished):
                lives += 1
                assert lives < MOST_LIVES, "V7: the job does not come to an end"
            check_end(self._db, self.job, self.script, self.world, self.watcher, finished)
            self._check_nothing_happens_again(finished)
        return Played(
            finished,
            lives,
            self.kills,
            len(self.world.sessions),
            self.watcher.digest(),
            merged(self.job),
            self.situations,
        )

    def live_once(self) -> Finished | None:
        """One process alone: None when it was killed, or could not write."""
        with self._sandboxed():
            return self._life()

    def events(self) -> list[Event]:
        """Everything in the ledger so far."""
        return [entry.event for entry in entries(self._db)]

    def _check_nothing_happens_again(self, finished: Finished) -> None:
        self._may_be_killed = False
        merges, sessions = merged(self.job), len(self.world.sessions)
        again = self._life()
        if finished.exit_code in (0, 1, 3):
            assert len(self.world.sessions) == sessions, "V8: a finished job opened a session"
            assert again is not None and again.exit_code == finished.exit_code, "V8: another exit code"
            assert merged(self.job) == merges, "V8: other bytes"

    def _open_ledger(self) -> Ledger:
        """As a new process does: what another one had put into the store, and not committed, is lost."""
        ledger = Ledger(self._db, self.clock, self.job.state / "ledger.db")
        around_commits(ledger, lambda moment: self._around_commit(ledger, moment))
        ledger.after_commit(self.watcher.hears_of)
        inline = ledger.contents if self.seed % 2 else None  # in every other world all is too large for it
        self.store = self.world.store = ArtifactStore(self.job.state / "artifacts", inline)
        return ledger

    def _life(self) -> Finished | None:
        self.disk.is_dead = False
        ledger = self._open_ledger()
        try:
            self.watcher.check_nothing_is_gone(self._db)
            self.store.tidy()
            planned = item_queries.first_phase_items(self._db)
            items = [Item(ItemId(f"i{number:03d}"), {}) for number in range(len(planned), self._source)]
            if not planned:
                plan_job(self.job, ledger, items, {})
            elif items:
                add_items(self.job, ledger, items)
            return self.clock.run(lambda: self._supervise(ledger))
        except BaseException as error:
            if not (self.disk.is_dead or self._is_no_room(error)):  # what is raised after a kill, nobody raises
                raise
            self.clock.elapsed_s += self.rng.uniform(0.5, 60)
            return None
        finally:
            self._loop = None

    async def _supervise(self, ledger: Ledger) -> Finished:
        holds = _HeardHolds(self.job.state, "key", "simulated")
        holds.tells = self.watcher.tells_others
        judge = SimulatedJudge(
            self._making,
            lambda phase: item_queries.newest_accepted(ledger.db, phase) is not None,
            self.script.pace(),
        )
        until = self._until[0] if self._until else None
        duplicates = DuplicateIds(self.job, ledger)
        run = RunContext(self.job, ledger, self.store, self.clock, judge, duplicates, self.world, holds, until=until)
        writer = ProgressWriter(self.job.state / "progress.json", ledger, self.clock, very_slowly)
        spool.forget_cancels(self.job.state / "control")
        files, inbox = OutputFiles(Merger(run, slowly), writer), Inbox()
        self._loop = loop = Loop(run, inbox, files, InPlace(), self._heard)
        people = asyncio.create_task(self._people(inbox))
        try:
            name = self.job.phase(until).name if until is not None else ""
            started = RunStarted(1, "sim", "0", self.job.parallel, None, "off", "none", until=name)
            return await loop.run(started, self._beginning())
        except (OSError, sqlite3.OperationalError, BrokenSetupError):
            await give_up(run, files.merger, message("host_error", detail="it gave way"))
            raise
        finally:
            people.cancel()

    def _beginning(self) -> Beginning:
        return Beginning()

    def _making(self, phase: int) -> Sequence[PhaseSpec]:
        return [later for later in self.job.phases if later.from_ == phase and later.rows is not None]

    def _heard(self, event: SessionEvent) -> None:
        if event.kind == "responded":
            self.watcher.door.answered(self.world.sessions[event.attempt].phase, self.clock)
        if event.is_rejected:
            self.watcher.door.rejected.add(event.attempt)
        if event.kind == "limit" and event.until is not None and self.script.stop_at is not None:
            self.watcher.door.held(event.until)

    # what people and other jobs do ------------------------------------------------------------------------------------

    async def _people(self, inbox: Inbox) -> None:
        others = [(begin, end) for begin, end in self.script.other_jobs if begin > self.clock.monotonic()]
        moments = [(at, "", 0.0, ask) for at, ask in self._asks] + [(at, "other", end, None) for at, end in others]
        for at, _, end, ask in sorted(moments, key=lambda moment: moment[0]):
            await asyncio.sleep(max(0.0, at - self.clock.monotonic()))
            if self.disk.is_dead:
                return
            if ask is not None:
                self._asks.pop(0)
                self._post(ask)
            else:
                self.met("hold of another job")
                until = self.clock.now() + timedelta(seconds=end - self.clock.monotonic())
                with self.disk.of_another_process():
                    SharedHolds(self.job.state, "key", "other").place(
                        until, message("provider_fault", fault="usage_limit")
                    )
                self.watcher.door.held_elsewhere(until)
            inbox.put(Due())

    def _post(self, ask: Ask) -> None:
        self.met(ask)
        verb = "cancel" if ask == "cancel now" else ask
        rows = self._rows_of_today() if ask == "retry" else ()
        request = spool.Request(verb, "a person", all_failed=ask == "retry", now=ask == "cancel now", rows=rows)
        with self.disk.of_another_process():
            spool.post(self.job.state / "control", request)

    def _rows_of_today(self) -> tuple[EditedRow, ...]:
        """What `retry` finds in the source; here nobody edits it."""
        return ()

    def _is_the_end(self, finished: Finished) -> bool:
        """Does nobody start the job again? Time goes on until somebody does."""
        ended = [event for event in self.events() if isinstance(event, RunEnded)][-1]
        check_stop(self.job, self.script, self.watcher, ended, finished)
        kind = finished.message.kind
        if kind in OUT_OF_MONEY:
            self.met("out of money")
            return not self._raise_bounds()
        if kind in AT_A_PHASE:
            self.met("ended at a phase")
            self.watcher.check_is_settled(self._until.pop(0))
            return False
        if finished.exit_code in (3, 130):
            self.met("ended by deadline" if kind in LATE else "ended by a person")
            self._add_items()
            self.clock.elapsed_s += self.rng.uniform(5, 2000)
            return False
        if kind == "setup_broken" and finished.message.facts["fault"] == FaultKind.AUTH:
            self.met("stopped by a refused credential")
            self.clock.elapsed_s = max(self.clock.monotonic(), *(end for _, end in self.script.refusals))
            return False
        if kind == "host_broken" and self._launches_left:
            self.met("launched again after breakdowns")
            self._launches_left -= 1
            return False
        return finished.exit_code not in (0, 1) or not (self._ask_later() or self._add_items())

    def _raise_bounds(self) -> bool:
        if self._raises == 0:
            return False
        self._raises -= 1
        budget, caps = self.job.budget, self.job.bounds.caps
        wider = replace(caps, sessions=caps.sessions * 2) if caps.sessions else caps
        bounds = replace(self.job.bounds, caps=wider)
        self.job = replace(self.job, budget=budget * 2 if budget is not None else None, bounds=bounds)
        self.watcher.job = self.job
        self.met("bounds raised")
        return True

    def _ask_later(self) -> bool:
        """Something that people ask after the end of the job; it waits in the spool for the next life."""
        if not self._asks:
            return False
        at, ask = self._asks.pop(0)
        self.clock.elapsed_s = max(at, self.clock.elapsed_s)
        if not ask.startswith("cancel"):  # the command refuses: nothing runs
            self._post(ask)
        return True

    def _add_items(self) -> bool:
        """The source has grown, and the next command says `--add`; until its commit a kill may undo that."""
        if not self._to_add:
            return False
        self._source += self._to_add.pop(0)
        self.met("items added")
        return True

    # what goes wrong --------------------------------------------------------------------------------------------------

    def _around_commit(self, ledger: Ledger, moment: str) -> None:
        if self.disk.is_dead:
            raise SimulatedKill
        if moment == "before" and self._is_disk_full():
            self.met("disk full at a commit")
            raise sqlite3.OperationalError("database or disk is full")
        if moment == "after":
            self.watcher.follow(ledger.db)
        self._maybe_kill(f"{moment} a commit")

    def _maybe_kill(self, where: str) -> None:
        is_calm = self.clock.monotonic() >= self.script.calm_s
        if is_calm or not self._may_be_killed or self.rng.random() >= self.script.crash_rate:
            return
        self.met(f"kill {where}")
        self.kills += 1
        self.world.crash()
        if self.rng.random() < self.script.power_rate:
            self.met("loss of power")
            self.disk.lose_power()
        self.disk.is_dead = True
        raise SimulatedKill

    def _is_disk_full(self) -> bool:
        now = self.clock.monotonic()
        return self._may_be_killed and any(begin <= now < end for begin, end in self.script.full_disk)

    def _is_no_room(self, error: BaseException) -> bool:
        """What run_job says in words when the disk is full: the next life goes on."""
        is_told = isinstance(error, OSError | sqlite3.OperationalError | BrokenSetupError)
        if is_told and self._is_disk_full():
            self.met("ended by a full disk")
            return True
        return False

    # watching ---------------------------------------------------------------------------------------------------------

    def _before_time_passes(self, seconds: float) -> None:
        if self._loop is not None:
            check_gate(self._loop, self.watcher)
            check_idleness(self._db, self.job, self.world, self.watcher, self.clock, self._loop)
            check_files_are_not_late(self._loop, self.watcher, seconds)

    def met(self, what: str) -> None:
        """Count what happens, and in what state of the run."""
        self.situations[f"{what}, {state_of(self.watcher, self.clock)}"] += 1

    @contextlib.contextmanager
    def _sandboxed(self) -> Iterator[None]:
        """Time zone, random names, the ledger's readers and the disk are those of the simulation."""
        names = random.Random(f"names {self.seed}")
        view = View(self._db)
        with in_utc(), self.disk.installed(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(secrets, "token_hex", lambda nbytes=32: names.randbytes(nbytes).hex())
            patch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=names.getrandbits(128)))
            patch.setattr(merger, "opened_for_reading", lambda path: contextlib.nullcontext(view))
            patch.setattr(progress_writer, "opened_for_reading", lambda path: contextlib.nullcontext(view))
            self.disk.remember_names(str(self.job.folder))
            self.disk.remember_names(str(self.job.state))
            yield
