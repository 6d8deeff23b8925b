"""batch_progress.json has what document 004 draws, and a hand that edits it is noticed."""

import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.clock import to_text
from harness.core.messages import message
from harness.core.run_events import HoldPlaced, Paused, Resumed
from harness.ledger import progress_file
from harness.ledger.lock import JobLock
from harness.supervisor.progress_writer import ProgressWriter
from harness.views.attempt_rows import attempt, made_by
from harness.views.reason_words import reasons_text
from harness.views.status import read_status
from harness.views.status_text import lines
from tests.covers import covers

if TYPE_CHECKING:
    from tests.views.conftest import Night

DOCUMENT = json.loads("""{
  "course": "ita_for_eng_full", "totalSeeds": 668, "totalBatches": 34, "currentPhase": 3, "currentBatch": 15,
  "status": "processing",
  "progress": {
    "phase1": { "completed": 34, "failed": 0, "duration": "68min" },
    "phase3": { "completed": 14, "failed": 0, "inProgress": 15, "duration": "45min" },
    "phase5": { "completed": 0, "failed": 0, "pending": 34 }
  },
  "estimatedCompletion": "2025-10-27T22:30:00Z"
}""")
"""The block "Batch Progress Dashboard" of document 004; its phases have numbers for names."""


def _built(night: "Night") -> dict[str, object]:
    return progress_file.build(night.ledger.db, night.clock.now(), reasons_text)


@covers("F39", "F204", "A24", "A30", "A78", "A89")
def test_every_key_of_the_document_is_there_with_its_kind_of_value(night: "Night") -> None:
    night.plan(["S1", "S2", "S3", "S4"], size=2, noun="seed", phases=("translate", "decompose"))
    night.ledger.db.execute("""UPDATE job SET fingerprint = '{"vars.course": "\\"ita\\"", "vars.list": "[1]"}'""")
    night.begin()
    night.attempt()
    night.clock.at += timedelta(minutes=68)
    night.start()
    found = _built(night)
    assert set(DOCUMENT) <= set(found)
    assert (found["course"], found["totalSeeds"], found["totalBatches"]) == ("ita", 4, 2)
    assert "list" not in found
    assert (found["currentPhase"], found["currentBatch"], found["status"]) == ("decompose", 1, "processing")
    phases = found["progress"]
    assert isinstance(phases, dict)
    named = {key for phase in DOCUMENT["progress"].values() for key in phase}
    assert all(named <= set(phase) for phase in phases.values())
    decompose = {key: phases["decompose"][key] for key in named}
    assert decompose == {"completed": 0, "failed": 0, "inProgress": 1, "pending": 1, "duration": decompose["duration"]}
    assert phases["translate"]["pending"] == 1, "batch 1 goes on to the next phase before batch 2 begins"
    assert str(found["estimatedCompletion"]).endswith("Z")


def test_the_status_follows_the_job(night: "Night") -> None:
    night.plan(["A", "B"])
    assert (_built(night)["status"], _built(night)["estimatedCompletion"]) == ("new", None)
    night.strikes = 1
    night.begin()
    night.attempt({"A": ["no"]})
    night.end(3, message("budget", budget_microusd=1, spent_microusd=1, needed_microusd=1))
    assert (_built(night)["status"], _built(night)["currentPhase"]) == ("stopped", "main")
    night.begin()
    night.attempt()
    night.end(1)
    found = _built(night)
    assert (found["status"], found["currentPhase"], found["currentBatch"]) == ("finished", None, None)
    assert found["progress"]["main"] | {"items": 0} == {  # type: ignore[index]
        "completed": 1, "failed": 1, "inProgress": 0, "pending": 0, "duration": "1min", "items": 0,
    }  # fmt: skip


def test_a_pause_and_a_hold_are_told_apart_and_from_work(night: "Night") -> None:
    night.plan(["A"])
    night.begin()
    night.ledger.record(Paused("anna"))
    assert _built(night)["status"] == "paused"
    night.ledger.record(Resumed("anna"), HoldPlaced(1, "", to_text(night.clock.at + timedelta(hours=1))))
    assert _built(night)["status"] == "holding"
    night.clock.at += timedelta(hours=1)
    assert _built(night)["status"] == "processing"


