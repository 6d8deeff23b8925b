"""`reuse: 30d`: what another job of the manifest has made of the same rows is taken over, judged anew, and named so."""

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.ledger.store import rebuild, state_of
from tests.checker.laws import broken_laws
from tests.cli.conftest import Desk, change_check
from tests.covers import covers

ITEMS = {"a": "good", "b": "good", "c": "bad"}
REUSE = "reuse: 30d\nstrikes: 1\n"


def _entries(desk: Desk, instance: str, kind: str) -> list[dict[str, object]]:
    db = sqlite3.connect(desk.folder / f".harness/{instance}/ledger.db")
    found = [
        json.loads(body) for (body,) in db.execute("SELECT body FROM entries WHERE kind = ? ORDER BY seq", (kind,))
    ]
    db.close()
    return found


def _sound(desk: Desk, instance: str) -> None:
    state = desk.folder / ".harness" / instance
    db = sqlite3.connect(state / "ledger.db")
    assert state_of(db) == state_of(rebuild(db))
    db.close()
    assert list(broken_laws(state, strikes=1)) == []


def _last_week(desk: Desk, **items: str) -> None:
    """A job that ran without a name: a and b done, c failed."""
    desk.job(items or ITEMS, more=REUSE)
    assert desk.types("launch").code == (1 if "bad" in (items or ITEMS).values() else 0)


@covers("A32")
def test_what_was_made_of_the_same_rows_is_taken_over_and_costs_nothing(desk: Desk) -> None:
    _last_week(desk)
    assert "reuse     of job, what is not older than 30d 0h" in desk.types("check", "--as", "w49").out
    said = desk.types("launch", "--as", "w49")
    assert said.code == 1 and "2 numbers reused from job\n" in said.err
    assert "2 numbers reused from job, at no cost" in said.out
    (started,) = _entries(desk, "job@w49", "AttemptStarted")
    assert started["items"] == ["c"], "only what was not done there is made"
    taken = [entry for entry in _entries(desk, "job@w49", "ItemAccepted") if entry["source"]]
    assert [(entry["item"], entry["source"], entry["attempt"]) for entry in taken] == [("a", "job", 0), ("b", "job", 0)]
    assert all(entry["source_attempt"] and entry["made_at"] for entry in taken)
    merged = json.loads((desk.folder / "output/job@w49.json").read_bytes())
    assert merged == [{"id": "a", "n": 1}, {"id": "b", "n": 1}]
    assert "reused from job (attempt 1 there, " in desk.types("why", "a", "--as", "w49").out
    report = desk.types("report", "--as", "w49").out
    assert "2 numbers reused, the oldest 0 days old." in report
    assert "a accepted: 1 record reused from job" in desk.types("log", "--as", "w49").out
    _sound(desk, "job@w49")
    again = desk.types("launch", "--as", "w49")
    assert again.code == 1 and len(_entries(desk, "job@w49", "ItemAccepted")) == 2, "nothing is taken twice"


def test_a_person_who_wants_it_anew_gets_it_anew(desk: Desk) -> None:
    _last_week(desk, a="good", b="good")
    desk.has_typed("launch", "--as", "w49")
    assert _entries(desk, "job@w49", "AttemptStarted") == []
    assert desk.types("redo", "--where", "attempt<9", "--as", "w49", "--yes").code == 0, "none of its attempts"
    assert desk.types("reject", "a", "--why", "look again", "--as", "w49", "--yes").code == 0
    assert desk.types("launch", "--as", "w49").code == 0
    (started,) = _entries(desk, "job@w49", "AttemptStarted")
    assert started["items"] == ["a"], "what was taken back is not taken over again"
    assert desk.types("redo", "--where", "reused=all", "--as", "w49", "--yes").code == 0
    assert desk.types("launch", "--as", "w49").code == 0
    assert [entry["items"] for entry in _entries(desk, "job@w49", "AttemptStarted")] == [["a"], ["b"]]
    assert desk.types("rejudge", "--check", "--as", "w49").code in (0, 1)
    _sound(desk, "job@w49")
    assert desk.types("launch", "--as", "w50", "--set", "reuse=none").code == 0
    assert len(_entries(desk, "job@w50", "AttemptStarted")) == 2


