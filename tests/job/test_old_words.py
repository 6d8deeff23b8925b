"""Words of 0.1.0 in manifests and scenes mean what they meant, and each is named in one line with the word of today."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from harness.job.fingerprint import fingerprint
from harness.job.load import load
from harness.job.old_words import old_words_of_scene
from harness.planning.warnings import warnings_of
from harness.views.change_text import change_line
from tests.job.conftest import GOOD, problems
from tests.job.test_fingerprint import changed

TODAY = (
    GOOD.replace("  tools: [Read, Write]", "  tools: [Read, Write]\n  idle_after_output: 5s")
    + "sandbox: permissions\n"
    + "rehearsal:\n  session:\n    idle_after_output: 1s\n"
)
OLD = TODAY.replace("idle_after_output", "linger").replace("permissions", "guardian")
PHASES = GOOD[GOOD.index("output:") : GOOD.index("strikes:")].replace("\n", "\n    ").rstrip()
PHASES = f"phases:\n  one:\n    session: {{linger: 7s}}\n    {PHASES}\n"


def test_an_old_manifest_is_the_same_job_and_each_old_word_is_named_once_at_its_line(folder: Path) -> None:
    Path("job.yaml").write_text(TODAY)
    today = load(Path("job.yaml"))
    assert today.old_words == ()
    Path("job.yaml").write_text(OLD)
    for rehearsal in (False, True):
        job = load(Path("job.yaml"), rehearsal=rehearsal)
        assert job.phases[0].session.idle_after_output == timedelta(seconds=1 if rehearsal else 5)
        assert [line.split(": ")[0] for line in job.old_words] == ["job.yaml:12", "job.yaml:25", "job.yaml:22"]
        assert all(line in warnings_of(job, ()) for line in job.old_words)
    assert replace(load(Path("job.yaml")), old_words=()) == today
    assert "`linger` is now called `idle_after_output`" in job.old_words[0]
    assert "`guardian` is now called `permissions`" in job.old_words[2]


def test_a_phase_and_a_setting_may_hold_the_old_word(folder: Path) -> None:
    Path("job.yaml").write_text(GOOD[: GOOD.index("output:")] + PHASES + GOOD[GOOD.index("strikes:") :])
    job = load(Path("job.yaml"))
    assert job.phases[0].session.idle_after_output == timedelta(seconds=7) and len(job.old_words) == 1
    job = load(Path("job.yaml"), settings=["phases.one.session.linger=9s"])
    assert job.phases[0].session.idle_after_output == timedelta(seconds=9)


def test_both_words_at_once_are_refused_and_vars_may_be_called_anything(folder: Path) -> None:
    both = TODAY.replace("  idle_after_output: 5s", "  idle_after_output: 5s\n  linger: 5s")
    assert problems(both) == ["job.yaml:13:3: session.linger: unknown key"]
    Path("job.yaml").write_text(GOOD.replace("{course: ita}", "{course: ita, session: {linger: 3}, linger: 4}"))
    job = load(Path("job.yaml"))
    assert (job.vars["session"], job.vars["linger"], job.old_words) == ({"linger": 3}, 4, ())


def test_a_rehearsal_records_the_clock_as_0_1_0_did_and_people_read_the_word_of_today(folder: Path) -> None:
    Path("job.yaml").write_text(GOOD)
    assert "session.linger" in fingerprint(load(Path("job.yaml"), rehearsal=True))
    assert change_line(changed("session.linger", "30.0", "3.0")) == ("session.idle_after_output was 30.0, is now 3.0")


@pytest.mark.parametrize(("word", "lines"), [("Trouble", 1), ("InjectedFault", 0), ("Troubled", 0)])
def test_a_scene_with_the_old_class_is_named_with_the_new_one(folder: Path, word: str, lines: int) -> None:
    Path("scenes.py").write_text(
        f"from harness.rehearsal.scene import {word}\n\n\ndef scene(ask):\n    return {word}('529')\n"
    )
    assert len(list(old_words_of_scene(Path("scenes.py")))) == lines
    Path("job.yaml").write_text(GOOD + "rehearsal: {scene: scenes.py}\n")
    job = load(Path("job.yaml"), rehearsal=True)
    found = [line for line in warnings_of(job, ()) if "`InjectedFault`" in line]
    assert len(found) == lines and all(line.startswith("scenes.py:1: `Trouble`") for line in found)
