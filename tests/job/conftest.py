"""A good manifest with its folder, and what is said of one that is wrong."""

from pathlib import Path

import pytest

from harness.base.errors import UsageError
from harness.job.load import load

GOOD = """\
job: Test
vars: {course: ita}
items:
  file: items.json
  rows: ".rows[]"
  id: .id
order: [.priority]
session:
  model: sonnet
  prompt: prompt.md
  tools: [Read, Write]
output:
  key: .id
  schema: schema.json
  check:
    - jq: ".x | length > 0"
    - python: "checks.py:check"
  merge: out.json
strikes: 3
budget: $40
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "items.json").write_text('{"rows": [{"id": "a"}]}')
    (tmp_path / "prompt.md").write_text("Work on {{ item.id }}.\n")
    (tmp_path / "schema.json").write_text('{"type": "object"}')
    (tmp_path / "checks.py").write_text("def check(items, records, context):\n    return {}\n")
    return tmp_path


def problems(text: str, *settings: str, rehearsal: bool = False) -> list[str]:
    Path("job.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        load(Path("job.yaml"), settings=settings, rehearsal=rehearsal)
    assert caught.value.exit_code == 2
    return [f"{problem.where}: {problem.message}" for problem in caught.value.problems]
