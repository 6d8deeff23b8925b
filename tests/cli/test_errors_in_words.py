"""Whatever goes wrong is told in words, with a hint and the right exit code, never as a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.clock import SystemClock
from harness.base.errors import BrokenSetupError, HarnessError, LedgerDamagedError, Problem, UsageError
from harness.cli.main import tell
from harness.ledger.lock import JobLock

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def test_all_problems_are_told_each_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem("job.yaml:3:1", "stirkes: unknown key", "did you mean 'strikes'?"),
        Problem("x.json", "is empty"),
    ]
    assert tell(UsageError(problems)) == 2
    assert capsys.readouterr().err.splitlines() == [
        "error: job.yaml:3:1: stirkes: unknown key",
        "  hint: did you mean 'strikes'?",
        "error: x.json: is empty",
        "2 problems; nothing was started",
    ]


@pytest.mark.parametrize(
    ("error", "code"), [(BrokenSetupError("no key", hint="set one"), 4), (LedgerDamagedError("bad", hint="x"), 6)]
)
def test_errors_carry_their_exit_code(error: HarnessError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(error) == code
    assert "  hint: " in capsys.readouterr().err


def test_I16_errors_are_printed_harmlessly(capsys: pytest.CaptureFixture[str]) -> None:
    tell(UsageError([Problem("x\x1b[31m", "bad \x1b]0;owned\x07value", "try \x1b[2Jthis")]))
    assert "\x1b" not in capsys.readouterr().err


def test_a_bad_manifest_is_told_with_line_and_column(desk: "Desk") -> None:
    desk.job({"1": "good"}, more="stirkes: 3\nparallel: many\n")
    said = desk.types("launch")
    assert said.code == 2
    assert "error: job.yaml:8:1: stirkes: unknown key, did you mean 'strikes'?" in said.err
    assert "job.yaml:9:11: parallel:" in said.err
    assert "2 problems; nothing was started" in said.err
    assert not (desk.folder / ".harness").exists()


@pytest.mark.parametrize("command", ["check", "plan", "launch", "rehearse", "status"])
def test_a_missing_manifest_is_told(command: str, desk: "Desk") -> None:
    said = desk.types(command)
    assert said.code == 2
    assert "error: job.yaml: the file 'job.yaml' does not exist" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("words", [("lanch",), ("launch", "--frist", "3"), ("launch", "--first", "x"), ("why",)])
def test_words_that_nobody_knows_are_usage_errors(words: tuple[str, ...], desk: "Desk") -> None:
    said = desk.types(*words)
    assert said.code == 2
    assert "Traceback" not in said.err


def test_two_credentials_and_no_choice_are_refused(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    desk.types("init")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-one-secret")
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "sk-two-secret")
    said = desk.types("launch")
    assert said.code == 2
    assert "are both set" in said.err
    assert "secret" not in said.err
    assert not (desk.folder / ".harness").exists()


def test_no_credential_is_refused_with_the_remedy(desk: "Desk") -> None:
    desk.types("init")
    said = desk.types("launch")
    assert said.code == 2
    assert "no credential is set" in said.err
    assert "hint: set ANTHROPIC_API_KEY" in said.err


@pytest.mark.parametrize("command", ["launch", "rehearse"])
def test_a_job_that_is_held_exits_with_5(command: str, desk: "Desk") -> None:
    desk.job({"1": "good"})
    state = desk.folder / ".harness" / ("job" if command == "launch" else "job.rehearsal")
    state.mkdir(parents=True)
    with JobLock(state / "lock", SystemClock()):
        said = desk.types(command)
    assert said.code == 5
    assert "hint: `harness status" in said.err


def test_a_damaged_ledger_exits_with_6_and_stays_as_it_is(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    ledger = desk.folder / ".harness/job/ledger.db"
    for path in ledger.parent.glob("ledger.db-*"):
        path.unlink()
    damaged = b"SQLite format 3\0" + os.urandom(4096)
    ledger.write_bytes(damaged)
    for words in (("launch",), ("status",), ("why", "1")):
        said = desk.types(*words)
        assert said.code == 6, words
        assert "is damaged" in said.err
    assert ledger.read_bytes() == damaged


@pytest.mark.parametrize(
    ("written", "instead", "never_read_by"),
    [
        (b"CREATE TABLE attempts", b"CREATE TABLE^attempts", ()),
        (b"ItemAccepted", b"ItemXccepted", ("status",)),
        (b'"attempt":1', b'"attempt":}', ("status",)),
    ],
)
def test_T04_a_ledger_with_a_few_wrong_bytes_is_told_by_every_command_that_meets_them(
    written: bytes, instead: bytes, never_read_by: tuple[str, ...], desk: "Desk"
) -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    ledger = desk.folder / ".harness/job/ledger.db"
    whole = ledger.read_bytes()
    assert written in whole
    ledger.write_bytes(whole.replace(written, instead, 1))
    for words in (
        ("launch",),
        ("status",),
        ("log",),
        ("report",),
        ("why", "1"),
        ("show", "1"),
        ("rejudge",),
        ("pause",),
    ):
        if words[0] not in never_read_by:
            said = desk.types(*words)
            assert said.code in (0, 6) and (said.code == 6) == ("is damaged" in said.err), (words, said.err)
    assert desk.types("launch").code == 6


def test_doctor_tries_everything_and_never_shows_a_secret(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    desk.job({"1": "good"})
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    said = desk.types("doctor", "--json")
    assert said.code == 0, said.out
    found = {finding["what"]: finding for finding in said.json()["findings"]}
    assert set(found) >= {"harness", "manifest", "claude", "sqlite", "sandbox", "credential", "disk", "watching"}
    assert "Claude Code" in found["claude"]["says"]
    assert "WAL-reset" in found["sqlite"]["says"]
    assert "not needed" in found["credential"]["says"]
    assert "secret" not in said.out
    assert not (desk.folder / ".harness").exists()


def test_doctor_without_a_manifest_examines_the_machine(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    said = desk.types("doctor")
    assert said.code == 0
    assert "job.yaml not found" in said.out
    assert "ANTHROPIC_API_KEY (an account billed by use)" in said.out
    assert "secret" not in said.out
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    missing = desk.types("doctor")
    assert missing.code == 0
    assert "note    credential" in missing.out


def test_doctor_says_what_is_broken_with_exit_code_4(desk: "Desk") -> None:
    desk.types("init")
    said = desk.types("doctor")
    assert said.code == 4
    assert "broken  credential" in said.out


def test_doctor_prints_the_fault_table(desk: "Desk") -> None:
    said = desk.types("doctor", "--faults")
    assert said.code == 0
    for kind in ("usage_limit", "overloaded", "refused", "denied", "unknown", "rejected"):
        assert f"\n{kind} " in said.out
    listed = desk.types("doctor", "--faults", "--json").json()
    assert {"kind": "overloaded", "blame": "provider", "then": "hold", "says": "the provider is overloaded"} in listed[
        "faults"
    ]


def test_check_tells_bounds_money_and_phases(desk: "Desk") -> None:
    desk.types("init")
    manifest = desk.folder / "job.yaml"
    manifest.write_text(manifest.read_text() + "rate: 10/min\nwindow: 22:00-07:00\ndeadline: 8h\ncaps: {sessions: 9}\n")
    said = desk.types("check", "--only", "plan")
    assert said.code == 0, said.err
    assert "at most 10 starts in 1m 00s, starts from 22:00 to 07:00 only, ends 8h 00m after its start" in said.out
    assert "at most 9 sessions" in said.out
    assert "one session reserves at most $1.56" in said.out
    assert "at most $5.00 in all, the budget" in said.out


def test_a_reader_that_goes_away_is_no_error(desk: "Desk", tmp_path: Path) -> None:
    desk.job({str(n): "good" for n in range(3)})
    desk.has_typed("launch")
    reading = desk.starts("log")
    assert reading.stdout is not None
    reading.stdout.close()
    assert reading.stderr is not None
    assert "Traceback" not in reading.stderr.read()
    reading.wait(timeout=60)
    reading.stderr.close()


def test_every_json_command_prints_one_document(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.types("launch")
    for words in (("status",), ("plan",), ("why", "1"), ("check",), ("report",), ("doctor",)):
        assert json.loads(desk.types(*words, "--json").out)["schema_version"] == 1
    assert json.loads(desk.types("show", "1", "--json").out)["item"] == "1"
    assert desk.types("check", "--only", "plan", "--json").json()["items"] == ["1"]
    assert desk.types("report", "--json").json()["status"]["counts"]["done"] == 1


@pytest.mark.parametrize("closed", [(1,), (1, 2), (0, 1, 2)])
def test_closed_streams_change_no_exit_code_and_lend_their_numbers_to_no_file(
    closed: tuple[int, ...], desk: "Desk"
) -> None:
    desk.job({"1": "good"})
    closing = " ".join({0: "<&-", 1: ">&-", 2: "2>&-"}[number] for number in closed)
    command = f"cd '{desk.folder}' && exec '{sys.executable}' -m harness launch {closing}"
    for _ in range(2):
        assert subprocess.run(["/bin/sh", "-c", command], env={**os.environ, "HOME": str(desk.folder)}).returncode == 0
    assert desk.types("log").code == 0


def test_a_full_disk_under_standard_output_is_told_as_that(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.has_typed("launch")
    for words in ("log", "status --json", "--version"):
        command = f"cd '{desk.folder}' && exec '{sys.executable}' -m harness {words} >/dev/full"
        said = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
        assert said.returncode in (1, 4) and "Traceback" not in said.stderr and str(desk.folder) not in said.stderr
