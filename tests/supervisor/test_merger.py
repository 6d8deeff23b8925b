"""Laws of when a merge is up to date, and of what lies in its place."""

import asyncio
from pathlib import Path

import pytest

from harness.core.events import Merged
from harness.ledger.store import entries
from harness.outputs import merge as files
from harness.supervisor.merger import Merger, is_merged
from harness.supervisor.run_context import RunContext
from tests.simulation.script import Script
from tests.simulation.virtual import slowly
from tests.supervisor.conftest import MakeRun


def _target(run: RunContext) -> Path:
    target = run.job.phase(1).output.merge
    assert target is not None
    return target


@pytest.fixture
def merged(a_run: MakeRun) -> RunContext:
    """Two records, merged."""
    run = a_run(Script(items=2))
    content = b'{"id":"i0"}\n{"id":"i1"}\n'
    sha = run.store.put(content)
    for at in range(2):
        row = (1, f"i{at}", 1, 8 + at, sha, 12 * at, 12, 1)
        run.ledger.db.execute("INSERT INTO accepted VALUES(?, ?, ?, ?, ?, ?, ?, ?)", row)
    asyncio.run(Merger(run, slowly).merge_all())
    return run


def _merges(run: RunContext) -> list[Merged]:
    return [entry.event for entry in entries(run.ledger.db) if isinstance(entry.event, Merged)]


def test_a_merge_is_up_to_date_until_a_record_comes_goes_or_the_file_is_another(merged: RunContext) -> None:
    phase, db = merged.job.phase(1), merged.ledger.db
    assert is_merged(merged.ledger, phase)
    db.execute("UPDATE accepted SET seq = 99 WHERE item = 'i0'")
    assert not is_merged(merged.ledger, phase), "accepted once more"
    db.execute("UPDATE accepted SET seq = 8 WHERE item = 'i0'")
    db.execute("DELETE FROM accepted WHERE item = 'i1'")
    assert not is_merged(merged.ledger, phase), "withdrawn"
    asyncio.run(Merger(merged, slowly).merge_all())
    assert is_merged(merged.ledger, phase)
    _target(merged).unlink()
    assert not is_merged(merged.ledger, phase), "gone"


def test_what_somebody_put_in_the_place_of_a_merge_is_set_aside(merged: RunContext) -> None:
    target = _target(merged)
    target.write_text("mine")
    asyncio.run(Merger(merged, slowly).merge_all())
    aside = target.with_name(_merges(merged)[-1].set_aside)
    assert aside.read_text() == "mine"
    assert files.hash_of(target) == _merges(merged)[-1].sha


def test_a_merge_is_known_before_it_is_there(merged: RunContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a kill between the two leaves a file that would be taken for somebody else's."""
    known: list[bool] = []
    monkeypatch.setattr(files, "publish", lambda prepared: known.append(_merges(merged)[-1].sha == prepared.sha))
    merged.ledger.db.execute("DELETE FROM accepted WHERE item = 'i1'")
    asyncio.run(Merger(merged, slowly).merge_all())
    assert known == [True]
