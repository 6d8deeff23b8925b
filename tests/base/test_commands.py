"""What is told to be typed next names the manifest and the rehearsal that it is about."""

from pathlib import Path

import pytest

from harness.base.commands import NextCommand, command_at


@pytest.mark.parametrize(
    ("state", "typed"),
    [
        ("job", "harness status"),
        ("job.rehearsal", "harness status --rehearsal"),
        ("west", "harness status west.yaml"),
        ("south.rehearsal", "harness status south.yml --rehearsal"),
        ("job@acme", "harness status --as acme"),
        ("south@2026-w49.rehearsal", "harness status south.yml --as 2026-w49 --rehearsal"),
    ],
)
def test_a_command_is_about_the_job_of_its_state_folder(
    state: str, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "south.yml").touch()
    assert str(command_at(tmp_path / ".harness" / state, "status")) == typed


def test_a_rehearsal_is_continued_with_rehearse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(command_at(tmp_path / ".harness/job.rehearsal", "launch", "--reset")) == "harness rehearse --reset"


def test_an_item_is_named_before_its_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = command_at(tmp_path / ".harness/west.rehearsal", "show", "A 1")
    assert str(shown) == "harness show 'A 1' west.yaml --rehearsal"


def test_a_command_names_only_what_is_not_the_default() -> None:
    assert str(NextCommand("status")) == "harness status"
    assert str(NextCommand("status", (), "a b.yaml", rehearsal=True)) == "harness status 'a b.yaml' --rehearsal"
    assert str(NextCommand("launch", (), "course.yaml", rehearsal=True)) == "harness rehearse course.yaml"
    assert str(NextCommand("retry", ("--failed",))) == "harness retry --failed"


def test_another_verb_keeps_the_job_and_words_can_be_added() -> None:
    launch = NextCommand("launch", ("--set", "vars.a=1"), "west.yaml", "acme")
    assert str(launch.plus("--keep")) == "harness launch west.yaml --set vars.a=1 --keep --as acme"
    assert str(launch.other("report")) == "harness report west.yaml --as acme"
