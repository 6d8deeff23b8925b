"""Records of other jobs: many synthetic pasts, ended at any commit; what is taken over is exactly what may be."""

import asyncio
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.base.artifacts import ArtifactStore
from harness.core.events import AttemptEnded, AttemptStarted, FrozenOutput, ItemAccepted, UsageSettled
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.job.load import load
from harness.ledger import reuse_queries as offering
from harness.ledger.store import Ledger, rebuild, state_of
from harness.planning.job_plan import plan_or_check
from harness.planning.preconditions import Look
from harness.planning.state_folder import make_state_folder
from harness.sources.read import read
from harness.supervisor import record_reuse
from harness.supervisor.duplicate_ids import DuplicateIds
from harness.supervisor.held_state import open_ledger
from harness.supervisor.judgement import judge_of
from harness.supervisor.run_context import JobContext
from tests.commits import around_commits

NOW = datetime(2026, 12, 1, tzinfo=UTC)
TRIALS = 6
ITEMS = ["a", "b", "c", "d"]
MANIFEST = """\
job: Trial
items: {file: items.json}
session: {backend: command, command: ["true"], prompt: go on please}
output: {file: o.json, check: [{jq: ".n > 0"}], merge: output/all.json}
reuse: 30d
"""


class _Killed(BaseException):
    """The process is gone."""


@dataclass
class _At:
    """A clock that stands."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


@dataclass
class _Past:
    """One other job: when it ran, and what it made of each item: row version, value; None = it failed there."""

    name: str
    age: timedelta
    made: dict[str, tuple[int, int]] = field(default_factory=dict)


def _draw(rng: random.Random) -> tuple[dict[str, int], list[_Past]]:
    """Today's row version of each item, and the other jobs."""
    today = {item: rng.choice((1, 1, 2)) for item in ITEMS}
    pasts = [_Past(f"w{number}", timedelta(days=rng.choice((1, 12, 29, 31, 90)), hours=number)) for number in range(3)]
    for past in pasts:
        for item in ITEMS:
            if rng.random() < 0.75:
                past.made[item] = (rng.choice((1, 1, 2)), rng.choice((-1, 1, 2, 3)))
    return today, pasts


def _expected(today: dict[str, int], pasts: list[_Past]) -> dict[str, tuple[str, int]]:
    """Item -> where it comes from and its value: the newest that fits, if today's check takes it."""
    found: dict[str, tuple[str, int]] = {}
    for past in sorted(pasts, key=lambda past: -past.age):
        for item, (version, value) in past.made.items():
            if version == today[item] and past.age <= timedelta(days=30):
                found[item] = (f"job@{past.name}", value)
    return {item: (name, value) for item, (name, value) in found.items() if value > 0}


def _rows(folder: Path, versions: dict[str, int]) -> None:
    (folder / "items.json").write_text(json.dumps([{"id": item, "v": version} for item, version in versions.items()]))


def _open(job: Job, at: datetime, bounded: Bounded) -> Ledger:
    make_state_folder(job)
    ledger = open_ledger(job, _At(at))
    plan_or_check(job, ledger, Look(at, bounded))
    return ledger


def _lived(folder: Path, past: _Past, bounded: Bounded) -> None:
    """The ledger of a job that has run, an attempt for each item."""
    _rows(folder, {item: past.made.get(item, (1, 0))[0] for item in ITEMS})
    job = load(folder / "job.yaml", instance=past.name)
    with _open(job, NOW - past.age, bounded) as ledger:
        store = ArtifactStore(job.state / "artifacts", ledger.contents)
        for number, item in enumerate(read(job, bounded).items, 1):
            if item.id not in past.made:
                continue
            record = json.dumps({"id": item.id, "n": past.made[item.id][1]}).encode()
            sha, kept = store.put(b"[" + record + b"]"), store.put(record + b"\n")
            folder_of = f"attempts/{number:06d}-p1-b001"
            started = (number, "0" * 32, number, 1, ITEMS.index(item.id) + 1, 0, (str(item.id),), "s", "command", None)
            ledger.record(
                AttemptStarted(*started, "", 0, folder_of),
                ItemAccepted(number, 1, str(item.id), kept, 0, len(record) + 1, 1),
                UsageSettled(number, 0, True, 0, 0, 0, 0, 1),
                AttemptEnded(
                    *(number, "succeeded", None, None, "", 1.0, "s", None, None),
                    outputs=(FrozenOutput("o.json", sha, len(record) + 2),),
                ),
            )


