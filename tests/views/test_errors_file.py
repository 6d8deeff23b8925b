"""errors.jsonl has what document 004 draws of each batch with errors, as they are now."""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.base.clock import SystemClock
from harness.base.ids import ItemId
from harness.base.reason import Reason
from harness.core.fault_kinds import FaultKind
from harness.core.messages import told as said
from harness.core.types import Fault
from harness.ledger.error_lines import batches_with_errors
from harness.ledger.store import Ledger
from harness.supervisor.progress_writer import ProgressWriter
from harness.views.reason_words import as_error
from harness.views.status import read_status
from harness.views.why import history
from tests.covers import covers

if TYPE_CHECKING:
    from tests.views.conftest import Night

DOCUMENT = json.loads("""{
  "batch": 15, "phase": 3, "status": "failed", "attempts": 2,
  "errors": [ { "seedId": "S0285", "type": "tiling_failure", "message": "Missing LEGO: 'parlare'" } ],
  "retryScheduled": true
}""")
"""The block "Error Tracking" of document 004: its batch will be tried again, which is `retrying` here (A77)."""
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "ledgers" / "0.1.0" / "ledger.db"
TILING = Reason.of_check({"type": "tiling_failure", "message": "Missing LEGO: 'parlare'"})


def _written(night: "Night", folder: Path) -> list[dict[str, Any]]:
    ProgressWriter(folder / "batch_progress.json", night.ledger, night.clock).write_now()
    path = folder / "errors.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@covers("F81", "F195", "F205", "F206", "A77")
def test_the_document_s_block_is_a_line_of_the_file(night: "Night", tmp_path: Path) -> None:
    night.plan([f"S{number:04}" for number in range(271, 286)], noun="seed", phases=("decompose",))
    night.begin()
    for _ in range(14):
        night.attempt()
    assert _written(night, tmp_path) == []
    night.attempt({"S0285": [Reason("jq_false", {"program": ".x"})]})
    night.attempt({"S0285": [TILING]})
    (line,) = _written(night, tmp_path)
    (error,) = line["errors"]
    expected = DOCUMENT | {"phase": "decompose", "status": "retrying"}
    assert line == expected | {"errors": [DOCUMENT["errors"][0] | {"field": None}]}
    assert list(line) == list(DOCUMENT) and list(error) == ["seedId", "type", "field", "message"]
    night.attempt({"S0285": [Reason("schema", {"at": "$.a[0]", "message": "no"}, ".a[0]")]})
    (line,) = _written(night, tmp_path)
    assert (line["status"], line["attempts"], line["retryScheduled"]) == ("failed", 3, False)
    error = {"type": "schema", "field": ".a[0]", "message": "no"}
    assert line["errors"] == [{"seedId": "S0285", **error}]
    (failed,) = read_status(night.state, night.clock.now()).as_json()["failed"]
    (chapter,) = history(night.state, "S0285").as_json()["phases"]
    assert failed["errors"] == chapter["errors"] == [error]


def test_a_batch_without_errors_has_no_line_and_then_there_is_no_file(night: "Night", tmp_path: Path) -> None:
    night.plan(["A", "B", "C"], size=2)
    night.begin()
    night.attempt({"A": ["no"]})
    assert [(line["batch"], line["errors"][0]["schoolId"]) for line in _written(night, tmp_path)] == [(1, "A")]
    night.attempt()
    night.attempt()
    assert _written(night, tmp_path) == [] and not (tmp_path / "errors.jsonl").exists()


def test_a_session_s_own_fault_is_the_error_of_an_item_that_was_alone(night: "Night", tmp_path: Path) -> None:
    night.plan(["A"])
    night.begin()
    night.attempt(fault=Fault(FaultKind.REFUSED, "session", (said("it may not say that"),)))
    (line,) = _written(night, tmp_path)
    told = {"schoolId": "A", "type": "refused", "field": None, "message": "it may not say that"}
    assert line["errors"][0] == told and line["status"] == "failed"


@pytest.mark.parametrize("own", ["", '{"id": "A"}\n'])
def test_a_file_of_the_user_s_of_that_name_is_left_alone(night: "Night", tmp_path: Path, own: str) -> None:
    night.plan(["A"])
    night.begin()
    night.attempt({"A": ["no"]})
    (tmp_path / "errors.jsonl").write_text(own)
    ProgressWriter(tmp_path / "batch_progress.json", night.ledger, night.clock).write_now()
    assert (tmp_path / "errors.jsonl").read_text() == own
    assert json.loads((night.state / "errors.jsonl").read_text())["batch"] == 1
    night.attempt()
    ProgressWriter(tmp_path / "batch_progress.json", night.ledger, night.clock).write_now()
    assert (tmp_path / "errors.jsonl").read_text() == own and not (night.state / "errors.jsonl").exists()


def test_an_old_ledger_tells_its_reasons_as_rejected(tmp_path: Path) -> None:
    shutil.copy(GOLDEN, tmp_path / "ledger.db")
    ledger = Ledger.open(tmp_path / "ledger.db", SystemClock())
    try:
        lines = list(batches_with_errors(ledger.db, as_error))
        reasons = ledger.db.execute("SELECT item, reasons FROM items WHERE state = 'failed'").fetchall()
    finally:
        ledger.close()
    told = {ItemId(item): json.loads(texts) for item, texts in reasons}
    assert told
    for line in lines:
        for error in line["errors"]:
            (item,) = (value for key, value in error.items() if key.endswith("Id"))
            assert error["type"] == "rejected" and error["message"] in told[item]
    assert {line["status"] for line in lines} == {"failed"}
