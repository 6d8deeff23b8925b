"""docs/checks.md: its examples do what the page says, and the page says what is so."""

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.evaluation.bounded import Bounded
from harness.outputs.check_questions import COMMAND_S, JQ_S, PYTHON_S, SCHEMA_S

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

PAGE = (Path(__file__).parents[2] / "docs/checks.md").read_text(encoding="utf-8")
GOOD = {"letters": 4, "language": "it", "word": "casa"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def page(desk: "Desk") -> "Desk":
    """The job of the page; its program answers what `answers.json` says."""
    [manifest], [schema] = blocks("yaml"), blocks("json")
    (desk.folder / "job.yaml").write_text(manifest.replace("python3", sys.executable))
    (desk.folder / "record.json").write_text(schema)
    for text in blocks("python"):
        (desk.folder / text.split()[1]).write_text(text)
    (desk.folder / "words.csv").write_text("id,word\n1,casa\n2,cane\n")
    return desk


def answers(desk: "Desk", **second: object) -> None:
    """The first word is answered well, the second with this laid over it."""
    records = [{"id": "1", **GOOD}, {"id": "2", **GOOD, **second}]
    write = f"import json, os\njson.dump({records!r}, open(os.environ['HARNESS_OUTPUT'], 'w'))\n"
    (desk.folder / "answer.py").write_text(write)


def test_the_example_of_checks_works(page: "Desk") -> None:
    answers(page)
    said = page.types("launch")
    assert said.code == 0, said.err
    assert len(json.loads((page.folder / "output/words.json").read_text())) == 2
    assert page.types("rehearse").code == 0


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"language": "fr"}, "'fr' is not one of ['it', 'de']"),
        ({"letters": 41}, "41 is greater than the maximum of 40"),
        ({"letters": 35}, "no word is so long"),
        ({"letters": 5}, "'cane' has 4 letters, not 5"),
        ({"word": "Cane"}, "spelling: is not written in small letters"),
    ],
)
def test_each_kind_of_check_on_the_page_rejects(second: dict[str, object], reason: str, page: "Desk") -> None:
    answers(page, **second)
    said = page.types("launch")
    assert said.code == 1, said.err
    assert reason in said.out
    assert page.types("status", "--json").json()["counts"]["done"] == 1


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("raise KeyError('x')", "checks.py:2: KeyError"),
        ("return None", "counted must return {id: [reason]}, got NoneType"),
        ("return {'9': ['no']}", "it gave reasons for '9', which is not an item of this group"),
    ],
)
def test_a_check_that_the_page_calls_broken_strikes_nobody(body: str, told: str, page: "Desk") -> None:
    answers(page)
    (page.folder / "checks.py").write_text(f"def counted(items, records, context):\n    {body}\n")
    said = page.types("launch")
    assert said.code == 4
    assert told in said.err
    answers(page)
    (page.folder / "checks.py").write_text("def counted(items, records, context):\n    return {}\n")
    assert page.types("rejudge").code == 0
    assert page.types("status", "--json").json()["counts"]["done"] == 2
    assert page.types("status", "--json").json()["usage"]["sessions"] == 3, "no record is known on which it works"


def test_a_check_is_called_with_what_the_page_names(page: "Desk") -> None:
    answers(page)
    given = "[items, records, context, sorted(os.environ)]"
    look = f"import json, os\ndef counted(items, records, context):\n    raise ValueError(json.dumps({given}))\n"
    (page.folder / "checks.py").write_text(look)
    said = page.types("launch")
    found = re.search(r"^stopped: .*?ValueError: (\[.*\])", said.err, re.MULTILINE)
    assert found is not None, said.err
    items, records, context, names = json.loads(found[1])
    assert items[1] == {"id": "2", "data": {"id": "2", "word": "cane"}, "records": []}
    assert records["2"] == [{"id": "2", **GOOD}]
    assert context == {}
    assert set(names) <= {"LC_CTYPE"}


def test_the_page_names_the_limits_of_each_kind() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (\d+ s, \d+ [GM]B) \|$", PAGE, re.MULTILINE))
    assert Bounded()._memory_bytes == 512 * 1024 * 1024
    for kind, seconds in {"fields": SCHEMA_S, "schema": SCHEMA_S, "jq": JQ_S, "python": PYTHON_S}.items():
        assert told[kind] == f"{seconds:g} s, 512 MB"
    assert told["command"] == f"{COMMAND_S:g} s, 4 GB"


def test_a_function_with_other_arguments_is_told_which_it_must_take(page: "Desk") -> None:
    (page.folder / "checks.py").write_text("def counted(records):\n    return {}\n")
    answers(page)
    said = page.types("check", "--only", "plan")
    assert said.code == 2
    assert "checks.py:1:1: counted must take 3 arguments: counted(items, records, context)" in said.err
