"""A night of a job, played through the production ledger: planned, attempted, settled; no supervisor, no session."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from harness.base.artifacts import ArtifactStore
from harness.base.ids import AttemptId, ItemId
from harness.base.reason import Reason
from harness.core import events as e
from harness.core import run_events as r
from harness.core.fault_kinds import FaultKind
from harness.core.messages import Message, message
from harness.core.settle import settle
from harness.core.types import Accepted, Ending, Fault, Json, Judgement, Rejected, SessionFacts, Verdict
from harness.ledger import group_queries, run_queries
from harness.ledger.flow import follow
from harness.ledger.open_attempts import open_attempt
from harness.ledger.store import Ledger
from harness.outputs.merge import fragment

FINISHED = message("finished", failed=0)
BEGAN = datetime(2026, 11, 20, 22, 0, tzinfo=UTC)


class StillClock:
    """A clock that goes only when it is told to."""

    def __init__(self) -> None:
        self.at = BEGAN

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return (self.at - BEGAN).total_seconds()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Night:
    """One job in a folder of its own. Each step is one or more transactions of the real ledger."""

    def __init__(self, folder: Path, *, rehearsal: bool = False) -> None:
        self.state = folder / ".harness" / ("job.rehearsal" if rehearsal else "job")
        (self.state / "control").mkdir(parents=True)
        self.clock = StillClock()
        self.ledger = Ledger.open(self.state / "ledger.db", self.clock, durable=False)
        self.store = ArtifactStore(self.state / "artifacts", self.ledger.contents)
        self.rehearsal = rehearsal
        self.strikes = 3
        self.reserved_microusd = 2_460_000
        self.counted_usd: Decimal | None = None

    def plan(
        self, ids: Sequence[str], *, size: int = 1, noun: str = "school", phases: Sequence[str] = ("main",)
    ) -> None:
        planned = tuple(
            e.PlannedPhase(number, name, noun, number - 1, "own", False, size) for number, name in enumerate(phases, 1)
        )
        with self.ledger.transaction() as transaction:
            job = e.JobPlanned("West 2026", noun, self.rehearsal, "0.1.0", {"items": "a"}, planned, len(ids))
            transaction.record([job])
            for number, start in enumerate(range(0, len(ids), size), 1):
                batch = tuple(ids[start : start + size])
                added = [
                    e.ItemAdded(1, id_, None, id_, f"{start + place:08d}", number, {"id": id_}, "sha")
                    for place, id_ in enumerate(batch, 1)
                ]
                transaction.record([*added, e.BatchPlanned(1, number, 0, batch, number)])

    def begin(self) -> None:
        self.ledger.record(r.RunStarted(4711, "box", "0.1.0", 3, 40_000_000, "bubblewrap", "ANTHROPIC_API_KEY"))

    def end(self, code: int = 0, why: Message = FINISHED) -> None:
        self.ledger.record(r.RunEnded(code, why=why))

    def start(self) -> group_queries.ReadyGroup:
        """Start the next ready group; its attempt is open when this returns."""
        db = self.ledger.db
        group = group_queries.next_ready(db)
        assert group is not None
        number = run_queries.run_state(db).next_attempt
        batch, items = group.batch, tuple(group.items)
        self.ledger.record(
            e.AttemptStarted(
                number, f"{number:032x}", group.id, batch.phase, batch.number, batch.part, items,
                f"session-{number}", "claude", "sonnet", f"{number:064x}", self.reserved_microusd,
                f"attempts/{number:06d}-p{batch.phase}-b{batch.number:03d}",
            )
        )  # fmt: skip
        return group

    def attempt(
        self,
        bad: Mapping[str, Sequence[str | Reason]] | None = None,
        *,
        fault: Fault | None = None,
        cost: str | None = "0.07",
        notes: Sequence[Message] = (),
        record: Callable[[str], Json] = lambda id_: {"id": id_, "coach": "A. Smith"},
        records: int = 1,
    ) -> int:
        """Start the next group and settle it: everything is accepted but what `bad` names, nothing with a `fault`."""
        group = self.start()
        self.clock.at += timedelta(seconds=34)
        bad = {id_: ["no record was returned"] for id_ in group.items} if fault is not None else bad or {}
        verdicts: dict[ItemId, Verdict] = {
            id_: Rejected(tuple(map(_reason, bad[id_])), missing=fault is not None)
            if id_ in bad
            else Accepted((record(id_),) * records)
            for id_ in group.items
        }
        return self._settle(group, verdicts, fault, cost, notes)

    def _settle(
        self,
        group: group_queries.ReadyGroup,
        verdicts: Mapping[ItemId, Verdict],
        fault: Fault | None,
        cost: str | None,
        notes: Sequence[Message],
    ) -> int:
        accepted = {id_: verdict for id_, verdict in verdicts.items() if isinstance(verdict, Accepted)}
        kept = fragment(accepted, [id_ for id_ in group.items if id_ in accepted])
        if accepted:
            self.store.put(kept.content)
        facts = SessionFacts(
            model="claude-sonnet-5",
            cost_usd=Decimal(cost) if cost else None,
            output_tokens=120,
            counted_usd=self.counted_usd,
        )
        is_lost = fault is not None and fault.kind == FaultKind.SUPERVISOR_LOST  # nobody saw it end
        duration = timedelta(0) if is_lost else timedelta(seconds=34)
        ending = Ending((), (), fault, facts, duration, tuple(notes))
        number = int(self.ledger.db.execute("SELECT max(id) FROM attempts").fetchone()[0])
        open_ = open_attempt(self.ledger.db, AttemptId(number), self.strikes)
        judgement = Judgement(verdicts, usable=fault is None)
        with self.ledger.transaction() as transaction:
            transaction.record(settle(open_, ending, judgement, kept.slices, self.clock.now()))
            follow(transaction, group.batch.phase, group.batch.number)
        return number


def _reason(said: str | Reason) -> Reason:
    return Reason.said(said) if isinstance(said, str) else said


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    played = Night(tmp_path)
    yield played
    played.ledger.close()


@pytest.fixture
def rehearsed(tmp_path: Path) -> Iterator[Night]:
    played = Night(tmp_path, rehearsal=True)
    yield played
    played.ledger.close()
