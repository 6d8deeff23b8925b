"""Items made out of records: an id belongs to who was accepted with it first, however another session writes it."""

import json
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.ledger.store import rebuild, state_of
from tests.checker.laws import broken_laws
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

WORKER = """\
import json, os
items, phase = json.load(open("items.json")), os.environ["HARNESS_PHASE"]
def record(item):
    if phase == "letters":
        return {"id": item["id"]}
    makes = item["data"]["again"] if item["reasons"] else item["data"]["makes"]
    return {"id": item["id"], "letters": [{"id": made} for made in makes]}
json.dump([record(item) for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


def letters(desk: "Desk", rows: dict[str, tuple[list[str], list[str]]], **more: Any) -> None:
    """A job of two phases; `rows` are id -> what it makes, and what it makes when it is told why not."""
    (desk.folder / "worker.py").write_text(WORKER)
    items = [{"id": id_, "makes": makes, "again": again} for id_, (makes, again) in rows.items()]
    (desk.folder / "items.json").write_text(json.dumps(items))
    manifest = {
        "job": "Letters",
        "items": {"file": "items.json"},
        "session": {"backend": "command", "command": [sys.executable, "worker.py"]},
        "phases": {
            "words": {"output": {"merge": "output/words.json"}},
            "letters": {"from": "words", "items": {"rows": ".letters[]"}, "output": {"merge": "output/letters.json"}},
        },
        **more,
    }
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))


def merged(desk: "Desk") -> list[str]:
    return [record["id"] for record in json.loads((desk.folder / "output/letters.json").read_bytes())]


def assert_sound(folder: Path) -> None:
    """The tables are what the entries say, and the independent checker finds nothing."""
    state = folder / ".harness/job"
    db = sqlite3.connect(state / "ledger.db")
    assert state_of(db) == state_of(rebuild(db))
    db.close()
    assert broken_laws(state) == []


def test_an_id_that_differs_only_in_case_or_composition_is_the_same_and_the_later_session_tries_again(
    desk: "Desk",
) -> None:
    letters(desk, {"a": (["X1", "caf\u00e9"], []), "b": (["x1"], ["x2"]), "c": (["CAFE\u0301"], ["c"])})
    desk.has_typed("launch")
    assert merged(desk) == ["X1", "caf\u00e9", "x2", "c"]
    told = desk.types("why", "b").out
    assert 'phase letters: "a" and "b" both have "x1" at .id' in told
    assert_sound(desk.folder)


def test_one_that_insists_fails_alone_and_takes_nothing_from_who_was_first(desk: "Desk") -> None:
    letters(desk, {"a": (["X1"], []), "b": (["x1", "fine"], ["x1", "fine"]), "c": (["y"], [])})
    desk.has_typed("launch", code=1)
    assert merged(desk) == ["X1", "y"]
    assert_sound(desk.folder)


def test_however_many_ask_for_an_id_at_once_one_of_them_has_it(desk: "Desk") -> None:
    letters(desk, {f"i{n}": ([f"{'xX'[n % 2]}1"], [f"own{n}"]) for n in range(3)}, parallel=3)
    desk.has_typed("launch")
    assert sorted(id_.casefold() for id_ in merged(desk))[-1] == "x1"
    assert len(merged(desk)) == len({id_.casefold() for id_ in merged(desk)}) == 3
    assert_sound(desk.folder)


def test_an_id_that_was_taken_back_is_free_again(desk: "Desk") -> None:
    letters(desk, {"a": (["X1"], ["other"]), "b": (["b"], ["x1"])})
    desk.has_typed("launch")
    assert desk.types("reject", "a", "b", "--phase", "words", "--why", "the other way round", "--yes").code == 0
    assert desk.types("launch").code == 0
    assert merged(desk) == ["other", "x1"]
    assert_sound(desk.folder)


def test_an_id_that_no_source_could_have_is_rejected_with_the_reason(desk: "Desk") -> None:
    letters(desk, {"a": (["x" * 4_097], ["x"]), "b": (["two\nlines"], ["two lines"])})
    desk.has_typed("launch")
    assert merged(desk) == ["x", "two lines"]
    assert "has 4,097 characters, more than 4,096" in desk.types("why", "a").out


def test_why_shows_what_was_rejected_and_show_takes_one_phase(desk: "Desk") -> None:
    letters(desk, {"a": (["x1"], ["x1"]), "b": (["X1", "y"], ["y"])}, batch={"size": 2})
    desk.has_typed("launch")
    told = desk.types("why", "b").out
    assert 'output: {"id": "b", "letters": [{"id": "X1"}, {"id": "y"}]}' in told
    assert "what it wrote" not in desk.types("why", "a").out
    attempts = desk.types("why", "b", "--json").json()["phases"][0]["attempts"]
    assert [attempt["wrote"] is None for attempt in attempts] == [False, True]
    assert [each["phase"] for each in desk.types("show", "b", "--phase", "words").json()["phases"]] == ["words"]
    assert "error: phase letter: 'b' is in words" in desk.types("show", "b", "--phase", "letter").err


@pytest.mark.parametrize("size", [1, 3, 12])
def test_an_id_that_cannot_be_unique_is_the_manifests_fault_and_told_to_no_session_for_ever(
    size: int, desk: "Desk"
) -> None:
    kinds = ("good", "bad", "so-so")
    letters(desk, {f"r{n:02}": ([kinds[n % 3]], [kinds[n % 3]]) for n in range(12)}, batch={"size": size})
    stopped = desk.types("launch")
    assert stopped.code == 4
    assert 'phase letters: "r0' in stopped.err and "both have" in stopped.err
    assert "set items.id to a path whose values are unique" in stopped.err
    assert desk.types("status", "--json").json()["counts"]["failed"] == 0
    assert_sound(desk.folder)
    manifest = json.loads((desk.folder / "job.yaml").read_text())
    manifest["phases"]["letters"]["items"] = {"rows": ".", "id": ".id"}
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))
    sessions = desk.types("status", "--json").json()["usage"]["sessions"]
    assert desk.types("rejudge").code == 0, "what the sessions left is not paid for again"
    assert desk.types("status", "--json").json()["usage"]["sessions"] == sessions
    assert desk.types("launch").code == 0
    assert_sound(desk.folder)


def test_many_items_that_have_ids_of_their_own_show_that_three_slips_are_slips(desk: "Desk") -> None:
    rows = {f"i{n}": ([f"own{n}"], [f"own{n}"]) for n in range(6)}
    letters(desk, rows | {f"j{n}": (["own0"], ["own0"]) for n in range(4)})
    desk.has_typed("launch", code=1)
    assert desk.types("status", "--json").json()["counts"]["failed"] == 4
    assert_sound(desk.folder)


def test_a_chosen_item_that_must_wait_for_its_batch_is_not_done(desk: "Desk") -> None:
    """A later phase waits for whole batches, so a run of one item of a batch ends on the way, and says so."""
    letters(desk, {word: ([word.upper()], []) for word in ("a", "b", "c")}, batch={"size": 2})
    chosen = desk.types("launch", "--only", "a")
    assert chosen.code == 3, chosen
    assert "1 chosen item cannot start unless the rest of the same batch is chosen too" in chosen.out
    assert desk.types("launch", "--first", "2").code == 0
    assert desk.types("launch", "--only", "a").code == 0
    assert desk.types("launch").code == 0
    assert_sound(desk.folder)


@covers("F202")
def test_what_is_recovered_of_a_finished_job_goes_on_in_batches(desk: "Desk") -> None:
    """Each item had failed alone; the next phase must not have a session for each of them."""
    words = [f"w{number}" for number in range(6)]
    letters(desk, {word: ([word.upper()], [word.upper()]) for word in words}, batch={"size": 3})
    manifest = json.loads((desk.folder / "job.yaml").read_text())
    del manifest["phases"]["letters"]["items"]
    check = manifest["phases"]["words"]["output"].setdefault("check", [{"jq": "(.letters | length) > 1"}])
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))
    desk.types("launch")
    assert len(desk.types("status", "--json").json()["failed"]) == 6
    check[0]["jq"] = "(.letters | length) > 0"
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))
    assert "6 items accepted at no cost" in desk.types("rejudge").out
    sessions = desk.types("status", "--json").json()["usage"]["sessions"]
    assert desk.types("launch").code == 0
    assert desk.types("status", "--json").json()["usage"]["sessions"] == sessions + 2
    assert merged(desk) == words
    assert_sound(desk.folder)
