"""Selected items: the best are worked on, the others are skipped and say why; the next week leaves this one out."""

import json
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

from harness.ledger.store import rebuild, state_of
from tests.checker.laws import broken_laws

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

WORKER = """\
import json, os
items, phase = json.load(open("items.json")), os.environ["HARNESS_PHASE"]
def record(item):
    if phase == "discover":
        return {"id": item["id"], "topics": item["data"]["topics"]}
    return {"id": item["id"], "title": item["id"].upper()}
json.dump([record(item) for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""
TOPICS = [("a1", 9, "ads"), ("a2", 8, "ads"), ("b1", 2, "pricing"), ("c1", 5, "apps"), ("d1", None, "ads")]
KIND = {"from": ".kind"}


def topics(*rows: tuple[str, int | None, str]) -> list[dict[str, Any]]:
    return [{"id": id_, "kind": kind} | ({} if score is None else {"score": score}) for id_, score, kind in rows]


def job(desk: "Desk", select: dict[str, Any], rows: Any, *, name: str = "job", **more: Any) -> None:
    """One phase over a source of topics, or with `discover=True` one phase that makes them and one that selects."""
    (desk.folder / "worker.py").write_text(WORKER)
    (desk.folder / "topics.json").write_text(json.dumps(rows))
    command = {"backend": "command", "command": [sys.executable, "worker.py"]}
    manifest: dict[str, Any] = {"job": "Letters", "noun": "topic", "session": command}
    output = {"merge": f"output/{name}/letters.json"}
    if more.pop("discover", False):
        made = {"from": "discover", "items": {"rows": ".topics[]", "noun": "topic", "select": select}, "output": output}
        manifest |= {"noun": "source", "items": {"file": "topics.json"}}
        manifest["phases"] = {"discover": {"output": {"key": ".id"}}, "letters": made}
    else:
        manifest |= {"items": {"file": "topics.json", "select": select}, "output": output}
    (desk.folder / f"{name}.yaml").write_text(json.dumps(manifest | more))


def letters(desk: "Desk", name: str = "job") -> list[str]:
    return [each["id"] for each in json.loads((desk.folder / f"output/{name}/letters.json").read_bytes())]


def assert_sound(desk: "Desk", name: str = "job") -> None:
    state = desk.folder / ".harness" / name
    db = sqlite3.connect(state / "ledger.db")
    assert state_of(db) == state_of(rebuild(db))
    db.close()
    assert broken_laws(state) == []


def test_the_best_of_a_source_are_worked_on_and_the_others_say_why_they_were_skipped(desk: "Desk") -> None:
    job(desk, {"top": 3, "by": ".score", "category": KIND, "min_categories": 3}, topics(*TOPICS))
    told = desk.types("check", "--only", "plan")
    assert told.code == 0
    line = "select    3 of 5 selected, of 3 categories: ads 1, pricing 1, apps 1; skipped: 2 not among the top"
    assert line in told.out
    planned = desk.types("check", "--only", "plan", "--json").json()
    assert (planned["items"], len(planned["skipped"])) == (["a1", "b1", "c1"], 2)
    assert desk.types("plan", "--json").json()["groups"][0]["items"] == ["a1"]
    refused = desk.types("launch", "--only", "a2")
    assert (refused.code, "select leaves this topic out: 'a2'" in refused.err) == (2, True)
    assert desk.types("launch").code == 0
    assert letters(desk) == ["a1", "b1", "c1"]
    assert_sound(desk)
    status = desk.types("status", "--json").json()
    assert (status["state"], status["counts"]["done"], status["counts"]["skipped"]) == ("finished", 3, 2)
    assert "3 of 5 topics done, 2 skipped" in desk.types("status").out
    assert json.loads((desk.folder / "batch_progress.json").read_text())["pending"] == []
    why = desk.types("why", "a2").out
    assert "a2 in main: skipped" in why
    assert "because: not among the top 3: rank 2 of 5, score 8, category ads" in why
    assert desk.types("why", "a2", "--json").json()["phases"][0]["left_out"]["why"] == "not_among_top"
    assert "not among the top 3: rank 5 of 5, no score, category ads" in desk.types("why", "d1").out
    report = desk.types("report").out
    assert "| main | 3 | 5 | ads 1, pricing 1, apps 1 |" in report
    assert "| main | 2 | not among the top |" in report
    assert "3 of 5 selected" in desk.types("log").out
    assert "a2 skipped: not among" in desk.types("log", "--all").out
    again = desk.types("launch")
    assert (again.code, letters(desk)) == (0, ["a1", "b1", "c1"])
    assert desk.types("retry", "a2").code == 2


def test_rows_that_were_left_out_may_change_and_new_ones_only_take_what_is_left(desk: "Desk") -> None:
    job(desk, {"top": 3, "by": ".score"}, topics(("a", 9, "x"), ("b", 1, "x"), ("c", 3, "x"), ("d", 2, "x")))
    desk.has_typed("launch")
    kept = [("a", 9, "x"), ("c", 3, "x"), ("d", 2, "x")]
    job(desk, {"top": 3, "by": ".score"}, topics(*kept, ("b", 1, "y"), ("e", 10, "x")))
    assert "item 'e' was added" in desk.types("launch").err
    assert desk.types("launch", "--add").code == 0
    assert letters(desk) == ["a", "c", "d"]
    assert "e in main: skipped" in desk.types("why", "e").out
    job(desk, {"top": 4, "by": ".score"}, topics(*kept, ("f", 1, "x")))
    assert "items.select was" in desk.types("launch").err
    assert desk.types("launch", "--add", "--keep").code == 0
    assert letters(desk) == ["a", "c", "d", "f"]
    assert_sound(desk)


def test_the_next_week_leaves_out_what_earlier_outputs_hold(desk: "Desk") -> None:
    select = {"top": 2, "by": ".score", "not_in": "output/*/letters.json"}
    rows = topics(*TOPICS)
    rows[2]["title"] = "A1"
    job(desk, select, rows, name="w1")
    first = desk.types("check", "--only", "plan", "w1.yaml")
    assert "select    not_in: 0 files, 0 records" in first.out
    assert "items.select.not_in: no file matches 'output/*/letters.json', so nothing is left out for it\n" in first.err
    assert desk.types("launch", "w1.yaml").code == 0
    assert letters(desk, "w1") == ["a1", "a2"]
    assert desk.types("launch", "w1.yaml").code == 0  # its own output is no earlier one
    job(desk, select, rows, name="w2")
    told = desk.types("check", "--only", "plan", "w2.yaml")
    assert "2 of 5 selected; skipped: 3 in an earlier output" in told.out
    assert "select    not_in: 1 file, 2 records" in told.out and "no file matches" not in told.err
    slip = ("w2.yaml", "--set", "items.select.not_in=outptu/*/letters.json")
    told = desk.types("check", "--only", "plan", "--json", *slip)
    assert "no file matches 'outptu/*/letters.json', so nothing is left out for it; did you mean the fol" in told.err
    assert told.json()["not_in"] == [
        {"phase": None, "pattern": "outptu/*/letters.json", "files": 0, "records": 0, "meant": "output"}
    ]
    told = desk.types("plan", *slip)
    assert "select: not_in: 0 files, 0 records" in told.out and "did you mean the folder 'output'?" in told.err
    assert desk.types("launch", "w2.yaml").code == 0
    assert letters(desk, "w2") == ["c1", "d1"]
    assert 'because: "A1" is in an earlier output, output/w1/letters.json' in desk.types("why", "b1", "w2.yaml").out
    job(desk, {**select, "not_in": "output/w*/letters.json"}, rows[:2], name="w3")
    assert "all 2 are in earlier outputs" in desk.types("check", "--only", "plan", "w3.yaml").err


def test_a_source_of_too_few_categories_is_refused_with_what_can_be_had(desk: "Desk") -> None:
    job(desk, {"top": 4, "by": ".score", "category": KIND, "min_categories": 4}, topics(*TOPICS))
    for command in ("check", "launch"):
        told = desk.types(command)
        assert told.code == 2
        assert "items.select: what can be selected is of 3 categories: ads, apps, pricing; min_categories" in told.err
    assert desk.types("status", "--json").json()["state"] == "new"


def test_what_a_phase_made_is_selected_from_all_of_it_when_all_of_it_is_there(desk: "Desk") -> None:
    sources = [{"id": "one", "topics": topics(*TOPICS[:2])}, {"id": "two", "topics": topics(*TOPICS[2:])}]
    select = {"top": 3, "by": ".score", "category": KIND, "min_categories": 3}
    job(desk, select, sources, discover=True)
    assert (
        "when all of discover is settled, the top 3 of them are processed" in desk.types("check", "--only", "plan").out
    )
    first = desk.types("launch", "--first", "1")
    assert "left for another run: 2 items" in first.err + first.out
    assert not (desk.folder / "output/job/letters.json").exists()
    assert desk.types("launch").code == 0
    assert letters(desk) == ["a1", "b1", "c1"]
    status = desk.types("status", "--json").json()
    assert (status["counts"]["done"], status["counts"]["skipped"]) == (2, 0)
    assert status["phases"][1]["counts"]["skipped"] == 2
    assert "a2 in letters, made from one: skipped" in desk.types("why", "a2").out
    assert "letters: 3 of 5 selected, of 3 categories" in desk.types("log").out
    assert_sound(desk)
    assert desk.types("reject", "two", "--why", "no", "--yes").code == 0  # and is selected again
    assert desk.types("launch").code == 0
    assert letters(desk) == ["a1", "b1", "c1"]
    assert_sound(desk)


def test_derived_items_of_too_few_categories_stop_the_job_in_words_and_it_goes_on_when_fewer_are_asked_for(
    desk: "Desk",
) -> None:
    sources = [{"id": "one", "topics": topics(*TOPICS[:2])}, {"id": "none", "topics": []}]
    select = {"top": 2, "by": ".score", "category": KIND, "min_categories": 2}
    job(desk, select, sources, discover=True)
    told = desk.types("launch")
    assert told.code == 4
    assert "no items could be selected for phase letters: what can be selected is of 1 categories: ads" in told.err
    assert desk.types("launch").code == 4
    job(desk, {**select, "min_categories": 1}, sources, discover=True)
    assert desk.types("launch", "--keep").code == 0
    assert letters(desk) == ["a1", "a2"]
    assert_sound(desk)


def test_what_does_not_fit_together_is_refused_at_its_place(desk: "Desk") -> None:
    wrong = {
        "top": 2, "by": "-.score", "best": "lowest", "min_categories": 3, "not_in": "../elsewhere/*.json",
        "category": {"from": "kind", "match": "substring", "words": {"a": []}},
    }  # fmt: skip
    job(desk, wrong, topics(*TOPICS))
    told = desk.types("check", "--only", "plan").err
    for words in (
        "items.select.by: the highest come first already",
        "items.select.min_categories: top: 2 items have at most 2 categories",
        "items.select.category.from: expected a path",
        "items.select.category.words.a: expected words",
        "items.select.not_in: expected a pattern below the job's folder",
    ):
        assert words in told
    few = {"from": ".kind", "words": {"a": ["a"]}, "default": "b"}
    job(desk, {"top": 9, "category": few, "min_categories": 3}, topics(*TOPICS))
    assert "min_categories: there are 2 categories to select from" in desk.types("check", "--only", "plan").err
    job(desk, {"by": ".score"}, topics(*TOPICS))
    assert "items.select: would leave nothing out" in desk.types("check", "--only", "plan").err
    job(desk, {"top": 2, "best": "lowest", "min_categories": 1}, topics(*TOPICS))
    told = desk.types("check", "--only", "plan").err
    assert "best: is about by, which is missing" in told
    assert "min_categories: needs category" in told
    job(desk, {"top": 2, "by": ".scroe"}, topics(*TOPICS))
    assert (
        "items.select: no item has anything at .scroe; they have .id, .kind, .score"
        in desk.types("check", "--only", "plan").err
    )


def test_a_category_may_be_a_path_and_one_that_no_item_has_is_told_like_a_score(desk: "Desk") -> None:
    job(desk, {"top": 4, "by": ".score", "category": ".kind", "min_categories": 4}, topics(*TOPICS))
    told = desk.types("check", "--only", "plan").err
    assert "of 3 categories: ads, apps, pricing; min_categories is 4" in told
    assert "hint: bring topics of other categories, or lower min_categories" in told
    for category in (".knid", {"from": ".knid"}):
        job(desk, {"top": 3, "category": category, "min_categories": 2}, topics(*TOPICS))
        told = desk.types("check", "--only", "plan").err
        assert "items.select: no item has anything at .knid; they have .id, .kind, .score" in told
        assert "hint: name the field that contains the category" in told
    job(desk, {"top": 3, "category": "kind", "min_categories": 2}, topics(*TOPICS))
    assert "items.select.category: expected a path" in desk.types("check", "--only", "plan").err
    job(desk, {"by": 5, "best": "lowest", "top": "x", "category": 5, "min_categories": 2}, topics(*TOPICS))
    told = desk.types("check", "--only", "plan").err
    assert told.count("items.select") == 3, "what follows from what cannot be read is not told"
    job(desk, {"top": 2}, topics(*TOPICS), name="w1")
    assert desk.types("launch", "w1.yaml").code == 0
    few = {"from": ".kind", "words": {"ads": ["ads"], "none": ["none"]}}
    job(desk, {"not_in": "output/w1/*", "category": few, "min_categories": 2}, topics(*TOPICS))
    told = desk.types("check", "--only", "plan").err
    assert "min_categories is 2; not_in has taken 2 away" in told and "add words to category" in told
