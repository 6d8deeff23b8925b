"""Review as a person types it: what failed wrongly is recovered, what is bad is taken back."""

import errno
import secrets
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.base.clock import Clock
from harness.ledger.store import Ledger
from harness.planning import changes
from tests.cli.conftest import assert_sound, change_check, count, merged
from tests.commits import around_commits
from tests.covers import covers
from tests.end_to_end.playing import all_pids, words_of

if TYPE_CHECKING:
    import subprocess

    from tests.cli.conftest import Desk

    Start = Callable[[Sequence[str]], subprocess.Popen[str]]


@pytest.fixture
def failed_wrongly(desk: "Desk") -> "Desk":
    """Four items, all failed by a check that was wrong, and mended now; one of them is really bad."""
    desk.job({"1": "good", "2": "good", "3": "bad", "4": "good"}, more="batch: {size: 2}\n")
    change_check(desk, ".n > 0", ".n > 100")
    desk.has_typed("launch", code=1)
    assert desk.types("status", "--json").json()["counts"]["failed"] == 4
    change_check(desk, ".n > 100", ".n > 0")
    return desk


def test_a_mended_check_recovers_every_wrongly_failed_item_without_a_session(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    sessions = desk.types("status", "--json").json()["usage"]["sessions"]
    said = desk.types("rejudge")
    assert said.code == 0
    assert "3 numbers accepted at no cost; 1 unchanged" in said.out
    assert "  3 still fails: n must be positive" in said.out.splitlines(), said
    told = desk.types("status", "--json").json()
    assert (told["counts"]["done"], told["counts"]["failed"]) == (3, 1)
    assert told["usage"]["sessions"] == sessions
    assert [record["id"] for record in merged(desk.folder)] == ["1", "2", "4"]
    assert_sound(desk.folder)
    assert desk.types("launch").code == 1, "the mended check was agreed to; only the bad item is left failed"
    assert desk.types("status", "--json").json()["usage"]["sessions"] == sessions


def test_what_a_broken_check_saw_is_judged_by_the_mended_one_without_a_session(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "bad"}, more="batch: {size: 2}\n")
    change_check(desk, "{jq: '.n > 0', says: n must be positive}", "{python: 'checks.py:check'}")
    checks = desk.folder / "checks.py"
    checks.write_text("def check(items, records, context):\n    raise ValueError\n")
    stopped = desk.types("launch")
    assert stopped.code == 4 and "harness rejudge" in stopped.err, stopped
    checks.write_text("def check(items, records, context):\n    return {'2': ['bad']}\n")
    said = desk.types("rejudge")
    assert said.code == 0 and "  2 still fails: bad\n1 number accepted at no cost; 1 unchanged" in said.out, said
    assert [record["id"] for record in merged(desk.folder)] == ["1"]
    assert count(desk.folder, "AttemptStarted") == 3, (
        "no record is known on which the check works: three batches in a row"
    )
    assert count(desk.folder, "ItemStruck") == 0
    assert_sound(desk.folder)