@covers("F77", "A25")
def test_a_hand_edit_is_kept_and_said(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    path = tmp_path / "batch_progress.json"
    writer = ProgressWriter(path, night.ledger, night.clock)
    writer.write_now()
    writer.write_now()
    assert not progress_file.edited_copies(night.state), "what harness itself wrote is no edit"
    edited = path.read_text().replace('"pending": ["A"]', '"pending": []')
    path.write_text(edited)
    writer.write_now()
    assert [copy.read_text() for copy in progress_file.edited_copies(night.state)] == [edited]
    assert '"pending": ["A"]' in path.read_text()
    said = "\n".join(lines(read_status(night.state, night.clock.now()), night.clock.now(), "job.yaml"))
    assert "batch_progress.json was edited; edits have no effect" in said


@covers("F62", "F178", "F191", "F193", "F197")
def test_what_is_accepted_is_counted_in_items_and_records(night: "Night") -> None:
    night.plan(["A", "B"], size=2)
    night.begin()
    several = night.attempt(records=3)
    assert made_by(night.ledger.db, attempt(night.ledger.db, several)) == ["2 schools", "6 records"]


def _many_parts(night: "Night", parts: int, state: str) -> None:
    """Batch 1 of the second phase in so many parts, of one item each."""
    night.plan(["A"], phases=("one", "two"))
    night.ledger.db.execute("UPDATE items SET state = 'done'")
    for part in range(1, parts + 1):
        place = f"00000001.{part:08d}"
        row = (f"a{part}", place, part, state)
        night.ledger.db.execute("INSERT INTO batches VALUES (2, 1, ?, 1, 0, 0)", (part,))
        night.ledger.db.execute(
            "INSERT INTO items (phase, item, parent, root, place, number, part, state, strikes, round, attempts, data, "
            "sha, reasons) VALUES (2, ?, 'A', 'A', ?, 1, ?, ?, 0, 0, 0, '{}', 's', '[]')",
            row,
        )


@pytest.mark.parametrize("state", ["pending", "done", "failed", "skipped"])
def test_the_parts_of_one_batch_are_counted_in_one_pass(night: "Night", state: str) -> None:
    _many_parts(night, 400, state)
    looks: list[None] = []
    night.ledger.db.set_progress_handler(lambda: looks.append(None), 400)
    batches = _built(night)["batches"]
    night.ledger.db.set_progress_handler(None, 0)
    assert isinstance(batches, list)
    assert [row["batch"] for row in batches] == ["1", *(f"1.{part}" for part in range(1, 401))]
    assert {(row["items"], row["done"], row["failed"]) for row in batches[1:]} == {
        (1, int(state == "done"), int(state == "failed"))
    }
    assert len(looks) < 400, "steps of SQLite for each part: part by part it would be some for each of all the others"


def test_a_ledger_that_takes_too_long_to_read_leaves_the_file_for_another_time(
    night: "Night", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night.plan(["A", "B"])
    path = tmp_path / "batch_progress.json"
    writer = ProgressWriter(path, night.ledger, night.clock)
    writer.write_now()
    before = path.read_bytes()
    night.begin()
    monkeypatch.setattr("harness.supervisor.progress_writer._STEPS", 1)
    with monkeypatch.context() as slow:
        ticks = itertools.count()
        slow.setattr(night.clock, "monotonic", lambda: float(next(ticks)))
        writer.write_now()
        assert next(ticks) < 10, "it went on reading"
    assert path.read_bytes() == before
    assert writer.throttled.due_in_s() == 0.0
    writer.write_now()
    assert path.read_bytes() != before
    assert writer.throttled.due_in_s() is None


@pytest.mark.parametrize("is_held", [False, True])
def test_results_that_a_killed_run_left_behind_are_said(night: "Night", is_held: bool) -> None:
    night.plan(["A"])
    night.begin()
    night.ledger.db.execute("""UPDATE job SET fingerprint = '{"output.merge": "\\"out.json\\""}'""")
    night.attempt()
    if is_held:
        with JobLock(night.state / "lock", night.clock):
            status = read_status(night.state, night.clock.now())
    else:
        status = read_status(night.state, night.clock.now())
    said = list(lines(status, night.clock.now(), "job.yaml"))
    assert "Results: out.json, 0 records" in said
    late = "  out of date: 1 accepted since it was written; `harness report` updates it"
    assert (late in said) is not is_held, "while it runs a merge may be a little behind"
    assert status.as_json()["results"] == [{"phase": "main", "file": "out.json", "records": 0, "is_current": False}]
