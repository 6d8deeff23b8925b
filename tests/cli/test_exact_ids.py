"""`ids: exact`: ids that differ in case only are different items, in every phase, and so are their files."""

import sys
from typing import TYPE_CHECKING

from tests.cli.conftest import assert_sound

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

JOB = f"""\
items: {{file: words.txt, ids: exact}}
phases:
  say:
    session: {{backend: command, command: [{sys.executable}, say.py], prompt: say it}}
    output: {{}}
  spell:
    from: say
    items: {{rows: ".parts[]", id: .part}}
    session: {{backend: command, command: [{sys.executable}, spell.py], prompt: spell it}}
    output: {{shape: files, file: "{{id}}.md", merge: output/words}}
"""
SAY = """\
import json, os
items = json.load(open("items.json"))
records = [{"id": i["id"], "parts": [{"part": 7 if i["id"] == "Polish" else i["id"]}]} for i in items]
json.dump(records, open(os.environ["HARNESS_OUTPUT"], "w"))
"""
SPELL = """\
import json, sys
lines = sys.stdin.read().splitlines()
for item in json.load(open("items.json")):
    name = next(line.split(": ", 1)[1] for line in lines if line.strip("- ").startswith(json.dumps(item["id"])))
    open(name.strip().strip("`"), "w").write(item["id"])
"""


def test_exact_ids_stay_apart_in_every_phase_and_as_files(desk: "Desk") -> None:
    (desk.folder / "words.txt").write_text("polish\nPolish\npolisH\n")
    (desk.folder / "say.py").write_text(SAY)
    (desk.folder / "spell.py").write_text(SPELL)
    (desk.folder / "job.yaml").write_text(JOB)
    assert "would be written" not in desk.types("check", "--only", "plan").err
    said = desk.types("launch", "--plain")
    assert said.code == 0, said.err + desk.types("why", "7").out
    written = sorted((desk.folder / "output/words").iterdir())
    assert len({path.name.casefold() for path in written}) == 3
    assert sorted(path.read_text() for path in written) == ["7", "polisH", "polish"]
    assert_sound(desk.folder, is_merged=False)
