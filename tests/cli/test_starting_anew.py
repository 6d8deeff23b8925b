"""What starts anew: a rehearsal of a changed job by itself, a real run when told so, and never with a slip in it."""

import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def change_the_prompt(desk: "Desk", old: str, new: str) -> None:
    manifest = desk.folder / "job.yaml"
    assert f"prompt: {old}" in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(f"prompt: {old}", f"prompt: {new}"))


def test_a_rehearsal_of_a_changed_job_starts_anew_by_itself(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    assert desk.types("rehearse").code == 0
    change_the_prompt(desk, "count them", "count them well")
    again = desk.types("rehearse")
    assert again.code == 0
    assert "the job has changed (session.prompt has changed): starting over; moved the previous state to" in again.err
    assert desk.types("status", "--rehearsal", "--json").json()["usage"]["sessions"] == 2
    (backup,) = (desk.folder / ".harness").glob("job.rehearsal.backup-*")
    assert (backup / "ledger.db").exists()


def test_what_was_asked_of_the_old_rehearsal_is_not_dropped_in_silence(desk: "Desk") -> None:
    desk.job({"1": "bad"})
    assert desk.types("rehearse").code == 1
    assert desk.types("retry", "1", "--rehearsal").code == 0
    change_the_prompt(desk, "count them", "count them well")
    assert "pending requests went with it: retry; repeat" in desk.types("rehearse").err


def test_git_is_told_to_leave_the_state_alone(desk: "Desk") -> None:
    desk.job({"1": "good"})
    subprocess.run(["git", "init", "-q"], check=True)
    desk.has_typed("launch")
    status = subprocess.run(["git", "status", "--porcelain"], check=True, capture_output=True, text=True)
    assert "job.yaml" in status.stdout and ".harness" not in status.stdout


def test_an_unfinished_rehearsal_that_has_not_changed_goes_on(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    assert desk.types("rehearse", "--first", "1").code == 0
    with (desk.folder / "job.yaml").open("a") as manifest:
        manifest.write("parallel: 2 # changes nothing that a rehearsal is about\n")
    again = desk.types("rehearse")
    assert again.code == 0
    assert "moved" not in again.err
    assert desk.types("status", "--rehearsal", "--json").json()["usage"]["sessions"] == 2


def test_a_rehearsal_keeps_the_items_of_then_when_told_so(desk: "Desk") -> None:
    desk.job({"1": "good"})
    assert desk.types("rehearse").code == 0
    change_the_prompt(desk, "count them", "count them well")
    kept = desk.types("rehearse", "--keep")
    assert kept.code == 0
    assert "moved" not in kept.err


def test_the_last_three_rehearsals_are_kept(desk: "Desk") -> None:
    desk.job({"1": "good"})
    for number in range(5):
        assert desk.types("rehearse", "--reset").code == 0, number
    assert len(list((desk.folder / ".harness").glob("job.rehearsal.backup-*"))) == 3


def test_a_changed_job_is_refused_for_real_with_the_whole_command(desk: "Desk") -> None:
    desk.job({"1": "good"}, stem="west")
    desk.has_typed("launch", "west.yaml", "--set", "vars.a=1")
    refused = desk.types("launch", "west.yaml", "--set", "vars.a=2")
    assert refused.code == 2
    assert "vars.a was 1, is now 2" in refused.err
    assert "`harness launch west.yaml --set vars.a=2 --keep` continues" in refused.err
    assert "`harness launch west.yaml --set vars.a=2 --reset` starts over" in refused.err
    assert not list((desk.folder / ".harness").glob("*.backup-*"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--only", "typo"), "--only: no number has the id 'typo'"),
        (("--first", "1", "--only", "1"), "--first: cannot be combined with --only"),
        (("--set", "budget=$0.01", "--set", "session.backend=claude"), "error"),
        (("--set", 'session.prompt="{{ item.nothing }}"'), "nothing"),
        (("--set", "strikes=none"), "strikes"),
    ],
)
def test_a_reset_with_a_slip_in_it_moves_nothing(words: tuple[str, ...], told: str, desk: "Desk") -> None:
    desk.job({"1": "good"})
    for verb, state in (("launch", "job"), ("rehearse", "job.rehearsal")):
        assert desk.types(verb).code == 0
        said = desk.types(verb, "--reset", *words)
        assert said.code == 2
        assert told in said.err
        assert (desk.folder / ".harness" / state / "ledger.db").exists()
    assert (desk.folder / "output" / "job.json").exists()
    assert not list((desk.folder / ".harness").glob("*.backup-*"))


def test_a_reset_with_a_broken_scene_moves_nothing(desk: "Desk") -> None:
    (desk.folder / "scene.py").write_text("def scene(ask):\n    return None\n")
    (desk.folder / "items.jsonl").write_text('{"id": "1"}\n')
    (desk.folder / "job.yaml").write_text(
        "items: {file: items.jsonl}\nsession: {model: sonnet, prompt: look at it}\noutput: {key: .id}\n"
        "budget: $5\nrehearsal: {scene: scene.py}\n"
    )
    ledger = desk.folder / ".harness/job.rehearsal/ledger.db"
    ledger.parent.mkdir(parents=True)
    ledger.touch()
    (desk.folder / "scene.py").write_text("import nothing_of_that_name\ndef scene(ask):\n    return None\n")
    said = desk.types("rehearse", "--reset")
    assert said.code == 2
    assert "scene.py:1: ModuleNotFoundError" in said.err
    assert ledger.exists()


def test_one_typo_of_several_jobs_keeps_all_of_them_where_they_are(desk: "Desk") -> None:
    desk.job({"1": "good"})
    desk.job({"1": "good"}, stem="west")
    desk.has_typed("launch", "job.yaml", "west.yaml")
    manifest = desk.folder / "west.yaml"
    manifest.write_text(manifest.read_text().replace("count them", "'{{ item.nothing }}'"))
    assert desk.types("launch", "job.yaml", "west.yaml", "--reset").code == 2
    assert not list((desk.folder / ".harness").glob("*.backup-*"))


def test_a_choice_that_names_nothing_is_told_before_a_new_job_is_planned(desk: "Desk") -> None:
    desk.job({"1": "good"})
    assert "hint" not in desk.types("launch", "--only", "typo").err
    mistyped = desk.types("launch", "--only", "10")
    assert mistyped.code == 2
    assert "--only: no number has the id '10'\n  hint: did you mean '1'?\n" in mistyped.err
    assert desk.types("status", "--json").json()["state"] == "new"


@pytest.mark.parametrize("command", ["launch", "rehearse"])
def test_the_next_command_keeps_the_settings_that_were_typed(command: str, desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"}, more="budget: none\n")
    said = desk.types(command, "--set", "strikes=2", "--first", "1")
    assert f"Next: `harness {command} --set strikes=2`" in said.out, said.err
