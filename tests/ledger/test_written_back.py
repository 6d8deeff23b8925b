"""The note about written workbooks is read whatever version wrote it."""

import json
from pathlib import Path

from harness.base.job_home import JobHome
from harness.ledger.written_back import WriteProblem, WrittenBack, read, write

NOTE = WrittenBack("leads.xlsx", rows=3, problem=WriteProblem("leads.xlsx", "is open elsewhere", "close it"))


def test_a_note_is_read_back_whole(tmp_path: Path) -> None:
    write(tmp_path, {1: NOTE})
    assert read(tmp_path) == {1: NOTE}


def test_a_note_of_0_1_0_names_its_problem_by_another_key(tmp_path: Path) -> None:
    write(tmp_path, {1: NOTE})
    path = JobHome(tmp_path).written_back
    content = json.loads(path.read_bytes())
    content["1"]["trouble"] = content["1"].pop("problem")
    path.write_text(json.dumps(content), encoding="utf-8")
    assert read(tmp_path) == {1: NOTE}
