"""A very long ledger is what its entries say. Its times are measured by bench/scale, at 100,000 items x 3 attempts."""

from pathlib import Path

from harness.base.clock import SystemClock
from harness.core.events import (
    AttemptEnded,
    AttemptStarted,
    BatchPlanned,
    Event,
    GroupQueued,
    ItemAccepted,
    ItemAdded,
    ItemStruck,
    JobPlanned,
    PlannedPhase,
    UsageSettled,
)
from harness.core.run_events import RunStarted
from harness.ledger.store import Ledger, rebuild, state_of

ITEMS = 1500


def _one_attempt(attempt: int, item: str, number: int, try_: int) -> list[Event]:
    """The third try is accepted."""
    folder, group = f"attempts/{attempt:06d}-p1-b{number}", number if try_ == 0 else 10**6 + attempt
    started = AttemptStarted(attempt, "t", group, 1, number, 0, (item,), "s", "command", None, "p", 0, folder)
    usage = UsageSettled(attempt, 0, True, 0, 0, 0, 0, 0)
    if try_ == 2:
        ended = AttemptEnded(attempt, "succeeded", None, None, "", 0.1, "s", None, None)
        return [started, ItemAccepted(attempt, 1, item, "sha", 0, 1, 1), usage, ended]
    again = GroupQueued(10**6 + attempt + 1, 1, number, 0, (item,), try_ + 1, "retry")
    ended = AttemptEnded(attempt, "partial", None, None, "", 0.1, "s", None, None)
    return [started, ItemStruck(attempt, 1, item, ("wrong",)), usage, again, ended]


def test_T18_a_ledger_of_three_attempts_for_each_item_opens_and_is_what_its_entries_say(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    ledger = Ledger.open(path, SystemClock(), durable=False)
    ids = [f"i{number}" for number in range(1, ITEMS + 1)]
    phase = PlannedPhase(1, "main", "item", 0, "own", False, 1)
    planned: list[Event] = [JobPlanned("job", "item", False, "0", {}, (phase,), ITEMS)]
    for number, item in enumerate(ids, 1):
        planned.append(ItemAdded(1, item, None, item, f"{number:08d}", number, {"n": number}, "sha"))
        planned.append(BatchPlanned(1, number, 0, (item,), number))
    ledger.record(*planned, RunStarted(1, "host", "0", 1, None, "off", "none"))
    with ledger.transaction() as transaction:
        for number, item in enumerate(ids, 1):
            for try_ in range(3):
                transaction.record(_one_attempt(3 * (number - 1) + try_ + 1, item, number, try_))
    ledger.close()

    ledger = Ledger.open(path, SystemClock(), durable=False)
    query = "SELECT state, strikes, attempts, count(*) FROM items GROUP BY 1, 2, 3"
    assert ledger.db.execute(query).fetchall() == [("done", 2, 3, ITEMS)]
    assert ledger.db.execute("SELECT count(*) FROM accepted").fetchone() == (ITEMS,)
    assert state_of(rebuild(ledger.db)) == state_of(ledger.db)
