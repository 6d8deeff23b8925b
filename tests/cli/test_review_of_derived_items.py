"""Review where items are derived from others: what goes with one that is taken back, and words nobody can mean."""

import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import assert_sound, merged

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

_WORKER = """\
import json, os
items, phase = json.load(open("items.json")), os.environ["HARNESS_PHASE"]
def record(item):
    if phase == "letters":
        return {"id": item["id"], "letter": item["data"]["letter"]}
    word = item["data"].get("word") or item["records"][0]["word"]
    if item["reasons"]:
        word = word[:-1]
    return {"id": item["id"], "word": word, "letters": [{"id": f"{item['id']}-{c}", "letter": c} for c in word]}
json.dump([record(item) for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


@pytest.fixture
def words(desk: "Desk") -> "Desk":
    """Words, of which letters are made: `a` has two, `b` has three."""
    (desk.folder / "worker.py").write_text(_WORKER)
    (desk.folder / "words.jsonl").write_text('{"id": "a", "word": "ox"}\n{"id": "b", "word": "cat"}\n')
    session = f"{{backend: command, command: [{sys.executable}, worker.py], prompt: spell them}}"
    (desk.folder / "job.yaml").write_text(
        f"job: Words\nnoun: word\nitems: {{file: words.jsonl}}\nbatch: {{size: 2}}\nsession: {session}\nphases:\n"
        "  words: {output: {merge: output/words.json}}\n"
        "  letters:\n    from: words\n    items: {rows: '.letters[]', id: .id, noun: letter}\n"
        "    output: {merge: output/letters.json}\n"
    )
    desk.has_typed("launch")
    assert len(merged(desk.folder, "letters")) == 5
    return desk


def test_what_was_made_of_a_rejected_item_is_removed_and_made_again(words: "Desk") -> None:
    unasked = words.types("reject", "b", "--why", "too long")
    assert unasked.code == 2
    assert "would be withdrawn and redone: 1 word of words\n" in unasked.err
    assert "derived from those, would be removed until redone: 3 letters of letters" in unasked.err
    assert len(merged(words.folder, "letters")) == 5, "nothing is taken back before somebody agreed"
    agreed = words.types("reject", "b", "--why", "too long", "--yes")
    assert (agreed.code, "will be withdrawn and redone: 1 word of words\n" in agreed.err) == (0, True)
    assert [record["id"] for record in merged(words.folder, "words")] == ["a"]
    assert [record["id"] for record in merged(words.folder, "letters")] == ["a-o", "a-x"]
    assert_sound(words.folder)
    assert words.types("launch").code == 0
    assert [record["word"] for record in merged(words.folder, "words")] == ["ox", "ca"]
    assert [record["id"] for record in merged(words.folder, "letters")] == ["a-o", "a-x", "b-c", "b-a"]
    assert_sound(words.folder)
    assert "which was withdrawn: too long" in words.types("why", "b-c").out
    assert words.types("launch").code == 0


def test_a_made_item_is_rejected_alone(words: "Desk") -> None:
    assert words.types("reject", "a-x", "--why", "unclear").code == 0
    assert len(merged(words.folder, "words")) == 2
    assert [record["id"] for record in merged(words.folder, "letters")] == ["a-o", "b-c", "b-a", "b-t"]
    assert words.types("launch").code == 0
    assert len(merged(words.folder, "letters")) == 5
    assert_sound(words.folder)


def test_redo_of_a_phase_leaves_the_others_alone(words: "Desk") -> None:
    assert words.types("redo", "--where", "phase=letters", "--where", "attempt<99", "--yes").code == 0
    assert (len(merged(words.folder, "words")), len(merged(words.folder, "letters"))) == (2, 0)
    assert words.types("launch").code == 0
    assert len(merged(words.folder, "letters")) == 5
    assert_sound(words.folder)


def test_redo_takes_an_item_or_a_batch_by_its_name_as_the_hints_say(words: "Desk") -> None:
    said = words.types("retry", "--batch", "1")
    assert (said.code, "no item in that batch has failed" in said.err) == (0, True)
    assert "`harness redo --where batch=1` redoes its done items" in said.err
    one = words.types("redo", "--where", "batch=1", "--where", "phase=letters", "--where", "item=a-x", "--yes")
    assert (one.code, one.out) == (0, "withdrawn: a-x\n")
    assert words.types("redo", "--where", "item=nobody", "--yes").err == ("no done item matches; nothing was changed\n")
    again = words.types("reject", "a-x", "--why", "x", "--phase", "letters")
    assert "'a-x': is not done, it is pending in letters" in again.err
    elsewhere = words.types("reject", "a-x", "--why", "x", "--phase", "words")
    assert "'a-x': is not in words" in elsewhere.err
    of_both = words.types("redo", "--where", "batch=1", "--yes")
    assert (of_both.code, merged(words.folder, "words")) == (0, [])
    assert words.types("launch").code == 0
    assert_sound(words.folder)


def test_who_would_be_refused_is_not_told_what_will_be_taken_back(words: "Desk") -> None:
    manifest = words.folder / "job.yaml"
    manifest.write_text(manifest.read_text().replace("size: 2", "size: 1"))
    said = words.types("redo", "--where", "phase=letters", "--yes")
    assert said.code == 2 and "withdrawn" not in said.err
    assert "undo the change, or run `harness launch --keep` to continue with it" in said.err
    assert words.types("launch", "--keep").code == 0
    assert words.types("redo", "--where", "phase=letters", "--yes").code == 0


_MEANINGLESS: list[tuple[tuple[str, ...], str]] = [
    (("reject", "a"), "expected the ids of done items and --why"),
    (("reject", "--why", "x"), "expected the ids of done items and --why"),
    (("reject", "c", "--why", "x"), "'c': no word has this id"),
    (("reject", "a", "a-x", "--why", "x"), "reject the items of one phase at a time"),
    (("reject", "a", "--why", "x", "--phase", "word"), "unknown phase 'word'"),
    (("redo",), "expected --where with one of prompt=old"),
    (("redo",), "hint: a single item: `harness redo --where item=ID`\n"),
    (("redo", "a"), "hint: a single item: `harness redo --where item=a`\n"),
    (("redo", "--where", "batch=two"), "expected a batch such as 2, 2,4-6 or 2.1, got 'two'"),
    (("redo", "--where", "promt=old"), "did you mean 'prompt'?"),
    (("redo", "--where", "prompt=odl"), "did you mean 'old'?"),
    (("redo", "--where", "phase=leters"), "did you mean 'letters'?"),
    (("redo", "--where", "attempt<x"), "attempt knows no 'x'"),
    (("redo", "--where", "attempt=3"), "is not a valid condition"),
    (
        ("redo", "--where", "attempt<99"),
        "confirmation: stdin is not a terminal, so nothing was changed\n  hint: pass `--yes` to confirm",
    ),
    (("rejudge", "a"), "'a': has not failed, it is done"),
    (("rejudge", "zz"), "'zz': no word has this id"),
]
"""What is typed, and what is said to it."""


def test_what_cannot_be_meant_is_said_and_changes_nothing(words: "Desk") -> None:
    before = words.types("log", "--json").out
    for typed, told in _MEANINGLESS:
        said = words.types(*typed)
        assert said.code == 2, typed
        assert told in said.err, typed
    assert words.types("log", "--json").out == before
    assert len(merged(words.folder, "letters")) == 5