def _taken(state: Path) -> dict[str, tuple[str, int]]:
    """Item -> source and value, of what the ledger says is done; the tables are what the entries say."""
    with closing(sqlite3.connect(state / "ledger.db")) as db:
        assert state_of(db) == state_of(rebuild(db))
        found = {}
        for body, content in db.execute(
            "SELECT e.body, c.content FROM accepted a JOIN entries e ON e.seq = a.seq JOIN contents c ON c.sha = a.sha"
        ):
            event: dict[str, Any] = json.loads(body)
            line = content[event["offset"] : event["offset"] + event["length_bytes"]]
            found[event["item"]] = (event["source"], json.loads(line)["n"])
            assert event["attempt"] == 0 and event["rejudged"] and datetime.fromisoformat(event["made_at"]) < NOW
        states = dict(db.execute("SELECT item, state FROM items"))
        assert states == {item: "done" if item in found else "pending" for item in ITEMS}
        (charged,) = db.execute("SELECT count(*) FROM entries WHERE kind = 'AttemptStarted'").fetchone()
        assert charged == 0, "nothing was started"
    return found


def _take_over(job: Job, bounded: Bounded, die_at: int | None = None) -> int:
    """Take over what there is; killed before or after some commit. Returns how many such moments there were."""
    moments = 0

    def around(moment: str) -> None:
        nonlocal moments
        moments += 1
        if moments == die_at:
            raise _Killed

    ledger = _open(job, NOW, bounded)
    around_commits(ledger, around)
    store = ArtifactStore(job.state / "artifacts", ledger.contents)
    run = JobContext(job, ledger, store, _At(NOW), judge_of(job, bounded), DuplicateIds(job, ledger))
    try:
        asyncio.run(record_reuse.reuse(run, None))
    finally:
        with suppress(sqlite3.Error):
            ledger.db.close() if die_at is not None else ledger.close()
    return moments


def _trial(folder: Path, seed: int, bounded: Bounded) -> None:
    """One synthetic past: taken over whole, and once more with a kill at some commit."""
    rng = random.Random(seed)
    today, pasts = _draw(rng)
    folder.mkdir()
    (folder / "job.yaml").write_text(MANIFEST)
    for past in pasts:
        _lived(folder, past, bounded)
    _rows(folder, today)
    expected = _expected(today, pasts)
    moments = _take_over(load(folder / "job.yaml"), bounded)
    assert _taken(folder / ".harness" / "job") == expected, f"seed {seed}"
    if moments:
        job = load(folder / "job.yaml", instance="killed")
        with suppress(_Killed):
            _take_over(job, bounded, rng.randint(1, moments))
        _take_over(job, bounded)
        assert _taken(job.state) == expected, f"seed {seed}, killed"


@pytest.fixture(scope="module")
def bounded() -> Iterator[Bounded]:
    with closing(Bounded()) as one:
        yield one


@pytest.mark.parametrize("seed", range(TRIALS))
def test_what_is_taken_over_is_what_may_be_and_a_kill_changes_nothing(
    tmp_path: Path, bounded: Bounded, seed: int
) -> None:
    _trial(tmp_path / "job", seed, bounded)


def _old_ones_too(patch: pytest.MonkeyPatch) -> None:
    real = offering.offer_for
    patch.setattr(record_reuse, "offer_for", lambda *given: (one := real(*given)) and _aged(one, NOW))


def _aged(offer: Any, moment: datetime) -> Any:
    return replace(offer, made_at=moment - timedelta(days=1))


def _other_rows_too(patch: pytest.MonkeyPatch) -> None:
    real = offering.offer_for

    def blind(db: sqlite3.Connection, phase: int, wanted: Any) -> Any:
        sha, data = db.execute("SELECT sha, data FROM items WHERE item = ?", (wanted.item,)).fetchone()
        return real(db, phase, replace(wanted, sha=sha, data=data))

    patch.setattr(record_reuse, "offer_for", blind)


def _the_oldest_counts(patch: pytest.MonkeyPatch) -> None:
    real = record_reuse._offers
    newest = record_reuse._newest

    def first(run: JobContext, name: str, fresh: Any) -> Any:
        found = newest(run, name, fresh)
        for state in run.job.reuse.states if run.job.reuse else ():
            if state != run.job.state:
                for offer in real(run, state, name, fresh):
                    if NOW - offer.made_at <= timedelta(days=30) and offer.made_at < found[offer.item][1].made_at:
                        found[offer.item] = (state, offer)
        return found

    patch.setattr(record_reuse, "_newest", first)


@pytest.mark.parametrize("mutant", [_old_ones_too, _other_rows_too, _the_oldest_counts])
def test_a_guard_that_is_taken_out_is_missed(
    tmp_path: Path, bounded: Bounded, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    mutant(monkeypatch)
    for seed in range(2 * TRIALS):
        try:
            _trial(tmp_path / f"job{seed}", seed, bounded)
        except AssertionError:
            return
    raise AssertionError(f"{mutant.__name__} was not caught")
