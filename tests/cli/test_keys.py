"""Keys of a job: named, checked, passed on to its own programs, and never shown or kept."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

SECRET = "sek-ret/9f8e7d6c5b"
WORKER = """\
import json, os, sys
print("the key is", os.environ["FINDER_KEY"], file=sys.stderr)
seen = sorted(name for name in os.environ if name.endswith("_KEY"))
json.dump([{"id": item["id"], "seen": seen} for item in json.load(open("items.json"))], open("output.json", "w"))
"""
CHECKS = """\
import os
def check(items, records, context):
    told = {name: os.environ.get(name) for name in ("FINDER_KEY", "OTHER_KEY", "HOME")}
    assert set(os.environ) == {"FINDER_KEY"}, sorted(os.environ)
    return {item["id"]: ["never " + os.environ["FINDER_KEY"]] for item in items if item["id"] == "b"}
"""
PROGRAM = 'import os, sys; sys.exit(0 if os.environ.get("FINDER_KEY") and "OTHER_KEY" not in os.environ else 3)'


def job(desk: "Desk", **more: Any) -> None:
    (desk.folder / "worker.py").write_text(WORKER)
    (desk.folder / "checks.py").write_text(CHECKS)
    (desk.folder / "program.py").write_text(PROGRAM)
    (desk.folder / "items.jsonl").write_text('{"id": "a"}\n{"id": "b"}\n')
    checks = [{"python": "checks.py:check"}, {"command": [sys.executable, "program.py"]}]
    manifest = {
        "items": {"file": "items.jsonl"},
        "session": {"backend": "command", "command": [sys.executable, "worker.py"]},
        "output": {"check": checks, "merge": "output/all.json"},
        "keys": {"required": ["FINDER_KEY"], "optional": ["OTHER_KEY"]},
        "strikes": 1,
        **more,
    }
    (desk.folder / "job.yaml").write_text(json.dumps(manifest))


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_programs_and_checks_get_the_keys_that_are_set_by_name_and_their_values_are_nowhere(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    job(desk)
    refused = desk.types("launch")
    assert (refused.code, "keys.required: FINDER_KEY is not set" in refused.err) == (2, True)
    monkeypatch.setenv("FINDER_KEY", SECRET)
    monkeypatch.setenv("UNNAMED_KEY", "elsewhere")
    said = desk.types("launch")
    assert said.code == 1, said.err
    assert json.loads((desk.folder / "output/all.json").read_text()) == [{"id": "a", "seen": ["FINDER_KEY"]}]
    why = desk.types("why", "b").out
    assert "never [FINDER_KEY]" in why
    for told in (said.out, said.err, why, desk.types("report").out, desk.types("check", "--only", "plan").out):
        assert SECRET not in told
    assert SECRET.encode() not in everything_in(desk.folder)
    attempt = next((desk.folder / ".harness/job/attempts").iterdir())
    assert b"the key is" in everything_in(attempt)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"required": [SECRET]}, "keys.required[0]: expected the name of a variable"),
        ({"required": ["PATH"]}, "keys.required[0]: PATH is set by harness itself"),
        ({"required": ["A_KEY"], "optional": ["A_KEY"]}, "keys.optional[0]: A_KEY is named under required already"),
    ],
)
def test_what_is_no_name_of_a_key_is_refused_and_not_repeated(desk: "Desk", keys: dict[str, Any], says: str) -> None:
    job(desk, keys=keys)
    said = desk.types("check", "--only", "plan")
    assert (said.code, says in said.err) == (2, True), said.err
    assert SECRET not in said.err


def test_a_rehearsal_needs_no_key_and_gets_none(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    job(desk, rehearsal={"session": {"command": [sys.executable, "practice.py"]}}, output={"merge": "all.json"})
    (desk.folder / "practice.py").write_text(WORKER.split("\n", 2)[0] + "\n" + WORKER.split("\n", 2)[2])
    monkeypatch.setenv("FINDER_KEY", SECRET)
    assert desk.types("rehearse").code == 0
    state = desk.folder / ".harness/job.rehearsal"
    assert json.loads(next(state.rglob("all.json")).read_text())[0]["seen"] == []
    assert os.environ["FINDER_KEY"] == SECRET
