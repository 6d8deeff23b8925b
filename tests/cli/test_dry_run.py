"""A dry run: says what a launch would do, tries the checks, asks nobody, and leaves the folder as it was."""

import hashlib
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.covers import covers

if TYPE_CHECKING:
    from tests.cli.conftest import Desk

CHECKS = """\
def check(items, records, context):
    return {item: ["too good"] for item in records if item == "b"}
def breaks(items, records, context):
    raise RuntimeError("no such table")
"""
OUTPUT = {"fields": {"id": "string", "text": "string"}, "merge": "a.json"}
MANIFEST = {
    "items": {"file": "items.csv", "select": {"top": 3}},
    "session": {"model": "sonnet", "prompt": "Write about {{ item.id }}, {{ item.data.name }}."},
    "output": {
        "fields": {"id": "string", "text": "string"},
        "check": [{"python": "checks.py:check"}],
        "merge": "a.json",
    },
    "budget": "$10",
}


def digest(folder: Path) -> str:
    """Of every name, kind, time and byte below it."""
    lines = [
        f"{path.relative_to(folder)} {path.stat().st_mtime_ns} {path.read_bytes() if path.is_file() else b''!r}"
        for path in sorted(folder.rglob("*"))
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def write(desk: "Desk", check: str) -> None:
    (desk.folder / "checks.py").write_text(CHECKS)
    (desk.folder / "items.csv").write_text("id,name\na,Anna\nb,Ben\nc,Cleo\nd,Dan\n")
    checks = [{"python": f"checks.py:{check}"}]
    (desk.folder / "job.yaml").write_text(json.dumps(MANIFEST | {"output": {**OUTPUT, "check": checks}}))


@covers("F95", "A39")
def test_a_dry_run_selects_estimates_and_tries_the_checks_and_leaves_the_folder_byte_identical(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it asks nobody: whoever listens where the provider should be hears nothing."""
    write(desk, "check")
    before = digest(desk.folder)
    with socket.create_server(("127.0.0.1", 0)) as provider:
        provider.setblocking(False)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{provider.getsockname()[1]}")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-made-up")
        said = desk.types("launch", "--dry-run")
        with pytest.raises(BlockingIOError):
            provider.accept()
    assert said.code == 0, said.err
    assert "select    3 of 4 selected; skipped: 1 not among the top" in said.out
    assert "checks    main: 1 of 3 synthetic records rejected; real ones may pass: too good" in said.out
    assert "estimate  3 sessions in main; $10.00 covers 4 at $2.06 each" in said.out
    assert "no session was started, nothing was written" in said.out
    assert digest(desk.folder) == before


def test_a_check_that_is_broken_is_found_before_the_night(desk: "Desk") -> None:
    write(desk, "breaks")
    said = desk.types("launch", "--dry-run")
    assert (said.code, "checks    main: broken: " in said.out, "no such table" in said.out) == (4, True, True)


def test_check_tries_the_checks_as_the_dry_run_does(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path, and a file that is written, are nobody's fault but the check's."""
    write(desk, "reads")
    more = '\ndef reads(items, records, context):\n    open("list.txt")\n'
    more += 'def writes(items, records, context):\n    open("list.txt", "w")\n'
    with (desk.folder / "checks.py").open("a") as file:
        file.write(more)
    for check in ("reads", "writes"):
        text = (desk.folder / "job.yaml").read_text().replace("checks.py:reads", f"checks.py:{check}")
        (desk.folder / "job.yaml").write_text(text)
        said = desk.types("check", "--only", "plan")
        assert (said.code, "'list.txt'" in said.out, "Path(__file__).parent" in said.out) == (4, True, True), said.out
        assert "1 problem to fix (checks)" in said.err
        assert desk.types("check", "--only", "plan", "--json").json()["ready"] is False
    monkeypatch.delenv("HARNESS_TRUST")
    said = desk.types("check", "--only", "plan")
    assert (said.code, "not trusted" in said.out, "list.txt" in said.out) == (0, True, False)


def test_samples_are_tried_and_synthetic_records_say_nothing_where_a_scene_makes_them(desk: "Desk") -> None:
    write(desk, "check")
    strict = "\ndef strict(items, records, context):\n"
    strict += '    return {i: ["no real text"] for i in records if records[i][0]["text"] != "real"}\n'
    (desk.folder / "checks.py").write_text(CHECKS + strict + "def scene(ask):\n    return None\n")
    (desk.folder / "samples.json").write_text('[{"id": "x", "text": "real"}]')
    job = json.loads((desk.folder / "job.yaml").read_text())
    job["output"]["check"] = [{"python": "checks.py:strict"}]
    for rehearsal, told in (
        ({"records": "samples.json"}, "checks    main: 3 records of your samples passed"),
        (
            {"scene": "checks.py"},
            "says nothing about the scene's records (no real text); `harness rehearse` plays them",
        ),
        ({}, "3 of 3 synthetic records rejected; real ones may pass: no real text"),
    ):
        (desk.folder / "job.yaml").write_text(json.dumps(job | {"rehearsal": rehearsal}))
        said = desk.types("launch", "--dry-run")
        assert (said.code, told in said.out) == (0, True), said.out + said.err


def test_a_dry_run_refuses_what_a_launch_would(desk: "Desk") -> None:
    write(desk, "check")
    (desk.folder / "job.yaml").write_text((desk.folder / "job.yaml").read_text().replace("item.data.name", "item.nmae"))
    desk.has_typed("launch", "--dry-run", code=2)
