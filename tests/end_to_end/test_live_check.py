"""`check --live`: one real session of the cheapest model, under its cap; what it says when that works, and when not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.rehearse import serving
from harness.cli.run_to_end import run_to_end
from harness.doctor import live_check as live_check
from harness.job.job import Job
from harness.job.load import load
from harness.planning.state_folder import make_state_folder
from harness.supervisor.outcome import Finished
from harness.supervisor.run_options import Play, RunOptions

SECRET = "sk-ant-api03-a-made-up-secret-0123456789"


def played(faults: str) -> Play:
    """Runs the trial against the rehearsal server in place of a provider."""

    def play(trial: Job, options: RunOptions) -> Finished:
        rehearsed = replace(load(trial.manifest, rehearsal=True), state=trial.state)
        make_state_folder(rehearsed)
        with serving(rehearsed, faults, 0) as server:
            assert server is not None
            return run_to_end(rehearsed, RunOptions(server.credential))

    return play


@pytest.mark.parametrize(
    ("faults", "grade", "says"),
    [("", "ok", "claude-haiku-"), ("refusal@1", "broken", "")],
)
def test_a_live_check_runs_one_session_of_the_cheapest_model_and_tells_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, faults: str, grade: str, says: str
) -> None:
    (tmp_path / "items.csv").write_text("id\na\n")
    session = "session: {model: opus, prompt: 'do {{ item.id }}'}"
    (tmp_path / "job.yaml").write_text(f"items: {{file: items.csv}}\n{session}\noutput: {{key: .id}}\nbudget: $40\n")
    monkeypatch.setenv("ANTHROPIC_API_KEY", SECRET)
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    before = sorted(tmp_path.iterdir())
    told: Any = live_check.live(load(tmp_path / "job.yaml"), played(faults))
    assert (told.grade, says in told.says) == (grade, True), told
    assert SECRET not in repr(told)
    assert sorted(tmp_path.iterdir()) == before
    if grade == "ok":
        assert float(told.says.split("($")[1].split(",")[0]) < 0.05
