"""Items that join the source of a planned job: refused with what to type, then planned behind the others."""

import json
import sys
from typing import TYPE_CHECKING

import pytest

from harness.base.clock import SystemClock
from harness.base.ids import ItemId
from harness.core.types import Item
from harness.evaluation.bounded import Bounded
from harness.job.job import Job
from harness.job.load import load
from harness.ledger import item_queries
from harness.ledger.store import Ledger, rebuild, state_of
from harness.planning import job_plan
from harness.planning.job_plan import add_items
from harness.sources.read import SourceReading
from tests.checker.laws import broken_laws
from tests.commits import around_commits
from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def add(desk: "Desk", *ids: str, how: str = "good", in_front: bool = False) -> None:
    file = desk.folder / "items.jsonl"
    new = "".join(json.dumps({"id": id_, "how": how}) + "\n" for id_ in ids)
    file.write_text(new + file.read_text() if in_front else file.read_text() + new)


def merged(desk: "Desk", name: str = "job.json") -> list[str]:
    return [record["id"] for record in json.loads((desk.folder / "output" / name).read_text())]


def sessions(desk: "Desk") -> int:
    count: int = desk.types("status", "--json").json()["usage"]["sessions"]
    return count


def test_added_items_are_refused_with_what_to_type_and_then_planned_behind_the_others(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"}, more="batch: {size: 2}\n")
    desk.has_typed("launch")
    add(desk, "3", "4", "5", in_front=True)
    refused = desk.types("launch")
    assert refused.code == 2
    assert "item '3' was added" in refused.err
    assert "`harness launch --add` appends the new items" in refused.err
    assert "nothing is left to run" in desk.types("plan").out
    shown = desk.types("plan", "--add").out
    assert "  2                new      2 numbers: 3, 4 (not planned yet)" in shown
    assert [g["batch"] for g in desk.types("plan", "--add", "--json").json()["groups"]] == ["2", "3"]
    added = desk.types("launch", "--add")
    assert added.code == 0
    assert "3 new items appended after the 2 existing ones" in added.err
    assert merged(desk) == ["1", "2", "3", "4", "5"]
    assert sessions(desk) == 3
    assert "3 more items were planned" in desk.types("report").out
    assert not broken_laws(desk.folder / ".harness/job")


def test_after_that_the_same_command_goes_on_and_a_finished_job_does_nothing(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch", "--first", "1")
    add(desk, "0", in_front=True)
    assert desk.types("launch", "--add").code == 0
    assert (desk.types("launch").code, desk.types("launch", "--add").code) == (0, 0)
    assert sessions(desk) == 3
    rows = (desk.folder / "items.jsonl").read_text().splitlines()
    (desk.folder / "items.jsonl").write_text("\n".join([rows[2], rows[0], rows[1]]) + "\n")
    assert "the items are in a different order" in desk.types("launch").err


def test_to_add_items_can_be_rehearsed(desk: "Desk") -> None:
    desk.job({"1": "good"})
    assert desk.types("rehearse").code == 0
    add(desk, "2")
    added = desk.types("rehearse", "--add")
    assert added.code == 0 and "1 new item appended after the 1 existing ones" in added.err, added.err
    assert desk.types("status", "--rehearsal", "--json").json()["usage"]["sessions"] == 2


def test_other_changes_are_refused_all_the_same(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    (desk.folder / "items.jsonl").write_text('{"id": "1", "how": "good", "x": 1}\n{"id": "2", "how": "good"}\n')
    refused = desk.types("launch", "--add")
    assert refused.code == 2
    assert "item '1' was edited" in refused.err
    assert "`harness launch --add --keep` appends the new items" in refused.err
    assert desk.types("launch", "--add", "--keep").code == 0
    assert merged(desk) == ["1", "2"]


def test_an_id_that_was_there_before_cannot_come_again(desk: "Desk") -> None:
    desk.job({"a": "good"})
    desk.has_typed("launch")
    (desk.folder / "items.jsonl").write_text('{"id": "A", "how": "good"}\n')
    refused = desk.types("launch", "--add", "--keep")
    assert refused.code == 2
    assert "the new item 'A' is called like 'a', which was planned before" in refused.err
    assert desk.types("status", "--json").json()["counts"]["done"] == 1


def test_a_choice_may_name_an_added_item(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    add(desk, "2", "3")
    assert desk.types("launch", "--add", "--only", "3").code == 0
    assert merged(desk) == ["1", "3"]


@covers("F202")
@pytest.mark.parametrize("needs", ["own", "earlier", "previous"])
def test_added_items_go_through_every_phase(needs: str, desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good", "3": "bad"})
    program = f"{{backend: command, command: [{sys.executable}, worker.py], prompt: count them}}"
    output = "{check: [{jq: '.n > 0', says: n must be positive}], merge: output/"
    (desk.folder / "job.yaml").write_text(
        f"noun: number\nitems: {{file: items.jsonl}}\nbatch: {{size: 2}}\nsession: {program}\nphases:\n"
        f"  one: {{output: {output}one.json}}}}\n"
        f"  two: {{from: one, needs: {needs}, output: {output}two.json}}}}\n"
    )
    desk.has_typed("launch", code=1)
    add(desk, "4", "5", "6")
    assert desk.types("launch", "--add").code == 1
    assert merged(desk, "two.json") == ["1", "2", "4", "5", "6"]
    assert desk.types("status", "--json").json()["counts"]["done"] == 5
    assert not broken_laws(desk.folder / ".harness/job")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_leaves_all_of_them_planned_or_none(moment: str, desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    job = load(desk.folder / "job.yaml")
    new = [Item(ItemId(id_), {"id": id_, "how": "good"}) for id_ in ("2", "3")]

    class Killed(BaseException):
        """This process ends here."""

    def kill(at: str) -> None:
        if at == moment:
            raise Killed

    ledger = Ledger.open(job.state / "ledger.db", SystemClock())
    around_commits(ledger, kill)
    with pytest.raises(Killed):
        add_items(job, ledger, new)
    assert item_queries.first_phase_items(ledger.db) == (["1"] if moment == "before" else ["1", "2", "3"])
    assert state_of(rebuild(ledger.db)) == state_of(ledger.db)
    ledger.db.close()
    add(desk, "2", "3")
    assert desk.types("launch", "--add").code == 0
    assert merged(desk) == ["1", "2", "3"]
    assert not broken_laws(job.state)


def test_what_was_kept_once_is_not_asked_about_again(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good", "3": "good"})
    desk.has_typed("launch")
    rows = (desk.folder / "items.jsonl").read_text().splitlines()
    edited = rows[1].replace('"good"', '"fine"')
    (desk.folder / "items.jsonl").write_text(f"{rows[2]}\n{edited}\n")
    add(desk, "4")
    assert desk.types("launch").code == 2
    assert desk.types("launch", "--keep").code == 0
    assert desk.types("launch").code == 0
    assert desk.types("launch", "--keep").code == 0
    assert desk.types("log").out.count("continued with a changed job") == 1
    add(desk, "5")
    assert "item '5' was added" in desk.types("launch").err
    assert desk.types("launch", "--add", "--keep").code == 0
    assert merged(desk) == ["1", "2", "3", "4", "5"]
    assert desk.types("launch").code == 0


def test_items_that_were_left_out_can_still_be_added(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    add(desk, "2")
    said = desk.types("launch", "--keep")
    assert "1 new number left out; `harness launch --add` appends them" in said.err
    assert merged(desk) == ["1"]
    assert "left out" in desk.types("launch").err, "as long as it is so"
    assert "item '2' was added; 1 new item left out (`--add` appends them)" in desk.types("report").out
    assert "left out" not in desk.types("launch", "--add").err
    assert merged(desk) == ["1", "2"]


def test_reviews_are_not_about_new_items(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "bad"})
    desk.has_typed("launch", code=1)
    add(desk, "3")
    assert desk.types("rejudge").code == 0
    rows = (desk.folder / "items.jsonl").read_text()
    (desk.folder / "items.jsonl").write_text(rows.replace('"bad"', '"worse"'))
    assert "run `harness launch --keep` to continue with it" in desk.types("rejudge").err
    assert desk.types("launch", "--keep").code == 1
    assert desk.types("rejudge").code == 0


WRITE = """\
import json, os
for item in json.load(open("items.json")):
    stem = item["id"].rpartition("/")[2].partition(".")[0]
    with open(os.environ["HARNESS_OUTPUT"].replace("{stem}", stem), "w") as file:
        file.write(open(item["file"]).read())
"""


def files_job(desk: "Desk", pattern: str) -> None:
    (desk.folder / "write.py").write_text(WRITE)
    session = f"session: {{backend: command, command: [{sys.executable}, write.py]}}\nstrikes: 1"
    output = f'output: {{shape: files, file: "{pattern}", merge: out}}'
    (desk.folder / "job.yaml").write_text(f"items: {{files: in/*}}\n{session}\n{output}\n")


def test_an_added_item_with_the_stem_of_one_that_has_left_the_source_is_refused_with_both_names(desk: "Desk") -> None:
    files_job(desk, "{stem}.md")
    (desk.folder / "in").mkdir()
    (desk.folder / "in/a.txt").write_text("one")
    desk.has_typed("launch")
    (desk.folder / "in/a.txt").unlink()
    (desk.folder / "in/A.pdf").write_text("two")
    (desk.folder / "in/b.txt").write_text("three")
    said = desk.types("launch", "--add", "--keep")
    assert said.code == 2
    assert "'in/a.txt', which was planned before, and 'in/A.pdf' would both be written as 'A.md'" in said.err
    assert "hint: give the file of the new one another name" in said.err
    assert {path.name: path.read_text() for path in (desk.folder / "out").iterdir()} == {"a.md": "one"}
    (desk.folder / "in/A.pdf").rename(desk.folder / "in/c.pdf")
    assert desk.types("launch", "--add", "--keep").code == 0
    assert sorted(path.name for path in (desk.folder / "out").iterdir()) == ["a.md", "b.md", "c.md"]


def test_so_is_a_stem_in_place_of_an_id_where_one_of_two_has_left_the_source(desk: "Desk") -> None:
    files_job(desk, "{id}.md")
    (desk.folder / "in").mkdir()
    for name in ("a.txt", "a.pdf"):
        (desk.folder / "in" / name).write_text(name)
    desk.types("launch")
    (desk.folder / "in/a.txt").unlink()
    files_job(desk, "{stem}.md")
    said = desk.types("launch", "--keep")
    assert said.code == 2
    assert "'in/a.pdf', which was planned before, and 'in/a.txt' would both be written as 'a.md'" in said.err


def test_a_source_that_is_the_same_bytes_is_not_read_again_and_every_other_is(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch", "--first", "1")
    source = next(desk.folder.glob("items.*"))
    before = source.read_bytes()
    reads: list[str] = []
    read = job_plan.read  # type: ignore[attr-defined]  # what it imports is what is replaced

    def noted(job: Job, bounded: Bounded) -> SourceReading:
        reads.append("read")
        return read(job, bounded)

    monkeypatch.setattr(job_plan, "read", noted)
    assert desk.types("launch").code == 0
    assert reads == []
    source.write_bytes(before + b"\n")
    assert desk.types("launch").code == 0
    assert reads == ["read"], "the same items in other bytes"
    source.write_bytes(before.replace(b"good", b"bad"))
    changed = desk.types("launch")
    assert changed.code == 2 and "was edited" in changed.err
    source.write_bytes(before)
    assert desk.types("launch", "--set", "items.id=.how").code == 2, "another manifest makes other items of it"
