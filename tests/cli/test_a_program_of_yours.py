"""docs/command.md: its example does what the page says."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.marks import FOLDER_MARK, RUN_MARK, STATE_MARK, TOKEN_MARK

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PAGE = (Path(__file__).parents[2] / "docs/command.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_of_a_program_works(desk: "Desk") -> None:
    (desk.folder / "job.yaml").write_text(_block("yaml").replace("python3", sys.executable))
    (desk.folder / "count.py").write_text(_block("python"))
    (desk.folder / "words.csv").write_text("id,word\n1,casa\n2,cane\n")
    said = desk.types("launch")
    assert said.code == 0, said.err
    assert "Usage: $0.0010, 1 session" in said.out
    merged = json.loads((desk.folder / "output/words.json").read_text())
    assert merged == [{"id": "1", "letters": 4}, {"id": "2", "letters": 4}]
    assert desk.types("rehearse").code == 0


def test_the_example_of_a_program_that_rehearses_several_phases_works(desk: "Desk") -> None:
    [_, stub] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (desk.folder / "stub.py").write_text(stub)
    (desk.folder / "words.csv").write_text("id,word\n1,casa\n")
    command = f"{{backend: command, command: [{sys.executable}, stub.py]}}"
    (desk.folder / "job.yaml").write_text(
        f"items: {{file: words.csv}}\nsession: {command}\nrehearsal: {{session: {command}}}\nphases:\n"
        "  count: {output: {fields: {letters: integer}}}\n"
        "  spell: {from: count, output: {fields: {spelled: string}}}\n"
    )
    said = desk.types("rehearse")
    assert said.code == 0, said.err


def test_a_program_finds_what_the_page_says(desk: "Desk") -> None:
    look = "import json, os\nfound = {'files': sorted(os.listdir()), 'names': sorted(os.environ)}\n"
    look += "items = json.load(open('items.json'))\nfound['text'] = open(items[0]['file']).read()\n"
    look += "json.dump([{'id': items[0]['id'], **items[0], **found}], open(os.environ['HARNESS_OUTPUT'], 'w'))\n"
    (desk.folder / "look.py").write_text(look)
    (desk.folder / "in").mkdir()
    (desk.folder / "in/a.txt").write_text("hello")
    session = f"session: {{backend: command, command: [{sys.executable}, look.py]}}"
    (desk.folder / "job.yaml").write_text(f"items: {{files: in/*.txt}}\n{session}\noutput: {{merge: out.json}}\n")
    said = desk.types("launch")
    assert said.code == 0, said.err
    [record] = json.loads((desk.folder / "out.json").read_text())
    assert record["text"] == "hello"
    keys = re.search(r"`items.json` \| a list, in order: `{(.*?)}`", PAGE)
    assert keys is not None
    assert {"id", "data", "file", "records", "reasons"} == set(re.findall(r'"(\w+)"', keys[1])) <= set(record)
    rows = re.findall(r"^\| ((?:`[A-Z_]+`(?:, )?)+) \|", PAGE, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"[A-Z_]+", row)}
    ours = {TOKEN_MARK, RUN_MARK, STATE_MARK, FOLDER_MARK}
    assert set(record["names"]) - told - ours - {"LC_CTYPE", "PWD"} == set()
    assert record["files"] == ["input", "items.json"]


def test_files_are_named_by_their_stems_and_two_of_one_stem_are_refused(desk: "Desk") -> None:
    write = (
        "import json, os\nfor item in json.load(open('items.json')):\n    stem = item['data']['name'].split('.')[0]\n"
    )
    write += "    open(os.environ['HARNESS_OUTPUT'].replace('{stem}', stem), 'w').write('hello')\n"
    (desk.folder / "write.py").write_text(write)
    (desk.folder / "in").mkdir()
    (desk.folder / "in/a.txt").write_text("one")
    session = f"session: {{backend: command, command: [{sys.executable}, write.py]}}"
    output = 'output: {shape: files, file: "{stem}.md", merge: out}'
    (desk.folder / "job.yaml").write_text(f"items: {{files: in/*}}\n{session}\n{output}\n")
    desk.has_typed("launch")
    assert (desk.folder / "out/a.md").read_text() == "hello"
    (desk.folder / "in/a.pdf").write_text("two")
    said = desk.types("check", "--only", "plan")
    assert said.code == 2
    assert "'in/a.pdf' and 'in/a.txt' would both be written as 'a.md'" in said.err
    assert "write {id}, or {relpath}, into the name '{stem}.md'" in said.err


def test_the_names_of_files_follow_the_tree(desk: "Desk") -> None:
    write = "import json\nfor item in json.load(open('items.json')):\n"
    write += "    open(item['output'], 'w').write(item['data']['file'])\n"
    (desk.folder / "write.py").write_text(write)
    for name in ("in/a.txt", "in/deep/a.txt", "in/deep/down/b.pdf"):
        (desk.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (desk.folder / name).write_text("x")
    manifest = (
        f"session: {{backend: command, command: [{sys.executable}, write.py]}}\nbatch: {{size: 2}}\n"
        'output: {shape: files, file: "new/{dir}/{stem}_{ext}.md", merge: out}\n'
    )
    (desk.folder / "job.yaml").write_text(f'items: {{files: "in/**/*.*"}}\n{manifest}')
    assert (done := desk.types("launch")).code == 0, done.err
    merged = {path.relative_to(desk.folder / "out").as_posix() for path in (desk.folder / "out").rglob("*.md")}
    assert merged == {"in/a_txt.md", "in/deep/a_txt.md", "in/deep/down/b_pdf.md"}
    assert (desk.folder / "out/in/deep/down/b_pdf.md").read_text() == "in/deep/down/b.pdf"

    (desk.folder / "in/deep/a.pdf").write_text("x")
    other = f'job: other\nitems: {{files: "in/**/*.*"}}\n{manifest}'
    (desk.folder / "other.yaml").write_text(other.replace("new/{dir}/{stem}_{ext}.md", "{dir}/{basename}.md"))
    said = desk.types("check", "--only", "plan", "other.yaml")
    assert said.code == 2
    assert "'in/deep/a.pdf' and 'in/deep/a.txt' would both be written as 'in/deep/a.md'" in said.err
    (desk.folder / "other.yaml").write_text(
        f'job: other\nitems: {{files: "in/**/*.*", id: .name}}\n{manifest}'.replace("out}", "out2}")
    )
    assert "{dir} is for items whose id is their path" in desk.types("check", "--only", "plan", "other.yaml").err


COUNT = """\
import json, os, sys
count = json.load(open(sys.argv[1]))["count"] if os.path.exists(sys.argv[1]) else 0
items = json.load(open("items.json"))
json.dump({"count": count + len(items)}, open(sys.argv[1], "w"))
json.dump([{"id": item["id"], "n": 1} for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_a_program_that_keeps_its_state_in_a_file_that_command_names_goes_on_with_the_same_command(
    is_there: bool, desk: "Desk"
) -> None:
    desk.job({"1": "good", "2": "good"}, more='sandbox: "off"\n')
    manifest = (desk.folder / "job.yaml").read_text()
    state = desk.folder / "state.json"
    named = "state.json" if is_there else str(state)
    (desk.folder / "job.yaml").write_text(manifest.replace("worker.py]", f"worker.py, {named}]"))
    (desk.folder / "worker.py").write_text(COUNT)
    if is_there:
        state.write_text('{"count": 0}')
    desk.has_typed("launch", "--first", "1")
    said = desk.types("launch")
    assert said.code == 0, said.err
    assert json.loads(state.read_text()) == {"count": 2}
    (desk.folder / "worker.py").write_text(COUNT + "# changed\n")
    said = desk.types("launch")
    assert said.code == 2 and "session.command has changed: " in said.err


CRASHES = """\
import json, os
items = json.load(open("items.json"))
for item in items:
    if item["id"] == "w02":
        raise ValueError("cannot read w02")
json.dump([{"id": item["id"]} for item in items], open(os.environ["HARNESS_OUTPUT"], "w"))
"""


@pytest.mark.parametrize("size", [1, 3])
def test_an_item_on_which_a_program_raises_fails_alone_and_all_others_are_done(size: int, desk: "Desk") -> None:
    (desk.folder / "words.csv").write_text("id\n" + "".join(f"w{n:02d}\n" for n in range(12)))
    (desk.folder / "crash.py").write_text(CRASHES)
    session = f"session: {{backend: command, command: [{sys.executable}, crash.py]}}"
    rest = f'batch: {{size: {size}}}\noutput: {{merge: out.json}}\nparallel: 2\nsandbox: "off"\n'
    (desk.folder / "job.yaml").write_text(f"items: {{file: words.csv, id: .id}}\n{session}\n{rest}")
    said = desk.types("launch")
    assert said.code == 1, said.err
    assert "11 of 12 items done, 1 failed" in said.out
    assert "cannot read w02" in desk.types("why", "w02").out
    assert len(json.loads((desk.folder / "out.json").read_text())) == 11


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("", "their usage.json is charged; no budget is set"),
        ("budget: $2\n", "is charged; nothing starts beyond $2.00, the budget"),
        ("budget: $2\nbudget_per_session: $0.10\n", "nothing starts beyond $2.00, the budget, each reserves $0.10"),
    ],
)
def test_what_programs_of_yours_claim_is_told_to_be_charged(more: str, told: str, desk: "Desk") -> None:
    desk.job({"1": "good"}, more=more)
    for command in ("check", "plan"):
        said = desk.types(command).out
        assert told in said
        assert "nothing is charged" not in said
