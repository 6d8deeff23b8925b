"""Rows that a person has corrected: what differs is said, and today's row is used where nothing good would be lost."""

import json
import sqlite3
from typing import TYPE_CHECKING

from tests.checker.laws import broken_laws

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def edit(desk: "Desk", **how: str) -> None:
    file = desk.folder / "items.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(row | {"how": how.get(row["id"], row["how"])}) + "\n" for row in rows))


def attempts(desk: "Desk", item: str) -> int:
    with sqlite3.connect(f"file:{desk.folder}/.harness/job/ledger.db?mode=ro", uri=True) as db:
        (tried,) = db.execute("SELECT count(*) FROM attempt_items WHERE item = ?", (item,)).fetchone()
    return int(tried)


def merged(desk: "Desk") -> list[str]:
    return [record["id"] for record in json.loads((desk.folder / "output/job.json").read_text())]


def test_retry_says_what_differs_and_takes_the_row_of_today(desk: "Desk") -> None:
    desk.job({"a": "good", "b": "bad", "c": "good"})
    desk.has_typed("launch", code=1)
    edit(desk, b="good", c="better")
    retried = desk.types("retry", "b")
    assert 'item \'b\' was edited: how was "bad", is now "good" (used)' in retried.err
    assert "item 'c'" not in retried.err
    refused = desk.types("launch")
    assert refused.code == 2
    assert "item 'c' was edited" in refused.err
    assert "item 'b'" not in refused.err, "the retry that waits brings its row"
    edit(desk, c="good")
    assert desk.types("launch").code == 0
    assert merged(desk) == ["a", "b", "c"]
    assert (attempts(desk, "b"), attempts(desk, "a")) == (4, 1)
    assert desk.types("launch").code == 0
    assert not broken_laws(desk.folder / ".harness/job")


def test_a_second_retry_brings_the_row_that_was_corrected_after_the_first(desk: "Desk") -> None:
    desk.job({"a": "good", "b": "bad"})
    desk.has_typed("launch", code=1)
    assert desk.types("retry", "--failed").code == 0
    edit(desk, b="good")
    assert "(used)" in desk.types("retry", "b").err
    assert desk.types("launch").code == 0
    assert (merged(desk), attempts(desk, "b")) == (["a", "b"], 4)
    assert desk.types("launch").code == 0, "what was agreed to was used"


def test_launch_changed_makes_edited_items_again_and_no_others(desk: "Desk") -> None:
    desk.job({"a": "good", "b": "bad", "c": "good", "d": "bad"})
    desk.has_typed("launch", code=1)
    edit(desk, a="better", b="good")
    refused = desk.types("launch")
    assert refused.code == 2
    assert 'item \'a\' was edited: how was "good", is now "better"' in refused.err
    assert (
        "`harness launch --changed` redoes all 2 edited items with the current rows; "
        "1 done record leaves the merged output until it is redone" in refused.err
    )
    assert desk.types("launch", "--changed").code == 1, "d has still failed"
    assert merged(desk) == ["a", "b", "c"]
    assert [attempts(desk, item) for item in "abcd"] == [2, 4, 1, 3]
    assert desk.types("launch").code == 1
    assert not broken_laws(desk.folder / ".harness/job")
    log = desk.types("log").out
    assert "a queued for a new round with its current row" in log
    assert "1 record of attempt 1: its row was edited" in log


def test_keep_gives_items_that_wait_their_rows_of_today_and_leaves_done_ones_alone(desk: "Desk") -> None:
    desk.job({"a": "good", "b": "bad", "c": "good"})
    desk.has_typed("launch", "--first", "1")
    edit(desk, a="better", b="good")
    assert desk.types("launch").code == 2
    assert desk.types("launch", "--keep").code == 0
    assert [attempts(desk, item) for item in "abc"] == [1, 1, 1]
    assert desk.types("launch").code == 0
    assert desk.types("launch", "--changed").code == 0, "what was kept can still be made again"
    assert [attempts(desk, item) for item in "abc"] == [2, 1, 1]
    assert not broken_laws(desk.folder / ".harness/job")


def test_what_was_kept_is_not_asked_for_again_when_one_more_row_is_corrected(desk: "Desk") -> None:
    desk.job({"a": "good", "b": "bad", "c": "good"})
    desk.has_typed("launch", code=1)
    file = desk.folder / "items.jsonl"
    rows = file.read_text().splitlines()
    new = json.dumps(json.loads(rows[0]) | {"id": "new"})
    file.write_text("\n".join([*reversed(rows), new]) + "\n")
    edit(desk, a="kept as it was")
    assert desk.types("launch").code == 2
    assert desk.types("launch", "--keep").code == 1
    edit(desk, b="good")
    refused = desk.types("launch").err
    assert "item 'b' was edited" in refused
    assert not any(word in refused for word in ("different order", "item 'a'", "'new'"))
    assert desk.types("retry", "b").code == 0
    assert desk.types("launch").code == 0, "the command that is printed does it"
    assert (merged(desk), attempts(desk, "a")) == (["a", "b", "c"], 1)
    assert desk.types("launch").code == 0
    edit(desk, a="again another")
    assert "item 'a' was edited" in desk.types("launch").err
    assert not broken_laws(desk.folder / ".harness/job")


def test_what_was_made_of_an_old_row_is_never_judged_again(desk: "Desk") -> None:
    desk.job({"a": "bad", "b": "bad", "c": "good"})
    desk.has_typed("launch", code=1)
    edit(desk, a="good")
    assert desk.types("retry", "a").code == 0
    assert desk.types("launch", "--only", "c").code == 0
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace(".n > 0", ".n < 5"))
    assert desk.types("rejudge").code == 0
    assert merged(desk) == ["b", "c"], "the output of a is of a row that is gone"


def test_a_manifest_that_names_other_rows_gives_a_retry_none(desk: "Desk") -> None:
    desk.job({"a": "bad"})
    desk.has_typed("launch", code=1)
    (desk.folder / "others.jsonl").write_text('{"id": "a", "how": "good"}\n')
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace("items.jsonl", "others.jsonl"))
    assert "so the planned rows are used" in desk.types("retry", "a").err