def test_a_launch_after_a_changed_check_is_refused_with_rejudge_as_a_way_on(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    said = desk.types("launch", "--set", "strikes=2")
    assert said.code == 2
    assert "`harness rejudge --set strikes=2` re-runs the checks on saved output" in said.err
    change_check(desk, "count them", "count them well")
    said = desk.types("launch")
    assert said.code == 2
    assert "rejudge" not in said.err, "a prompt that has changed is nothing to judge by"


def test_rejudging_twice_does_nothing_the_second_time(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    assert desk.types("rejudge").code == 0
    entries, before = count(desk.folder, "ItemAccepted"), (desk.folder / "output/job.json").read_bytes()
    assert "0 numbers accepted at no cost; 1 unchanged" in desk.types("rejudge").out
    assert count(desk.folder, "ItemAccepted") == entries
    assert (desk.folder / "output/job.json").read_bytes() == before


def test_a_look_changes_nothing_and_tells_of_done_items_that_would_not_pass(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    looked = desk.types("rejudge", "--check")
    assert "3 numbers would be accepted" in looked.out
    assert "harness reject" not in looked.err
    assert desk.types("status", "--json").json()["counts"]["failed"] == 4
    assert count(desk.folder, "FingerprintKept") == 0
    desk.types("rejudge", "1")
    change_check(desk, ".n > 0", ".n > 100")
    said = desk.types("rejudge", "--check")
    assert "1 is done, but: n must be positive" in said.out
    assert "`harness reject ITEM --why TEXT` withdraws one" in said.err
    assert desk.types("status", "--json").json()["counts"]["done"] == 1, "acceptance is never judged again by itself"


def test_only_the_named_items_are_rejudged_and_their_story_tells_it(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    assert "1 number accepted at no cost" in desk.types("rejudge", "2").out
    assert "rejected then, accepted by rejudge" in desk.types("why", "2").out
    assert desk.types("why", "2", "--json").json()["phases"][0]["accepted"]["rejudged"] is True
    assert "by rejudge" in desk.types("log").out
    assert "accepted by rejudge" in desk.types("report").out
    again = desk.types("rejudge", "2")
    assert again.code == 2
    assert "'2': has not failed, it is done" in again.err


def test_an_open_item_that_is_recovered_leaves_its_group(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "bad", "3": "good"}, more="batch: {size: 3}\ncaps: {sessions: 1}\n")
    change_check(desk, ".n > 0", ".n > 100")
    desk.has_typed("launch", code=3)
    change_check(desk, ".n > 100", ".n > 0")
    said = desk.types("rejudge")
    assert "2 numbers accepted at no cost; 1 unchanged" in said.out
    assert "merged; 1 number still pending: `harness launch` continues\n" in said.err
    assert_sound(desk.folder)
    assert [group["items"] for group in desk.types("plan", "--json").json()["groups"]] == [["2"]]
    change_check(desk, "caps: {sessions: 1}", "caps: {sessions: 9}")
    assert desk.types("launch").code == 1
    assert desk.types("why", "1", "--json").json()["phases"][0]["attempts"][-1]["id"] == 1
    assert_sound(desk.folder)


def test_changes_of_more_than_the_checks_are_refused(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    change_check(desk, "count them", "count them all")
    refused = desk.types("rejudge")
    assert refused.code == 2
    assert "session.prompt" in refused.err
    assert desk.types("status", "--json").json()["counts"]["failed"] == 4


def test_a_check_that_does_not_work_concludes_nothing(failed_wrongly: "Desk") -> None:
    desk = failed_wrongly
    change_check(desk, "[{jq: '.n > 0', says: n must be positive}]", "[{python: 'checks.py:check'}]")
    (desk.folder / "checks.py").write_text("def check(items, records, context):\n    raise ValueError('oh')\n")
    said = desk.types("rejudge")
    assert said.code == 4
    assert "checks.py:check raised an error, and it has not passed any record yet" in said.err
    assert count(desk.folder, "ItemAccepted") == 0


class _Killed(BaseException):
    """SIGKILL at a commit."""


def _open_to_be_killed(commits: int, moment: str, by: type[BaseException] = _Killed) -> Callable[..., Ledger]:
    """`Ledger.open` for a process that is killed, or fails, right before or right after one of its commits."""
    open_, left = Ledger.open, [commits]

    def killing(path: Path, clock: Clock, *, durable: bool = True) -> Ledger:
        ledger = open_(path, clock, durable=durable)

        def around(now: str) -> None:
            left[0] -= now == moment
            if left[0] == 0:
                raise by(errno.ENOSPC, "no space left")

        around_commits(ledger, around)
        return ledger

    return killing


def test_a_kill_at_any_commit_of_a_rejudgement_loses_and_repeats_nothing(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    desk.job({"1": "good", "2": "good", "3": "bad", "4": "good"}, more="batch: {size: 2}\ncaps: {sessions: 2}\n")
    change_check(desk, ".n > 0", ".n > 100")
    desk.has_typed("launch", code=3)
    change_check(desk, ".n > 100", ".n > 0")
    shutil.copytree(desk.folder / ".harness", tmp_path / "before")
    kills = 0
    for commits, moment in ((commits, moment) for commits in range(1, 20) for moment in ("before", "after")):
        shutil.rmtree(desk.folder / ".harness")
        shutil.copytree(tmp_path / "before", desk.folder / ".harness")
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "open", _open_to_be_killed(commits, moment))
            with suppress(_Killed):
                desk.types("rejudge")
                break
        kills += 1
        assert_sound(desk.folder, is_merged=False)
        assert desk.types("rejudge").code == 0
        assert [record["id"] for record in merged(desk.folder)] == ["1", "2", "4"]
        assert count(desk.folder, "ItemAccepted") == 3
        assert_sound(desk.folder)
    assert kills >= 6, "the change, two attempts and the merge are at least four commits"


def test_a_full_disk_is_told_in_words_and_changes_nothing(
    failed_wrongly: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = failed_wrongly
    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "open", _open_to_be_killed(1, "before", OSError))
        said = desk.types("rejudge")
    assert said.code == 4
    assert "is full" in said.err
    assert "3 numbers accepted at no cost" in desk.types("rejudge").out


@covers("A71")
def test_a_rejected_item_gets_a_new_round_with_the_reason_and_leaves_the_merge_until_then(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good", "3": "good"})
    desk.has_typed("launch")
    said = desk.types("reject", "2", "--why", "n is made up")
    assert said.code == 0
    assert [record["id"] for record in merged(desk.folder)] == ["1", "3"]
    assert_sound(desk.folder)
    assert "because: n is made up" in desk.types("why", "2").out
    assert "n is made up" in desk.types("plan", "--prompt").out
    assert desk.types("launch").code == 0
    assert [record["id"] for record in merged(desk.folder)] == ["1", "2", "3"]
    story = desk.types("why", "2", "--json").json()["phases"][0]
    assert [each["why"] for each in story["withdrawn"]] == ["n is made up"]
    assert story["withdrawn"][0]["records"] == [{"id": "2", "n": 1}]
    assert story["withdrawn"][0]["attempt"] != story["accepted"]["attempt"]
    assert "n is made up" in desk.types("report").out
    assert "withdrawn by" in desk.types("log").out
    assert_sound(desk.folder)


def test_what_a_person_has_rejected_is_never_recovered(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    desk.has_typed("launch")
    desk.types("reject", "2", "--why", "bad")
    said = desk.types("rejudge").out
    assert "0 numbers accepted at no cost" in said
    assert "  2 still fails: it has no saved output to check" in said, "what it wrote was taken back by a person"
    assert desk.types("status", "--json").json()["counts"]["pending"] == 1


def test_items_of_one_batch_that_are_taken_back_together_go_together(desk: "Desk") -> None:
    desk.job({str(number): "good" for number in range(6)}, more="batch: {size: 3}\n")
    desk.has_typed("launch")
    assert desk.types("redo", "--where", "attempt<3", "--yes").code == 0
    assert merged(desk.folder) == []
    assert desk.types("launch").code == 0
    assert desk.types("status", "--json").json()["usage"]["sessions"] == 4
    assert_sound(desk.folder)


def test_redo_takes_what_came_from_another_prompt_and_agrees_to_the_new_one(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    assert desk.types("launch", "--first", "1").code in (0, 3)
    change_check(desk, "count them", "count them well")
    assert desk.types("launch", "--keep").code == 0
    said = desk.types("redo", "--where", "prompt=old", "--yes")
    assert "withdrawn: 1" in said.out
    assert desk.types("launch").code == 0
    assert "no done item matches" in desk.types("redo", "--where", "prompt=old", "--yes").err
    change_check(desk, "count them well", "count them better")
    assert desk.types("redo", "--where", "prompt=old", "--yes").code == 0
    assert desk.types("launch").code == 0, "redo is the word that the new prompt is meant"
    assert "no done item matches" in desk.types("redo", "--where", "prompt=old", "--yes").err
    assert_sound(desk.folder)


def test_redo_of_a_rehearsal_comes_before_it_is_rehearsed_anew(desk: "Desk") -> None:
    desk.job({"1": "good", "2": "good"})
    assert desk.types("rehearse").code == 0
    change_check(desk, "count them", "count them well")
    assert desk.types("redo", "--where", "prompt=old", "--rehearsal", "--yes").code == 0
    again = desk.types("rehearse")
    assert (again.code, "anew" in again.err, again.err.count("started, attempt")) == (0, False, 2)


def test_a_running_supervisor_takes_a_rejection_and_makes_the_item_again(desk: "Desk", waiting_run: "Start") -> None:
    desk.job({"1": "good", "2": "wait"})
    assert desk.types("launch", "--first", "1").code in (0, 3)
    process = waiting_run(("launch",))
    for verb in (("rejudge",), ("redo", "--where", "attempt<9", "--yes")):
        held = desk.types(*verb)
        assert held.code == 5
        assert "harness cancel" in held.err
    said = desk.types("reject", "1", "--why", "bad")
    assert said.code == 0
    assert "withdrawn: 1" in said.err
    process.kill()
    process.wait()
    assert count(desk.folder, "ItemWithdrawn") == 1
    (desk.folder / ".harness/job/control").rmdir()


def test_nothing_is_rejudged_of_a_job_that_was_never_launched(desk: "Desk") -> None:
    desk.job({"1": "good"})
    assert desk.types("rejudge").code == 2
    assert not (desk.folder / ".harness").exists()
    assert changes.CHECKS.fullmatch("phases.words.output.check[0]")
    assert not changes.CHECKS.fullmatch("output.key")


@pytest.mark.linux
def test_what_a_check_leaves_behind_is_ended_when_it_is_judged_again(desk: "Desk") -> None:
    seconds = str(100_000 + secrets.randbelow(800_000))
    check = f"(setsid env -i sleep {seconds} >/dev/null 2>&1 &); exit 1"
    desk.job({"1": "good"}, more="strikes: 1\n")
    manifest = desk.folder / "job.yaml"
    before = manifest.read_text()
    manifest.write_text(before.replace("jq: '.n > 0', says: n must be positive", "jq: '.n > 1'"))
    desk.has_typed("launch", code=1)
    manifest.write_text(before.replace("jq: '.n > 0', says: n must be positive", f"command: [sh, -c, '{check}']"))
    assert "would" not in desk.types("rejudge", "--check").err
    assert not [pid for pid in all_pids() if seconds in words_of(pid)]
