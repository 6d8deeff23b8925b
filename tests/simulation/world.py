"""The world of one seed: the scripted executor, what goes wrong in it, and what it remembers about what it did."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from harness.base.artifacts import ArtifactStore
from harness.base.ids import Token
from harness.core.fault_kinds import FaultKind
from harness.core.messages import told as said
from harness.core.prices import worst_response_usd
from harness.core.types import Artifact, Ending, Fault, SessionEvent, SessionFacts
from harness.core.work import AttemptSpec, Identity, Work
from tests.simulation.answers import Came, came_of
from tests.simulation.judging import made_of
from tests.simulation.script import Script, Span
from tests.simulation.sessions import Plan, Session
from tests.simulation.virtual import VirtualClock

DEAR = Decimal("0.60")
"""What a dear item would cost if nothing stopped it."""
_NO_STRIKE_RETRIES = 3
_FORGED_COST = Decimal(999_999)


@dataclass(slots=True)
class _Asked:
    """How a session is asked to end."""

    event: asyncio.Event = field(default_factory=asyncio.Event)
    hard: bool = False


class World:
    """The scripted executor, and the memory that the invariants are checked against."""

    def __init__(self, seed: int, script: Script, store: ArtifactStore, clock: VirtualClock, max_output: int) -> None:
        self.seed = seed
        self.script = script
        self.store = store
        self.clock = clock
        self.sessions: dict[int, Session] = {}
        self.met: Callable[[str], None] = lambda what: None
        """Told of everything that goes wrong, for the count of situations."""
        self.begins: Callable[[int], None] = lambda attempt: None
        """Told of every session before anything of it happens."""
        self._worst = worst_response_usd("sonnet", max_output) or Decimal(0)
        self._tried: Counter[tuple[int, str]] = Counter()
        self._no_strike: Counter[tuple[int, str]] = Counter()
        self._asked: dict[Token, _Asked] = {}
        self._orphans = random.Random(f"orphans {seed}")

    # the executor's seam ------------------------------------------------------------------------------------------

    async def run(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> Ending:
        self.begins(spec.id)
        rng = random.Random(f"session {self.seed} {spec.id}")
        plan = self._plan(spec, rng)
        now = self.clock.monotonic()
        writes_at = now + plan.answers_after_s + plan.works_s * rng.random()
        items = tuple(item.id for item in spec.items)
        session = Session(spec.id, spec.work.batch.phase, items, plan, now, writes_at, cost=plan.cost)
        self._check_nobody_else_works_on(session)
        self.sessions[spec.id] = session
        self._asked[spec.token] = asked = _Asked()
        try:
            session.fault = await self._play(spec, session, asked, on_event, rng)
            return self._ending(session)
        finally:
            session.is_live = session.is_orphan

    async def interrupt(self, token: Token, *, hard: bool = False) -> None:
        if token in self._asked:
            self._asked[token].hard |= hard
            self._asked[token].event.set()

    async def salvage(self, lost: Identity, work: Work) -> Ending:
        """The supervisor was killed: what is left of the session is ended, and what it had written is what there is."""
        items = tuple(item.id for item in work.items)
        session = self.sessions.setdefault(lost.id, Session(lost.id, work.batch.phase, items, Plan(), 0.0, 0.0))
        self._end_orphan(session)
        if session.written is None:
            session.plan = Plan(cost=session.cost)
        session.fault = Fault(FaultKind.SUPERVISOR_LOST, "host", (said("the supervisor was lost"),))
        self.met("salvage of a file" if session.written else "salvage of nothing")
        return self._ending(session, is_cost_told=False)

    async def sweep(self) -> int:
        orphans = [session for session in self.live() if session.is_orphan]
        for session in orphans:
            self._end_orphan(session)
        return len(orphans)

    def _end_orphan(self, session: Session) -> None:
        """What it wrote before it is ended is there; what it would have written afterwards never is."""
        if session.is_orphan:
            self.met("orphan ended")
            if session.written is None and self.clock.monotonic() >= session.writes_at_s:
                session.write()
                self.met("orphan wrote late")
        session.is_live = session.is_orphan = False

    def work_path(self, folder: Path) -> str:
        return "/mnt/work"

    # what a session does ------------------------------------------------------------------------------------------

    async def _play(
        self,
        spec: AttemptSpec,
        session: Session,
        asked: _Asked,
        on_event: Callable[[SessionEvent], None],
        rng: random.Random,
    ) -> Fault | None:
        if await self._is_ended(asked, session.plan.answers_after_s):
            return _cancelled()
        if fault := session.plan.fault if session.plan.cost == 0 else None:
            return fault
        session.has_answered = True
        on_event(SessionEvent(spec.id, "responded"))
        self._say_how_much_is_used(spec, on_event)
        works_s = session.plan.works_s
        if stall := self._in(self.script.stalls):
            self.met("stall")
            works_s = stall[1] - self.clock.monotonic() + rng.uniform(0, 60)
        writes_in_s = min(works_s, max(0.0, session.writes_at_s - self.clock.monotonic()))
        for pause_s in (writes_in_s, works_s - writes_in_s):
            if await self._is_ended(asked, pause_s):
                if not asked.hard:
                    await asyncio.sleep(rng.uniform(0, 2))
                return _cancelled()
            if session.written is None and session.plan.output is not None:
                session.write()
        if rng.random() < 0.5 and (limit := self._limit()):
            if random.Random(f"{self.seed} {spec.id} tools").random() < 0.5 and self._may_excuse(spec):
                self.met("limit after a tool call")
                return _claimed(limit)
            self.met("limit while a session works")
            on_event(SessionEvent(spec.id, "limit", is_rejected=True))
            if await self._is_ended(asked, random.Random(f"{spec.token} rejected").uniform(0, 20)):
                return _cancelled()
            return limit
        return session.plan.fault

    async def _is_ended(self, asked: _Asked, after_s: float) -> bool:
        """Waits that long; True as soon as somebody asks the session to end."""
        try:
            async with asyncio.timeout(after_s):
                await asked.event.wait()
        except TimeoutError:
            return False
        self.met("session ended on request")
        return True

    def _say_how_much_is_used(self, spec: AttemptSpec, on_event: Callable[[SessionEvent], None]) -> None:
        if reserve := self._in(self.script.reserve):
            self.met("reserve")
            until = self.clock.now() + timedelta(seconds=reserve[1] - self.clock.monotonic())
            on_event(SessionEvent(spec.id, "limit", until=until, utilization=0.95))

    def _in(self, spans: tuple[Span, ...]) -> Span | None:
        now = self.clock.monotonic()
        return next((span for span in spans if span[0] <= now < span[1]), None)

    def _limit(self) -> Fault | None:
        span = self._in(self.script.limits)
        if span is None:
            return None
        left = timedelta(seconds=span[1] - self.clock.monotonic())
        stated = {"right": left, "early": left / 2, "not": None, "absurd": timedelta(days=-3)}[self.script.limit_stated]
        until = self.clock.now() + stated if stated is not None else None
        return Fault(FaultKind.USAGE_LIMIT, "provider", (said("limit"),), until)

    def _provider_fault(self) -> Fault | None:
        if limit := self._limit():
            self.met("limit")
            return limit
        if self._in(self.script.outages):
            self.met("outage")
            return Fault(FaultKind.OVERLOADED, "provider", (said("529"),))
        if self._in(self.script.refusals):
            self.met("credential refused")
            return Fault(FaultKind.AUTH, "config", (said("401"),))
        return None

    # what is drawn for it -------------------------------------------------------------------------------------------

    def _plan(self, spec: AttemptSpec, rng: random.Random) -> Plan:
        if fault := self._provider_fault():
            return Plan(fault, answers_after_s=rng.uniform(0.1, 3), is_cost_told=rng.random() < 0.9)
        cost = Decimal(rng.randint(7, 20)) / 100 * (3 if self._happens("expensive", rng) else 1)
        fault, output, good, blamed = self._outcome(spec, rng)
        if any(self._poison(item.id) == "dear" for item in spec.items):
            cost = max(cost, DEAR)
        cap = spec.caps.cost_usd
        if cap is not None and cost > cap:
            self.met("session over its cap")
            cost = min(cost, cap + self._worst * rng.randint(0, 100) / 100)
            fault, output, good = (
                Fault(FaultKind.SESSION_BUDGET, "session", (said("reached the session's budget"),)),
                None,
                set(),
            )
            blamed = {str(item.id) for item in spec.items}
        is_told = not self._happens("costless", rng) and (fault is None or rng.random() < 0.9)
        came = self._came(spec) if self.script.broken_answers and cap is not None else None
        if came is not None:
            cost = came.billed
            if came.fault is not None:
                fault, output, good = came.fault, None, set()
                blamed = {str(item.id) for item in spec.items} if came.fault.blame == "session" else set()
        told = came.told if came is not None else None
        return Plan(
            fault,
            output,
            frozenset(good),
            frozenset(blamed),
            cost,
            is_told,
            _FORGED_COST if "liar" in {self._poison(item.id) for item in spec.items} else told,
            came,
            answers_after_s=rng.uniform(0.1, 5),
            works_s=rng.uniform(1, 60),
        )

    def _came(self, spec: AttemptSpec) -> Came:
        """What its requests come to. The world sticks to its own bound of excuses: then nothing breaks off."""
        least = 30 if any(self._poison(item.id) == "dear" for item in spec.items) else 1
        came = came_of(f"{self.seed} {spec.id}", self.script.broken_answers, spec, least)
        if came.fault is not None and came.fault.blame == "provider" and not self._may_excuse(spec):
            came = came_of(f"{self.seed} {spec.id}", 0.0, spec, least)
        for what in came.met:
            self.met(what)
        return came

    def _outcome(self, spec: AttemptSpec, rng: random.Random) -> tuple[Fault | None, bytes | None, set[str], set[str]]:
        """Fault, output, items with good records, items to blame."""
        every = {str(item.id) for item in spec.items}
        poison = {self._poison(item) for item in every}
        if "refused" in poison:
            return Fault(FaultKind.REFUSED, "session", (said("refused"),)), None, set(), every
        if "liar" in poison:
            self.met("forged lines")
            return self._forged(spec), None, set(), every
        if "deadly" in poison:
            self.met("session crashed on its item")
            return Fault(FaultKind.CRASHED, "host", (said("crashed"),)), None, set(), set()
        if self._happens("crash", rng) and self._may_excuse(spec):
            self.met("session crashed")
            return Fault(FaultKind.CRASHED, "host", (said("crashed"),)), None, set(), set()
        if self._happens("cut", rng):
            output, good, _ = self._records(spec, rng) if rng.random() < 0.5 else (None, set(), set())
            return Fault(FaultKind.TURN_LIMIT, "session", (said("turn limit"),)), output, good, every
        if "silent" in poison or self._happens("broken", rng):
            return None, b"[{", set(), every
        output, good, blamed = self._records(spec, rng)
        if self._happens("write_then_crash", rng) and self._may_excuse(spec):
            self.met("session crashed after it wrote")
            return Fault(FaultKind.CRASHED, "host", (said("crashed after writing"),)), output, good, set()
        return None, output, good, blamed

    def _forged(self, spec: AttemptSpec) -> Fault:
        own = random.Random(f"forged {self.seed} {spec.id}")
        words = [
            Fault(FaultKind.USAGE_LIMIT, "provider", (said("limit"),), self.clock.now() + timedelta(days=7)),
            Fault(FaultKind.CREDIT, "config", (said("402"),)),
            Fault(FaultKind.FORBIDDEN, "config", (said("403"),)),
            Fault(FaultKind.AUTH, "config", (said("401"),)),
            Fault(FaultKind.OVERLOADED, "provider", (said("529"),)),
        ]
        return _claimed(own.choice(words))

    def _records(self, spec: AttemptSpec, rng: random.Random) -> tuple[bytes, set[str], set[str]]:
        records: list[dict[str, object]] = []
        good: set[str] = set()
        for item in spec.items:
            if self._poison(item.id) == "odd":
                self.met("odd record")
                records.append({"id": item.id, "ok": True, "odd": True})
            elif self._poison(item.id) == "rejected" or self._is_wrong(spec, item.id, rng):
                records.append({"id": item.id, "ok": False})
            elif self._happens("mistaken", rng):
                records.append({"id": item.id.upper(), "ok": True, "makes": []})
            elif not self._happens("missing", rng):
                good.add(str(item.id))
                records.append({"id": item.id, "ok": True, "makes": made_of(item.id)})
        if self._happens("invented", rng):
            records.append({"id": "i999", "ok": True, "makes": []})
        rng.shuffle(records)
        return json.dumps(records).encode(), good, {str(item.id) for item in spec.items} - good

    def _is_wrong(self, spec: AttemptSpec, item: str, rng: random.Random) -> bool:
        if not self.script.is_fair:
            return self._happens("wrong", rng)
        key = (spec.work.batch.phase, item)
        self._tried[key] += 1
        own = random.Random(f"item {self.seed} {key}")
        wrong_first = own.randint(1, self.script.strikes - 1) if own.random() < self.script.fault_rates["wrong"] else 0
        return self._tried[key] <= wrong_first

    def _poison(self, item: str) -> str | None:
        return self.script.poison.get(item.split(".")[0])

    def is_odd(self, item: str) -> bool:
        """Its record makes the check raise."""
        return self._poison(item) == "odd"

    def _happens(self, kind: str, rng: random.Random) -> bool:
        is_calm = self.clock.monotonic() >= self.script.calm_s
        return not is_calm and rng.random() < self.script.fault_rates.get(kind, 0.0)

    def _may_excuse(self, spec: AttemptSpec) -> bool:
        """The world itself sticks to the bound within which an innocent item must end done."""
        keys = [(spec.work.batch.phase, str(item.id)) for item in spec.items]
        if any(self._no_strike[key] >= _NO_STRIKE_RETRIES for key in keys):
            return False
        self._no_strike.update(keys)
        return True

    # the ends ---------------------------------------------------------------------------------------------------------

    def _ending(self, session: Session, *, is_cost_told: bool | None = None) -> Ending:
        artifacts: tuple[Artifact, ...] = ()
        if session.written is not None:
            sha = self.store.put(session.written)
            artifacts = (Artifact("output.json", sha, len(session.written)),)
        is_told = session.plan.is_cost_told if is_cost_told is None else is_cost_told
        plan = session.plan
        told = session.cost if plan.told is None else plan.told
        counted = plan.came.counted if plan.came else None
        facts = SessionFacts(
            cost_usd=told if is_told else None, reached_model=session.has_answered, counted_usd=counted
        )
        return Ending(artifacts, (), session.fault, facts, timedelta(seconds=1))

    def of(self, attempt: int) -> Session:
        """The session of an attempt; a blank one when the supervisor was killed before it came to that."""
        return self.sessions.get(attempt) or Session(attempt, 0, (), Plan(), 0.0, 0.0, is_live=False)

    def live(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.is_live]

    def billed(self) -> Decimal:
        return sum((session.cost for session in self.sessions.values()), Decimal(0))

    def crash(self) -> None:
        """The supervisor is gone; most sessions go with it, some live on as orphans until they are salvaged."""
        for session in self.live():
            session.is_orphan = session.plan.output is not None and self._orphans.random() < self.script.orphan_rate
            session.is_live = session.is_orphan

    def _check_nobody_else_works_on(self, session: Session) -> None:
        for other in self.live():
            if other.phase == session.phase and set(other.items) & set(session.items):
                raise AssertionError(f"V5: two live sessions on {set(other.items) & set(session.items)}")


def _cancelled() -> Fault:
    return Fault(FaultKind.CANCELLED, "operator", (said("asked to end"),))


def _claimed(fault: Fault) -> Fault:
    """The same, told after a tool call."""
    return replace(fault, evidence={"used_tools": True})
