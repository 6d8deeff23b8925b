"""Paths that begin with `~`: the home folder, or a problem; never a folder of that name."""

from pathlib import Path

import pytest
import typer

from harness.base.errors import UsageError
from harness.cli.options import expanded
from harness.job.load import load


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name, text in {
        "items.csv": "id\n1\n", "task.md": "About {{ item.id }}.", "rules.md": "Rules.", "record.json": "{}",
        "checks.py": "def check(items, records, context): return {}\n", "work.sh": "#!/bin/sh\n", "~plain.md": "x",
    }.items():  # fmt: skip
        (home / name).write_text(text)
    (home / "work.sh").chmod(0o755)
    (home / "jobs").mkdir()
    return home


def _manifest(home: Path, merge: str, prompt: str = "~/task.md") -> Path:
    path = home / "jobs" / "job.yaml"
    path.write_text(
        "items: {file: ~/items.csv, id: .id}\n"
        f"session: {{model: sonnet, prompt: '{prompt}', instructions: [~/rules.md]}}\n"
        "output:\n  schema: ~/record.json\n  check: [{python: '~/checks.py:check'}, {command: [~/work.sh]}]\n"
        f"  merge: {merge}\n"
        "helper: {command: [~/work.sh]}\nbudget: $9\n"
    )
    return path


def test_every_path_of_a_manifest_may_begin_at_home(home: Path) -> None:
    job = load(_manifest(home, "~/results/all.json"))
    output = job.phases[0].output
    assert job.items.file == home / "items.csv"
    assert output.merge == home / "results" / "all.json"
    assert job.phases[0].session.prompt == "About {{ item.id }}." and "Rules." in job.phases[0].session.instructions
    assert output.checks[0].python == (home / "checks.py", "check")
    assert output.checks[1].command == (str(home / "work.sh"),)
    assert job.helper is not None and job.helper.command == (str(home / "work.sh"),)


def test_a_home_that_is_none_is_refused_at_its_line(home: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load(_manifest(home, "~nobody-here/all.json", "~nobody-here/task.md"))
    assert [(p.where.rpartition("/")[2], p.message.partition(":")[0]) for p in refused.value.problems] == [
        ("job.yaml:2:34", "session.prompt"),
        ("job.yaml:6:10", "output.merge"),
    ]


def test_a_path_on_the_command_line_is_expanded_or_refused(home: Path) -> None:
    assert expanded(Path("~/reports")) == home / "reports"
    assert expanded(Path("~plain.md")) == Path("~plain.md")
    with pytest.raises(typer.BadParameter, match="the home folder '~nobody-here' does not exist"):
        expanded(Path("~nobody-here/x"))
