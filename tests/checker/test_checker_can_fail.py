"""The independent checker finds what it is there for: each law is broken once by hand in the ledger of a real run."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.checker.laws import broken_laws
from tests.end_to_end.playing import WORKER, Job, command_job

NOW = "2099-01-01T00:00:00.000Z"


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """Three items done by a program; nobody changes this one."""
    folder = tmp_path_factory.mktemp("checked")
    (folder / "home").mkdir()
    job = command_job(folder / "job", folder / "home", WORKER, 3)
    said = job.play()
    assert said.code == 0, said.all
    return job


@pytest.fixture
def state(played: Job, tmp_path: Path) -> Path:
    """A copy of it, to be spoiled."""
    shutil.copytree(played.folder, tmp_path / "job")
    return tmp_path / "job" / ".harness" / "job"


def entered(state: Path, kind: str, **fields: Any) -> None:
    """Append an entry as if it had been recorded: the first one of this kind, with other fields."""
    db = sqlite3.connect(state / "ledger.db")
    with db:
        row = db.execute("SELECT body FROM entries WHERE kind = ? ORDER BY seq LIMIT 1", (kind,)).fetchone()
        body = json.dumps({**(json.loads(row[0]) if row else {}), **fields})
        db.execute("INSERT INTO entries SELECT max(seq) + 1, ?, ?, ?, x'00' FROM entries", (NOW, kind, body))
    db.close()


def changed(state: Path, statement: str) -> None:
    db = sqlite3.connect(state / "ledger.db")
    with db:
        db.execute(statement)
    db.close()


def asked_again(state: Path) -> None:
    """A request about an accepted item."""
    (state / "rehearsal").mkdir()
    line = {"number": 1, "time": NOW, "session": None, "phase": "main", "ids": ["i01"], "status": 200, "fault": None}
    (state / "rehearsal" / "requests.jsonl").write_text(json.dumps(line) + "\n")


def overdrawn(state: Path) -> None:
    entered(state, "RunStarted", budget_microusd=1)
    entered(state, "AttemptStarted", attempt=9, items=["i01"], reserved_microusd=2)


def started_in_a_hold(state: Path) -> None:
    entered(state, "HoldPlaced", attempt=1, reason="usage_limit", until="2100-01-01T00:00:00.000Z")
    entered(state, "AttemptStarted", attempt=9)


def two_on_one_item(state: Path) -> None:
    entered(state, "AttemptStarted", attempt=8, items=["i01"])
    entered(state, "AttemptStarted", attempt=9, items=["i01", "i02"])


def merge_of(state: Path) -> Path:
    return state.parent.parent / "output" / "all.json"


def one_record_less(state: Path) -> None:
    target = merge_of(state)
    target.write_text(json.dumps(json.loads(target.read_text())[1:]))


def struck_for_a_limit(state: Path) -> None:
    entered(state, "AttemptStarted", attempt=9)
    entered(state, "ItemStruck", attempt=9, phase=1, item="i01", reasons=["slow"])
    entered(state, "AttemptEnded", attempt=9, blame="provider", fault="usage_limit")


def failed_too_early(state: Path) -> None:
    entered(state, "AttemptStarted", attempt=9)
    entered(state, "ItemFailed", attempt=9, phase=1, item="i01", reason="no luck")
    entered(state, "AttemptEnded", attempt=9, blame="item", fault=None)


def forgotten_item(state: Path) -> None:
    entered(state, "ItemAdded", item="i77")
    entered(state, "RunEnded", exit_code=0)


def waits_for_nothing(state: Path) -> None:
    entered(state, "ItemReopened", phase=1, item="i02", who="a person")
    changed(state, "UPDATE items SET state = 'pending' WHERE item = 'i02'")
    changed(state, "UPDATE groups SET state = 'waiting' WHERE items = '[\"i02\"]'")
    changed(state, "INSERT INTO needs SELECT 1, 1, id FROM groups WHERE state = 'waiting'")


BREAKS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a changed entry": (
        "the_chain_is_whole",
        lambda state: changed(state, "UPDATE entries SET body = replace(body, 'word 1', 'word 9')"),
    ),
    "a missing entry": ("the_chain_is_whole", lambda state: changed(state, "DELETE FROM entries WHERE seq = 3")),
    "a second acceptance": (
        "an_item_is_accepted_once_until_a_person_withdraws_it",
        lambda state: entered(state, "ItemAccepted"),
    ),
    "work on what is done": ("nothing_accepted_is_started_again", lambda state: entered(state, "AttemptStarted")),
    "a question about what is done": ("nobody_asks_about_what_is_accepted", asked_again),
    "two sessions on one item": ("one_live_attempt_per_item", two_on_one_item),
    "a late result": ("only_open_attempts_accept_and_strike", lambda state: entered(state, "ItemAccepted", attempt=7)),
    "a record from nobody": (
        "only_open_attempts_accept_and_strike",
        lambda state: entered(state, "ItemAccepted", attempt=0, source="job", source_attempt=0, made_at=NOW),
    ),
    "a start without money": ("the_budget_is_never_overdrawn", overdrawn),
    "a start in a hold": ("no_start_during_a_hold", started_in_a_hold),
    "a table that says more": (
        "the_tables_say_what_the_entries_say",
        lambda state: changed(state, "UPDATE items SET state = 'failed' WHERE item = 'i02'"),
    ),
    "an item that waits for what is settled": ("whatever_is_open_can_go_on", waits_for_nothing),
    "an end with open items": (
        "a_finished_job_has_settled_everything",
        forgotten_item,
    ),
    "a record less in the merge": ("the_merge_is_what_was_accepted", one_record_less),
    "no merge": ("the_merge_is_what_was_accepted", lambda state: merge_of(state).unlink()),
    "a strike for a limit": ("strikes", struck_for_a_limit),
    "a failure without strikes": ("strikes", failed_too_early),
}


def test_nothing_is_found_in_a_run_that_nobody_touched(played: Job) -> None:
    assert broken_laws(played.state) == []


@pytest.mark.parametrize("name", BREAKS)
def test_each_broken_law_is_found(state: Path, name: str) -> None:
    law, break_it = BREAKS[name]
    break_it(state)
    assert any(found.startswith(f"{law}: ") for found in broken_laws(state)), broken_laws(state)
