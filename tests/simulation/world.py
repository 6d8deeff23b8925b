"""The world of one seed: what it asks, what goes wrong in it, and what it remembers about what it did."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Literal

from harness.base.artifacts import ArtifactStore
from harness.base.ids import ItemId, Token
from harness.core.faults import CRASHED, OVERLOADED, REFUSED, SUPERVISOR_LOST, TURN_LIMIT, USAGE_LIMIT
from harness.core.types import (
    Accepted,
    Artifact,
    AttemptSpec,
    Blame,
    Ending,
    Fault,
    FaultKind,
    Item,
    Judgement,
    OutputFault,
    Rejected,
    SessionEvent,
    SessionFacts,
    Verdict,
)
from harness.job.job import PhaseSpec
from tests.simulation.virtual import VirtualClock

Poison = Literal["rejected", "refused", "silent"]
"""An item whose record is always wrong; one that the model refuses in any company; one that makes the output empty."""

SESSION_COST = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class Script:
    """What a seed draws before anything starts."""

    items: int
    batch_size: int
    parallel: int
    phases: int
    needs: Literal["own", "earlier", "previous"]
    makes_items: bool
    budget: Decimal | None
    crash_rate: float
    fault_rates: dict[str, float]
    poison: dict[str, Poison]
    outages: tuple[tuple[float, float], ...]
    limit_windows: tuple[tuple[float, float], ...]
    calm_s: float
    """From here on nothing but poison goes wrong."""


def draw(seed: int) -> Script:
    """The script of a seed."""
    rng = random.Random(seed)
    items, phases = rng.randint(1, 24), rng.choice([1, 1, 2, 3])
    ids = [f"i{number:03d}" for number in range(items)]
    poison_rate = rng.choice([0, 0, 0.05, 0.3])
    poison: dict[str, Poison] = {
        item: rng.choice(["rejected", "rejected", "refused", "silent"]) for item in ids if rng.random() < poison_rate
    }
    faults = rng.choice([0.0, 0.05, 0.2])
    kinds = ("wrong", "missing", "invented", "broken", "crash", "cut", "write_then_crash", "expensive")
    return Script(
        items=items,
        batch_size=rng.randint(1, 8),
        parallel=rng.randint(1, 8),
        phases=phases,
        needs=rng.choice(["own", "earlier", "previous"]),
        makes_items=rng.random() < 0.5,
        budget=rng.choice([None, None, Decimal(3), Decimal(40)]),
        crash_rate=rng.choice([0.0, 0.01, 0.05]),
        fault_rates={kind: faults * rng.random() for kind in kinds},
        poison=poison,
        outages=_windows(rng),
        limit_windows=_windows(rng),
        calm_s=rng.uniform(500, 4000),
    )


def _windows(rng: random.Random) -> tuple[tuple[float, float], ...]:
    if rng.random() < 0.6:
        return ()
    begin = rng.uniform(0, 2000)
    return ((begin, begin + rng.uniform(10, 1500)),)


@dataclass(slots=True)
class Session:
    """What the world did in one attempt."""

    items: tuple[str, ...]
    began_s: float
    blamed: set[str] = field(default_factory=set)
    """Items that this session treated badly by its own or the item's doing."""
    ended: Literal["running", "item", "session", "provider", "host", "operator"] = "running"
    cost: Decimal = Decimal(0)
    written: bytes | None = None
    is_live: bool = True


