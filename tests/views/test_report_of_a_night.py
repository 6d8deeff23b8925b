"""The report is honest, complete, and harmless to open."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.errors import UsageError
from harness.core import events as e
from harness.core import run_events as r
from harness.core.fault_kinds import FaultKind
from harness.core.messages import message
from harness.core.messages import told as said
from harness.core.run_events import RunStarted
from harness.core.types import Fault
from harness.job.change import Change
from harness.views.messages import text_of
from harness.views.report import JobToday, Written, write_report
from harness.views.report_tables import Table, as_csv
from harness.views.report_workbook import as_workbook
from harness.views.why import history
from harness.views.why_text import lines
from tests.covers import covers

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

    from tests.views.conftest import Night

ASKED = JobToday((("items", "school, from data/schools.json"), ("session", "sonnet; checks: schema")), ())
EVIL = "=cmd|'/c calc'!A1"


def _report(night: "Night", folder: Path, asked: JobToday = ASKED) -> Written:
    folder.mkdir(exist_ok=True)
    return write_report(night.state, folder, asked, night.clock.now())


def _opened(content: bytes) -> "Workbook":
    import openpyxl

    return openpyxl.load_workbook(io.BytesIO(content))


@pytest.fixture
def told(night: "Night", tmp_path: Path) -> Iterator[Written]:
    """A night with everything in it: done, failed, a hold, an unknown cost, a kill, a retry by hand, a kept change."""
    night.plan(["A", EVIL, "C|*x*"])
    night.begin()
    night.attempt()
    night.attempt({EVIL: ["@bad reason"]}, notes=(message("byte_order_mark", file="output.json"),))
    night.attempt(fault=Fault(FaultKind.OVERLOADED, "provider", (said("status 529"),)), cost=None)
    night.begin()
    for _ in range(2):
        while night.ledger.db.execute("SELECT 1 FROM groups WHERE state = 'ready'").fetchone():
            night.attempt({EVIL: ["@bad reason"]})
    night.ledger.record(
        r.FingerprintKept(
            {"items": "b"}, changes=(Change("field_changed", "session.model", before="sonnet", now="haiku"),)
        )
    )
    night.end(1)
    yield _report(night, tmp_path / "report")


def test_the_headline_is_honest(told: Written) -> None:
    assert "The job is finished. 2 of 3 schools done, 1 failed." in told.markdown


@covers("F81")
def test_every_failed_item_has_its_reason_and_its_attempts(told: Written) -> None:
    assert "| =cmd\\|'/c calc'!A1 | main | 3 | @bad reason |" in told.markdown


def test_unknown_costs_are_marked(told: Written) -> None:
    assert "**1 session reported no cost**: $2.46 of the total" in told.markdown


def test_a_cost_that_was_not_told_where_nothing_was_reserved_is_no_part_of_the_sum(
    night: "Night", tmp_path: Path
) -> None:
    night.reserved_microusd = 0
    night.plan(["A"])
    night.begin()
    night.attempt(cost=None)
    assert "**1 session reported no cost**: nothing was reserved\n" in _report(night, tmp_path / "r").markdown
    assert ", cost not reported, " in "\n".join(lines(history(night.state, "A")))


def test_what_was_told_and_what_we_counted_stand_side_by_side(night: "Night", tmp_path: Path) -> None:
    night.plan(["A", "B", "C"])
    night.begin()
    night.attempt()
    night.counted_usd = Decimal("0.05")
    night.attempt(cost="0.07")
    night.counted_usd = Decimal("0.11")
    night.attempt(cost="0.08")
    folder = tmp_path / "r"
    told = _report(night, folder)
    assert (
        "- 3 sessions, $0.25 charged\n- reported by 2 sessions: $0.15; counted from their requests: $0.16\n"
        in told.markdown
    )
    assert "- $0.03 of the total was counted but not reported: interrupted responses are billed too\n" in told.markdown
    rows = list(csv.DictReader((folder / "attempts.csv").open(newline="")))
    assert [(row["told_usd"], row["counted_usd"]) for row in rows] == [("0.07", ""), ("0.07", "0.05"), ("0.08", "0.11")]


def test_each_run_tells_how_it_ended_and_what_held_it_in(told: Written) -> None:
    assert "killed, or the host went down" in told.markdown
    assert "exit code 1: finished" in told.markdown
    assert "bubblewrap | ANTHROPIC_API_KEY |" in told.markdown


_CHANGED = message("unauthorized_change", path="job.yaml", is_own=False, change="changed")


def test_A33_an_unauthorized_change_stands_before_everything_else(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    night.begin()
    night.attempt(notes=(_CHANGED, message("settings_ignored", files=["CLAUDE.md"])))
    told = _report(night, tmp_path / "report").markdown
    before, rest = told.split("## Configuration")
    assert "## Unauthorized changes" in before
    assert "job.yaml" in before
    assert "job.yaml" not in rest
    assert "## Notes" in rest and "CLAUDE.md" in rest


def test_holds_notes_and_kept_changes_are_told(told: Written) -> None:
    assert "## Holds" in told.markdown
    assert text_of(message("byte_order_mark", file="output.json")) in told.markdown
    assert "session.model was sonnet, is now haiku" in told.markdown


def test_I16_markdown_of_items_means_nothing(told: Written) -> None:
    rows = [line for line in told.markdown.splitlines() if "bad reason" in line]
    assert rows
    assert all(line.replace("\\|", "").count("|") == 5 for line in rows)


def test_the_backslashes_of_markdown_are_only_in_the_file(night: "Night", tmp_path: Path) -> None:
    night.plan(["A\\*b*"])
    night.begin()
    night.ledger.record(r.FingerprintKept({}, ("output.check[0] was .a | .b, is now .c",)))
    told = _report(night, tmp_path / "r", JobToday((("session", "C:\\new"),), ()))
    assert "output.check[0] was .a | .b, is now .c" in told.text
    assert "C:\\new" in told.text
    assert "output.check\\[0\\] was .a \\| .b, is now .c" in told.files[0].read_text() == told.markdown


def test_I16_no_cell_of_a_csv_file_begins_like_a_formula(told: Written) -> None:
    for file in told.files:
        if file.suffix == ".csv":
            rows = list(csv.reader(io.StringIO(file.read_text())))
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    failures = next(file for file in told.files if file.name == "failures.csv").read_text()
    assert f"'{EVIL}" in failures


def test_I16_text_in_the_workbook_stays_text(told: Written) -> None:
    book = _opened(next(file for file in told.files if file.suffix == ".xlsx").read_bytes())
    assert book.sheetnames == ["summary", "items", "attempts", "failures", "costs"]
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert any(cell.value == EVIL for cell in cells)
    assert not any(cell.data_type == "f" or cell.hyperlink for cell in cells)


def test_all_items_and_attempts_are_in_the_tables(told: Written) -> None:
    files = {
        file.name: list(csv.DictReader(io.StringIO(file.read_text()))) for file in told.files if file.suffix == ".csv"
    }
    assert [row["state"] for row in files["items.csv"]] == ["done", "failed", "done"]
    assert len(files["attempts.csv"]) == 6
    assert {row["cost_known"] for row in files["attempts.csv"]} == {"yes", "no"}
    assert files["costs.csv"][0]["not_told"] == "1"


def test_a_job_without_checks_is_called_unchecked(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    night.begin()
    night.attempt()
    written = _report(night, tmp_path / "r", JobToday((), ("this job",)))
    assert "**unchecked**" in written.markdown


def test_an_unfinished_job_is_not_called_finished(night: "Night", tmp_path: Path) -> None:
    night.plan(["A", "B"])
    night.begin()
    night.attempt()
    night.end(3, message("stopped_by", who="Ctrl-C"))
    written = _report(night, tmp_path / "r")
    assert (
        "The job is not finished: it was stopped and can continue. 1 of 2 schools done, 1 pending." in written.markdown
    )


def test_blocked_and_late_items_are_named(night: "Night", tmp_path: Path) -> None:
    night.strikes = 1
    night.plan(["A", "B"], phases=("translate", "decompose"))
    night.begin()
    night.attempt({"A": ["no verb"]})
    night.attempt()
    night.ledger.record(e.ItemReopened(1, "A", "anna"), e.GroupQueued(99, 1, 1, 0, ("A",), 0, "reopened"))
    blocked = _report(night, tmp_path / "r").markdown
    assert "| decompose | A | failed in phase translate |" in blocked
    assert "## Out of order" in blocked


def test_a_rehearsal_says_so_in_every_file(rehearsed: "Night", tmp_path: Path) -> None:
    rehearsed.plan(["A"])
    rehearsed.begin()
    rehearsed.attempt()
    written = _report(rehearsed, tmp_path / "r")
    assert "**Rehearsal.** No model was called" in written.markdown
    assert all(file.name.startswith("rehearsal-") for file in written.files)
    for file in written.files:
        if file.suffix == ".csv":
            assert all(line.startswith("rehearsal") for line in file.read_text().splitlines())
    book = _opened(written.files[-1].read_bytes())
    assert book["summary"]["A2"].value == "rehearsal"


def test_an_upgrade_and_what_it_derives_in_another_way_are_told(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    night.begin()
    assert "Upgrades" not in _report(night, tmp_path / "r").markdown
    night.ledger.record(RunStarted(1, "box", "9.9", 1, None, "off", "none", derived={"the schema": 7}))
    assert "| 2 | 9.9 | 0.1.0 | the schema |" in _report(night, tmp_path / "r").markdown


def test_a_killed_attempt_costs_its_reservation_and_says_why(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    night.begin()
    night.attempt(
        fault=Fault(FaultKind.SUPERVISOR_LOST, "host", (said("the supervisor ended while this session ran"),)),
        cost=None,
    )
    attempts = next(f for f in _report(night, tmp_path / "r").files if f.name == "attempts.csv").read_text()
    assert "supervisor_lost,host" in attempts
    assert "2.46,no" in attempts
    (row,) = csv.DictReader(io.StringIO(attempts))
    assert row["duration_s"] == "", "nobody saw when it ended"


def test_a_cell_that_is_too_long_is_cut_with_a_notice() -> None:
    table = Table("long", ("text",), [("x" * 40_000,)])
    cell = _opened(as_workbook([], [table]))["long"]["A2"].value
    assert len(cell) == 32_767
    assert cell.endswith("[cut: the cell cannot hold more]")
    assert len(as_csv(Table("long", ("text",), [("x" * 40_000,)]))) > 40_000


def test_numbers_stay_numbers_and_nothing_stays_empty() -> None:
    table = Table("t", ("a", "b", "c"), [(-5, 0.07, None)])
    assert as_csv(table) == b"a,b,c\n-5,0.07,\n"
    sheet = _opened(as_workbook([], [Table("t", ("a", "b", "c"), [(-5, 0.07, None)])]))["t"]
    assert [sheet.cell(2, column).value for column in (1, 2, 3)] == [-5, 0.07, None]


def test_a_job_that_was_never_run_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has not been launched yet"):
        write_report(tmp_path / ".harness" / "job", tmp_path, ASKED, datetime.now(UTC))


def test_holds_are_told_with_their_end(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    night.begin()
    until = night.clock.now() + timedelta(hours=2)
    night.ledger.record(r.HoldPlaced(1, "usage_limit", until.isoformat()))
    assert "usage_limit |" in _report(night, tmp_path / "r").markdown
