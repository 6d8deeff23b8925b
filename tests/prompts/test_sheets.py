"""The sheets for a reader: each can be answered, and the judge of them can say no."""

import json
from pathlib import Path

import pytest

from tests.prompts.sheets import SHEETS, main, prompt_of, verdict_on, write


def test_there_are_twenty_with_every_shape_and_retries() -> None:
    assert len(SHEETS) == 20
    assert {sheet.output.shape for sheet in SHEETS} == {"array", "object", "one", "files"}
    assert sum(bool(sheet.why) for sheet in SHEETS) >= 2


def test_a_folder_holds_nothing_but_the_prompt(tmp_path: Path) -> None:
    write(tmp_path / "sheets")
    own = tmp_path / "sheets" / "01"
    assert sorted(path.name for path in own.iterdir()) == ["prompt.md", "work"]
    assert str(own / "work" / "output.json") in (own / "prompt.md").read_text()


def test_a_right_answer_passes_and_a_wrong_one_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "sheets")
    sheet, own = SHEETS[0], tmp_path / "sheets" / "01"
    assert "c1" in prompt_of(sheet, own)
    answer = [{"id": id_, "summary": "A port on a river."} for id_ in sheet.ids]
    (own / "work" / "output.json").write_text(json.dumps(answer))
    assert verdict_on(sheet, own) == ""
    (own / "work" / "output.json").write_text(json.dumps([*answer, {"id": "c9"}]))
    assert "c9" in verdict_on(sheet, own)
    assert main(["--judge", str(tmp_path / "sheets")]) == 1
    assert '"passed": 0' in capsys.readouterr().out