class World:
    """The scripted executor and judge, and the memory that the invariants are checked against."""

    def __init__(self, seed: int, script: Script, store: ArtifactStore, clock: VirtualClock) -> None:
        self.script = script
        self.store = store
        self.clock = clock
        self.rng = random.Random(f"world {seed}")
        self.sessions: dict[int, Session] = {}
        self.private_faults: dict[str, int] = {}
        self._interrupts: dict[Token, asyncio.Event] = {}

    # the executor's seam ------------------------------------------------------------------------------------------

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        session = Session(tuple(item.id for item in spec.items), self.clock.monotonic())
        self._check_nobody_else_works_on(session)
        self.sessions[spec.id] = session
        asked = self._interrupts[spec.token] = asyncio.Event()
        try:
            return await self._play(spec, session, asked, on_event)
        finally:
            session.is_live = False

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        if token in self._interrupts:
            self._interrupts[token].set()

    async def salvage(self, spec: AttemptSpec) -> Ending:
        """The supervisor was killed; what the session had written is what there is."""
        session = self.sessions.setdefault(spec.id, Session(tuple(item.id for item in spec.items), 0.0))
        session.is_live = False
        if session.ended == "running":
            session.ended = "host"
        fault = Fault(SUPERVISOR_LOST, "host", "the supervisor was lost")
        return self._ending(spec, session, fault, cost_known=False)

    async def sweep(self) -> int:
        return 0

    def work_path(self, folder: Path) -> str:
        return "/mnt/work"

    # what a session does ------------------------------------------------------------------------------------------

    async def _play(
        self, spec: AttemptSpec, session: Session, asked: asyncio.Event, on_event: Callable[[SessionEvent], None]
    ) -> Ending:
        if fault := self._provider_fault():
            await asyncio.sleep(self.rng.uniform(0.1, 3))
            return self._end(spec, session, fault)
        session.cost = self._cost(spec)
        await asyncio.sleep(self.rng.uniform(0.1, 5))
        on_event(SessionEvent(spec.id, "responded"))
        planned = self._plan(spec, session)
        try:
            async with asyncio.timeout(self.rng.uniform(1, 60)):
                await asked.wait()
            planned = Fault(FaultKind("cancelled"), "operator", "asked to end")
        except TimeoutError:
            pass
        await asyncio.sleep(self.rng.uniform(0, 2))
        return self._end(spec, session, planned)

    def _provider_fault(self) -> Fault | None:
        now = self.clock.monotonic()
        for begin, end in self.script.limit_windows:
            if begin <= now < end:
                return Fault(USAGE_LIMIT, "provider", "limit", self.clock.now() + timedelta(seconds=end - now))
        if any(begin <= now < end for begin, end in self.script.outages):
            return Fault(OVERLOADED, "provider", "529")
        return None

    def _cost(self, spec: AttemptSpec) -> Decimal:
        cap = spec.cost_cap_usd
        cost = SESSION_COST * self.rng.randint(1, 3)
        if self._happens("expensive"):
            cost = SESSION_COST * 10
        return min(cost, cap) if cap is not None else cost

    def _happens(self, kind: str) -> bool:
        is_calm = self.clock.monotonic() >= self.script.calm_s
        return not is_calm and self.rng.random() < self.script.fault_rates[kind]

    def _plan(self, spec: AttemptSpec, session: Session) -> Fault | None:
        """Writes what this session will leave, and says with what fault it ends."""
        roots = {item.id: item.id.split(".")[0] for item in spec.items}
        poison = {item: self.script.poison.get(root) for item, root in roots.items()}
        if any(each == "refused" for each in poison.values()):
            session.blamed |= set(session.items)
            return Fault(REFUSED, "session", "refused")
        if self._happens("crash") and self._may_fault_privately(spec):
            return Fault(CRASHED, "host", "crashed")
        if self._happens("cut"):
            session.blamed |= set(session.items)
            return Fault(TURN_LIMIT, "session", "turn limit")
        if any(each == "silent" for each in poison.values()) or self._happens("broken"):
            session.blamed |= set(session.items)
            session.written = b"[{"
            return None
        session.written = self._records(spec, session, {item for item, each in poison.items() if each})
        if self._happens("write_then_crash"):
            return Fault(CRASHED, "host", "crashed after writing")
        return None

    def _may_fault_privately(self, spec: AttemptSpec) -> bool:
        """The world itself sticks to the bound within which an innocent item must end done."""
        if any(self.private_faults.get(item.id, 0) >= 3 for item in spec.items):
            return False
        for item in spec.items:
            self.private_faults[item.id] = self.private_faults.get(item.id, 0) + 1
        return True

    def _records(self, spec: AttemptSpec, session: Session, poisoned: set[ItemId]) -> bytes:
        records = []
        for item in spec.items:
            if item.id in poisoned or self._happens("wrong"):
                session.blamed.add(item.id)
                records.append({"id": item.id, "ok": False})
            elif self._happens("missing"):
                session.blamed.add(item.id)
            else:
                records.append({"id": item.id, "ok": True, "makes": _made_of(item.id)})
        if self._happens("invented"):
            records.append({"id": "i999", "ok": True, "makes": []})
        return json.dumps(records).encode()

    def _end(self, spec: AttemptSpec, session: Session, fault: Fault | None) -> Ending:
        ended: dict[Blame | None, str] = {None: "item"}
        session.ended = ended.get(fault.blame if fault else None, fault.blame if fault else "item")  # type: ignore[assignment]
        return self._ending(spec, session, fault, cost_known=self.rng.random() < 0.9)

    def _ending(self, spec: AttemptSpec, session: Session, fault: Fault | None, *, cost_known: bool) -> Ending:
        artifacts: tuple[Artifact, ...] = ()
        if session.written is not None:
            sha = self.store.put(session.written)
            artifacts = (Artifact("output.json", sha, len(session.written)),)
        facts = SessionFacts(cost_usd=session.cost if cost_known else None, reached_model=session.cost > 0)
        return Ending(artifacts, (), fault, facts, timedelta(seconds=1))

    def _check_nobody_else_works_on(self, session: Session) -> None:
        for other in self.sessions.values():
            if other.is_live and set(other.items) & set(session.items):
                raise AssertionError(f"V5: two live sessions on {set(other.items) & set(session.items)}")

    def crash(self) -> None:
        """The supervisor is gone, its sessions with it."""
        for session in self.sessions.values():
            session.is_live = False


def _made_of(item: str) -> list[dict[str, str]]:
    return [{"id": f"{item}.{number}"} for number in range(len(item) % 3 + int(item[1:4]) % 3)]


class SimulatedJudge:
    """Judges as the production judge does, for records of the simulation, without child processes."""

    def __init__(self, store: ArtifactStore, making: Callable[[int], Sequence[PhaseSpec]]) -> None:
        self._store = store
        self._making = making

    async def __call__(
        self, spec: AttemptSpec, artifacts: Sequence[Artifact], output_faults: Sequence[OutputFault]
    ) -> Judgement:
        try:
            records = json.loads(self._store.get(artifacts[0].sha)) if artifacts else None
        except ValueError:
            records = None
        by_id = {record["id"]: record for record in records or []}
        verdicts = {item.id: self._verdict(spec, by_id.get(item.id)) for item in spec.items}
        wanted = {item.id for item in spec.items}
        invented = tuple(sorted(set(by_id) - wanted))
        return Judgement(verdicts, usable=bool(set(by_id) & wanted), invented=invented)

    def _verdict(self, spec: AttemptSpec, record: dict[str, object] | None) -> Verdict:
        if record is None:
            return Rejected(("missing",), missing=True)
        if not record["ok"]:
            return Rejected(("wrong",))
        makes = record["makes"]
        assert isinstance(makes, list)
        made = tuple(Item(ItemId(each["id"]), each) for each in makes)
        return Accepted((record,), {phase.number: made for phase in self._making(spec.batch.phase)})