def test_what_was_taken_over_is_not_passed_on_as_if_it_were_new(desk: Desk) -> None:
    _last_week(desk, a="good")
    desk.has_typed("launch", "--as", "w49")
    assert desk.types("launch", "--as", "w50").code == 0
    (entry,) = _entries(desk, "job@w50", "ItemAccepted")
    assert entry["source"] == "job"
    assert desk.types("launch", "--as", "w51", "--set", "reuse={within: 30d, from: [w49]}").code == 0
    (entry,) = _entries(desk, "job@w51", "ItemAccepted")
    assert entry["source"] == ""


@pytest.mark.parametrize(
    ("change", "settings"),
    [
        ("row", ()),
        ("check", ()),
        ("prompt", ()),
        ("age", ("reuse={within: 1h}",)),
        ("other", ("reuse={within: 30d, from: [w48]}",)),
        ("vars", ("vars.client=beta",)),
        ("ledger", ()),
        ("content", ()),
    ],
)
def test_what_does_not_fit_is_made_again(desk: Desk, change: str, settings: tuple[str, ...]) -> None:
    _last_week(desk, a="good")
    if change == "row":
        (desk.folder / "items.jsonl").write_text('{"id": "a", "how": "good", "new": 1}\n')
    elif change == "check":
        change_check(desk, ".n > 0", ".n > 5")
    elif change == "prompt":
        change_check(desk, "count them", "count them all")
    elif change in ("age", "ledger", "content"):
        _tamper(desk.folder / ".harness/job", change)
    words = [word for setting in settings for word in ("--set", setting)]
    code = desk.types("launch", "--as", "w49", *words).code
    assert code == (1 if change == "check" else 0)
    assert [entry["items"] for entry in _entries(desk, "job@w49", "AttemptStarted")] == [["a"]]
    assert not [entry for entry in _entries(desk, "job@w49", "ItemAccepted") if entry["source"]]


def _tamper(state: Path, how: str) -> None:
    if how == "ledger":
        (state / "ledger.db").write_bytes(b"not a ledger")
        for end in ("-wal", "-shm"):
            (state / f"ledger.db{end}").unlink(missing_ok=True)
        return
    db = sqlite3.connect(state / "ledger.db")
    if how == "age":
        old = (datetime.now(UTC) - timedelta(hours=2)).isoformat().replace("+00:00", "Z")
        db.execute("UPDATE entries SET time = ? WHERE kind = 'ItemAccepted'", (old,))
    else:
        db.execute("UPDATE contents SET content = x'5b5d'")
    db.commit()
    db.close()


def test_reuse_is_refused_where_it_says_nothing(desk: Desk) -> None:
    desk.job({"a": "good"}, more="reuse: {within: soon, from: [../x]}\n")
    said = desk.types("check", "--only", "plan")
    assert said.code == 2 and "expected a duration" in said.err
    desk.job({"a": "good"}, more="reuse: {within: 30d, from: [../x]}\n")
    said = desk.types("check", "--only", "plan")
    assert said.code == 2 and "reuse.from[0]: expected a name such as acme" in said.err
    desk.job({"a": "good"}, more="reuse: {within: 30d, from: []}\n")
    assert "names no instance" in desk.types("check", "--only", "plan").err


def test_a_rehearsal_takes_nothing_over(desk: Desk) -> None:
    _last_week(desk, a="good")
    assert desk.types("rehearse", "--as", "w49").code == 0
    assert [entry["source"] for entry in _entries(desk, "job@w49.rehearsal", "ItemAccepted")] == [""]


def test_how_old_records_may_be_is_said_with_its_unit(desk: Desk) -> None:
    for written in ("30", "{within: 30}", "'30'", "1.5"):
        desk.job(ITEMS, more=f"reuse: {written}\n")
        said = desk.types("check", "--only", "plan")
        number = "1.5" if written == "1.5" else "30"
        assert said.code == 2 and f"{number} of what? Write {number}d for days or {number}h for hours" in said.err


def test_beside_an_edited_row_those_that_wait_are_taken_over(desk: Desk) -> None:
    _last_week(desk, a="good", b="good")
    desk.job({"a": "good", "b": "good"}, more="strikes: 1\n")
    desk.has_typed("launch", "--as", "w49", "--only", "a")
    desk.job({"a": "good2", "b": "good"}, more=REUSE)
    desk.types("launch", "--as", "w49", "--changed")
    assert [entry["items"] for entry in _entries(desk, "job@w49", "AttemptStarted")] == [["a"], ["a"]]
    assert [e["item"] for e in _entries(desk, "job@w49", "ItemAccepted") if e["source"]] == ["b"]
    _sound(desk, "job@w49")
